"""Everything there is to see and hear of studio people, as files: for one person, and a gallery.

Owns what is shown and at which size. How each thing is made belongs to the modules that make it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from likeness.errors import DataError
from likeness.media.drawing import draw_grid
from likeness.media.image import save_image
from likeness.media.video import write_animation
from likeness.speech.synthesis import Backend
from likeness.studio.albums import identity_album
from likeness.studio.contact_sheet import people_sheet
from likeness.studio.expressions import ARKIT_NAMES
from likeness.studio.group_albums import group_pictures
from likeness.studio.moods import neutral_expression
from likeness.studio.performance_film import fixed_camera, write_preview
from likeness.studio.performance_sheets import (
    blink_strip,
    emotion_sheet,
    sound_and_lips,
    speech_strip,
)
from likeness.studio.person import Person
from likeness.studio.photograph import photograph, sitter_of
from likeness.studio.scene import Scene
from likeness.studio.talking import TalkingClip, lips_of, talking_clip

Picture = NDArray[np.float32]
Progress = Callable[[int, int], None]

SENTENCE = "Bob packed my box with five dozen vivid maps."
LONGEST_TEXT = 1_000
"""Characters of what is said: a film of about a minute."""

_VIEWS = 36
_TURNS_A_SECOND = 0.25
_ALBUM = 8
_TURNED = 35.0  # degrees
_GROUP = 4
_GROUP_SIDE = 384
"""Shorter side in pixels below which four faces are not as large as group pictures have them."""


@dataclass(frozen=True)
class Exhibit:
    """A file to look at or listen to."""

    title: str
    path: Path
    caption: str


_EXPRESSIONS = (
    "At rest, and the 52 ARKit shapes, each alone and as far as lips and teeth allow: mouthClose "
    "closes an open jaw and shows nothing without one."
)


def show_person(
    person: Person,
    folder: str | Path,
    *,
    text: str = SENTENCE,
    size: int = 384,
    backend: Backend = "auto",
    progress: Progress | None = None,
) -> list[Exhibit]:
    """Writes one person: portrait, turntable, expressions, emotions, photographs, a sentence.

    Args:
        person: who.
        folder: for the files.
        text: what is said.
        size: of portrait, turntable and film in pixels, where an odd one makes a film of one
            more; sheets have smaller pictures.
        backend: of the speech.
        progress: is told how many exhibits there are by now, and how many there will be.

    Raises:
        DataError: the text is longer than ``LONGEST_TEXT``, or nothing in it can be spoken.
    """
    if len(text) > LONGEST_TEXT:
        raise DataError(
            f"A text to show may have {LONGEST_TEXT} characters; this one has {len(text)}.",
            advice="Give a sentence or two.",
        )
    return _written(_of_person(person, text, size, backend), Path(folder), progress)


def make_gallery(
    folder: str | Path,
    *,
    seed: int = 22,
    size: int = 200,
    backend: Backend = "auto",
    progress: Progress | None = None,
) -> list[Exhibit]:
    """Writes the pictures of the documentation: 24 people, and one of them in everything they do.

    Args:
        folder: for the files.
        seed: of the person who is shown closely.
        size: of a picture on a sheet in pixels; the group's shorter side is three times that, and
            not below 384.
        backend: of the speech.
        progress: see :func:`show_person`.
    """
    return _written(_of_gallery(seed, size, backend), Path(folder), progress)


_Maker = tuple[str, str, str, Callable[[Path], object]]
"""Title, file name, caption, and what writes the file."""


def _of_person(person: Person, text: str, size: int, backend: Backend) -> list[_Maker]:
    sitter = sitter_of(person)
    small = max(size // 2, 96)
    clip = _plain_clip(person, text, backend)
    return [
        ("Portrait", "portrait.png", "Soft light, plain wall.", _still(
            lambda: photograph(sitter, Scene.portrait(person.seed), size).image
        )),
        ("Turntable", "turntable.webp", "All around.", _turntable(person, size)),
        *_of_speech(clip, size, small),
        ("Expressions", "expressions.png", _EXPRESSIONS, _still(
            lambda: expressions(person, small)
        )),
        ("Emotions", "emotions.png", "Without speech, at full intensity.", _still(
            lambda: emotion_sheet(sitter, columns=6, size=small)
        )),
        ("Photographs", "photographs.png", "Eight of an album.", _still(
            lambda: photographs(person, small)
        )),
        ("Blink", "blink.png", "At 60 frames a second.", _still(
            lambda: blink_strip(sitter, size=2 * small)  # captions need some room
        )),
    ]  # fmt: skip


def _of_gallery(seed: int, size: int, backend: Backend) -> list[_Maker]:
    person = Person.sample(seed)
    sitter = sitter_of(person)
    clip = _plain_clip(person, SENTENCE, backend)
    return [
        ("People", "people.jpg", "Seeds 0 to 23; nobody was picked.", _still(
            lambda: people_sheet(range(24), columns=8, size=size)
        )),
        ("Expressions", "expressions.jpg", f"Person {seed}: at rest, and 52 ARKit shapes.", _still(
            lambda: expressions(person, size)
        )),
        ("Emotions", "emotions.jpg", f"Person {seed}, at full intensity.", _still(
            lambda: emotion_sheet(sitter, columns=6, size=size)
        )),
        ("Photographs", "photographs.jpg", f"Person {seed}, eight of an album.", _still(
            lambda: photographs(person, size)
        )),
        ("A group", "group.jpg", f"Persons {seed} to {seed + _GROUP - 1}.", _still(
            lambda: group(range(seed, seed + _GROUP), 3 * size)
        )),
        *_of_speech(clip, 256, size, ending=".jpg"),
    ]  # fmt: skip


def _of_speech(clip: TalkingClip, size: int, small: int, ending: str = ".png") -> list[_Maker]:
    sitter, said = sitter_of(clip.person), clip.utterance

    def film(path: Path) -> object:
        return write_preview(path, sitter, said, clip.curves, size=size, scene=clip.scene)

    return [
        ("A sentence", "sentence.mp4", f"“{said.text}”", film),
        ("Its frames", f"frames{ending}", "Each with the unit that sounds.", _still(
            lambda: speech_strip(
                sitter, clip.curves, said.timeline, count=18, columns=6, size=small
            )
        )),
        ("Its frames, turned", f"frames-turned{ending}", "The same, from three quarters.", _still(
            lambda: speech_strip(
                sitter, clip.curves, said.timeline, yaw=_TURNED, count=18, columns=6, size=small
            )
        )),
        ("Its sound", f"sound{ending}", "Waveform with closures in grey, lip contacts in red.",
            _still(lambda: sound_and_lips(said, clip.curves, lips_of(clip.person)))),
    ]  # fmt: skip


def _plain_clip(person: Person, text: str, backend: Backend) -> TalkingClip:
    """The sentence in the clothes the person has, before a plain wall."""
    clip = talking_clip(person, text, backend=backend)
    return replace(clip, person=person, scene=Scene.portrait(person.seed))


def expressions(person: Person, size: int, columns: int = 9) -> Picture:
    """The neutral face and all 52 shapes on one sheet, named, before a camera that stands still."""
    sitter, scene = sitter_of(person), Scene.portrait(person.seed)
    camera = fixed_camera(sitter, scene, size, size)
    pictures = []
    for row in (neutral_expression(), *np.eye(len(ARKIT_NAMES))):
        picture = photograph(sitter, scene, size, expression=row, camera=camera).image
        pictures.append(_middle(picture))
    return _captioned(pictures, ("neutral", *ARKIT_NAMES), columns)


def photographs(person: Person, size: int, columns: int = 4) -> Picture:
    """Eight photographs of one person on one sheet."""
    album = list(identity_album(person, trigger=None, count=_ALBUM, short_side=size))
    return _rows([shown.photograph.image for shown in album], columns)


def group(seeds: Sequence[int], size: int) -> Picture:
    """Several people in one picture, as small as a group picture can be or larger."""
    people = [Person.sample(seed) for seed in seeds]
    sizes = (len(people),)
    side = max(size, _GROUP_SIDE)
    return next(iter(group_pictures(people, count=1, short_side=side, sizes=sizes))).picture.image


def _turntable(person: Person, size: int) -> Callable[[Path], object]:
    def views() -> Iterator[Picture]:
        sitter = sitter_of(person)
        for number in range(_VIEWS):
            yaw = 360.0 * number / _VIEWS
            yield photograph(sitter, Scene.portrait(person.seed, yaw=yaw), size).image

    return lambda path: write_animation(path, views(), rate=_VIEWS * _TURNS_A_SECOND)


def _still(draw: Callable[[], Picture]) -> Callable[[Path], object]:
    return lambda path: save_image(path, draw())


def _written(makers: Sequence[_Maker], folder: Path, progress: Progress | None) -> list[Exhibit]:
    found = []
    for title, name, caption, write in makers:
        write(folder / name)
        found.append(Exhibit(title, folder / name, caption))
        if progress is not None:
            progress(len(found), len(makers))
    return found


def _middle(picture: Picture) -> Picture:
    """The face of a portrait, down to the chin of an open mouth."""
    height, width = picture.shape[:2]
    return picture[round(0.29 * height) : round(0.95 * height), round(0.17 * width) :][
        :, : round(0.66 * width)
    ]


def _captioned(pictures: Sequence[Picture], names: Sequence[str], columns: int) -> Picture:
    starts = range(0, len(pictures), columns)
    return draw_grid(
        [pictures[n : n + columns] for n in starts],
        captions=[list(names[n : n + columns]) for n in starts],
    )


def _rows(pictures: Sequence[Picture], columns: int) -> Picture:
    starts = range(0, len(pictures), columns)
    return draw_grid([pictures[n : n + columns] for n in starts])
