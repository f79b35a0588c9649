"""Files that a description names wherever they lie are part of the data of a run."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from likeness import inspecting
from likeness.assembly import configure
from likeness.inspecting import inspect_configured
from likeness.systems.audio2face.dataset.places import places_elsewhere

DESCRIPTION = """\
actors:
  bo: {audio: ../sounds, skin_caches: bo/skin, skin_neutral: /fixed/neutral.npy}
clips: ../clips.csv
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    for folder in ("data/bo/skin", "sounds"):
        (tmp_path / folder).mkdir(parents=True)
    (root / "dataset.yaml").write_text(DESCRIPTION)
    (tmp_path / "sounds" / "one.wav").write_bytes(b"1")
    (root / "bo" / "skin" / "one.npy").write_bytes(b"1")
    return root


def _places(root: Path | None) -> dict[str, Path]:
    config = configure("audio2face", profile="smoke", environ={}).config
    data = {"root": None if root is None else str(root)}
    return dict(places_elsewhere(config.replace(data=data)))


def test_of_a_folder_what_lies_outside_counts(root: Path, tmp_path: Path) -> None:
    outside = {
        "../clips.csv": tmp_path / "clips.csv",
        "../sounds": tmp_path / "sounds",
        "/fixed/neutral.npy": Path("/fixed/neutral.npy"),
    }
    assert _places(root) == outside
    assert _places(root / "dataset.yaml") == outside | {"bo/skin": root / "bo" / "skin"}


def test_every_field_of_an_actor_that_names_a_file_counts(root: Path) -> None:
    parts = ("skin", "tongue")
    fields = [
        *(f"{part}_{what}" for part in parts for what in ("caches", "neutral", "mesh")),
        *(f"{part}_neutral_inference" for part in parts),
        *("audio", "lip_open_delta", "eye_close_delta", "tongue_rigid_list"),
        *("lip_distance_list", "lip_size_list", "eye_distance_list"),
        *("jaw_neutral", "jaw_animation", "eye_animation", "blink_keys", "saccades"),
        *("blendshapes", "blendshape_settings"),
        *("tongue_blendshapes", "tongue_blendshape_settings"),
    ]
    lines = "".join(f"    {field}: ../{field}\n" for field in fields)
    numbers = "    fps: 30\n    unit: mm\n    transform_scale: {skin: 2}\n"
    (root / "dataset.yaml").write_text(f"actors:\n  b.o:\n{lines}{numbers}language: de\n")
    assert set(_places(root)) == {f"../{field}" for field in fields}


def test_what_cannot_be_read_has_none(root: Path, tmp_path: Path) -> None:
    (root / "dataset.yaml").write_text("actors: 3")
    assert _places(root) == {}
    assert _places(tmp_path / "nowhere") == {}
    assert _places(None) == {}


@pytest.fixture
def stamps(root: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """What an inspection notes of the data of settings, whose errors are no matter here."""
    monkeypatch.setattr(inspecting, "refuse_errors", lambda inspection, system: None)

    def look(*words: str) -> dict[str, Any]:
        resolved = configure("audio2face", profile="smoke", overrides=words, environ={})
        return dict(inspect_configured(resolved).stamps)

    return look


@pytest.mark.parametrize("name", ["", "dataset.yaml"])
def test_every_file_of_the_data_changes_a_stamp_and_none_beside_them(
    root: Path, stamps: Callable[..., dict[str, Any]], name: str
) -> None:
    words = f"data.root={root / name}"
    before = stamps(words)
    if name:
        (root / "letter.txt").write_text("of somebody")
        assert stamps(words) == before
    os.utime(root.parent / "sounds" / "one.wav", ns=(0, 0))
    now = stamps(words)
    assert [key for key in now if now[key] != before[key]] == ["../sounds"]
    os.utime(root / "bo" / "skin" / "one.npy", ns=(0, 0))
    key = "bo/skin" if name else "data.root"
    assert stamps(words)[key] != now[key]


def test_what_training_writes_below_the_data_changes_no_stamp(
    root: Path, stamps: Callable[..., dict[str, Any]]
) -> None:
    """A resume told of changes after every training that had preprocessed actors there."""
    words = (f"data.root={root}", f"data.prepared={root / 'made'}")
    before = stamps(*words)
    (root / "made" / "bo").mkdir(parents=True)
    (root / "made" / "bo" / "audio.npy").write_bytes(b"1")
    assert stamps(*words) == before
    assert stamps(words[0]) != before
    same = stamps(words[0], f"data.prepared={root}")
    os.utime(root / "bo" / "skin" / "one.npy", ns=(0, 0))
    assert stamps(words[0], f"data.prepared={root}") != same
