"""Studio people as speaking actors: recordings in the layout of real ones, with the exact truth.

Owns who speaks what, which splits there are and what is written down about the set. Faces are
:mod:`.studio_faces`, takes :mod:`.studio_shots`, files the contract's writer.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache, partial
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from likeness.data.inspection import Inspection
from likeness.data.making import Progress, unfinished
from likeness.data.record import is_up_to_date, write_record
from likeness.errors import UsageError
from likeness.geometry.head_asset import HeadAsset
from likeness.seeds import Draws, seed_of
from likeness.speech.espeak_library import check_language, find_espeak
from likeness.speech.synthesis import Backend, backend_of
from likeness.speech.timeline import Emotion
from likeness.storage.files import sha256_of
from likeness.studio.corpus import Sentence, Split, read_sentences
from likeness.studio.curves import EYES, sample
from likeness.studio.difficulty import AudioKnob, Difficulty, SpeechKnob, own_knobs
from likeness.studio.origin import origin_of
from likeness.studio.person import Person
from likeness.studio.recording import SAMPLE_RATE
from likeness.studio.shares import Shares
from likeness.studio.truth import write_truth
from likeness.studio.version import STUDIO_VERSION
from likeness.systems.audio2face.dataset.contract import CONTRACT
from likeness.systems.audio2face.dataset.writer import (
    CacheFormat,
    actor_folder,
    finish_dataset,
    write_actor,
    write_shot,
)
from likeness.systems.audio2face.morph_face import MorphHead
from likeness.systems.audio2face.recorded_actor import RecordedActor
from likeness.systems.audio2face.speaking_heads import face_of, open_speaking_head
from likeness.systems.audio2face.studio_actor import actor_of
from likeness.systems.audio2face.studio_faces import (
    SpeakingFace,
    StudioFace,
)
from likeness.systems.audio2face.studio_faults import check_faults, put_faults
from likeness.systems.audio2face.studio_shots import Line, Scale, lines_of, take_of

TRUTH = "truth"
"""Folder of the curves and timelines of every shot; readers of the dataset pass it over."""
_COMMAND = "'likeness data make audio2face'"

_MANY = 1000
"""Sentences of a file; whoever gives more is told how to take fewer."""
_SMOKE_VERTICES = 600
_TESTED_EVERY = 5
_SHOWN_IN_ALL_FORMATS = 4
Fps = Literal[24, 25, 30, 48, 50, 60]
logger = logging.getLogger(__name__)


def make(
    out: str,
    *,
    people: Annotated[int, Field(ge=1)],
    seed: int = 0,
    scale: Scale = "smoke",
    shots: Annotated[int, Field(ge=2)] | None = None,
    text: str | None = None,
    language: str | None = None,
    split: Annotated[str, Field(coerce_numbers_to_str=True)] | None = None,
    difficulty: Annotated[int, Field(ge=0, le=3)] = 1,
    speech: SpeechKnob | None = None,
    audio: AudioKnob | None = None,
    fps: Fps = 30,
    voices: bool = True,
    head: str = "studio",
    backend: Backend = "auto",
    faults: str = "",
    workers: Annotated[int, Field(ge=0)] = 0,
    progress: Progress | None = None,
) -> Inspection:
    """Record studio people in the layout of the contract; called again, it goes on.

    Args:
        out: folder to write; new, empty, or what an earlier call left unfinished. A finished set
            of the same settings is left as it is.
        people: how many actors. From five on, every fifth is for testing alone and says only test
            sentences; with ``split`` it is the share for testing.
        seed: decides who they are and how they speak.
        scale: smoke: 24 sentences, 600 vertices, two emotions; fast: 94 sentences, the whole skin,
            eleven emotions; full: 400 sentences more.
        shots: so many of the sentences, spread over emotions and splits.
        text: path of a file with other sentences, UTF-8, one a line: all are said, every second one
            neutrally and the others in the scale's emotions in turn.
        language: tag of the language all people speak, such as "de"; without it English.
        split: shares of the sentences for training, validation and testing, such as ".8,.1,.1".
        difficulty: of speech and recordings, 0 to 3.
        speech: how people speak, instead of the difficulty's; see :class:`.Difficulty`.
        audio: how they are recorded, instead of the difficulty's.
        fps: frames per second.
        voices: also record every shot in two other voices.
        head: "studio", or the path of another head with ARKit shapes: .npz, .glb or .gltf.
        backend: espeak speaks the text, formant says syllables like it; auto takes what is there.
        faults: codes of :data:`.studio_faults.FAULTS` to put into shots of the first actor, with
            commas between.
        workers: processes; 0 takes one for each core. Changes no result.
        progress: is told how many shots are done.

    Raises:
        UsageError: options that do not fit, or another set in the folder.
        DataError, MissingError: the head cannot be read, or speech cannot be made.
    """
    root = Path(out)
    codes = [code for code in faults.split(",") if code]
    knobs = own_knobs(difficulty, speech=speech, audio=audio)
    shares = None if split is None else Shares.read(split)
    own = () if text is None else read_sentences(text)
    if shots is None and len(own) > _MANY:
        logger.warning(
            "Each of the people says all %d sentences of '%s'; shots=N takes so many of them.",
            len(own),
            text,
        )
    lines = _lines(scale, shots, seed, people, own=own, shares=shares)
    check_faults(codes, len(_speech(lines[0], "train")))
    backend = backend_of(backend)
    if language is not None:
        _check_language(language, backend)
    asked: dict[str, Any] = {
        **origin_of(backend),
        "people": people,
        "seed": seed,
        "scale": scale,
        "shots": shots,
        "difficulty": difficulty,
        "fps": fps,
        "voices": voices,
        "head": head,
        "backend": backend,
        "faults": codes,
    }
    # Where a file lies decides nothing, and is nobody's business who gets the data.
    if Path(head).is_file():
        asked |= {"head": Path(head).name, "head_sha256": sha256_of(Path(head))}
    if text is not None:
        asked["text_sha256"] = sha256_of(Path(text))
    chosen = {"language": language, "split": shares and shares.to_list(), "knobs": knobs}
    asked |= {name: value for name, value in chosen.items() if value}
    if is_up_to_date(root, command=_COMMAND, settings=asked):
        return replace(CONTRACT.inspect(out), is_up_to_date=True)
    if head != "studio":
        _head(head)  # one that cannot be read is refused before there is a folder
    wanted = Difficulty.level(difficulty, **knobs)
    tasks = [
        _Task(seed, number, place, line, scale, wanted, fps, voices, head, backend, language)
        for number in range(people)
        for place, line in enumerate(lines[number])
    ]
    with unfinished(
        out,
        command=_COMMAND,
        settings=asked,
        files={},
        notes={"source": "studio", "consent": "These people do not exist.", "asked": asked},
        pieces=len(tasks),
    ) as journal:
        journal.make(
            partial(_make_shot, root), [tuple(t) for t in tasks], workers=workers, progress=progress
        )
        for number in range(people):
            write_actor(root, _recorded(tasks, number))
        _finish(root, journal.values, {"made": journal.begun, **journal.notes}, fps, language)
        if codes:
            spoken = [line.shot for line in _speech(lines[0], "train")]
            put_faults(root, actor_folder(root, _name(0)), spoken, codes, fps)
        write_record(
            root,
            command=_COMMAND,
            settings=asked,
            begun=journal.begun,
            counts=_counts(journal.values),
        )
    return CONTRACT.inspect(out)


class _Task(NamedTuple):
    """Everything that decides one shot, as it is sent to a process."""

    seed: int
    actor: int
    place: int
    line: Line
    scale: Scale
    difficulty: Difficulty
    fps: float
    voices: bool
    head: str
    backend: Backend
    language: str | None


def _name(number: int) -> str:
    return f"actor{number:02d}"


def _lines(
    scale: Scale,
    shots: int | None,
    seed: int,
    people: int,
    *,
    own: Sequence[Sentence] = (),
    shares: Shares | None = None,
) -> list[tuple[Line, ...]]:
    """What each of the people says."""

    def said(only: Split | None) -> tuple[Line, ...]:
        return lines_of(scale, seed, shots, only, own=own, shares=shares)

    everything = said(None)
    tested = _tested(people, shares)
    if any(tested) and not _speech(everything, "test"):
        raise UsageError(
            f"From {_TESTED_EVERY} people on some say only sentences for testing, and none of "
            f"{len(everything) - 1} sentences is for testing.",
            advice="Take fewer people, more sentences, or split=.9,.1,0.",
        )
    alone = said("test")
    return [alone if is_tested else everything for is_tested in tested]


def _tested(people: int, shares: Shares | None) -> list[bool]:
    """Who is for testing alone."""
    if people < _TESTED_EVERY:
        return [False] * people
    if shares is None:
        return [number % _TESTED_EVERY == _TESTED_EVERY - 1 for number in range(people)]
    known = Shares(shares.train + shares.validation, Decimal(0), shares.test)
    return [split == "test" for split in known.spread(people)]


def _check_language(language: str, backend: Backend) -> None:
    if backend != "espeak":
        raise UsageError(
            f"The language {language!r} is spoken by eSpeak NG only; '{backend}' says syllables of "
            "no language.",
            advice="Install it with: pip install 'likeness[speech]', or leave out language.",
        )
    check_language(language, find_espeak())


def _speech(lines: Sequence[Line], split: Split) -> list[Line]:
    return [line for line in lines if line.text and line.split == split]


@lru_cache(maxsize=1)
def _cast(seed: int, number: int, scale: Scale, head: str) -> tuple[Person, SpeakingFace]:
    person = Person.sample(seed_of("audio2face actor", seed, number) % 2**31)
    if head == "studio":
        return person, StudioFace(person, _SMOKE_VERTICES if scale == "smoke" else None)
    return person, face_of(_head(head), person.seed)


@lru_cache(maxsize=1)
def _head(head: str) -> HeadAsset | MorphHead:
    return open_speaking_head(head)


def _make_shot(root: Path, values: tuple[Any, ...]) -> dict[str, Any]:
    """Write a shot; returns what the files of the whole actor need of it."""
    task = _Task(*values)
    person, face = _cast(task.seed, task.actor, task.scale, task.head)
    line = task.line
    take = take_of(
        person,
        face.lips,
        line,
        task.place,
        task.seed,
        difficulty=task.difficulty,
        backend=task.backend,
        voices=task.voices,
        language=task.language,
    )
    frames = sample(take.curves, task.fps)
    skin, tongue, jaw = face.move(frames)
    length = round(len(frames) / task.fps * SAMPLE_RATE)
    formats: tuple[CacheFormat, ...] = ("npy",)
    if task.actor == 0 and task.place < _SHOWN_IN_ALL_FORMATS:
        formats = ("npy", "mc", "pc2")
    write_shot(
        root,
        _name(task.actor),
        line.shot,
        fps=task.fps,
        skin=skin,
        tongue=tongue,
        jaw=jaw,
        eyes=frames[:, EYES].reshape(-1, 2, 2),
        sound=_fitted(take.sound, length),
        voices={name: _fitted(sound, length) for name, sound in take.voices.items()},
        rate=SAMPLE_RATE,
        cache_formats=formats,
    )
    truth = root / TRUTH / _name(task.actor) / line.shot
    truth.parent.mkdir(parents=True, exist_ok=True)
    keys = {"person": person.seed, "actor": _name(task.actor), "seed": task.seed, "fps": task.fps}
    write_truth(truth, take.curves, take.utterance, {**keys, "split": line.split})
    return {
        "actor": _name(task.actor),
        "shot": line.shot,
        "frames": len(frames),
        "emotion": line.emotion,
        "split": line.split,
    }


def _fitted(sound: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    return np.pad(sound[:length], (0, max(length - len(sound), 0)))


def _recorded(tasks: Sequence[_Task], number: int) -> RecordedActor:
    """An actor without the shots."""
    task = next(task for task in tasks if task.actor == number)
    person, face = _cast(task.seed, number, task.scale, task.head)
    draws = Draws("studio", STUDIO_VERSION, person.seed, "saccades")
    return actor_of(face, _name(number), task.fps, draws)


def _finish(
    root: Path,
    rows: Sequence[Mapping[str, Any]],
    notes: Mapping[str, Any],
    fps: float,
    language: str | None,
) -> None:
    """Write the description of the dataset and where it comes from."""
    emotions: dict[str, dict[str, str]] = {}
    for row in rows:
        emotions.setdefault(row["actor"], {})[row["shot"]] = row["emotion"]
    used = {row["emotion"] for row in rows}
    held_out = {
        split: [f"{row['actor']}::{row['shot']}" for row in rows if row["split"] == split]
        for split in ("validation", "test")
    }
    finish_dataset(
        root,
        fps=dict.fromkeys(emotions, float(fps)),
        emotions=[name for name in get_args(Emotion) if name in used],
        provenance={**notes, "counts": _counts(rows)},
        shot_emotions=emotions,
        language=(language or "en").partition("-")[0],
        validation=held_out["validation"],
        test=held_out["test"],
    )


def _counts(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    actors = {row["actor"] for row in rows}
    return {"actors": len(actors), "shots": len(rows), "frames": sum(r["frames"] for r in rows)}
