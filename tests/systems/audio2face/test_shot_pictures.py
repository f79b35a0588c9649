from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from likeness.media.image import load_image
from likeness.systems.audio2face.animation_result import AnimationResult
from likeness.systems.audio2face.shot_pictures import shot_strip, surfaces_of
from tests.systems.audio2face.diffusion_cases import make_actor


def test_triangles_of_skin_and_tongue() -> None:
    actor = make_actor()
    assert surfaces_of(actor) is None
    faces = np.array([[0, 1, 2], [2, 3, 4]])
    found = surfaces_of(replace(actor, skin_faces=faces, tongue_faces=faces[:1]))
    assert found is not None
    assert found.tongue is not None
    np.testing.assert_array_equal(found.skin.vertices, actor.neutral_skin)
    assert found.tongue.num_faces == 1
    only = surfaces_of(replace(actor, skin_faces=faces))
    assert only is not None
    assert only.tongue is None


def test_a_strip_shows_what_moves_and_where(tmp_path: Path) -> None:
    """Recorded above: a square that rises; predicted below: it stays."""
    actor = make_actor(vertices=4)
    square = np.array([[-5, -5, 0], [5, -5, 0], [5, 5, 0], [-5, 5, 0]], np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    flat = replace(actor, skin=replace(actor.skin, mean=square), neutral_skin=square)
    rising = np.stack([square + np.array([0, 0.02 * k, 0]) for k in range(16)]).astype(np.float32)
    still = np.stack([square] * 16)
    for name, made in (("dots", flat), ("faces", replace(flat, skin_faces=faces))):
        path = shot_strip(
            tmp_path / f"{name}.png", made, AnimationResult(30, rising), AnimationResult(30, still)
        )
        picture = np.asarray(load_image(path), np.float64)
        picture = picture / 255 if picture.max() > 1 else picture
        assert picture.shape == (320, 1280, 3)
        marked = np.abs(picture[..., 0] - 0.93) > 0.02

        def height(row: int, column: int, marked: np.ndarray = marked) -> float:
            tile = marked[160 * row : 160 * (row + 1), 160 * column : 160 * (column + 1)]
            return float(np.nonzero(tile)[0].mean()) if tile.any() else np.nan

        assert height(0, 7) < height(0, 0) - 3, name  # y goes down in a picture
        assert height(1, 0) == height(1, 7), name
