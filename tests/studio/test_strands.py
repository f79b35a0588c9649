"""What strands are painted like: their colour, how unlike each other they are, their shade."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.studio import surface
from likeness.studio.surface_points import HAIR, HAIR_CAP, SurfacePoints
from tests.studio.hair_cases import built_hair
from tests.studio.surface_cases import points_at


def _points(mesh, chosen: np.ndarray, footprint: float) -> SurfacePoints:
    count = int(chosen.sum())
    blank = points_at(np.zeros((count, 3)), footprint=footprint)
    return SurfacePoints(
        rest=mesh.rest[chosen],
        part=mesh.part[chosen],
        mouth_ring=blank.mouth_ring,
        eye_ring=blank.eye_ring,
        ear=blank.ear,
        layer=mesh.layer[chosen],
        lid_distance=blank.lid_distance,
        footprint=blank.footprint,
    )


@pytest.mark.parametrize("footprint", [0.05, 1.0])
def test_colour_of_strands_is_the_trait(footprint: float) -> None:
    for eumelanin in (0.1, 0.6, 1.0):
        appearance, mesh, _, _ = built_hair(
            "crop", hair__eumelanin=eumelanin, hair__pheomelanin=0.0
        )
        albedo = surface.evaluate(appearance, _points(mesh, mesh.part == HAIR, footprint)).albedo
        wanted = np.array(appearance.hair.colour)
        np.testing.assert_allclose(np.median(albedo, axis=0), wanted, rtol=0.25)
        # Strands differ: no cap of one colour.
        assert 0.08 < np.log(albedo[:, 1]).std() < 0.6


@pytest.mark.parametrize("footprint", [0.05, 1.0])
def test_grey_is_a_mixture_of_white_and_coloured_hairs(footprint: float) -> None:
    shares = []
    for grey in (0.0, 0.5, 1.0):
        appearance, mesh, _, _ = built_hair("crop", hair__eumelanin=1.0, hair__grey=grey)
        albedo = surface.evaluate(appearance, _points(mesh, mesh.part == HAIR, footprint)).albedo
        shares.append(float(albedo.mean()))
    assert shares[0] < 0.02
    assert shares[2] > 0.15
    assert shares[1] == pytest.approx(0.5 * (shares[0] + shares[2]), rel=0.25)


def test_white_strands_differ_less_than_dark_ones() -> None:
    """Light that goes from hair to hair evens them out: as coarse strands apart as dark ones, white
    hair looked plaited. At a pixel's size, deviations of log albedo, and shade of inner strands."""
    unlike, shade = {}, {}
    for grey in (0.0, 1.0):
        appearance, mesh, _, _ = built_hair("bob", hair__eumelanin=1.0, hair__grey=grey)
        own = mesh.part == HAIR
        values = surface.evaluate(appearance, _points(mesh, own, 0.8))
        far = mesh.rest[own, 1] > 40.0  # from the darker roots
        unlike[grey] = np.log(values.albedo[far, 1]).std()
        inner, outer = mesh.layer[own] < 0.3, mesh.layer[own] > 0.85
        shade[grey] = values.occlusion[inner].mean() / values.occlusion[outer].mean()
    assert unlike[1.0] < 0.5 * unlike[0.0]  # it was as large
    assert shade[1.0] > 0.8
    assert shade[0.0] < 0.55


def test_inner_hair_is_darker_and_the_cap_darkest() -> None:
    appearance, mesh, _, _ = built_hair("bob")
    own = mesh.part == HAIR
    values = surface.evaluate(appearance, _points(mesh, own, 0.5))
    inner, outer = mesh.layer[own] < 0.4, mesh.layer[own] > 0.85
    assert values.occlusion[inner].mean() < 0.65 * values.occlusion[outer].mean()
    cap = surface.evaluate(appearance, _points(mesh, mesh.part == HAIR_CAP, 0.5))
    assert cap.occlusion.max() < 0.5
    assert cap.specular.max() < 0.5


def test_clipped_hair_is_many_fine_strands_in_each_others_shade() -> None:
    """Its strands were so few and wide that light ones were flecks on a dark nape."""
    appearance, mesh, positions, _ = built_hair("buzz", "standard", hair__eumelanin=0.8)
    own = mesh.part == HAIR
    strands = positions[own].reshape(-1, 3, 2, 3)
    widest = np.linalg.norm(strands[:, :, 0] - strands[:, :, 1], axis=-1).max(axis=1)
    assert len(strands) > 11_000  # 9,000
    assert widest.max() < 0.4  # mm; 0.53
    occlusion = surface.evaluate(appearance, _points(mesh, own, 0.6)).occlusion
    assert occlusion.mean() < 0.5
