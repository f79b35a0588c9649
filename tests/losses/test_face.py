"""Losses of faces against plain loops, at degenerate inputs, and under repeated batches."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from likeness.geometry.landmarks import UPPER_LOWER_LIDS, UPPER_LOWER_LIPS
from likeness.losses import face

RNG = np.random.default_rng(5)
BATCH = 3
PREDICTED = RNG.uniform(-1, 1, (BATCH, 68, 2))
TARGET = PREDICTED + RNG.normal(0, 0.1, PREDICTED.shape)
WEIGHTS = RNG.uniform(0.5, 2, (BATCH, 68)) * (RNG.uniform(size=(BATCH, 68)) > 0.2)
RENDERED, PHOTO = RNG.uniform(size=(2, BATCH, 3, 6, 5))
MASK = (RNG.uniform(size=(BATCH, 1, 6, 5)) > 0.4).astype(float)
ALPHA, SKIN = RNG.uniform(size=(2, BATCH, 1, 6, 5))
CODES = RNG.normal(size=(BATCH, 7))
LIGHT = RNG.normal(size=(BATCH, 9, 3))
JAW = RNG.normal(0, 0.3, (BATCH, 3))
ROTATIONS = Rotation.from_rotvec(RNG.normal(0, 1, (BATCH, 3))).as_matrix()


def tensors(*arrays: np.ndarray) -> list[torch.Tensor]:
    return [torch.tensor(array) for array in arrays]


def test_the_emphasis_of_points_is_the_published_one():
    weights = face.landmark_weights().tolist()
    for point, weight in enumerate(weights):
        expected = 1.0
        if 27 <= point <= 35 or 48 <= point <= 67:
            expected = 1.5
        if point in (5, 6, 10, 11):
            expected = 2.0
        if point in (30, 31, 35, 48, 54):
            expected = 3.0
        assert weight == expected, point
    assert face.landmark_weights(105).tolist() == [1.0] * 105


def test_landmark_l1_is_a_weighted_mean_per_face():
    values = []
    for b in range(BATCH):
        total = weight = 0.0
        for i in range(68):
            for axis in range(2):
                total += WEIGHTS[b, i] * abs(PREDICTED[b, i, axis] - TARGET[b, i, axis])
            weight += WEIGHTS[b, i]
        values.append(total / (2 * weight))
    found = face.landmark_l1(*tensors(PREDICTED, TARGET, WEIGHTS))
    assert found.item() == pytest.approx(sum(values) / BATCH)


def test_landmark_l2_is_a_weighted_mean_per_face():
    values = []
    for b in range(BATCH):
        total = 0.0
        for i in range(68):
            total += WEIGHTS[b, i] * math.dist(PREDICTED[b, i], TARGET[b, i]) ** 2
        values.append(total / (2 * WEIGHTS[b].sum()))
    found = face.landmark_l2(*tensors(PREDICTED, TARGET, WEIGHTS))
    assert found.item() == pytest.approx(sum(values) / BATCH)


def test_landmark_relative_removes_place_and_divides_by_the_eye_distance():
    values = []
    for b in range(BATCH):
        scale = math.dist(TARGET[b, 36], TARGET[b, 45])
        share = WEIGHTS[b] / WEIGHTS[b].sum()
        middle = [sum(share[i] * points[b, i] for i in range(68)) for points in (PREDICTED, TARGET)]
        total = 0.0
        for i in range(68):
            gap = (PREDICTED[b, i] - middle[0]) - (TARGET[b, i] - middle[1])
            total += WEIGHTS[b, i] * (abs(gap[0]) + abs(gap[1])) / scale
        values.append(total / (2 * WEIGHTS[b].sum()))
    found = face.landmark_relative(*tensors(PREDICTED, TARGET, WEIGHTS))
    assert found.item() == pytest.approx(sum(values) / BATCH)
    moved = face.landmark_relative(*tensors(PREDICTED + 5.0, TARGET, WEIGHTS))
    assert moved.item() == pytest.approx(found.item())


@pytest.mark.parametrize("pairs", [UPPER_LOWER_LIDS, UPPER_LOWER_LIPS])
def test_closure_compares_openings_of_pairs_that_are_known(pairs):
    values = []
    for b in range(BATCH):
        gaps = []
        for upper, lower in pairs:
            if WEIGHTS[b, upper] > 0 and WEIGHTS[b, lower] > 0:
                found_gap = math.dist(PREDICTED[b, upper], PREDICTED[b, lower])
                gaps.append(abs(found_gap - math.dist(TARGET[b, upper], TARGET[b, lower])))
        values.append(sum(gaps) / len(gaps) if gaps else 0.0)
    found = face.pair_closure(*tensors(PREDICTED, TARGET), pairs, torch.tensor(WEIGHTS))
    assert found.item() == pytest.approx(sum(values) / BATCH, rel=1e-6)


@pytest.mark.parametrize(
    "loss", [face.landmark_l1, face.landmark_l2, face.landmark_relative], ids=lambda f: f.__name__
)
def test_points_of_weight_zero_change_nothing(loss):
    moved, target = PREDICTED.copy(), TARGET.copy()
    unknown = WEIGHTS == 0
    unknown[:, [36, 45]] = False  # they give the scale of the relative loss
    moved[unknown] += RNG.normal(0, 50, (int(unknown.sum()), 2))
    target[unknown] -= 1000
    weights = np.where(unknown, 0.0, WEIGHTS)
    plain = loss(*tensors(PREDICTED, TARGET, weights))
    assert loss(*tensors(moved, target, weights)).item() == pytest.approx(plain.item())


def test_a_face_without_a_known_point_gives_zero_and_no_nan():
    predicted = torch.tensor(PREDICTED, requires_grad=True)
    none = torch.zeros(BATCH, 68, dtype=torch.float64)
    total = (
        face.landmark_l1(predicted, torch.tensor(TARGET), none)
        + face.landmark_l2(predicted, torch.tensor(TARGET), none)
        + face.landmark_relative(predicted, torch.tensor(TARGET), none)
        + face.pair_closure(predicted, torch.tensor(TARGET), UPPER_LOWER_LIDS, none)
    )
    total.backward()
    assert total.item() == 0
    assert torch.equal(predicted.grad, torch.zeros_like(predicted))


def test_masked_l1_counts_only_what_the_mask_shows():
    values = []
    for b in range(BATCH):
        total = count = 0.0
        for row in range(6):
            for column in range(5):
                if MASK[b, 0, row, column]:
                    gap = RENDERED[b, :, row, column] - PHOTO[b, :, row, column]
                    total += sum(abs(v) for v in gap)
                    count += 3
        values.append(total / count)
    found = face.masked_l1(*tensors(RENDERED, PHOTO, MASK))
    assert found.item() == pytest.approx(sum(values) / BATCH)
    hidden = PHOTO + 9 * (1 - MASK)
    assert face.masked_l1(*tensors(RENDERED, hidden, MASK)).item() == pytest.approx(found.item())
    assert face.masked_l1(*tensors(RENDERED, PHOTO, 0 * MASK)).item() == 0


def test_silhouette_is_one_minus_the_overlap():
    for valid in (None, MASK):
        values = []
        for b in range(BATCH):
            common = union = 0.0
            for a, m, v in zip(
                ALPHA[b].ravel(),
                SKIN[b].ravel(),
                (MASK if valid is not None else MASK * 0 + 1)[b].ravel(),
            ):
                common += v * a * m
                union += v * (a + m - a * m)
            values.append(1 - common / union)
        found = face.silhouette_iou(
            *tensors(ALPHA, SKIN), None if valid is None else torch.tensor(valid)
        )
        assert found.item() == pytest.approx(sum(values) / BATCH)
    same = torch.tensor(MASK)
    assert face.silhouette_iou(same, same).item() == pytest.approx(0)
    assert face.silhouette_iou(same, 1 - same).item() == pytest.approx(1)


def test_silhouettes_that_nothing_is_known_of_are_left_out_of_the_mean():
    """They counted as wholly wrong, which lifted the curve and diluted the gradient."""
    alpha, skin, valid = tensors(ALPHA, SKIN, MASK)
    alpha.requires_grad_()
    alone = face.silhouette_iou(alpha, skin, valid)
    (expected,) = torch.autograd.grad(alone, alpha)
    twice = torch.cat([alpha, alpha])
    mixed = face.silhouette_iou(twice, skin.repeat(2, 1, 1, 1), torch.cat([valid, 0 * valid]))
    (gradient,) = torch.autograd.grad(mixed, alpha)
    assert mixed.item() == pytest.approx(alone.item(), rel=1e-12)
    torch.testing.assert_close(gradient, expected)
    nothing = face.silhouette_iou(alpha, skin, 0 * valid)
    (gradient,) = torch.autograd.grad(nothing, alpha)
    assert nothing.item() == 0
    assert torch.equal(gradient, torch.zeros_like(alpha))


def test_priors_against_loops():
    energy = sum(0.5 * sum(v * v for v in code) for code in CODES) / BATCH
    assert face.code_energy(torch.tensor(CODES)).item() == pytest.approx(energy)
    assert face.code_energy(torch.zeros(2, 0)).item() == 0  # a head without expressions
    grey = 0.0
    for b in range(BATCH):
        for row in LIGHT[b]:
            grey += sum((v - sum(row) / 3) ** 2 for v in row)
    assert face.light_whiteness(torch.tensor(LIGHT)).item() == pytest.approx(grey / (BATCH * 27))
    assert face.light_whiteness(torch.ones(2, 9, 3) * 0.7).item() == 0
    jaw = sum(50 * z * z + 5 * max(-x, 0) ** 2 for x, _, z in JAW) / BATCH
    assert face.jaw_limits(torch.tensor(JAW)).item() == pytest.approx(jaw)


def test_rotation_energy_is_the_squared_angle_and_not_the_norm_of_numbers():
    angles = Rotation.from_matrix(ROTATIONS).magnitude()
    found = face.rotation_energy(torch.tensor(ROTATIONS))
    assert found.item() == pytest.approx((angles**2).mean())


def test_ring_contrast_against_loops():
    codes = RNG.normal(0, 0.4, (6, 4))
    persons = [3, 1, 3, 1, 1, 8]
    total = count = 0.0
    for i in range(6):
        for j in range(6):
            for k in range(6):
                if i != j and persons[i] == persons[j] and persons[k] != persons[i]:
                    near = sum((codes[i] - codes[j]) ** 2)
                    far = sum((codes[i] - codes[k]) ** 2)
                    total += max(0.5 + near - far, 0)
                    count += 1
    found = face.ring_contrast(torch.tensor(codes), torch.tensor(persons))
    assert found.item() == pytest.approx(total / count)


@pytest.mark.parametrize("persons", [[0, 1, 2, 3], [5, 5, 5, 5]])
def test_ring_contrast_without_a_pair_or_a_stranger_is_zero(persons):
    codes = torch.randn(4, 3, requires_grad=True)
    loss = face.ring_contrast(codes, torch.tensor(persons))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(codes.grad, torch.zeros(4, 3))


def test_gradients_are_finite_where_training_starts():
    """Closed eyes, equal codes, the identity: places where a plain norm or arc cosine gives NaN."""
    closed = torch.zeros(2, 68, 2, requires_grad=True)
    open_eyes = torch.rand(2, 68, 2)
    loss = face.pair_closure(closed, open_eyes, UPPER_LOWER_LIDS, torch.ones(68))
    (gradient,) = torch.autograd.grad(loss, closed)
    assert torch.isfinite(gradient).all()

    identity = torch.eye(3).repeat(2, 1, 1).requires_grad_()
    (gradient,) = torch.autograd.grad(face.rotation_energy(identity), identity)
    assert torch.isfinite(gradient).all()

    half_turn = torch.diag(torch.tensor([1.0, -1.0, -1.0]))[None].requires_grad_()
    (gradient,) = torch.autograd.grad(face.rotation_energy(half_turn), half_turn)
    assert torch.isfinite(gradient).all()

    equal = torch.ones(4, 3, requires_grad=True)
    loss = face.ring_contrast(equal, torch.tensor([0, 0, 1, 1]))
    (gradient,) = torch.autograd.grad(loss, equal)
    assert loss.item() == pytest.approx(0.5)
    assert torch.isfinite(gradient).all()

    nothing = torch.zeros(1, 1, 4, 4, requires_grad=True)
    (gradient,) = torch.autograd.grad(
        face.silhouette_iou(nothing, torch.zeros(1, 1, 4, 4)), nothing
    )
    assert torch.isfinite(gradient).all()


def test_albedo_smoothness_equals_a_plain_loop():
    albedo = np.random.default_rng(8).uniform(0.1, 0.9, (2, 3, 4, 5))
    found = face.albedo_smoothness(torch.tensor(albedo)).item()
    expected = 0.0
    for down, right in ((1, 0), (0, 1)):
        pairs = []
        for picture in albedo:
            for y in range(4 - down):
                for x in range(5 - right):
                    a, b = picture[:, y, x], picture[:, y + down, x + right]
                    turn = ((a / a.sum() - b / b.sum()) ** 2).sum()
                    pairs.append(math.exp(-15 * turn) * ((a - b) ** 2).sum())
        expected += sum(pairs) / len(pairs)
    assert found == pytest.approx(expected, rel=1e-9)


def test_albedo_smoothness_forgives_a_step_of_colour_more_than_one_of_brightness():
    def step(first: list[float], second: list[float]) -> float:
        halves = [
            torch.tensor(c, dtype=torch.float64)[None, :, None, None] for c in (first, second)
        ]
        picture = torch.cat([half.expand(1, 3, 4, 2) for half in halves], dim=3)
        return face.albedo_smoothness(picture).item()

    # Equal distances; the first keeps its chromaticity.
    bright, coloured = (
        step([0.4, 0.4, 0.4], [0.7, 0.7, 0.7]),
        step([0.7, 0.4, 0.4], [0.4, 0.7, 0.7]),
    )
    assert bright == pytest.approx(3 * 0.09 / 3)  # one of three horizontal pairs
    assert 0 < coloured < 0.8 * bright
    assert face.albedo_smoothness(torch.full((1, 3, 4, 4), 0.3)).item() == 0


@pytest.mark.parametrize("persons", [[3, 3, 1, 3, 1, 7], [1, 2, 3], [5, 5], []])
def test_partners_are_others_of_the_same_person(persons):
    order = face.partners(torch.tensor(persons, dtype=torch.int64)).tolist()
    assert sorted(order) == list(range(len(persons)))
    for row, other in enumerate(order):
        assert persons[row] == persons[other]
        assert (row != other) == (persons.count(persons[row]) > 1)


def test_gradients_equal_finite_differences():
    predicted, target, weights = tensors(PREDICTED, TARGET, WEIGHTS)
    predicted.requires_grad_()
    photo, mask = tensors(PHOTO, MASK)
    rendered = torch.tensor(RENDERED, requires_grad=True)
    alpha = torch.tensor(ALPHA, requires_grad=True)
    check = torch.autograd.gradcheck
    assert check(lambda p: face.landmark_l2(p, target, weights), predicted)
    assert check(lambda p: face.landmark_relative(p, target, weights), predicted)
    assert check(lambda p: face.pair_closure(p, target, UPPER_LOWER_LIPS, weights), predicted)
    assert check(lambda r: face.masked_l1(r, photo, mask), rendered)
    assert check(lambda a: face.silhouette_iou(a, torch.tensor(SKIN), mask), alpha)


REPEATABLE = {
    "landmark_l1": (face.landmark_l1, (PREDICTED, TARGET, WEIGHTS)),
    "landmark_l2": (face.landmark_l2, (PREDICTED, TARGET, WEIGHTS)),
    "landmark_relative": (face.landmark_relative, (PREDICTED, TARGET, WEIGHTS)),
    "pair_closure": (
        lambda p, t, w: face.pair_closure(p, t, UPPER_LOWER_LIDS, w),
        (PREDICTED, TARGET, WEIGHTS),
    ),
    "masked_l1": (face.masked_l1, (RENDERED, PHOTO, MASK)),
    "silhouette_iou": (face.silhouette_iou, (ALPHA, SKIN, MASK)),
    "code_energy": (face.code_energy, (CODES,)),
    "light_whiteness": (face.light_whiteness, (LIGHT,)),
    "jaw_limits": (face.jaw_limits, (JAW,)),
    "rotation_energy": (face.rotation_energy, (ROTATIONS,)),
    "albedo_smoothness": (face.albedo_smoothness, (PHOTO,)),
}


@pytest.mark.parametrize("name", REPEATABLE)
def test_a_batch_repeated_gives_the_same_value(name):
    """Terms that grow with the batch change their balance when the batch size does."""
    loss, arrays = REPEATABLE[name]
    once = loss(*tensors(*arrays)).item()
    twice = loss(*tensors(*(np.concatenate([a, a]) for a in arrays))).item()
    assert twice == pytest.approx(once, rel=1e-12)
    assert once > 0


def test_vertices_are_compared_after_the_best_rigid_motion():
    """A moved copy is the same person, a larger one is not; one mesh of a batch is no other's."""
    mesh = RNG.normal(0, 0.05, (2, 40, 3))
    other = mesh + RNG.normal(0, 0.004, mesh.shape)
    moved = np.stack(
        [points @ turn.T + shift for points, turn, shift in zip(other, ROTATIONS, CODES[:, :3])]
    )
    expected = []
    for true, found in zip(mesh, other, strict=True):
        true, found = true - true.mean(axis=0), found - found.mean(axis=0)
        turn, _ = Rotation.align_vectors(true, found)
        expected.append(np.abs(turn.apply(found) - true).mean())
    found = face.vertex_l1(*tensors(moved, mesh))
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    larger = face.vertex_l1(*tensors(1.02 * mesh, mesh))
    offsets = mesh - mesh.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(larger, 0.02 * np.abs(offsets).mean(axis=(1, 2)), rtol=1e-9)


def test_vertices_move_towards_the_truth():
    """Following the gradient makes the shapes equal, wherever they lie."""
    target = torch.tensor(RNG.normal(0, 0.05, (1, 40, 3)))
    points = (target + torch.tensor(RNG.normal(0, 0.01, target.shape)) + 0.3).requires_grad_()
    before = face.vertex_l1(points, target).item()
    for _ in range(200):
        (gradient,) = torch.autograd.grad(face.vertex_l1(points, target).sum(), points)
        with torch.no_grad():
            points -= 0.01 * gradient
    assert face.vertex_l1(points, target).item() < 0.1 * before


def test_codes_are_compared_by_size_where_they_are_known():
    rng = np.random.default_rng(3)
    a, b, size = rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), rng.uniform(size=4)
    by_hand = np.mean([0.5 * sum(size * (a[i] - b[i]) ** 2) for i in (0, 2)])
    known = torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64)
    tensors = [torch.tensor(value) for value in (a, b, size)]
    assert face.code_distance(*tensors, known).item() == pytest.approx(by_hand)
    assert face.code_distance(*tensors, 0 * known).item() == 0


def test_lights_are_compared_by_the_shading_they_give():
    directions = face.front_directions(torch.zeros(1, dtype=torch.float64))
    torch.testing.assert_close(directions.norm(dim=1), torch.ones(len(directions)).double())
    assert (directions[:, 2] > 0.3).all()
    assert directions[:, :2].mean(dim=0).abs().max() < 1e-12
    light = torch.zeros(2, 9, 3, dtype=torch.float64)
    brighter = light.clone()
    brighter[0, 0] = 0.5 * math.sqrt(4 * math.pi)  # of strength 0.5 from everywhere
    brighter[1, 0] = 7.0
    known = torch.tensor([1.0, 0.0], dtype=torch.float64)
    assert face.light_distance(light, brighter, known).item() == pytest.approx(0.5)
    assert face.light_distance(light, brighter, 0 * known).item() == 0
