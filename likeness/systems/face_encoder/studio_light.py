"""The light of a studio photograph as the encoder knows light: nine harmonics over its albedo.

Owns the fit. The head it is fitted on is the photograph's own, posed and before its own camera, so
nothing has to be posed again; what the encoder draws of the same truth lies a tenth of a millimetre
beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from likeness.geometry.albedo import Albedo
from likeness.geometry.rasterize import texture
from likeness.geometry.shading import harmonic_basis
from likeness.studio.albedo_space import albedo_space
from likeness.studio.coverage import nearest_triangle
from likeness.studio.normals import vertex_normals
from likeness.studio.part_tables import LABELS
from likeness.studio.photograph import Photograph
from likeness.studio.pixels import project
from likeness.systems.face_encoder.heads import open_head
from likeness.systems.face_encoder.render import face_share

_HELD = 1e-3
"""Ridge of fitted light but for its constant part, in squared colour a squared coefficient."""
_EPSILON = 1e-6
_PIXELS = 2000
"""Pixels that are asked at least, where a face has as many: 27 numbers need no more."""


def fit_light(
    picture: Photograph, sight: NDArray[np.floating], code: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Light (9, 3) under which the encoder's own rendering of the truth is nearest to a photograph.

    The studio's lamps cast shadows and shine, which such a light cannot; and it lights linear
    colours, where the rendering multiplies those of the picture. This is what is left to learn.

    Least squares over the pixels that show the face's skin: a picture is linear in its light. What
    faces away from the camera says nothing of itself and is held near zero; where no pixel shows
    the face the light is zero.

    Args:
        picture: of the studio's head.
        sight: (3, 3) turns the picture's axes to those of a crop around the face, in which the
            light is given.
        code: (N,) of the studio's albedo space.
    """
    drawn = _drawn()
    xy, depth = project(picture.vertices, tuple(picture.parameters["camera"].tolist()))
    inverse = np.float32(1.0) / depth
    tri = np.empty(picture.mask.shape, np.int32)
    nearest_triangle(xy, inverse, drawn.faces, tri)
    rows, columns = np.nonzero((tri >= 0) & (picture.mask == LABELS.index("skin")))
    every = max(len(rows) // _PIXELS, 1)
    rows, columns = rows[::every], columns[::every]
    found = tri[rows, columns]
    centres = np.stack([columns, rows], axis=1).astype(np.float32) + np.float32(0.5)
    weights = _weights(centres, xy[drawn.faces[found]], inverse[drawn.faces[found]])
    is_face = (weights * drawn.share[drawn.faces[found]]).sum(axis=1) > 0.5
    rows, columns, found, weights = (v[is_face] for v in (rows, columns, found, weights))
    if len(found) == 0:
        return np.zeros((9, 3), np.float32)

    normals = np.zeros_like(picture.vertices)
    vertex_normals(picture.vertices, drawn.faces, normals)
    normal = np.einsum("nk,nkc->nc", weights, normals[drawn.faces[found]]) @ np.transpose(sight)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6)
    basis = harmonic_basis(torch.from_numpy(normal)).numpy().astype(np.float64)
    uv = np.einsum("nk,nkc->nc", weights, drawn.uv[drawn.uv_faces[found]])
    painted = texture(_painted(code.tobytes()), torch.from_numpy(uv)[None, None])
    albedo = painted[0, 0].numpy().astype(np.float64)
    photo = picture.image[rows, columns]
    ridge = np.diag([_EPSILON] + [_HELD] * 8)
    light = np.empty((9, 3), np.float32)
    for channel in range(3):
        lit = albedo[:, channel, None] * basis
        seen = lit.T @ photo[:, channel] / len(lit)
        light[:, channel] = np.linalg.solve(lit.T @ lit / len(lit) + ridge, seen)
    return light


def _weights(
    points: NDArray[np.float32], corners: NDArray[np.float32], inverse: NDArray[np.float32]
) -> NDArray[np.float32]:
    """(N, 3) weights of the corners at points (N, 2) of triangles (N, 3, 2), in perspective.

    Args:
        points: pixels.
        corners: pixels.
        inverse: (N, 3) one over the depth of each corner.
    """
    first = corners[:, 1] - corners[:, 0]
    second = corners[:, 2] - corners[:, 0]
    place = points - corners[:, 0]
    area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    b = (place[:, 0] * second[:, 1] - place[:, 1] * second[:, 0]) / area
    c = (first[:, 0] * place[:, 1] - first[:, 1] * place[:, 0]) / area
    weights = np.stack([1.0 - b - c, b, c], axis=1) * inverse
    weights /= weights.sum(axis=1, keepdims=True)
    return weights.astype(np.float32)


@dataclass(frozen=True)
class _Drawn:
    """What the encoder draws of the studio's head."""

    faces: NDArray[np.int32]
    share: NDArray[np.float32]  # (V,) of the face
    uv: NDArray[np.float32]
    uv_faces: NDArray[np.int64]
    albedo: Albedo


@lru_cache(maxsize=1)
def _drawn() -> _Drawn:
    head = open_head("studio")
    assert head.uv is not None
    assert head.uv_faces is not None
    return _Drawn(
        faces=np.ascontiguousarray(head.faces, np.int32),
        share=face_share(head),
        uv=np.asarray(head.uv, np.float32),
        uv_faces=np.asarray(head.uv_faces, np.int64),
        albedo=Albedo(albedo_space()),
    )


@lru_cache(maxsize=1)
@torch.no_grad()
def _painted(code: bytes) -> torch.Tensor:
    """The picture (1, 3, T, T) of an albedo code, float32 as bytes, which photographs share."""
    vector = torch.from_numpy(np.frombuffer(code, np.float32).copy())
    painted: torch.Tensor = _drawn().albedo(vector[None])
    return painted
