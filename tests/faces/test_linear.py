"""The linear recogniser: its algebra against loops, its gradient, its faults."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from likeness.faces import linear
from likeness.faces.linear import SIDE, LinearRecogniser, face_values, fit_linear_recogniser


def _faces(people: int, pictures: int, seed: int = 0) -> tuple[torch.Tensor, np.ndarray]:
    """People as fixed patterns, pictures with a strong nuisance pattern of any strength."""
    rng = np.random.default_rng(seed)
    own = rng.standard_normal((people, 3, SIDE, SIDE))
    nuisance = rng.standard_normal((4, 3, SIDE, SIDE))
    faces, persons = [], []
    for person in range(people):
        for _ in range(pictures):
            strength = 3.0 * rng.standard_normal(4)
            noise = 0.3 * rng.standard_normal((3, SIDE, SIDE))
            faces.append(own[person] + np.tensordot(strength, nuisance, axes=1) + noise)
            persons.append(person)
    values = 0.5 + 0.05 * np.array(faces)
    return torch.from_numpy(values).float(), np.array(persons)


def test_directions_weigh_as_much_as_they_tell(monkeypatch):
    """Scatter of the codes, in loops: axes are independent, and weights those of the ratio."""
    monkeypatch.setattr(linear, "_SHRINKAGE", 0.0)
    monkeypatch.setattr(linear, "COMPONENTS", 20)
    faces, persons = _faces(12, 8)
    recogniser = fit_linear_recogniser(faces, persons)
    both, twice = torch.cat([faces, faces.flip(3)]), np.concatenate([persons, persons])
    offset = face_values(both) - recogniser.mean
    codes = (offset @ recogniser.projection.T).double().numpy()
    count = codes.shape[1]
    assert 4 <= count <= 11  # twelve people differ in eleven directions
    within, between = np.zeros((count, count)), np.zeros((count, count))
    middles = [codes[twice == person].mean(axis=0) for person in range(12)]
    for person, middle in enumerate(middles):
        for row in codes[twice == person] - middle:
            within += np.outer(row, row) / (2 * (96 - 12))
        between += np.outer(middle - np.mean(middles, axis=0), middle) / (12 - 1)
    weights, apart = np.diag(within), np.diag(between)
    assert abs(within - np.diag(weights)).max() < 1e-4 * weights.max()
    assert abs(between - np.diag(apart)).max() < 1e-4 * apart.max()
    excess = apart / weights - 1.0 / 8.0
    assert weights == pytest.approx(excess / (1.0 + 2.0 * excess), rel=1e-3)


def test_what_tells_nothing_is_left_out():
    """Two people differ in one direction, and a code has one number."""
    faces, persons = _faces(2, 8)
    recogniser = fit_linear_recogniser(faces, persons)
    assert recogniser.projection.shape[0] == 1


def test_the_same_person_is_nearer_than_another():
    recogniser = fit_linear_recogniser(*_faces(12, 8))
    faces, persons = _faces(12, 8)
    codes = recogniser(faces)
    assert codes.shape == (96, 512)
    torch.testing.assert_close(codes.norm(dim=1), torch.ones(96))
    cosines = (codes @ codes.T).numpy()
    same = persons[:, None] == persons[None]
    np.fill_diagonal(same, False)
    assert cosines[same].mean() > 0.6
    assert abs(cosines[persons[:, None] != persons[None]].mean()) < 0.15


def test_padding_keeps_cosines():
    recogniser = LinearRecogniser(torch.zeros(1500), torch.randn(450, 1500))
    columns = recogniser.padding
    torch.testing.assert_close(columns.T @ columns, torch.eye(450), atol=1e-5, rtol=0)


def test_a_lamp_from_the_side_changes_little():
    """Brighter all over changes nothing; a slope of light next to nothing."""
    faces, persons = _faces(6, 4)
    recogniser = fit_linear_recogniser(faces, persons)
    torch.testing.assert_close(recogniser(0.6 * faces), recogniser(faces), atol=1e-4, rtol=0)
    slope = torch.linspace(0.6, 1.4, SIDE)
    cosines = (recogniser(faces * slope) * recogniser(faces)).sum(dim=1)
    assert cosines.min() > 0.97


def test_gradients_reach_the_picture():
    faces, persons = _faces(6, 4)
    recogniser = fit_linear_recogniser(faces, persons)
    image = torch.rand(1, 3, 64, 64, requires_grad=True)
    points = torch.tensor([[[22.0, 26], [42, 26], [32, 37], [24, 48], [40, 48]]])
    recogniser.embed(image, points)[0, 0].backward()
    assert image.grad is not None
    assert image.grad.abs().sum() > 0


def test_faults_are_named():
    faces, persons = _faces(3, 2)
    with pytest.raises(ValueError, match="expected"):
        fit_linear_recogniser(faces[:, :, :16], persons)
    with pytest.raises(ValueError, match="at least two people"):
        fit_linear_recogniser(faces, np.arange(6))
