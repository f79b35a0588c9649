from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from likeness.media.image import load_image
from likeness.systems.audio2face.animation_result import AnimationResult
from likeness.systems.audio2face.shot_pictures import shot_strip, surfaces_of
from tests.systems.audio2face.random_actor import random_actor


def _result(skin: np.ndarray) -> AnimationResult:
    return AnimationResult(30.0, skin.astype(np.float32), None)


def test_a_strip_shows_eight_moments_of_both_rows(tmp_path: Path) -> None:
    """Without triangles as dots; what does not move looks alike in every column."""
    actor = random_actor()
    still = np.tile(actor.skin.mean, (20, 1, 1))
    moved = still + np.linspace(0, 0.8, 20)[:, None, None]
    assert surfaces_of(actor) is None
    picture = load_image(shot_strip(tmp_path / "a.png", actor, _result(still), _result(moved)))
    assert picture.shape == (2 * (20 + 160), 8 * 160, 3)
    columns = picture[20:180].reshape(160, 8, 160, 3)
    assert (columns == columns[:, :1]).all()
    below = picture[200:].reshape(160, 8, 160, 3)
    assert (below[:, 0] != below[:, -1]).any()
    names = picture[:20, :80], picture[180:200, :80]
    assert (names[0] < 0.5).any()
    assert (names[0] != names[1]).any(), "rows are told apart"


def test_triangles_make_surfaces(tmp_path: Path) -> None:
    actor = replace(random_actor(), skin_faces=np.array([[0, 1, 2]]))
    surfaces = surfaces_of(actor)
    assert surfaces is not None
    assert surfaces.tongue is None
    still = _result(np.tile(actor.skin.mean, (3, 1, 1)))
    picture = load_image(shot_strip(tmp_path / "a.png", actor, still, still))
    shaded = np.ptp(picture[20:180, :160], axis=(0, 1))
    assert shaded.max() > 0.05
