"""A synthetic head in the file formats of FLAME: every reader can be exercised without its files.

The shape is a dented ellipsoid with two eyeballs, symmetric in x. It stands for nobody; realistic
synthetic people are the business of :mod:`likeness.studio`.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from scipy.sparse import csc_matrix

from likeness.geometry.contour import build_contour
from likeness.geometry.easing import smoothstep
from likeness.geometry.head_asset import LandmarkEmbedding
from likeness.geometry.landmarks import MIRROR_68
from likeness.geometry.mesh import Mesh
from likeness.geometry.mesh_obj import write_obj
from likeness.geometry.toy_surface import (
    EYE_CENTRES,
    ToySurface,
    front_points,
    frontal_contour,
    toy_surface,
)
from likeness.seeds import rng_of

NUM_SHAPE, NUM_EXPRESSION = 300, 100
_TEXTURE_SIZE, _TEXTURE_COMPONENTS = 64, 10
_FIRST_SIZE = 3e-3  # metres, RMS of the first column of each basis

# The left half of the inner 51 points and the midline, (x, y) in metres on the front of the head.
_LEFT_POINTS = {
    22: (0.012, 0.048), 23: (0.022, 0.053), 24: (0.033, 0.055), 25: (0.044, 0.053),
    26: (0.053, 0.047), 27: (0.0, 0.033), 28: (0.0, 0.024), 29: (0.0, 0.014),
    30: (0.0, 0.004), 33: (0.0, -0.008), 34: (0.006, -0.007), 35: (0.012, -0.005),
    42: (0.018, 0.030), 43: (0.026, 0.036), 44: (0.037, 0.036), 45: (0.047, 0.030),
    46: (0.037, 0.025), 47: (0.026, 0.025), 51: (0.0, -0.027), 52: (0.008, -0.026),
    53: (0.016, -0.029), 54: (0.025, -0.035), 55: (0.017, -0.043), 56: (0.009, -0.047),
    57: (0.0, -0.048), 62: (0.0, -0.034), 63: (0.009, -0.034), 64: (0.021, -0.035),
    65: (0.009, -0.037), 66: (0.0, -0.037),
}  # fmt: skip


def make_toy_flame(folder: str | Path, *, subdivisions: int = 3, seed: int = 0) -> Path:
    """Write a complete set of FLAME-format files and return the path of the model.

    ``generic_model.pkl`` (protocol 2, sparse regressor), ``FLAME_masks.pkl``,
    ``landmark_embedding.npy``, ``flame_static_embedding.pkl``, ``flame_dynamic_embedding.npy``,
    ``head_template.obj``, ``FLAME_texture.npz`` (64 pixels, 10 components), ``l_eyelid.npy`` and
    ``r_eyelid.npy``.

    Args:
        subdivisions: of the icosahedron the head is made from: 2 gives 246 vertices, 3 gives 726.
        seed: of the bases. The template is always the same.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    surface = toy_surface(subdivisions)
    model = folder / "generic_model.pkl"
    _dump(model, _model(surface, seed))
    _dump(folder / "FLAME_masks.pkl", _masks(surface))
    static, contour = _embeddings(surface)
    _write_embeddings(folder, static, contour)
    mesh = Mesh(surface.vertices, surface.faces, uv=surface.uv, uv_faces=surface.uv_faces)
    write_obj(folder / "head_template.obj", mesh)
    _write_texture(folder, surface, seed)
    for name, side in (("l_eyelid", 1), ("r_eyelid", -1)):
        np.save(folder / f"{name}.npy", _eyelid(surface, side))
    return model


def _dump(path: Path, content: dict) -> None:
    with open(path, "wb") as file:
        pickle.dump(content, file, protocol=2)


def _model(surface: ToySurface, seed: int) -> dict:
    columns = [
        _column(surface, seed, "shape", k, lambda points: np.ones(len(points)))
        for k in range(NUM_SHAPE)
    ]
    columns += [
        _column(surface, seed, "expression", k, _expression_region) for k in range(NUM_EXPRESSION)
    ]
    weights, regressor = _weights(surface), _regressor(surface)
    return {
        "f": surface.faces.astype(np.uint32),
        "v_template": surface.vertices,
        "shapedirs": np.stack(columns, axis=2),
        "posedirs": _pose_basis(surface, seed),
        "J_regressor": csc_matrix(regressor),
        "weights": weights,
        "kintree_table": np.array([[2**32 - 1, 0, 1, 1, 1], range(5)], dtype=np.uint32),
        "J": regressor @ surface.vertices,
        "bs_style": "lbs",
        "bs_type": "lrotmin",
    }


def _field(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A smooth random displacement (N, 3): a sum of plane waves a few centimetres long."""
    result = np.zeros_like(points)
    for _ in range(4):
        wave = rng.normal(size=3) * 25.0  # radians per metre
        phase = rng.uniform(0, 2 * np.pi)
        result += np.cos(points @ wave + phase)[:, None] * rng.normal(size=3)
    return result


def _mirrored(points: np.ndarray) -> np.ndarray:
    return points * [-1, 1, 1]


def _column(
    surface: ToySurface,
    seed: int,
    kind: str,
    index: int,
    region: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """A basis column: a field symmetric in x within a region, rigid on the eyeballs."""
    points = surface.vertices
    field = _field(points, rng_of("toy flame", seed, kind, index))
    other = _field(_mirrored(points), rng_of("toy flame", seed, kind, index))
    field = (field + _mirrored(other)) * region(points)[:, None]
    for ids in (surface.left_eye, surface.right_eye):
        field[ids] = field[ids].mean(axis=0)
    size = np.sqrt((field**2).sum(axis=1).mean())
    return field * (_FIRST_SIZE / (1 + 0.3 * index) / size)


def _expression_region(points: np.ndarray) -> np.ndarray:
    """1 on the front of the face, 0 on the skull."""
    return smoothstep(0.0, 1.0, (points[:, 2] - 0.02) / 0.04)


def _pose_basis(surface: ToySurface, seed: int) -> np.ndarray:
    """Correctives (V, 3, 36) that mirror as rotations do: entry (a, b) changes sign when one of a
    and b is x, and the eyes change places."""
    points = surface.vertices
    sign = np.array([-1, 1, 1])
    basis = np.zeros((len(points), 3, 36))
    strength = 1.5e-3 * _expression_region(points)[:, None]
    is_skin = np.ones((len(points), 1))
    is_skin[np.concatenate([surface.left_eye, surface.right_eye])] = 0
    for joint, mirror_joint in ((0, 0), (1, 1), (2, 3), (3, 2)):
        for a in range(3):
            for b in range(3):
                parts = []
                for source, at in ((joint, points), (mirror_joint, _mirrored(points))):
                    parts.append(_field(at, rng_of("toy flame", seed, "pose", source, a, b)))
                field = parts[0] + sign[a] * sign[b] * _mirrored(parts[1])
                basis[:, :, 9 * joint + 3 * a + b] = strength * is_skin * field / 4
    return basis


def _weights(surface: ToySurface) -> np.ndarray:
    """root, neck, jaw, left eye, right eye; rows sum to 1."""
    x, y, z = surface.vertices.T
    jaw = smoothstep(0.0, 1.0, (-0.02 - y) / 0.04) * smoothstep(0.0, 1.0, (z - 0.01) / 0.04)
    root = smoothstep(0.0, 1.0, (-0.06 - y) / 0.04) * smoothstep(0.0, 1.0, (0.02 - z) / 0.04)
    weights = np.zeros((len(x), 5))
    weights[:, 0], weights[:, 2] = root, jaw * (1 - root)
    weights[surface.left_eye] = [0, 0, 0, 1, 0]
    weights[surface.right_eye] = [0, 0, 0, 0, 1]
    weights[:, 1] = 1 - weights.sum(axis=1)
    return weights


def _regressor(surface: ToySurface) -> np.ndarray:
    """Sparse rows (5, V): means of vertices around each joint, symmetric in x."""
    x, y, z = surface.vertices.T
    is_skin = np.ones(len(x), dtype=bool)
    is_skin[np.concatenate([surface.left_eye, surface.right_eye])] = False
    chosen = (
        is_skin & (y < -0.08),
        is_skin & (y < -0.05) & (z < 0.02),
        is_skin & (np.abs(y) < 0.03) & (np.abs(x) > 0.06),
    )
    regressor = np.zeros((5, len(x)))
    for row, ids in enumerate((*chosen, surface.left_eye, surface.right_eye)):
        regressor[row, ids] = 1.0
    return regressor / regressor.sum(axis=1, keepdims=True)


def _masks(surface: ToySurface) -> dict[str, np.ndarray]:
    x, y, z = surface.vertices.T
    eyes = np.concatenate([surface.left_eye, surface.right_eye])
    is_skin = np.ones(len(x), dtype=bool)
    is_skin[eyes] = False
    left, right = (
        np.linalg.norm(surface.vertices - centre, axis=1) < 0.026 for centre in EYE_CENTRES
    )
    regions = {
        "face": is_skin & (z > 0.02) & (y > -0.09) & (y < 0.07),
        "eye_region": is_skin & (left | right),
        "left_eye_region": is_skin & left,
        "right_eye_region": is_skin & right,
        "scalp": is_skin & ((y > 0.05) | (z < -0.03)) & (y > -0.05),
        "neck": is_skin & (y < -0.07),
        "boundary": is_skin & (y < -0.10),
        "forehead": is_skin & (z > 0.02) & (y > 0.05),
        "lips": is_skin & (z > 0.04) & (np.abs(y + 0.036) < 0.015) & (np.abs(x) < 0.03),
        "nose": is_skin & (z > 0.06) & (y > -0.012) & (y < 0.035) & (np.abs(x) < 0.018),
        "left_ear": is_skin & (x > 0.06) & (np.abs(y) < 0.04) & (z < 0.02),
        "right_ear": is_skin & (x < -0.06) & (np.abs(y) < 0.04) & (z < 0.02),
    }
    masks = {name: np.flatnonzero(inside) for name, inside in regions.items()}
    return masks | {"left_eyeball": surface.left_eye, "right_eyeball": surface.right_eye}


def _embeddings(surface: ToySurface) -> tuple[LandmarkEmbedding, LandmarkEmbedding]:
    """Static 51 points and the moving contour."""
    places = np.zeros((68, 2))
    for point, place in _LEFT_POINTS.items():
        places[point] = place
        places[MIRROR_68[point]] = place[0] * -1, place[1]
    skin = np.arange(surface.num_skin_faces)
    frontal = frontal_contour(surface)
    contour = build_contour(surface.vertices, surface.faces, skin, frontal)
    return front_points(surface, places[17:]), contour


def _write_embeddings(folder: Path, static: LandmarkEmbedding, contour: LandmarkEmbedding) -> None:
    """The combined file with torch tensors inside, as the public one, and the two separate ones."""
    full = (
        np.concatenate([contour[0].triangles, static.triangles])[None],
        np.concatenate([contour[0].barycentric, static.barycentric])[None].astype(np.float32),
    )
    combined = {
        "static_lmk_faces_idx": static.triangles,
        "static_lmk_bary_coords": static.barycentric,
        "dynamic_lmk_faces_idx": torch.tensor(contour.triangles),
        "dynamic_lmk_bary_coords": torch.tensor(contour.barycentric, dtype=torch.float32),
        "full_lmk_faces_idx": torch.tensor(full[0]),
        "full_lmk_bary_coords": torch.tensor(full[1]),
    }
    np.save(folder / "landmark_embedding.npy", combined, allow_pickle=True)
    _dump(
        folder / "flame_static_embedding.pkl",
        {
            "lmk_face_idx": static.triangles.astype(np.uint32),
            "lmk_b_coords": np.array(static.barycentric),
        },
    )
    moving = {"lmk_face_idx": contour.triangles, "lmk_b_coords": contour.barycentric}
    np.save(folder / "flame_dynamic_embedding.npy", moving, allow_pickle=True)


def _write_texture(folder: Path, surface: ToySurface, seed: int) -> None:
    """Values to 255, blue first, as in the published file."""
    rng = rng_of("toy flame", seed, "texture")
    shape = (_TEXTURE_SIZE, _TEXTURE_SIZE, 3)
    coordinate = np.linspace(0, 1, _TEXTURE_SIZE)
    waves = [
        np.cos(2 * np.pi * (a * coordinate[:, None] + b * coordinate[None] + phase))
        for a, b, phase in rng.uniform(-2, 2, (_TEXTURE_COMPONENTS, 3))
    ]
    colours = rng.uniform(4, 12, (_TEXTURE_COMPONENTS, 3))
    basis = np.stack([w[..., None] * c for w, c in zip(waves, colours, strict=True)], axis=3)
    np.savez(
        folder / "FLAME_texture.npz",
        mean=np.broadcast_to(np.float32([110, 135, 185]), shape),
        tex_dir=basis.astype(np.float32),
        vt=surface.uv,
        ft=surface.uv_faces,
    )


def _eyelid(surface: ToySurface, side: int) -> np.ndarray:
    """Offsets (V, 3): the skin above an eye moves down by at most 8 mm."""
    centre = EYE_CENTRES[0 if side > 0 else 1] + [0, 0.008, 0.01]
    distance = np.linalg.norm(surface.vertices - centre, axis=1)
    offsets = np.zeros_like(surface.vertices)
    offsets[:, 1] = -0.008 * np.exp(-((distance / 0.012) ** 2))
    offsets[np.concatenate([surface.left_eye, surface.right_eye])] = 0
    return offsets
