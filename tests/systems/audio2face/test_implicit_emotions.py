"""Rows of the emotion data base: order, unique names, compaction, text."""

from __future__ import annotations

import pytest
import torch

from likeness.errors import DataError, UsageError
from likeness.systems.audio2face.implicit_emotions import (
    ImplicitEmotions,
    RowTable,
    ShotRows,
    muted_names,
    representative,
)
from likeness.systems.audio2face.shots import Clip, MutedShot, Shot

SHOTS = [Shot("a", "s1", 5, 30.0, "neutral"), Shot("a", "s0", 3, 30.0, "joy")]
MUTED = [MutedShot("a", "s1", 2, 4, "neutral"), MutedShot("a", "s1", 2, 6, "joy")]


def test_rows_follow_the_order_of_the_shots_then_the_muted_ones() -> None:
    table = RowTable.of(SHOTS, MUTED[:1])
    assert [(s.name, s.start, s.size) for s in table.shots] == [
        ("s1", 0, 5), ("s0", 5, 3), ("muted_s1_2", 8, 4),
    ]  # fmt: skip
    assert table.num_rows == 12
    assert [table.row("s0", frame) for frame in range(3)] == [5, 6, 7]
    with pytest.raises(UsageError, match="Frame 3 of shot 's0'"):
        table.row("s0", 3)
    with pytest.raises(UsageError, match="no shot 's2'"):
        table.row("s2", 0)


def test_defect_13_muted_shots_of_one_source_do_not_collide() -> None:
    """In the published code they share a name, and the table ends below its highest index."""
    assert muted_names(MUTED) == ["muted_s1_2", "muted_s1_2_2"]
    taken = [*(shot.name for shot in SHOTS), "muted_s1_2"]
    assert muted_names(MUTED, taken=taken) == ["muted_s1_2_2", "muted_s1_2_3"]
    table = RowTable.of(SHOTS, MUTED)
    assert table.num_rows == 5 + 3 + 4 + 6
    assert table.row("muted_s1_2_2", 5) == table.num_rows - 1


def _clip(shot: str, first: int, last: int, offset: int = 0) -> Clip:
    return Clip("a", shot, first, last, "a", "en", f"{shot}.wav", offset)


def test_compaction_keeps_the_union_of_the_clips() -> None:
    shots = [
        Shot("a", "s1", 50, 30.0, "n"),
        Shot("a", "s2", 9, 30.0, "n"),
        Shot("a", "s3", 30, 30.0, "n"),
    ]
    table = RowTable.of(shots, MUTED[:1])
    clips = [
        _clip("s3", 20, 25), _clip("s1", 10, 14), _clip("s1", 12, 19), _clip("s1", 20, 21),
        _clip("s1", 40, 42), _clip("s3", 3, 9, offset=2),
    ]  # fmt: skip
    small = table.compacted(clips, keep=["muted_s1_2"])
    assert [(s.name, s.start, s.ranges) for s in small.shots] == [
        ("s1", 0, ((10, 21), (40, 42))),
        ("s3", 15, ((3, 7), (20, 25))),
        ("muted_s1_2", 26, ((0, 3),)),
    ]
    assert small.num_rows == 30
    assert small.row("s1", 40) == 12
    assert small.shot("s3").place(20) == 5
    with pytest.raises(UsageError, match="10 to 21, 40 to 42 have"):
        small.row("s1", 30)


def test_the_table_goes_through_text() -> None:
    table = RowTable.of(SHOTS, MUTED).compacted([_clip("s1", 1, 3)], keep=["muted_s1_2"])
    table = table.trained_on([_clip("s1", 2, 3)])
    again = RowTable.from_json(table.to_json())
    assert again.shots == table.shots
    for text in ("", "{}", '{"format": 1, "shots": []}', '{"format": 2, "shots": [[1]]}'):
        with pytest.raises(DataError):
            RowTable.from_json(text)


def test_tables_that_cannot_be() -> None:
    with pytest.raises(DataError, match=r"unique names: \['a'\]"):
        RowTable([ShotRows("a", 0, ((0, 1),)), ShotRows("a", 2, ((0, 1),))])
    with pytest.raises(DataError, match="should start at row 2"):
        RowTable([ShotRows("a", 0, ((0, 1),)), ShotRows("b", 3, ((0, 1),))])


def test_vectors_start_small_and_learn_where_they_are_used() -> None:
    torch.manual_seed(0)
    emotions = ImplicitEmotions(1000, 16, sigma=0.01)
    assert emotions.weight.shape == (1000, 16)
    assert float(emotions.weight.detach().std()) == pytest.approx(0.01, rel=0.02)
    rows = torch.tensor([[3, 4], [998, 999]])
    found = emotions(rows)
    assert torch.equal(found, emotions.weight[rows])
    found.sum().backward()
    assert emotions.weight.grad is not None
    assert emotions.weight.grad.abs().sum(1).nonzero().flatten().tolist() == [3, 4, 998, 999]


def test_the_row_that_stands_for_others_is_nearest_to_their_mean() -> None:
    table = RowTable.of(SHOTS).trained_on([_clip("s1", 0, 4), _clip("s0", 0, 2)])
    vectors = torch.tensor([[0.0], [1.0], [5.0], [2.5], [3.0], [100.0], [104.0], [90.0]])
    assert representative(table, vectors, ["s1"]) == ("s1", 3)
    assert representative(table, vectors, ["s0"]) == ("s0", 0)
    assert representative(table, vectors, ["s0", "s1"]) == ("s1", 2)
    assert representative(table, vectors, []) == ("s1", 2)
    with pytest.raises(UsageError, match="no shot 's7'"):
        representative(table, vectors, ["s7"])


def test_a_row_no_training_touched_stands_for_nothing() -> None:
    """Rows of held-out frames keep what they were drawn as; the mean over them and the others is
    no emotion, and the nearest row may be one of theirs."""
    table = RowTable.of(SHOTS, MUTED[:1]).trained_on(
        [_clip("s1", 1, 2), _clip("s1", 2, 3)], keep=["muted_s1_2"]
    )
    assert [shot.learned for shot in table.shots] == [((1, 3),), (), ((0, 3),)]
    vectors = torch.tensor([[0.1], [9.0], [6.0], [0.2], *[[0.01]] * 4, *[[3.0]] * 4])
    assert representative(table, vectors, ["s1"]) == ("s1", 2)  # mean 5.07 over 9, 6 and .2
    assert representative(table, vectors, ["s0"]) == ("muted_s1_2", 0)  # mean 3.89 over all learned
    compact = table.compacted([_clip("s1", 2, 4)]).trained_on([_clip("s1", 1, 3)])
    assert compact.shots[0].learned == ((2, 3),)


def test_frames_of_a_shot_that_are_not_learned_are_told_by_their_places() -> None:
    """Rows of frames 2 to 5 and 8 to 9; training touches frames 4, 5 and 8: places 2 to 4."""
    table = RowTable(
        [ShotRows("s", 0, ((2, 5), (8, 9)), ((4, 5), (8, 8))), ShotRows("t", 6, ((0, 1),))]
    )
    assert [bool(table.not_learned("s", place)) for place in range(6)] == [
        True, True, False, False, False, True,
    ]  # fmt: skip
    assert "frame 0 of shot 's', of which 2 to 3, 4 to 4 are" in table.not_learned("s", 0)
    assert table.not_learned("t", 1).endswith("not trained on. Shots with learned emotions: 's'.")
    assert table.held_row("t", 1) == 7
    with pytest.raises(UsageError, match=r"'t' has 2 rows .* no row 2"):
        table.held_row("t", 2)
