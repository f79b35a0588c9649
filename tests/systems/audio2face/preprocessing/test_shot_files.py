from __future__ import annotations

import ast
import csv
import json
from dataclasses import astuple
from pathlib import Path

import pytest

from likeness.errors import DataError
from likeness.systems.audio2face.preprocessing.shot_files import (
    read_shots,
    write_clips,
    write_clips_template,
    write_shots,
)
from likeness.systems.audio2face.shots import Clip, Shot

CLIPS = (
    Clip("bo", "one", 0, 9, "bo", "en", "one.wav"),
    Clip("bo", 'two, "half"', 3, 7, "aug_low", "zh", "aug/low/two.wav", -2),
)


def test_shots_are_lists_of_five_in_their_order(tmp_path: Path) -> None:
    shots = (Shot("bo", "z", 10, 29.97, "joy"), Shot("bo", "a", 3, 29.97, "neutral"))
    write_shots(tmp_path / "shots.json", shots)
    assert json.loads((tmp_path / "shots.json").read_text()) == [
        ["bo", "z", 10, 29.97, "joy"],
        ["bo", "a", 3, 29.97, "neutral"],
    ]
    assert read_shots(tmp_path / "shots.json") == shots


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[]",
        "[[]]",
        "not JSON",
        '[["bo", "a", 0, 30, "joy"]]',
        '[["bo", "a", 5, NaN, "joy"]]',
        '[["bo", "a", true, 30, "joy"]]',
        '[["bo", "a", 5, 30, null]]',
        '[["bo", "a", 5, 30, "joy"], ["bo", "a", 6, 30, "joy"]]',
        "[" * 100_000,
    ],
)
def test_what_is_no_list_of_shots_is_an_error_with_its_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "shots.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"shots\.json"):
        read_shots(path)


def test_the_table_of_clips_has_a_row_for_each(tmp_path: Path) -> None:
    write_clips(tmp_path / "clips.csv", CLIPS)
    with open(tmp_path / "clips.csv", encoding="utf-8", newline="") as file:
        columns, *rows = csv.reader(file)
    assert columns == ["actor", "shot", "first", "last", "speaker", "language", "audio", "offset"]
    assert rows == [[str(value) for value in astuple(clip)] for clip in CLIPS]


def test_the_template_holds_one_list_of_literals(tmp_path: Path) -> None:
    write_clips_template(tmp_path / "clips_template.py", CLIPS)
    tree = ast.parse((tmp_path / "clips_template.py").read_text())
    (statement,) = tree.body
    assert isinstance(statement, ast.Assign)
    assert ast.literal_eval(statement.value) == [
        ("bo", "one", (0, 9), "bo", "en", "one.wav", 0),
        ("bo", 'two, "half"', (3, 7), "aug_low", "zh", "aug/low/two.wav", -2),
    ]
