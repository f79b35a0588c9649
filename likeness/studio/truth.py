"""The truth of a performance on disk: enough to make every frame of it again, at any rate.

Owns the two files, ``<name>.npz`` with the curves and ``<name>.json`` with what was said, and their
reading. Frames are never kept: they follow from curves, head and camera.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from likeness.errors import DataError
from likeness.geometry.array_files import read_arrays, write_arrays
from likeness.replacement import replacing
from likeness.speech.timeline import Segment, Timeline, Utterance, Voice, Word
from likeness.studio.curves import CHANNELS, RATE, Curves, Event
from likeness.studio.version import STUDIO_VERSION

FORMAT_VERSION = 1


@dataclass(frozen=True, eq=False)
class Truth:
    """A performance as kept.

    Attributes:
        curves: exactly those that were performed.
        timeline: what sounds when.
        text: what was said.
        voice: of this utterance.
        keys: seeds and other plain values the maker wants to find again.
    """

    curves: Curves
    timeline: Timeline
    text: str
    voice: Voice
    keys: Mapping[str, Any] = field(default_factory=dict)


def write_truth(
    path: str | Path, curves: Curves, utterance: Utterance, keys: Mapping[str, Any] | None = None
) -> Path:
    """Writes ``path`` with the endings .npz and .json; about 30 kB a second.

    Args:
        path: folder and name without an ending.
        curves: of :func:`likeness.studio.performance.perform`, whose values 16-bit floats hold.
        utterance: what was said.
        keys: plain values, ready for JSON.
    """
    path = Path(path)
    values = curves.values.astype(np.float16)
    if not np.array_equal(values.astype(np.float32), curves.values):
        raise ValueError("curves of a performance are 16-bit floats; these hold more")
    texts = {
        "names": " ".join(CHANNELS),
        "events_json": json.dumps(curves.to_dict()["events"]),
    }
    arrays: dict[str, np.ndarray] = {
        "curves": values,
        "rate": np.array([RATE], np.int64),
        "intensity": curves.intensity.astype(np.float16),
        "duration": np.array([curves.duration], np.float64),
    }
    write_arrays(path.with_name(path.name + ".npz"), arrays, texts)
    story = {
        "format_version": FORMAT_VERSION,
        "studio_version": STUDIO_VERSION,
        "text": utterance.text,
        "emotion": curves.emotion,
        "backend": utterance.backend,
        "sample_rate": utterance.sample_rate,
        "voice": asdict(utterance.voice),
        "timeline": [asdict(segment) for segment in utterance.timeline.segments],
        "words": [asdict(word) for word in utterance.timeline.words],
        "keys": dict(keys or {}),
    }
    target = path.with_name(path.name + ".json")
    with replacing(target) as temporary:
        temporary.write_text(json.dumps(story, indent=1, ensure_ascii=False), encoding="utf-8")
    return path


def replay(path: str | Path) -> Truth:
    """Reads what :func:`write_truth` wrote.

    Raises:
        DataError: a file is missing what belongs in it, or has channels this version does not.
        MissingError: there is no such file.
    """
    path = Path(path)
    arrays, texts = read_arrays(path.with_name(path.name + ".npz"))
    if texts.get("names", "").split() != list(CHANNELS) or arrays["rate"].tolist() != [RATE]:
        raise DataError(
            f"{path}.npz holds other channels or another rate than this version of the studio.",
            advice="Make the set again with this version.",
        )
    try:
        story = json.loads(path.with_name(path.name + ".json").read_text(encoding="utf-8"))
        curves = Curves(
            duration=float(arrays["duration"][0]),
            values=arrays["curves"].astype(np.float32),
            intensity=arrays["intensity"].astype(np.float32),
            events=tuple(Event(*event) for event in json.loads(texts["events_json"])),
            emotion=story["emotion"],
        )
        timeline = Timeline(
            tuple(_segment(entry) for entry in story["timeline"]),
            tuple(Word(**entry) for entry in story["words"]),
        )
        return Truth(curves, timeline, story["text"], Voice(**story["voice"]), story["keys"])
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise DataError(
            f"Expected the truth of a performance at {path}, but {type(error).__name__}: {error}.",
            advice="Make the set again; files of one performance belong together.",
        ) from error


def _segment(entry: Mapping[str, Any]) -> Segment:
    spans = {name: entry[name] and tuple(entry[name]) for name in ("closure", "contact")}
    return Segment(**{**entry, **spans})
