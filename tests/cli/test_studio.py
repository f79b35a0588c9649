"""Verbs about studio people: the files they write and the page that shows them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from likeness.media.image import probe_image
from likeness.media.video import probe_video
from likeness.studio.person import Person
from tests.cli.conftest import Command
from tests.disks import full_disk


def test_one_person_is_shown(likeness: Command, tmp_path: Path) -> None:
    out = tmp_path / "person"
    words = ("studio", "show", "--seed", "3", "--size", "65", "--out", str(out))
    result = likeness(*words, "--voice", "formant", "--text", "Mama.", "--json")
    assert result.code == 0
    shown = result.document
    assert Person.from_dict(json.loads((out / "person.json").read_text())) == Person.sample(3)
    titles = [file["title"] for file in shown["files"]]
    assert titles == [
        "Portrait",
        "Turntable",
        "A sentence",
        "Its frames",
        "Its frames, turned",
        "Its sound",
        "Expressions",
        "Emotions",
        "Photographs",
        "Blink",
    ]
    assert probe_image(out / "turntable.webp").num_frames == 36
    film = probe_video(out / "sentence.mp4")
    assert (film.width, film.height, film.rate) == (66, 66, 25.0)  # films are even
    portrait = probe_image(out / "portrait.png")
    assert (portrait.width, portrait.height) == (65, 65)
    page = Path(shown["page"]).read_text(encoding="utf-8")
    assert page.count("<figure>") == len(titles)
    assert "http" not in page.split("<body>")[1].replace("http-equiv", "")


def test_wrong_words_are_refused(likeness: Command, tmp_path: Path) -> None:
    result = likeness("studio", "show", "--size", "8", "--out", str(tmp_path / "x"))
    assert result.code == 2
    assert not (tmp_path / "x").exists()


def test_a_folder_that_cannot_be_made_is_a_wrong_use(likeness: Command) -> None:
    result = likeness("studio", "show", "--out", "/proc/x")
    assert result.code == 2
    assert "Cannot make the folder /proc/x" in result.err
    assert "Traceback" not in result.err


def test_a_text_of_many_minutes_is_refused(likeness: Command, tmp_path: Path) -> None:
    out = tmp_path / "x"
    words = ("studio", "show", "--voice", "formant", "--text", "Mama. " * 200, "--out", str(out))
    result = likeness(*words)
    assert result.code == 4
    assert "may have 1000 characters; this one has 1200" in result.err
    assert not out.exists()


@pytest.mark.parametrize("verb", ["show", "gallery"])
def test_an_interruption_leaves_what_was_shown_before(
    likeness: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    name = "show_person" if verb == "show" else "make_gallery"

    def interrupted(*words: Any, **options: Any) -> None:
        folder = words[-1]
        (folder / "portrait.png").write_text("of the next person")
        raise KeyboardInterrupt

    monkeypatch.setattr(f"likeness.studio.showing.{name}", interrupted)
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    before = {"portrait.png": "of the last person", "index.html": "page", "person.json": "{}"}
    for file, text in before.items():
        (old / file).write_text(text)
    for folder in (old, new):
        words = ("--out", folder) if verb == "show" else (folder,)
        assert likeness("studio", verb, *words).code == 130
    assert {path.name: path.read_text() for path in old.iterdir()} == before
    assert not new.exists()


def test_a_disk_that_gets_full_leaves_what_was_shown_before(
    likeness: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_much(person: Any, folder: Path, **options: Any) -> None:
        for number in range(4):
            (folder / f"{number}.png").write_bytes(bytes(100_000))

    monkeypatch.setattr("likeness.studio.showing.show_person", too_much)
    with full_disk(tmp_path / "disk", free=250_000) as disk:
        (disk / "index.html").write_text("page")
        result = likeness("studio", "show", "--out", disk)
        left = sorted(path.name for path in disk.iterdir())
    assert result.code == 2
    assert "No space left on device" in result.err
    assert left == ["filler", "index.html"]
