"""Controls for scores of lip synchrony: clips whose sound is late, early, or of another sentence.

Owns which clip gets which sound. A score of synchrony must be worse on both than on the clips as
they are; one that is not measures something else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from likeness.errors import DataError
from likeness.seeds import rng_of
from likeness.studio.talking import SAMPLES_PER_FRAME

MOST_SHIFT = 4
"""Frames of 25 a second: 160 ms, where everybody sees that lips and sound are apart."""


def shifts(clips: int, *, seed: int = 0) -> tuple[int, ...]:
    """Frames by which the sound of each clip is moved: -4 .. 4 without 0, later is positive.

    Every shift comes equally often, as far as their number divides that of the clips.

    Args:
        clips: how many.
        seed: decides which clip has which.
    """
    steps = [step for step in range(-MOST_SHIFT, MOST_SHIFT + 1) if step]
    rng = rng_of("shifted sound", seed)
    drawn: list[int] = []
    while len(drawn) < clips:
        drawn += [steps[int(k)] for k in rng.permutation(len(steps))]
    return tuple(drawn[:clips])


def shifted_sound(sound: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """Sound moved later by whole frames, earlier where negative, with silence where it was.

    Args:
        sound: (n * 640,) of a clip.
        frames: at 25 a second.

    Returns:
        as long as before.
    """
    moved = np.zeros_like(sound)
    by = min(abs(frames) * SAMPLES_PER_FRAME, len(sound))
    if frames >= 0:
        moved[by:] = sound[: len(sound) - by]
    else:
        moved[: len(sound) - by] = sound[by:]
    return moved


def shuffled(texts: Sequence[str], *, seed: int = 0) -> tuple[int, ...]:
    """For each clip the one whose sound it gets: every sound once, never of the same sentence.

    Given the clips of one person, the voice stays that of the face.

    Args:
        texts: what is said in each clip.
        seed: decides who gets what.

    Raises:
        DataError: more than half of the clips say one sentence, or there are less than two.
    """
    counts = Counter(texts)
    most = max(counts.values(), default=1)
    if 2 * most > len(texts):
        raise DataError(
            f"Sounds of {len(texts)} clips cannot change places: {most} say one sentence.",
            advice="Give clips of which no more than half say the same.",
        )
    rng = rng_of("shuffled sound", seed)
    places = rng.permutation(len(counts)).tolist()
    rank = dict(zip(counts, places, strict=True))
    drawn = rng.permutation(len(texts)).tolist()
    order = sorted(drawn, key=lambda clip: rank[texts[clip]])
    # Clips of one sentence lie side by side, at most this many.
    givers = order[most:] + order[:most]
    given = dict(zip(order, givers, strict=True))
    return tuple(given[clip] for clip in range(len(texts)))


def fitted_sound(sound: NDArray[np.float32], num_frames: int) -> NDArray[np.float32]:
    """(num_frames * 640,) the sound of another clip for a clip of so many frames: cut, or with
    silence at its end.
    """
    length = num_frames * SAMPLES_PER_FRAME
    return np.pad(sound[:length], (0, max(length - len(sound), 0)))
