from __future__ import annotations

from likeness.errors import first_few


def test_a_list_that_fits_is_shown_whole() -> None:
    assert first_few(["a", "b"], 2) == "a, b"
    assert first_few([], 2) == ""


def test_what_is_not_shown_is_counted() -> None:
    assert first_few(["a", "b", "c", "d"], 1, others="others") == "a and 3 others"
    assert first_few(["a", "b", "c"], 2, between="; ") == "a; b and 1 more"


def test_the_count_of_lines_has_a_line_of_its_own() -> None:
    assert first_few(["a", "b", "c"], 2, between="\n  ") == "a\n  b\n  and 1 more"
