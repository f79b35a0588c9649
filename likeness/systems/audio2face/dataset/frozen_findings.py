"""Frames of a shot that are all alike while somebody speaks in its sound."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from likeness.data.inspection import Finding
from likeness.geometry.animation import VertexAnimation
from likeness.systems.audio2face.dataset.own_sounds import OwnSound, is_speech

_SPOKEN = 0.2
"""Seconds of speech over frames that are alike from which that is told: a recorder that drops
frames repeats one or two. Those of studio actors are alike between sentences alone, for 0.1 s."""


def look_at_frozen(
    frozen: Mapping[str, Sequence[tuple[int, int]]],
    places: Mapping[str, str],
    sounds: Mapping[str, OwnSound],
    caches: Mapping[str, VertexAnimation],
) -> Iterable[Finding]:
    """One finding for a shot, of the stretch with most speech.

    Args:
        frozen: shot to the first and last frames of stretches that are alike.
        places: how findings call the caches, by shot.
        sounds: of the shots, by shot.
        caches: of the skin, by shot.
    """
    for shot, stretches in frozen.items():
        if shot not in sounds or not stretches:
            continue
        fps, spoken = caches[shot].fps, is_speech(sounds[shot].loudness)
        heard = {(first, last): spoken[first : last + 1].sum() / fps for first, last in stretches}
        (first, last), most = max(heard.items(), key=lambda item: item[1])
        if most >= _SPOKEN:
            yield Finding(
                "warning",
                "face-frozen",
                places[shot],
                f"Expected a face that moves where speech is heard, found frames {first} to {last} "
                f"of shot '{shot}' all alike, {most:.2g} s of them with speech.",
                "Export the shot again, or name the frames before and after in a table of clips.",
            )
