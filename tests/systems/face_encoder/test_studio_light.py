"""Light fitted to studio photographs, against what the encoder's own renderer draws."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import torch

from likeness.geometry.affine import apply_affine
from likeness.geometry.rasterize import interpolate, rasterize, texture
from likeness.geometry.shading import harmonic_shading
from likeness.media.image import crop
from likeness.seeds import rng_of
from likeness.studio.albedo_space import NUM_ALBEDO, albedo_code
from likeness.studio.person import Person
from likeness.studio.photograph import Photograph, photograph
from likeness.studio.scene import Scene, sight_rotation
from likeness.systems.face_encoder import studio
from likeness.systems.face_encoder.crops import warp_classes
from likeness.systems.face_encoder.decode import Decoder, to_crop_units
from likeness.systems.face_encoder.framing import frame_landmarks
from likeness.systems.face_encoder.heads import open_head
from likeness.systems.face_encoder.layout import head_v1
from likeness.systems.face_encoder.render import Renderer
from likeness.systems.face_encoder.studio_light import fit_light

SIZE = 96


@lru_cache(maxsize=1)
def renderer() -> Renderer:
    decoder = Decoder(open_head("studio"), head_v1(), "weak_perspective")
    return Renderer(decoder, "studio", NUM_ALBEDO)


def view(sample: dict) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What the encoder should answer (1, D), without light; the crop (1, 3, S, S); its skin.

    The camera is the one under which the vector's landmarks lie nearest to the photograph's.
    """
    truth, points = sample["truth"], sample["landmarks"]
    layout = renderer().decoder.layout
    vector = np.zeros((1, layout.dim), np.float32)
    vector[:, layout.slice("face.shape")] = truth["shape"]
    vector[:, layout.slice("face.expression")][:, :52] = truth["expression"]
    vector[:, layout.slice("pose.global")] = truth["head_rotation"][:2].ravel()
    vector[:, layout.slice("pose.eyes")] = np.concatenate([truth["left_eye"], truth["right_eye"]])
    vector[:, layout.slice("face.albedo")] = truth["albedo"]
    vector[:, layout.slice("camera")] = (1, 0, 0)
    matrix = frame_landmarks(points, 1.6, SIZE)
    wanted = to_crop_units(apply_affine(matrix, points), SIZE)
    own = renderer().decoder.landmarks(torch.from_numpy(vector))[0].numpy()
    spread = own - own.mean(0)
    scale = (spread * (wanted - wanted.mean(0))).sum() / (spread**2).sum()
    shift = wanted.mean(0) / scale - own.mean(0)
    vector[:, layout.slice("camera")] = (scale, shift[0], -shift[1])
    photo = crop(sample["image"], matrix, (SIZE, SIZE)).transpose(2, 0, 1)[None]
    skin = (warp_classes(sample["mask"], matrix, SIZE) == 1)[None, None]
    return torch.from_numpy(vector), torch.from_numpy(photo), torch.from_numpy(skin).float()


def test_true_light_and_albedo_draw_the_photograph_again():
    """The encoder's own rendering of the truth is much nearer than the mean colour in white."""
    (sample,) = studio._person_samples(studio._Task(3, 1, "train", 1, 96, 20.0))
    truth = sample["truth"]
    assert truth["albedo"].shape == (NUM_ALBEDO,)
    assert truth["harmonic_light"].shape == (9, 3)
    layout = renderer().decoder.layout
    vector, photo, skin = view(sample)

    def distance() -> float:
        drawn = renderer()(vector, SIZE)
        mask = drawn.face * skin
        return float(((drawn.image - photo).abs() * mask).sum() / (3 * mask.sum()))

    vector[:, layout.slice("light.sh")] = torch.tensor(truth["harmonic_light"]).flatten()
    near = distance()
    vector[:, layout.slice("face.albedo")] = 0
    vector[:, layout.slice("light.sh")] = torch.tensor(layout.segment("light.sh").bias)
    assert near < 0.05
    assert near < 0.4 * distance()


@pytest.fixture(scope="module")
def taken() -> tuple[Photograph, np.ndarray]:
    """A photograph, and the albedo code of who is on it."""
    person = Person.sample(5)
    scene = replace(Scene.sample(rng_of("a light"), max_yaw=30.0), occluder=None)
    return photograph(person, scene, SIZE), albedo_code(person.appearance)


def drawn_anew(
    picture: Photograph, code: np.ndarray, sight: np.ndarray, light: torch.Tensor
) -> np.ndarray:
    """(H, W, 3) the head of a photograph in its own camera, under harmonic light, by torch."""
    head = open_head("studio")
    faces = torch.from_numpy(np.asarray(head.faces, np.int64))
    points = torch.from_numpy(picture.vertices)
    corners = points[faces]
    across = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = torch.zeros_like(points)
    for corner in range(3):
        normals.index_add_(0, faces[:, corner], across)
    normals = torch.nn.functional.normalize(normals, dim=-1) @ torch.from_numpy(sight).float().T
    fx, fy, cx, cy = picture.parameters["camera"]
    away = -points[:, 2]
    xy = torch.stack([cx + fx * points[:, 0] / away, cy - fy * points[:, 1] / away], dim=1).float()
    shape = picture.mask.shape
    fragments = rasterize(xy[None], away[None], faces, *shape, backend="torch", w=away[None])
    normal = interpolate(normals, fragments, faces, backend="torch")
    normal = torch.nn.functional.normalize(normal, dim=-1)
    uv_faces = torch.from_numpy(np.asarray(head.uv_faces, np.int64))
    uv = interpolate(torch.tensor(np.float32(head.uv)), fragments, uv_faces, backend="torch")
    albedo = texture(renderer().albedo(torch.from_numpy(code)[None]), uv)
    return (albedo * harmonic_shading(normal, light[None]))[0].numpy()


def test_the_light_of_a_rendering_is_found_again(taken):
    """Of the head before the photograph's own camera, pixel by pixel but for the ridge."""
    picture, code = taken
    sight = sight_rotation(picture.parameters["translation"])
    light = 0.2 * torch.randn(9, 3, generator=torch.Generator().manual_seed(0))
    light[0] = torch.tensor([3.0, 2.5, 2.0])
    image = drawn_anew(picture, code, sight, light)
    wrong = np.where((picture.mask == 1)[..., None], image, 5.0)  # what is not skin is not read
    found = fit_light(replace(picture, image=np.float32(wrong)), sight, code)
    again = drawn_anew(picture, code, sight, torch.from_numpy(found))
    apart = np.abs(again - image)[picture.mask == 1]
    assert apart.mean() < 0.005  # the ridge leaves a little
    turned = fit_light(replace(picture, image=np.float32(wrong)), np.diag([-1.0, 1.0, -1.0]), code)
    np.testing.assert_allclose(turned[0], found[0], atol=0.05)
    assert np.abs(turned[1] - found[1]).max() > 0.05


def test_hidden_skin_gives_no_light(taken):
    picture, code = taken
    hidden = replace(picture, mask=np.full_like(picture.mask, 5))
    assert not fit_light(hidden, np.eye(3), code).any()
