"""Options of studio actors that decide what is said, by whom it is heard, and how."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from likeness.errors import DataError, LikenessError, UsageError
from likeness.speech.espeak_library import is_espeak_present
from likeness.studio.shares import Shares
from likeness.studio.truth import replay
from likeness.systems.audio2face import studio
from likeness.systems.audio2face.dataset.description import read_description
from likeness.systems.audio2face.studio import make

GERMAN = ("Guten Morgen.", "Wie geht es dir heute?", "Ich höre euch gut.", "Bis bald, Mama!")


def _make(out: Path, **options: Any) -> Path:
    settings = {"people": 1, "voices": False, "backend": "formant", "workers": 1}
    make(str(out), **{**settings, **options})
    return out


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("\n".join(GERMAN) + "\n", encoding="utf-8")
    return path


def _settings(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "studio.json").read_text(encoding="utf-8"))
    return found["settings"]


def test_a_file_of_sentences_is_said_and_recorded(tmp_path: Path, text: Path) -> None:
    out = tmp_path / "set"
    options: dict[str, Any] = {"text": str(text), "split": ".5,.25,.25", "audio": "dry"}
    _make(out, **options)
    said = {path.stem: replay(path.with_suffix("")).text for path in out.glob("truth/*/*.json")}
    assert said == {
        "neutral_000": GERMAN[0],
        "joy_000": GERMAN[1],
        "neutral_001": GERMAN[2],
        "joy_001": GERMAN[3],
        "neutral_silence": "",
    }
    described, _ = read_description(out)
    assert (len(described.validation), len(described.test)) == (1, 1)
    settings = _settings(out)
    assert settings["text_sha256"] == hashlib.sha256(text.read_bytes()).hexdigest()
    assert settings["split"] == [0.5, 0.25, 0.25]
    assert settings["knobs"] == {"audio": "dry"}
    assert make(str(out), people=1, voices=False, backend="formant", **options).is_up_to_date
    assert not [path for path in out.glob("*.json") if str(tmp_path) in path.read_text("utf-8")]
    moved = text.rename(tmp_path / "elsewhere.txt")
    again = {**options, "text": str(moved)}
    assert make(str(out), people=1, voices=False, backend="formant", **again).is_up_to_date
    text.write_text("\n".join(GERMAN[::-1]), encoding="utf-8")
    with pytest.raises(UsageError, match="text_sha256 was"):
        _make(out, **options)


def test_a_head_is_known_by_its_name_and_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopping(root: Path, values: tuple[Any, ...]) -> dict[str, Any]:
        raise KeyboardInterrupt

    monkeypatch.setattr(studio, "_make_shot", stopping)
    monkeypatch.setattr(studio, "_head", lambda head: None)
    (tmp_path / "private").mkdir()
    head = tmp_path / "private" / "head.glb"
    head.write_bytes(b"a head")
    out = tmp_path / "set"
    with pytest.raises(KeyboardInterrupt):
        _make(out, head=str(head))
    written = [path.read_text("utf-8") for path in out.rglob("*") if path.is_file()]
    assert hashlib.sha256(b"a head").hexdigest() in "".join(written)
    assert "private" not in "".join(written)
    with pytest.raises(KeyboardInterrupt):  # goes on: no other request
        _make(out, head=str(head.rename(tmp_path / "head.glb")))


@pytest.mark.parametrize("content", [None, b"no head"])
def test_a_head_that_cannot_be_read_leaves_no_folder(tmp_path: Path, content: bytes | None) -> None:
    head = tmp_path / "head.npz"
    if content is not None:
        head.write_bytes(content)
    with pytest.raises(LikenessError, match=r"head\.npz"):
        _make(tmp_path / "set", head=str(head))
    assert not (tmp_path / "set").exists()


def test_without_these_options_the_record_is_as_ever(tmp_path: Path) -> None:
    settings = _settings(_make(tmp_path / "set", shots=2))
    assert not {"text", "text_sha256", "language", "split", "knobs"} & set(settings)


def test_a_set_of_own_sentences_goes_on(
    tmp_path: Path, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"text": str(text), "speech": "even"}
    whole, out, made_shot = (
        _make(tmp_path / "whole", **options),
        tmp_path / "out",
        studio._make_shot,
    )

    def stopping(root: Path, values: tuple[Any, ...]) -> dict[str, Any]:
        if values[2] == 2:
            raise KeyboardInterrupt
        return made_shot(root, values)

    monkeypatch.setattr(studio, "_make_shot", stopping)
    with pytest.raises(KeyboardInterrupt):
        _make(out, **options)
    monkeypatch.setattr(studio, "_make_shot", made_shot)
    text.write_text("Etwas anderes.", encoding="utf-8")
    with pytest.raises(UsageError, match="text_sha256 was"):
        _make(out, **options)
    text.write_text("\n".join(GERMAN) + "\n", encoding="utf-8")
    _make(out, **options)
    for path in whole.rglob("*.*"):
        if path.is_file():
            assert (out / path.relative_to(whole)).read_bytes() == path.read_bytes(), path


def test_speech_set_alone_changes_the_rate_and_not_the_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = []

    def take(person: Any, lips: Any, line: Any, *key: Any, difficulty: Any, **rest: Any) -> None:
        taken.append(difficulty)
        raise KeyboardInterrupt

    monkeypatch.setattr(studio, "take_of", take)
    for number, options in enumerate(({}, {"speech": "even"}, {"audio": "noisy"})):
        with pytest.raises(KeyboardInterrupt):
            _make(tmp_path / str(number), difficulty=3, shots=2, **options)
    assert [(d.speech, d.audio) for d in taken] == [
        ("extreme", "telephone"),
        ("even", "telephone"),
        ("extreme", "noisy"),
    ]


def test_shares_say_how_many_people_are_tested_alone() -> None:
    def alone(people: int, split: str) -> int:
        lines = studio._lines("smoke", None, 0, people, shares=Shares.read(split))
        return sum({line.split for line in own} == {"test"} for own in lines)

    assert [alone(people, ".5,.25,.25") for people in (4, 8, 20)] == [0, 2, 5]
    assert alone(5, ".8,.1,.1") == 1
    assert alone(20, ".9,.1,0") == 0


def test_a_file_that_is_not_there_makes_nothing(tmp_path: Path) -> None:
    path, out = tmp_path / "text.txt", tmp_path / "out"
    with pytest.raises(UsageError, match=r"There is no file of sentences at .*text.txt"):
        _make(out, text=str(path))
    assert not out.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no sentence"),
        (b"\xff\xfeG\x00", "UTF-8"),
        (b"Hallo.\n...\n", "Line 2 of .* holds nothing that can be spoken: '...'"),
        (b"ha " * 10_000, "Line 1 of .* has 29999 characters"),
    ],
)
def test_a_file_that_cannot_be_spoken_makes_nothing(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path, out = tmp_path / "text.txt", tmp_path / "out"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        _make(out, text=str(path))
    assert not out.exists()


def test_ten_thousand_sentences_are_told_of_and_few_of_them_can_be_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "text.txt"
    path.write_text("".join(f"Dies ist Satz {number}.\n" for number in range(10_000)))

    def stopped(root: Path, values: tuple[Any, ...]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(studio, "_make_shot", stopped)
    counts = []
    for number, shots in enumerate((None, 30)):
        with caplog.at_level(logging.WARNING), pytest.raises(KeyboardInterrupt):
            _make(
                tmp_path / str(number),
                text=str(path),
                shots=shots,
                progress=lambda done, total: counts.append((done, total)),
            )
    assert counts == [(0, 10_001), (0, 31)]
    told = [record.message for record in caplog.records if "10000 sentences" in record.message]
    assert len(told) == 1
    assert "shots=N" in told[0]


def test_people_who_would_say_nothing_are_refused(tmp_path: Path, text: Path) -> None:
    text.write_text("Eins.\nZwei.\n")
    with pytest.raises(UsageError, match="none of 2 sentences is for testing"):
        _make(tmp_path / "out", text=str(text), people=5, split=".8,.1,.1")
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(not is_espeak_present(), reason="the extra speech is missing")
def test_an_unknown_language_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Did you mean 'de'"):
        _make(tmp_path / "out", language="German", backend="espeak")
    assert not (tmp_path / "out").exists()


def test_syllables_have_no_language(tmp_path: Path) -> None:
    with pytest.raises(LikenessError, match="'formant' says syllables of no language"):
        _make(tmp_path / "out", language="de")
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(not is_espeak_present(), reason="the extra speech is missing")
def test_a_set_in_german_says_so(tmp_path: Path, text: Path) -> None:
    out = _make(tmp_path / "set", text=str(text), shots=2, language="de", backend="espeak")
    described, _ = read_description(out)
    assert described.language == "de"
    assert _settings(out)["language"] == "de"
    truth = replay(out / "truth/actor00/neutral_000")
    assert truth.voice.base == truth.voice.language == "de"
    assert [word.text for word in truth.timeline.words] == ["Guten", "Morgen"]
    frames = np.load(out / "data/actor00/cache/skin/neutral_000/neutral_000.npy")
    assert np.isfinite(frames).all()
