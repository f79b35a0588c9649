"""How hard studio data is: one knob per kind of trouble, presets 0 to 3.

Owns the knobs and their presets. What a knob does is told where it acts: backgrounds, light, pose,
occlusion and sensor in ``scene`` and ``staging``; sound and speech where speech is made.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args, get_type_hints

from likeness.errors import UsageError

BackgroundKnob = Literal["plain", "families", "clutter", "people"]
LightKnob = Literal["soft", "varied", "hard", "mixed"]
PoseKnob = Literal["near", "classes", "all", "extreme"]
SensorKnob = Literal["clean", "light", "strong", "enlarged"]
AudioKnob = Literal["dry", "rooms", "noisy", "telephone"]
SpeechKnob = Literal["even", "usual", "mumbling", "extreme"]


@dataclass(frozen=True)
class Difficulty:
    """Knobs of studio data; each can be set alone. The defaults are those of level 1."""

    background: BackgroundKnob = "families"
    """plain: walls and backdrops; families: all twelve; clutter: less blur and things in front;
    people: other people far behind, out of focus."""
    light: LightKnob = "varied"
    """soft: no hard shadows; varied: all kinds; hard: hard and coloured; mixed: lamps of several
    colours, sometimes nearly dark."""
    pose: PoseKnob = "classes"
    """near: within 20 degrees; classes: usual views; all: any yaw to 90; extreme: evenly to 90,
    heads tilted to 30."""
    occlusion: float = 0.03
    """Share of the pictures with something in front of the face."""
    sensor: SensorKnob = "light"
    """clean: no flaw; light: of a good camera; strong: noise, blur, JPEG of quality 60; enlarged:
    a source of 96 pixels made larger."""
    audio: AudioKnob = "rooms"
    """dry; rooms: usual rooms and noises; noisy: 5 to 15 dB over noise; telephone: with babble."""
    speech: SpeechKnob = "usual"
    """even: 160 words a minute; usual: 14 more or less; mumbling: 120 to 220; extreme: 240,
    whispering, two emotions in a shot."""

    def __post_init__(self) -> None:
        for name, kind in _knobs().items():
            value = getattr(self, name)
            allowed = get_args(kind)
            if allowed and value not in allowed:
                raise UsageError(
                    f"Difficulty {name} must be one of {', '.join(allowed)}, found {value!r}.",
                    advice="Set the knob to one of them, or take a level from 0 to 3.",
                )
        if not 0.0 <= self.occlusion <= 1.0:
            raise UsageError(
                f"Difficulty occlusion is a share of pictures from 0 to 1, found {self.occlusion}.",
                advice="Set 0.15 for fifteen pictures in a hundred.",
            )

    @classmethod
    def level(cls, number: int, **knobs: Any) -> Difficulty:
        """A preset, 0 (easy) to 3 (hard), with single knobs set otherwise.

        Raises:
            UsageError: there is no such level, knob or value.
        """
        if number not in range(len(LEVELS)):
            raise UsageError(
                f"Difficulty goes from 0 to {len(LEVELS) - 1}, found {number!r}.",
                advice="1 is what real photographs are like.",
            )
        unknown = sorted(set(knobs) - set(_knobs()))
        if unknown:
            raise UsageError(
                f"Difficulty has no knob {', '.join(unknown)}; it has {', '.join(_knobs())}.",
                advice="Take one of these names.",
            )
        return replace(LEVELS[number], **knobs)

    def to_dict(self) -> Mapping[str, str | float]:
        """Plain data for the record of a sample."""
        return asdict(self)


@functools.cache
def _knobs() -> dict[str, Any]:
    """Type of each knob: to read them takes a millisecond, and every scene asks."""
    return get_type_hints(Difficulty)


LEVELS: tuple[Difficulty, ...] = (
    Difficulty("plain", "soft", "near", 0.0, "clean", "dry", "even"),
    Difficulty(),
    Difficulty("clutter", "hard", "all", 0.15, "strong", "noisy", "mumbling"),
    Difficulty("people", "mixed", "extreme", 0.30, "enlarged", "telephone", "extreme"),
)


def own_knobs(level: int, **knobs: Any) -> dict[str, str | float]:
    """The knobs that are set otherwise than a level has them, for the record of a dataset.

    Args:
        level: see :meth:`Difficulty.level`.
        knobs: by name; None leaves one to the level.

    Raises:
        UsageError: there is no such level, knob or value.
    """
    set_alone = {name: value for name, value in knobs.items() if value is not None}
    usual = Difficulty.level(level).to_dict()
    wanted = Difficulty.level(level, **set_alone).to_dict()
    return {name: value for name, value in wanted.items() if value != usual[name]}
