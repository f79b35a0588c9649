"""Bakes a person's surface into textures over the template's chart.

Owns the way from texels to surface points and back to images. What is painted is decided by
:mod:`likeness.studio.surface`; pictures of the studio do not go through textures at all.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from likeness.geometry.normals import vertex_normals
from likeness.geometry.rasterize import rasterize
from likeness.studio import surface
from likeness.studio.appearance import Appearance
from likeness.studio.surface_points import SurfacePoints
from likeness.studio.template import Template

_FULLY_LIT = 20.0
"""mm below the upper lid at which eyeballs are baked: lids cast their shade when rendered."""


@dataclass(frozen=True)
class Textures:
    """Images over ``Template.uv``; row 0 is v = 1. Texels off the chart repeat the nearest one."""

    albedo: np.ndarray
    """(size, size, 3) uint8 sRGB."""
    normal: np.ndarray
    """(size, size, 3) uint8 unit normals of the template's frame, 0..255 for -1..1 (object space:
    turn them with the head)."""
    roughness: np.ndarray
    """(size, size) uint8, 0..255 for 0..1."""
    specular: np.ndarray
    """(size, size) uint8, 0..255 for strengths 0..4."""
    occlusion: np.ndarray
    """(size, size) uint8, 0..255 for 0..1."""
    covered: np.ndarray
    """(size, size) bool, texels whose centre lies on the chart."""


@dataclass(frozen=True, eq=False)
class Chart:
    """The texels of a square texture that lie on the template's chart, N of them."""

    points: SurfacePoints
    vertex: np.ndarray  # (N, 3) corners of each texel's triangle
    weight: np.ndarray  # (N, 3) barycentric
    covered: np.ndarray  # (size, size) bool, texels whose centre lies on the chart
    nearest: tuple[np.ndarray, np.ndarray]  # row and column of every texel's nearest covered one

    def image(self, values: np.ndarray) -> np.ndarray:
        """(size, size, ...) float32 of values (N, ...); off the chart the nearest texel's."""
        whole = np.zeros((*self.covered.shape, *values.shape[1:]), np.float32)
        whole[self.covered] = values
        spread: np.ndarray = whole[self.nearest]
        return spread


@functools.lru_cache(maxsize=2)
def chart_points(template: Template, size: int) -> Chart:
    """The surface under every texel of a texture of ``size`` pixels a side."""
    corners = template.uv * size
    flat = np.stack([corners[:, 0], size - corners[:, 1]], axis=1)
    seen = rasterize(
        torch.from_numpy(flat[None]),
        torch.zeros(1, len(flat), dtype=torch.float64),
        torch.from_numpy(template.uv_faces),
        size,
        size,
    )
    triangle, weight = seen.tri[0].numpy(), seen.bary[0].numpy()
    covered = triangle >= 0
    triangle, weight = triangle[covered], weight[covered]
    vertex = template.faces[triangle]
    points = SurfacePoints(
        rest=_mixed(template.vertices, vertex, weight),
        part=template.face_part[triangle],
        mouth_ring=_mixed(template.mouth_ring, vertex, weight),
        eye_ring=_mixed(template.eye_ring, vertex, weight),
        ear=_mixed(template.ear, vertex, weight),
        layer=np.zeros(len(triangle), np.float32),
        lid_distance=np.full(len(triangle), _FULLY_LIT, np.float32),
        footprint=_texel_size(template, size)[triangle],
    )
    return Chart(points, vertex, weight, covered, _nearest_covered(covered))


def bake(appearance: Appearance, template: Template, size: int = 1024) -> Textures:
    """Textures of the head and its inner parts; hair and clothes have none."""
    chart = chart_points(template, size)
    vertex, weight, covered = chart.vertex, chart.weight, chart.covered
    values = surface.evaluate(appearance, chart.points)
    normals = vertex_normals(
        torch.from_numpy(template.vertices)[None], torch.from_numpy(template.faces).long()
    )[0].numpy()
    normal = _mixed(normals, vertex, weight) + values.bump
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)

    def image(flat_values: np.ndarray) -> np.ndarray:
        return np.round(255.0 * np.clip(chart.image(flat_values), 0.0, 1.0)).astype(np.uint8)

    return Textures(
        albedo=image(srgb(values.albedo)),
        normal=image(0.5 + 0.5 * normal),
        roughness=image(values.roughness),
        specular=image(values.specular / 4.0),
        occlusion=image(values.occlusion),
        covered=covered,
    )


def _mixed(values: np.ndarray, vertex: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(N, ...) float32 values at barycentric weights of triangles."""
    return np.einsum("nk,nk...->n...", weight, values[vertex]).astype(np.float32)


def _texel_size(template: Template, size: int) -> np.ndarray:
    """mm a texel covers on every triangle, (F,) float32."""
    corners = template.vertices[template.faces]
    spans = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    chart = template.uv[template.uv_faces] * size
    edge, other = chart[:, 1] - chart[:, 0], chart[:, 2] - chart[:, 0]
    texels = np.abs(edge[:, 0] * other[:, 1] - edge[:, 1] * other[:, 0])
    ratio = np.linalg.norm(spans, axis=1) / np.maximum(texels, 1e-6)
    return np.sqrt(ratio).astype(np.float32)


def _nearest_covered(covered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of the nearest covered texel of every texel."""
    empty = (~covered).astype(np.uint8)
    _, labels = cv2.distanceTransformWithLabels(
        empty, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    rows, columns = np.nonzero(covered)
    row_of, column_of = np.zeros(labels.max() + 1, int), np.zeros(labels.max() + 1, int)
    row_of[labels[rows, columns]], column_of[labels[rows, columns]] = rows, columns
    return row_of[labels], column_of[labels]


def srgb(linear: np.ndarray) -> np.ndarray:
    """The transfer curve of IEC 61966-2-1, of linear light in [0, 1]."""
    low = 12.92 * linear
    high = 1.055 * np.maximum(linear, 0.0031308) ** (1.0 / 2.4) - 0.055
    return np.where(linear <= 0.0031308, low, high)
