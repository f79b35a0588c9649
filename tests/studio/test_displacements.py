from __future__ import annotations

import numpy as np
import pytest

from likeness.errors import DataError
from likeness.studio.cage import load_cage
from likeness.studio.displacements import load_displacements, parse_displacements


def test_the_table_has_thirty_shapes_at_217_anchors():
    table = load_displacements()
    assert len(table.shapes) == 30
    assert table.anchors.shape == (217,)
    assert len(set(table.anchors.tolist())) == 217
    assert all(rows.shape == (217, 3) for rows in table.shapes.values())


def _row(shape: str, point: str, *, mirrored: bool = False) -> np.ndarray:
    table = load_displacements()
    vertex = load_cage().index(point, mirrored=mirrored)
    return table.shapes[shape][list(table.anchors).index(vertex)]


def test_entries_stand_where_the_measurement_put_them():
    np.testing.assert_array_equal(_row("jawOpen", "m0_4"), (0.0, -35.0, -19.5))
    np.testing.assert_array_equal(_row("mouthSmile_L", "m0_0"), (7.0, 10.0, -8.5))
    np.testing.assert_array_equal(_row("browDown_L", "r53_8", mirrored=True), (0.4, -0.4, 0.3))
    np.testing.assert_array_equal(_row("eyeWide_L", "crown"), (0.0, 0.0, 0.0))


def test_symmetric_shapes_are_mirrored_and_halves_are_not():
    np.testing.assert_array_equal(_row("mouthPucker", "m0_0"), (-4.9, 2.2, 10.1))
    np.testing.assert_array_equal(_row("mouthPucker", "m0_0", mirrored=True), (4.9, 2.2, 10.1))
    np.testing.assert_array_equal(_row("mouthFrown_L", "m0_0", mirrored=True), (0.0, 0.0, 0.0))
    np.testing.assert_array_equal(_row("jawLeft", "m0_0", mirrored=True), (4.9, 0.0, 0.9))


def test_midline_points_of_symmetric_shapes_stay_on_the_midline():
    table, cage = load_displacements(), load_cage()
    midline = cage.mirror[table.anchors] == table.anchors
    for name in ("jawOpen", "jawForward", "mouthPucker", "mouthFunnel", "mouthShrugLower"):
        assert np.all(table.shapes[name][midline, 0] == 0.0)


@pytest.mark.parametrize(
    "text",
    [
        "anchors\n  0=a 2=b\n",
        "anchors\n  0=a\nshape one\n  1:0,0,0\n",
        "anchors\n  0=a\nshape one\n  0:0,0\n",
        "anchors\n  0=a\nshape one\n  0:0,0,0 0:1,1,1\n",
        "anchors\n  0=a\nshape one\n  0:x,0,0\n",
        "anchors\n  0=a\nshape one\n  0:1,1,1\nshape one\n",
    ],
)
def test_a_broken_table_names_the_line(text):
    last = len(text.splitlines())
    with pytest.raises(DataError, match=rf"displacements\.txt line {last}"):
        parse_displacements(text)
