"""The studio's albedo space: what it explains, what its codes are, and its copy on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from likeness.studio import albedo_space as spaces
from likeness.studio.albedo_space import albedo_code, build_albedo_space
from likeness.studio.appearance import Appearance
from likeness.studio.bake import bake
from likeness.studio.person import Person
from likeness.studio.template import build_template

SIZE = 64


@pytest.fixture(scope="module")
def space():
    return build_albedo_space(build_template(), num_people=60, num_albedo=20, size=SIZE)


@pytest.fixture
def small(space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The small space in place of the studio's, with an empty folder for its copy."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(spaces, "SIZE", SIZE)
    monkeypatch.setattr(spaces, "NUM_ALBEDO", 20)
    monkeypatch.setattr(spaces, "build_albedo_space", lambda template, workers: space)
    for cached in (spaces.albedo_space, spaces._solver):
        cached.cache_clear()
    yield tmp_path / "likeness"
    for cached in (spaces.albedo_space, spaces._solver):
        cached.cache_clear()


def appearances(count: int) -> list[Appearance]:
    return [Person.sample(500 + i).appearance for i in range(count)]


def test_it_explains_people_it_never_saw(space) -> None:
    template = build_template()
    baked = [bake(person, template, SIZE) for person in appearances(12)]
    covered = baked[0].covered
    people = np.stack([b.albedo[covered] / 255.0 for b in baked]).reshape(12, -1)
    offsets = people - space.mean[covered].ravel()
    columns = space.basis[covered].reshape(-1, 20).astype(np.float64)
    codes = np.linalg.lstsq(columns, offsets.T, rcond=None)[0]
    rest = offsets - (columns @ codes).T
    assert (rest**2).sum() < 0.04 * (offsets**2).sum()
    assert 0.6 < codes[:5].std() < 1.6  # standard deviations


def test_processes_that_paint_change_nothing() -> None:
    template = build_template()
    alone, shared = (
        build_albedo_space(template, num_people=12, num_albedo=4, size=32, workers=workers)
        for workers in (1, 2)
    )
    np.testing.assert_array_equal(shared.mean, alone.mean)
    np.testing.assert_array_equal(shared.basis, alone.basis)


def test_columns_are_orthogonal_and_descend(space) -> None:
    covered = bake(appearances(1)[0], build_template(), SIZE).covered
    columns = space.basis[covered].reshape(-1, 20).astype(np.float64)
    products = columns.T @ columns
    lengths = np.sqrt(np.diag(products))
    assert (np.diff(lengths) <= 1e-6).all()
    assert np.abs(products / np.outer(lengths, lengths) - np.eye(20)).max() < 1e-4


def test_the_mean_has_a_face(space) -> None:
    """Lips are redder than cheeks, brows and pupils darker."""
    template = build_template()
    skin = template.vertices[: template.num_skin]
    across, ring = np.abs(skin[:, 0]), template.mouth_ring[: template.num_skin]

    def colour(vertices: np.ndarray) -> np.ndarray:
        corners = template.uv[template.uv_faces[np.isin(template.faces, vertices)]]
        rows, columns = (1 - corners[:, 1]) * SIZE, corners[:, 0] * SIZE
        return space.mean[rows.astype(int), columns.astype(int)].mean(axis=0)

    front = skin[:, 2] > 50
    cheek = colour(np.flatnonzero(front & (np.abs(across - 40) < 8) & (np.abs(skin[:, 1]) < 8)))
    lip = colour(np.flatnonzero((ring > 0.6) & (ring < 1.6)))
    above_eye = np.flatnonzero(front & (np.abs(across - 33) < 8) & (np.abs(skin[:, 1] - 50) < 14))
    brow = min(colour(np.array([vertex])).max() for vertex in above_eye)
    pupil = colour(np.array([template.part_ranges["eyeball_left"].start]))
    assert lip[0] / lip[1] > 1.03 * cheek[0] / cheek[1]
    assert brow < 0.85 * cheek.max()
    assert pupil.max() < 0.5 * cheek.min()


def test_a_code_is_the_nearest_albedo(small: Path, space) -> None:
    for person in appearances(3):
        baked = bake(person, build_template(), SIZE)
        wanted = (baked.albedo / 255.0 - space.mean)[baked.covered].ravel()
        columns = space.basis[baked.covered].reshape(-1, 20)
        full = np.linalg.lstsq(columns.astype(np.float64), wanted, rcond=None)[0]
        code = albedo_code(person)
        assert code.shape == (20,)
        assert code.dtype == np.float32
        # It is found from a quarter of the texels.
        np.testing.assert_allclose(columns[:, :5] @ code[:5], columns[:, :5] @ full[:5], atol=0.05)


def test_a_copy_is_kept_and_a_damaged_one_replaced(
    small: Path, space, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first = spaces.albedo_space()
    (path,) = small.iterdir()
    assert path.name.startswith("studio-albedo-")

    def must_not_run(template: object) -> None:
        raise AssertionError("the kept copy was not used")

    with monkeypatch.context() as patch:
        patch.setattr(spaces, "build_albedo_space", must_not_run)
        spaces.albedo_space.cache_clear()
        assert spaces.albedo_space().fingerprint == first.fingerprint
    path.write_bytes(path.read_bytes()[:10_000])
    spaces.albedo_space.cache_clear()
    assert spaces.albedo_space().fingerprint == first.fingerprint
    assert "damaged" in caplog.text


def test_the_same_people_are_drawn_every_time(space) -> None:
    again = build_albedo_space(build_template(), num_people=60, num_albedo=20, size=SIZE)
    assert again.fingerprint == space.fingerprint


def test_columns_need_more_people() -> None:
    with pytest.raises(ValueError, match="20 columns need more people than 20"):
        build_albedo_space(build_template(), num_people=20, num_albedo=20, size=SIZE)
