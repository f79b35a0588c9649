"""Faces of men and women differ where photographed ones do."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from likeness.studio import population
from likeness.studio.anthropometry import BMI_MEAN
from likeness.studio.cage import load_cage
from likeness.studio.identity import rest_vertices, solve
from likeness.studio.template import build_template
from tests.realdata import real_data

_CHEEK = 50.0
"""mm: nearer to the camera than this lies what is seen of a face from the front above its neck."""


def _photographed() -> dict[str, list[float]]:
    """Breadth of faces 2/5 up from the chin to the mouth over that beside the eyes, by sex."""
    folder = real_data("london_faces")
    with (folder / "persons.csv").open() as file:
        sex_of = {row["person_id"]: row["gender"] for row in csv.DictReader(file)}
    marks = np.load(folder / "landmarks68.npz")
    ratios: dict[str, list[float]] = {"female": [], "male": []}
    for name, points in zip(marks["names"], marks["points"].astype(np.float64)):
        right, left = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
        level = (left - right) / np.linalg.norm(left - right)
        upright = (points - right) @ np.array([level, (-level[1], level[0])]).T
        first, second = upright[:9], upright[16:7:-1]
        chin, mouth = upright[8, 1], upright[[48, 54], 1].mean()
        low, high = (
            np.interp(y, second[:, 1], second[:, 0]) - np.interp(y, first[:, 1], first[:, 0])
            for y in (chin - 0.4 * (chin - mouth), 0.08 * np.linalg.norm(left - right))
        )
        ratios[sex_of[str(name)[:3]]].append(float(low / high))
    return ratios


def _breadth(vertices: np.ndarray, y: float, front: float) -> float:
    """mm across the skin, ears left out, where the plane at height ``y`` cuts it."""
    template, found = build_template(), []
    bare = template.ear[: template.num_skin] < 0.02
    for triangle in template.skin_faces[bare[template.skin_faces].all(axis=1)]:
        for first, second in ((0, 1), (1, 2), (2, 0)):
            a, b = vertices[triangle[first]], vertices[triangle[second]]
            if (a[1] - y) * (b[1] - y) < 0.0:
                point = a + (y - a[1]) / (b[1] - a[1]) * (b - a)
                if point[2] > front:
                    found.append(point[0])
    return float(np.ptp(found))


@pytest.mark.realdata
def test_women_s_faces_taper_to_the_chin_as_photographed_ones_do() -> None:
    """Against the drawn edges of 62 faces of the Face Research Lab London Set. Between the angles
    of the jaw and the chin both sexes were equally broad for the size of their faces."""
    cage, template = load_cage(), build_template()
    ratios = {}
    for sex in ("female", "male"):
        expected = population.mean_of(sex, 28, BMI_MEAN[sex], {"european": 1.0})
        head = rest_vertices(template, solve(expected, expected, ()))
        chin = float(np.dot([0.75, 0.25], head[list(cage.indices("u0_98", "u0_80")), 1]))
        mouth = head[cage.index("m0_0"), 1]
        eyes = np.mean(
            [head[template.part_ranges[f"eyeball_{s}"].start, 1] for s in ("left", "right")]
        )
        low = _breadth(head, chin + 0.4 * (mouth - chin), _CHEEK)
        ratios[sex] = low / _breadth(head, eyes - 5.0, 0.0)
    seen = _photographed()
    difference = np.mean(seen["male"]) - np.mean(seen["female"])
    error = np.sqrt(sum(np.var(found, ddof=1) / len(found) for found in seen.values()))
    assert difference > 3.0 * error
    assert ratios["male"] - ratios["female"] == pytest.approx(difference, abs=2.0 * error)
