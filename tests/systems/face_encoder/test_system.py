"""The method: what each term is, what is not computed, what the state keeps, what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.spatial import Delaunay
from scipy.spatial.transform import Rotation

from likeness.geometry.landmarks import MIRROR_68
from likeness.geometry.texture_space import synthetic_texture_space
from likeness.systems.face_encoder import system as module
from likeness.systems.face_encoder.masks import convex_hull_masks
from likeness.systems.face_encoder.system import FaceBatch
from tests.systems.face_encoder.asking import answering, batch_of, losses
from tests.systems.face_encoder.toy import (
    CROP_SIZE,
    NUM_ALBEDO,
    NUM_SHAPE,
    SMALL_LAYOUT,
    build_system,
    context_with,
    mean_vector,
    random_vector,
)


def test_a_batch_is_what_its_type_says(system):
    batch = batch_of(system)
    assert set(batch) == set(FaceBatch.__annotations__)
    assert batch["image"].shape == (4, 3, CROP_SIZE, CROP_SIZE)
    assert batch["landmarks"].shape == (4, 68, 2)
    assert batch["shape"].shape == (4, NUM_SHAPE)
    assert batch["head_rotation"].shape == (4, 3, 3)
    assert batch["person"].dtype == torch.int64
    assert batch["id"] == ["p0_0", "p0_1", "p1_0", "p1_1"]
    floats = [k for k, v in batch.items() if k not in ("id", "person")]
    assert all(batch[k].dtype == torch.float32 for k in floats)


def test_terms_that_do_not_count_are_not_computed(system, monkeypatch):
    """The ancestor drew every head although the weight of its pixels was 0."""

    def fail(*args: object, **options: object) -> None:
        raise AssertionError("computed although its weight is 0")

    batch = batch_of(system)
    monkeypatch.setattr(module.Renderer, "__init__", fail)
    losses(system, batch, "landmark", "eye_closure", "supervised", "reg_shape")
    assert "renderer" not in vars(system)
    monkeypatch.setattr(system.decoder, "landmarks", fail)
    losses(system, batch, "reg_shape", "reg_light", "supervised")
    for name in ("landmark_l1", "pair_closure", "masked_l1", "silhouette_iou", "ring_contrast"):
        monkeypatch.setattr(module.terms, name, fail)
    monkeypatch.setattr(system.decoder, "neutral", fail)
    losses(system, batch, "reg_shape", "reg_jaw")
    assert losses(system, batch) == {}


def test_albedo_smoothness_is_of_the_predicted_texture(system, toy_folder, dataset):
    batch = batch_of(system, 2)
    vector = mean_vector(SMALL_LAYOUT, 2)
    answering(system, vector)
    assert losses(system, batch, "albedo_smooth")["albedo_smooth"] == pytest.approx(0, abs=1e-9)
    vector[:, SMALL_LAYOUT.slice("face.albedo")] = torch.tensor([2.0, -1.0, 0.5, 1.0])
    answering(system, vector)
    assert losses(system, batch, "albedo_smooth")["albedo_smooth"] > 1e-6
    bare = build_system(toy_folder, dataset, "model.num_albedo=0")
    assert losses(bare, batch_of(bare, 2), "albedo_smooth") == {"albedo_smooth": 0}


def test_outlines_are_drawn_only_when_they_count(system, monkeypatch):
    batch = batch_of(system, 2)
    asked = []
    draw = system.renderer.forward
    monkeypatch.setattr(
        system.renderer, "forward", lambda *a, **o: asked.append(o["outline"]) or draw(*a, **o)
    )
    losses(system, batch, "photometric")
    losses(system, batch, "photometric", "silhouette")
    assert asked == [False, True]


def test_the_landmark_term_has_no_pixels_in_it(toy_folder, dataset):
    """Squared pixels of the ancestor weighed 12,544 times more at 224 pixels than crop units do."""
    values = []
    for size in (48, 96):
        system = build_system(toy_folder, dataset, f"model.image_size={size}")
        answering(system, mean_vector(SMALL_LAYOUT, 4))
        values.append(losses(system, batch_of(system), "landmark")["landmark"])
    assert values[0] == pytest.approx(values[1], rel=1e-5)
    assert 0.01 < values[0] < 0.5


def test_the_landmark_term_is_zero_for_the_vector_that_made_the_picture(system):
    batch = batch_of(system, 2)
    vector = random_vector(SMALL_LAYOUT, 8, 2)
    answering(system, vector)
    batch["landmarks"] = system.decoder.landmarks(vector)
    found = losses(system, batch, "landmark", "landmark_l2", "landmark_rel", "lip_closure")
    assert found == pytest.approx(dict.fromkeys(found, 0.0), abs=1e-6)
    batch["landmarks"] = batch["landmarks"] + torch.tensor([0.1, 0.0])
    found = losses(system, batch, "landmark", "landmark_l2", "landmark_rel", "lip_closure")
    assert found["landmark"] == pytest.approx(0.05, rel=1e-4)
    assert found["landmark_l2"] == pytest.approx(0.005, rel=1e-4)
    assert found["landmark_rel"] == pytest.approx(0, abs=1e-5)
    assert found["lip_closure"] == pytest.approx(0, abs=1e-5)


def test_pixels_are_compared_in_one_colour_space_and_inside_the_face_only(system):
    """The ancestor compared a render in [0, 1] with a normalised photograph, background and all."""
    batch = batch_of(system, 2)
    vector = random_vector(SMALL_LAYOUT, 8, 2)
    answering(system, vector)
    with torch.no_grad():
        drawn = system.renderer(vector, CROP_SIZE)
    batch["skin"] = torch.ones_like(batch["skin"])
    batch["image"] = drawn.image + (1 - drawn.face) * torch.rand(2, 3, CROP_SIZE, CROP_SIZE)
    assert losses(system, batch, "photometric")["photometric"] == pytest.approx(0, abs=1e-6)
    batch["image"] = batch["image"] + 0.1
    assert losses(system, batch, "photometric")["photometric"] == pytest.approx(0.1, rel=1e-4)
    batch["skin"] = torch.zeros_like(batch["skin"])
    assert losses(system, batch, "photometric")["photometric"] == 0


def test_without_a_mask_the_hull_of_the_landmarks_limits_the_pixels(system):
    batch = batch_of(system, 1)
    vector = mean_vector(SMALL_LAYOUT)
    answering(system, vector)
    with torch.no_grad():
        drawn = system.renderer(vector, CROP_SIZE)
        batch["landmarks"] = system.decoder.landmarks(vector) * 0.5
    batch["has_mask"] = torch.zeros(1)
    hull = convex_hull_masks(batch["landmarks"], CROP_SIZE)
    outside = (1 - hull) * drawn.face
    assert outside.sum() > 50
    batch["image"] = drawn.image + 0.5 * outside
    assert losses(system, batch, "photometric")["photometric"] == pytest.approx(0, abs=1e-6)
    batch["image"] = drawn.image + 0.5 * drawn.face
    assert losses(system, batch, "photometric")["photometric"] == pytest.approx(0.5, rel=1e-4)


def test_hulls_against_a_triangulation():
    points = np.random.default_rng(2).uniform(-0.8, 0.7, (2, 68, 2))
    found = convex_hull_masks(torch.tensor(points), 32)[:, 0].numpy()
    centres = (np.arange(32) + 0.5) / 16 - 1
    grid = np.stack(np.meshgrid(centres, centres), axis=-1)
    for mask, corners in zip(found, points):
        inside = Delaunay(corners).find_simplex(grid) >= 0
        # Polygons are filled with their border, so the outline may be a pixel wider.
        assert (mask[inside] == 1).mean() > 0.98
        grown = np.zeros_like(inside)
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                grown |= np.roll(inside, (dy, dx), (0, 1))
        assert (mask[~grown] == 0).all()


def test_outlines_are_judged_where_they_are_known(system):
    batch = batch_of(system, 1)
    vector = mean_vector(SMALL_LAYOUT)
    answering(system, vector)
    with torch.no_grad():
        alpha = system.renderer(vector, CROP_SIZE, outline=True).alpha
    batch["skin"] = (alpha > 0.5).float()
    right = losses(system, batch, "silhouette")["silhouette"]
    batch["skin"][..., :16] = 1 - batch["skin"][..., :16]
    assert losses(system, batch, "silhouette")["silhouette"] > right + 0.1
    batch["outline_known"][..., :16] = 0
    assert losses(system, batch, "silhouette")["silhouette"] == pytest.approx(right, abs=0.02)
    batch["has_mask"] = torch.zeros(1)
    assert losses(system, batch, "silhouette")["silhouette"] == 0  # says nothing


def test_supervision_by_hand_and_only_where_there_is_truth(system):
    batch = batch_of(system, 3)
    vector = random_vector(SMALL_LAYOUT, 4, 3)
    answering(system, vector)
    batch["has_truth"] = torch.tensor([1.0, 0.0, 1.0])
    batch["shape"][1] = 1e6  # never looked at
    basis = system.decoder.asset.shape_basis
    from likeness.systems.face_encoder.heads import face_vertices

    ids = face_vertices(system.decoder.asset, 512)
    neutral = system.decoder.asset.template[ids].astype(np.float64)
    values, millimetres = [], []
    for b in (0, 2):
        found, true = (
            neutral + basis[ids][:, :, :NUM_SHAPE] @ code.double().numpy()
            for code in (vector[b, :NUM_SHAPE], batch["shape"][b])
        )
        found, true = found - found.mean(axis=0), true - true.mean(axis=0)
        turn, _ = Rotation.align_vectors(true, found)
        metres = np.abs(turn.apply(found) - true).mean()
        relative = system.decoder.head_rotation(vector)[b].T @ batch["head_rotation"][b]
        angle = math.acos(min(1.0, (relative.trace().item() - 1) / 2))
        values.append(10 * metres + angle)
        millimetres.append(1000 * metres)
    terms = losses(system, batch, "supervised", "supervised_shape")
    assert terms["supervised"] == pytest.approx(sum(values) / 2, rel=1e-3)
    assert terms["supervised_shape"] == pytest.approx(sum(millimetres) / 2, rel=1e-3)
    batch["has_truth"] = torch.zeros(3)
    terms = losses(system, batch, "supervised", "supervised_shape")
    assert terms["supervised"] == terms["supervised_shape"] == 0


def test_priors_read_their_segments(system):
    batch = batch_of(system, 2)
    vector = random_vector(SMALL_LAYOUT, 4, 2)
    vector[:, SMALL_LAYOUT.slice("pose.transl")] = 0.1
    answering(system, vector)
    parts = {k: v.double().numpy() for k, v in SMALL_LAYOUT.split(vector).items()}

    def energy(name: str) -> float:
        return 0.5 * (parts[name] ** 2).sum(axis=1).mean()

    light = parts["light.sh"].reshape(2, 9, 3)
    expected = {
        "reg_shape": energy("face.shape"),
        "reg_expression": energy("face.expression"),
        "reg_albedo": energy("face.albedo"),
        "reg_light": ((light - light.mean(axis=2, keepdims=True)) ** 2).mean(),
        "reg_jaw": 50 * (parts["pose.jaw"][:, 2] ** 2).mean(),
        "reg_neck": (parts["pose.neck"] ** 2).mean(),
        "reg_eye_pose": (parts["pose.eyes"] ** 2).mean(),
        "reg_transl": 0.01,
        "reg_detail": 0.0,  # a segment this layout does not have
    }
    assert losses(system, batch, *expected) == pytest.approx(expected, rel=1e-4, abs=1e-9)


@pytest.mark.parametrize(
    ("layout", "camera"),
    [("eidolon227", "fov12"), ("deca236", "weak_perspective"), ("smirk361", "weak_perspective")],
)
def test_every_term_works_with_every_layout(toy_folder, dataset, layout, camera):
    words = [f"model.layout={layout}", f"model.camera={camera}"]
    system = build_system(toy_folder, dataset, *words)
    terms = system.losses(
        batch_of(system, 2), context_with(system, dict.fromkeys(system.loss_terms, 1.0))
    )
    assert set(terms) == system.loss_terms
    total = sum(terms.values())
    total.backward()
    assert torch.isfinite(total)


def test_correctives_are_a_setting_of_the_stage(toy_folder, dataset, monkeypatch):
    system = build_system(toy_folder, dataset)
    asked = []
    original = system.decoder.sparse.forward
    monkeypatch.setattr(
        system.decoder.sparse,
        "forward",
        lambda *a, **o: asked.append(o["use_correctives"]) or original(*a, **o),
    )
    for value in (True, False):
        context = context_with(system, {"landmark": 1.0})
        stage = context.stage.replace(use_pose_correctives=value)
        context = type(context)(**{**vars(context), "stage": stage})
        system.losses(batch_of(system, 2), context)
    assert asked == [True, False]


def test_gradients_reach_landmark_offsets_and_the_network(toy_folder, dataset):
    system = build_system(toy_folder, dataset, "model.landmark_offsets=true")
    batch = batch_of(system, 2)
    batch["landmark_weights"][:, :17] = 0
    terms = system.losses(batch, context_with(system, {"landmark": 1.0}))
    terms["landmark"].backward()
    gradient = system.offsets.weight.grad
    assert gradient[:17].abs().max() == 0
    assert (gradient[17:, :2].abs() > 0).all()
    assert all(p.grad is not None for p in system.network.parameters())
    assert list(system.trainable()) == ["encoder", "landmark_offsets"]


def test_geometry_stays_in_32_bits_under_autocast(system):
    """bf16 has steps of a millimetre on a head."""
    batch = batch_of(system, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        terms = system.losses(batch, context_with(system, {"landmark": 1.0, "supervised": 1.0}))
    assert all(value.dtype == torch.float32 for value in terms.values())


def test_landmark_triangles_are_counted_from_zero(decoder):
    """The ancestor subtracted one: points moved 49 mm on average and left their mirror partners."""
    asset = decoder.asset
    points = asset.landmarks68.points(asset.template, asset.faces)
    mirrored = points[MIRROR_68] * [-1, 1, 1]
    assert np.linalg.norm(points - mirrored, axis=1).mean() < 2e-3
    projected = decoder.landmarks(mean_vector(SMALL_LAYOUT))[0].numpy()
    assert np.abs(projected - projected[MIRROR_68] * [-1, 1]).max() < 0.02


def test_colours_and_light_are_learned_from_the_truth_where_it_is_known(system):
    batch = batch_of(system, 3)
    vector = random_vector(SMALL_LAYOUT, 4, 3)
    answering(system, vector)
    parts = SMALL_LAYOUT.split(vector)
    assert losses(system, batch, "supervised_albedo", "supervised_light") == {
        "supervised_albedo": 0,
        "supervised_light": 0,
    }
    batch["albedo"] = parts["face.albedo"] + 1
    batch["light"] = parts["light.sh"].reshape(3, 9, 3).clone()
    batch["light"][:, 0] += 0.1 * math.sqrt(4 * math.pi)
    batch["has_appearance"] = torch.tensor([1.0, 0.0, 1.0])
    batch["albedo"][1] = 1e6  # never looked at
    found = losses(system, batch, "supervised_albedo", "supervised_light")
    basis = synthetic_texture_space(num_components=NUM_ALBEDO).basis
    sizes = 255 * np.sqrt((basis**2).mean(axis=(0, 1, 2)))
    assert found["supervised_albedo"] == pytest.approx(0.5 * sizes.sum(), rel=1e-4)
    assert found["supervised_light"] == pytest.approx(0.1, rel=1e-4)
