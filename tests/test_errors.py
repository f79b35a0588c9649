from __future__ import annotations

from pathlib import Path

from likeness.errors import first_few, no_file


def test_a_list_that_fits_is_shown_whole() -> None:
    assert first_few(["a", "b"], 2) == "a, b"
    assert first_few([], 2) == ""


def test_what_is_not_shown_is_counted() -> None:
    assert first_few(["a", "b", "c", "d"], 1, others="others") == "a and 3 others"
    assert first_few(["a", "b", "c"], 2, between="; ") == "a; b and 1 more"


def test_the_count_of_lines_has_a_line_of_its_own() -> None:
    assert first_few(["a", "b", "c"], 2, between="\n  ") == "a\n  b\n  and 1 more"


def test_a_folder_by_the_name_of_a_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    assert no_file(path).message == f"There is no file {path}."
    path.mkdir()
    assert no_file(path).message == f"Expected a file at {path}, found a folder."
    assert no_file(path).exit_code == 3
