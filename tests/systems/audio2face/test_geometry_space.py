"""Both spaces against plain reconstruction, and against each other."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from likeness.systems.audio2face.geometry_space import CoefficientSpace, VertexSpace, build_space
from likeness.systems.audio2face.identities import Identities
from tests.systems.audio2face.diffusion_cases import make_actor


def _identities() -> Identities:
    return Identities((make_actor("ada"), make_actor("bob", skin_components=4)))


def _targets() -> torch.Tensor:
    values = torch.randn(2, 5, 6 + 3 + 19, generator=torch.Generator().manual_seed(1))
    values[1, :, 4:6] = 0
    return values


def _pose(number: int, targets: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Skin and tongue of an actor, frame by frame."""
    actor = _identities().actors[number]
    rows, count = targets[number].numpy(), len(actor.skin.shapes)
    skin = [sum(r[k] * actor.skin.shapes[k] for k in range(count)) for r in rows]
    tongue = [sum(r[6 + k] * actor.tongue.shapes[k] for k in range(3)) for r in rows]
    return np.array(skin) + actor.skin.mean, np.array(tongue) + actor.tongue.mean


def test_vertices_are_normalised_reconstructions() -> None:
    space, targets = VertexSpace(_identities()), _targets()
    found = space.encode(targets, torch.eye(2)).numpy()
    for number, actor in enumerate(_identities().actors):
        skin, tongue = _pose(number, targets)
        own = actor.normalisation
        wanted = np.concatenate(
            [
                ((skin - np.array(own["skin"].translate)) / own["skin"].scale).reshape(5, -1),
                ((tongue - np.array(own["tongue"].translate)) / own["tongue"].scale).reshape(5, -1),
                targets[number, :, 9:24].numpy() / own["jaw"].scale,
                targets[number, :, 24:].numpy() / own["eye"].scale,
            ],
            1,
        )
        np.testing.assert_allclose(found[number], wanted, atol=1e-5)


@pytest.mark.parametrize("kind", ["vertices", "coefficients"])
def test_displacements_undo_the_encoding(kind: str) -> None:
    space, targets, who = build_space(kind, _identities()), _targets(), torch.eye(2)
    moved = space.displacements(space.encode(targets, who), who).numpy()
    for number, actor in enumerate(_identities().actors):
        skin, tongue = _pose(number, targets)
        np.testing.assert_allclose(
            moved[number, :, :36], (skin - actor.skin.mean).reshape(5, -1), atol=1e-5
        )
        np.testing.assert_allclose(
            moved[number, :, 36:51], (tongue - actor.tongue.mean).reshape(5, -1), atol=1e-5
        )
        np.testing.assert_allclose(moved[number, :, 51:], targets[number, :, 9:], atol=1e-5)


@pytest.mark.parametrize("kind", ["vertices", "coefficients"])
def test_coefficients_of_the_skin_come_back(kind: str) -> None:
    space, targets, who = build_space(kind, _identities()), _targets(), torch.eye(2)
    found = space.skin_coefficients(space.encode(targets, who), who)
    assert torch.allclose(found, targets[..., :6], atol=1e-5)


def test_projected_noise_keeps_its_variance_and_empty_columns_stay_empty() -> None:
    space, who = CoefficientSpace(_identities()), torch.eye(2)
    noise = torch.randn(2, 3, 4000, 70, generator=torch.Generator().manual_seed(2))
    found = space.noise(noise, who)
    assert found.shape == (2, 3, 4000, 28)
    used = space.used(who)[:, 0].bool()
    assert used.sum(1).tolist() == [28, 26]
    assert torch.allclose(found.std((1, 2))[used], torch.ones(54), atol=0.03)
    assert found[1, :, :, 4:6].abs().max() == 0


def test_still_channels_have_a_range_to_divide_by() -> None:
    actor = make_actor("ada")
    actor.skin.coefficients["one"][:] = 0  # type: ignore[index]
    actor.skin.coefficients["two"][:] = 0  # type: ignore[index]
    space = CoefficientSpace(Identities((actor,)))
    assert space.units[0, 0] == 1


def test_each_component_may_have_its_own_unit() -> None:
    """So that noise of a level hides as much of a brow as of a jaw."""
    identities, targets, who = _identities(), _targets(), torch.eye(2)
    wide, own = CoefficientSpace(identities), CoefficientSpace(identities, "component")
    for number, actor in enumerate(identities.actors):
        sizes = torch.from_numpy(actor.skin.component_sizes)
        assert torch.allclose(own.units[number, : len(sizes)], sizes)
        assert torch.allclose(own.shares[number, : len(sizes)], sizes / sizes.max())
    # Only the numbers in between differ.
    assert torch.equal(own.units[:, 9:], wide.units[:, 9:])
    assert wide.shares.eq(1)[0].all()
    there = own.encode(targets, who)
    one, other = own.displacements(there, who), wide.displacements(wide.encode(targets, who), who)
    assert torch.allclose(one, other, atol=1e-4)
    assert torch.allclose(own.skin_coefficients(there, who), targets[..., :6], atol=1e-5)


def test_what_never_moved_has_a_hundredth_of_the_widest_for_its_unit() -> None:
    actor = make_actor("ada")
    for rows in actor.skin.coefficients.values():
        rows[:, 3] = 0
    space = CoefficientSpace(Identities((actor,)), "component")
    assert float(space.units[0, 3]) == pytest.approx(0.01 * actor.skin.component_sizes.max())
