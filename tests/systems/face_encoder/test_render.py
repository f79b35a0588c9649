"""Drawing the predicted head: place, colour, light, outline, and where gradients go."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_closing, binary_fill_holes, binary_opening

from likeness.errors import MissingError, UsageError
from likeness.geometry.rotations import euler_to_matrix, matrix_to_rotation_6d
from likeness.geometry.texture_space import synthetic_texture_space
from likeness.losses.face import masked_l1, silhouette_iou
from likeness.systems.face_encoder.decode import Decoder
from likeness.systems.face_encoder.heads import open_head
from likeness.systems.face_encoder.layout import eidolon227, head_v1
from likeness.systems.face_encoder.render import Renderer
from tests.systems.face_encoder.toy import (
    NUM_ALBEDO,
    NUM_EXPRESSION,
    NUM_SHAPE,
    SMALL_LAYOUT,
    mean_vector,
    random_vector,
)

SIZE = 64
MEAN_COLOUR = [0.72, 0.53, 0.45]  # of the synthetic texture space


@pytest.fixture(scope="module")
def renderer(decoder: Decoder) -> Renderer:
    return Renderer(decoder, "synthetic", NUM_ALBEDO)


def vector_with(**segments: list[float]) -> torch.Tensor:
    """The mean face with some segments replaced; ``pose_global`` means ``pose.global``."""
    vector = mean_vector(SMALL_LAYOUT)
    for name, values in segments.items():
        part = SMALL_LAYOUT.slice(name.replace("_", ".", 1))
        vector[:, part] = torch.tensor(values, dtype=torch.float32)
    return vector


def turned(pitch: float, yaw: float, roll: float) -> list[float]:
    angles = torch.tensor([[pitch, yaw, roll]])
    return matrix_to_rotation_6d(euler_to_matrix(angles))[0].tolist()


def test_unit_ambient_light_shows_the_albedo_itself(renderer):
    drawn = renderer(mean_vector(SMALL_LAYOUT), SIZE)
    inside = drawn.alpha[0, 0] == 1
    assert 0.2 < inside.float().mean() < 0.9
    colours = drawn.image[0, :, inside].numpy()
    np.testing.assert_allclose(colours.T, np.tile(MEAN_COLOUR, (colours.shape[1], 1)), atol=1e-4)
    assert drawn.image[0, :, ~inside].abs().max() == 0


def test_albedo_codes_colour_the_texture(renderer):
    code = [1.0, -2.0, 0.5, 0.0]
    drawn = renderer(vector_with(face_albedo=code), SIZE)
    space = synthetic_texture_space(num_components=NUM_ALBEDO)
    low, high = space.albedo(np.array(code)).min((0, 1)), space.albedo(np.array(code)).max((0, 1))
    colours = drawn.image[0, :, drawn.alpha[0, 0] == 1].numpy().T
    assert (colours >= low - 1e-4).all()
    assert (colours <= high + 1e-4).all()
    assert np.ptp(colours, axis=0).min() > 0.05


def test_the_camera_moves_the_picture_by_whole_pixels(renderer):
    """A shift of k pixels is k / (S / 2) crop units, over the scale in metres; y points down."""
    metres = 2 / SIZE / 7.0
    start = renderer(vector_with(face_albedo=[1.0, 1.0, 1.0, 1.0]), SIZE).image[0]
    shifted = vector_with(face_albedo=[1.0, 1.0, 1.0, 1.0], camera=[7.0, 3 * metres, 2 * metres])
    moved = renderer(shifted, SIZE).image[0]
    expected = torch.roll(start, (-2, 3), (1, 2))  # three to the right, two up
    # Rounding may move a centre that lies on an edge: a few pixels of the outline.
    assert ((moved - expected).abs().amax(0) > 1e-3).float().mean() < 0.003


def test_light_falls_from_where_it_comes(renderer):
    light = np.zeros((9, 3))
    light[0], light[1] = 1 / 0.282095, 0.3  # ambient, and from +x
    drawn = renderer(vector_with(light_sh=light.ravel().tolist()), SIZE).image[0].mean(0)
    alpha = drawn > 0
    left, right = drawn[:, : SIZE // 2], drawn[:, SIZE // 2 :]
    assert right[alpha[:, SIZE // 2 :]].mean() > 1.2 * left[alpha[:, : SIZE // 2]].mean()
    double = vector_with(light_sh=(2 * light).ravel().tolist())
    torch.testing.assert_close(renderer(double, SIZE).image[0].mean(0), 2 * drawn)


def test_a_head_turned_to_its_left_shows_its_nose_on_the_right(renderer, decoder):
    vector = vector_with(pose_global=turned(0.0, 0.6, 0.0))
    vector[:, SMALL_LAYOUT.slice("camera")] = torch.tensor([5.0, 0.0, 0.0])
    nose = decoder.landmarks(vector)[0, 30]
    face = renderer(vector, SIZE).face[0, 0]
    columns = face.sum(0)
    middle = ((torch.arange(SIZE) + 0.5) * columns).sum() / columns.sum()
    assert nose[0] > 0.1
    assert middle > SIZE / 2 + 2


def test_the_face_region_is_seen_from_the_front_only(renderer):
    front = renderer(mean_vector(SMALL_LAYOUT), SIZE)
    assert front.face.sum() > 0.4 * front.alpha.sum()
    assert ((front.face <= front.alpha).all()).item()
    rows = front.alpha[0, 0].amax(1).nonzero()
    assert front.face[0, 0, rows[0]].max() == 0  # the crown is not the face
    behind = renderer(vector_with(pose_global=turned(0.0, np.pi, 0.0)), SIZE)
    assert behind.alpha.sum() > 0.5 * front.alpha.sum()
    assert behind.face.sum() == 0


def test_a_batch_equals_its_samples(renderer):
    vectors = random_vector(SMALL_LAYOUT, 3, 3)
    together = renderer(vectors, SIZE, outline=True)
    for number in range(3):
        alone = renderer(vectors[number : number + 1], SIZE, outline=True)
        torch.testing.assert_close(together.image[number : number + 1], alone.image)
        torch.testing.assert_close(together.alpha[number : number + 1], alone.alpha)


def test_photometric_gradients_reach_albedo_light_and_shape(renderer):
    vector = random_vector(SMALL_LAYOUT, 4).requires_grad_()
    drawn = renderer(vector, SIZE)
    target = renderer(random_vector(SMALL_LAYOUT, 5), SIZE).image.detach()
    masked_l1(drawn.image, target, drawn.face.detach()).backward()
    for segment in SMALL_LAYOUT.segments:
        gradient = vector.grad[:, SMALL_LAYOUT.slice(segment.name)]
        assert torch.isfinite(gradient).all()
        is_seen = segment.name != "pose.transl"
        assert bool((gradient != 0).any()) == is_seen, segment.name
    assert (vector.grad[:, SMALL_LAYOUT.slice("face.albedo")] != 0).all()


def test_the_gradient_of_light_and_albedo_equals_finite_differences(renderer):
    base = random_vector(SMALL_LAYOUT, 6)
    target = torch.rand(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0)) * 0.1

    def loss(vector: torch.Tensor) -> torch.Tensor:
        drawn = renderer(vector, SIZE)
        return masked_l1(drawn.image, target, drawn.face.detach())

    vector = base.clone().requires_grad_()
    loss(vector).backward()
    start = SMALL_LAYOUT.slice("light.sh").start
    for entry in (start, start + 4, start + 13, SMALL_LAYOUT.slice("face.albedo").start):
        step = torch.zeros_like(base)
        step[0, entry] = 1e-2
        slope = (loss(base + step) - loss(base - step)).item() / 2e-2
        assert vector.grad[0, entry].item() == pytest.approx(slope, rel=2e-2, abs=1e-5)


def test_outlines_pull_the_camera_to_its_place(renderer):
    """Without gradients at the outline, as published encoders train, nothing would move it."""
    goal = [6.0, 0.006, -0.008]
    with torch.no_grad():
        mask = (renderer(vector_with(camera=goal), SIZE, outline=True).alpha > 0.5).float()
    part = SMALL_LAYOUT.slice("camera")
    start = mean_vector(SMALL_LAYOUT)
    units = torch.tensor([[0.05, 0.0005, 0.0005]])  # a step of the optimiser in each entry's unit
    moves = torch.zeros(1, 3, requires_grad=True)
    optimizer = torch.optim.Adam([moves], lr=1.0)
    losses = []
    for step in range(60):
        optimizer.param_groups[0]["lr"] = 1.0 if step < 40 else 0.2
        camera = torch.tensor([[7.0, 0.0, 0.0]]) + moves * units
        vector = torch.cat([start[:, : part.start], camera, start[:, part.stop :]], dim=1)
        loss = silhouette_iou(renderer(vector, SIZE, outline=True).alpha, mask)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] > 0.2
    # Half-covered pixels along the outline never agree fully with a mask of zeros and ones.
    assert losses[-1] < 0.04
    assert camera[0, 0].item() == pytest.approx(goal[0], rel=0.01)
    assert camera[0, 1:].tolist() == pytest.approx(goal[1:], abs=5e-4)


def test_without_outline_the_coverage_is_a_constant(renderer):
    vector = mean_vector(SMALL_LAYOUT).requires_grad_()
    assert not renderer(vector, SIZE).alpha.requires_grad
    soft = renderer(vector, SIZE, outline=True).alpha
    assert soft.requires_grad
    assert ((soft > 0.01) & (soft < 0.99)).any()


def test_grey_geometry_stands_before_white_or_the_photograph(renderer):
    vector = mean_vector(SMALL_LAYOUT)
    white = renderer.geometry(vector, SIZE)[0]
    assert torch.equal(white[0], white[1])
    assert white[:, 0, 0].tolist() == [1, 1, 1]
    photo = torch.zeros(1, 3, SIZE, SIZE)
    photo[:, 2] = 1
    over = renderer.geometry(vector, SIZE, photo)[0]
    assert over[:, 0, 0].tolist() == [0, 0, 1]
    middle = SIZE // 2
    torch.testing.assert_close(over[:, middle, middle], white[:, middle, middle])
    assert 0.2 < white[0, middle, middle] < 0.95


def test_a_layout_without_light_is_lit_for_geometry(toy_head):
    layout = eidolon227()
    renderer = Renderer(Decoder(toy_head, layout, "fov12"), "synthetic", 0)
    drawn = renderer(mean_vector(layout), SIZE)
    inside = drawn.alpha[0, 0] == 1
    assert 0.02 < inside.float().mean() < 0.6  # at 2.7 m through 12 degrees, a head fills half
    assert drawn.image[0, :, inside].std() > 0.01


def test_texture_files_are_read_by_their_names(toy_folder, decoder):
    renderer = Renderer(decoder, str(toy_folder / "FLAME_texture.npz"), NUM_ALBEDO)
    drawn = renderer(mean_vector(SMALL_LAYOUT), SIZE)
    colours = drawn.image[0, :, drawn.alpha[0, 0] == 1].numpy().T
    # Stored blue first with values to 255.
    expected = np.tile(np.array([185, 135, 110]) / 255, (len(colours), 1))
    np.testing.assert_allclose(colours, expected, atol=2e-3)
    with pytest.raises(UsageError, match="has 10 components; 50 were asked for"):
        Renderer(decoder, str(toy_folder / "FLAME_texture.npz"), 50)
    with pytest.raises(MissingError, match=r"nowhere\.npz"):
        Renderer(decoder, str(toy_folder / "nowhere.npz"), NUM_ALBEDO)


def test_a_head_without_texture_coordinates_is_grey_and_takes_no_texture(toy_head, toy_folder):
    bare = replace(toy_head, uv=None, uv_faces=None)
    decoder = Decoder(bare, SMALL_LAYOUT, "weak_perspective")
    drawn = Renderer(decoder, "synthetic", NUM_ALBEDO)(mean_vector(SMALL_LAYOUT), SIZE)
    colours = drawn.image[0, :, drawn.alpha[0, 0] == 1]
    torch.testing.assert_close(colours, torch.full_like(colours, 0.7), atol=1e-4, rtol=0)
    with pytest.raises(UsageError, match="has no texture coordinates"):
        Renderer(decoder, str(toy_folder / "FLAME_texture.npz"), NUM_ALBEDO)


def test_the_face_region_of_the_studio_head_is_one_smooth_piece_without_holes():
    """Between lids and eyeballs no pixel is lost, and its outline turns like a face's."""
    layout = head_v1(shape=NUM_SHAPE, expression=NUM_EXPRESSION, albedo=0)
    renderer = Renderer(Decoder(open_head("studio"), layout, "weak_perspective"), "synthetic", 0)
    face = renderer(mean_vector(layout), 256).face[0, 0].numpy() > 0.5
    assert 0.1 < face.mean() < 0.5
    assert (binary_fill_holes(face) == face).all()
    # Teeth of triangles add to the outline: opening and closing takes them off.
    disc = np.hypot(*np.mgrid[-6:7, -6:7]) <= 6.0
    smooth = binary_closing(binary_opening(face, disc), disc)
    assert (smooth != face).sum() < 0.002 * face.sum()


def test_the_studio_s_albedo_lies_on_the_studio_s_chart_only(decoder):
    """A toy head's coordinates would take lips from where the studio's chart has an ear."""
    drawn = Renderer(decoder, "studio", NUM_ALBEDO)(mean_vector(SMALL_LAYOUT), SIZE)
    colours = drawn.image[0, :, drawn.alpha[0, 0] == 1]
    torch.testing.assert_close(colours, torch.full_like(colours, 0.7), atol=1e-4, rtol=0)
