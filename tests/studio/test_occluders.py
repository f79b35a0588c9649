"""Things before a face: they are held by something that the picture's border cuts off."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from likeness.studio.light_kinds import PORTRAIT_LIGHT
from likeness.studio.occluders import Occluder, paint_occluder, sample_occluder

SIDE = 200


def _painted(occluder: Occluder, face: float) -> tuple[np.ndarray, np.ndarray]:
    """On a face of a share of the picture's height, in the middle."""
    half, middle = 0.5 * face * SIDE, (0.5 * SIDE, 0.42 * SIDE)
    box = (middle[0] - half, middle[1] - half, middle[0] + half, middle[1] + half)
    return paint_occluder(occluder, box, PORTRAIT_LIGHT, SIDE, SIDE)


@pytest.mark.parametrize(("face", "far"), [(0.6, False), (0.38, False), (0.2, False), (0.1, True)])
def test_nothing_floats(face: float, far: bool) -> None:
    rng = np.random.default_rng(4)
    kinds = set()
    for _ in range(25):
        occluder = sample_occluder(rng, far=far)
        kinds.add(occluder.kind)
        covered = _painted(occluder, face)[1] > 0.05  # a stand is thinner than a pixel
        count, parts = cv2.connectedComponents(covered.astype(np.uint8))
        edge = set(np.concatenate([parts[-1], parts[:, 0], parts[:, -1]]).tolist()) - {0}
        assert set(range(1, count)) <= edge, occluder
    assert kinds == ({"microphone"} if far else {"hand", "microphone", "card"})


def test_a_card_is_held_by_a_hand_of_skin() -> None:
    blue, skin = (0.02, 0.05, 0.5), (0.4, 0.25, 0.2)
    card = Occluder("card", (0.0, 0.2), 0.0, 1.0, blue, 0.15, skin)
    radiance, coverage = _painted(card, 0.4)
    chroma = radiance / np.maximum(radiance.sum(axis=2, keepdims=True), 1e-6)
    bluish = (coverage > 0.5) & (chroma[..., 2] > 0.6)
    reddish = (coverage > 0.5) & (chroma[..., 0] > 0.4)
    assert 0.02 < bluish.mean() < 0.12
    assert reddish.mean() > 0.02
    # Fingers lie before the card, the arm below it.
    rows, columns = np.nonzero(bluish)
    inside = reddish[rows.min() : rows.max(), columns.min() : columns.max()]
    assert 0.02 < inside.mean() < 0.4
    assert reddish[-1].any()
