"""Grows a beard longer than stubble: ribbons on jaw, chin and upper lip that move with the jaw.

Owns their geometry. Where beard grows is told by ``lips_brows``; stubble and the roots are painted
by ``skin``.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from likeness.seeds import rng_of
from likeness.studio.appearance import Appearance
from likeness.studio.attached import AttachedMesh
from likeness.studio.hair_shapes import smooth
from likeness.studio.lips_brows import BEARD_STYLES, beard_mask, beard_style_mask
from likeness.studio.noise import fbm
from likeness.studio.ribbons import ribbons, scatter_roots
from likeness.studio.scalp import HeadSpace
from likeness.studio.surface_points import BEARD
from likeness.studio.template import Template

_COUNT = {"low": 900, "standard": 2400, "high": 6000}
_POINTS = 5


@njit(cache=True)
def _density_kernel(points, rings, ears, style, seed, out):
    for index in range(points.shape[0]):
        x, y, z = abs(points[index, 0]), points[index, 1], points[index, 2]
        area = beard_mask(x, y, z, rings[index], ears[index], points[index, 0], seed)
        out[index] = area * beard_style_mask(x, y, z, style)


def density_of(template: Template, style: int, seed: int) -> np.ndarray:
    """Density of a standing beard of a style on the skin vertices, 0..1."""
    count = template.num_skin
    out = np.empty(count)
    rings, ears = template.mouth_ring[:count], template.ear[:count]
    _density_kernel(template.vertices[:count], rings, ears, style, seed, out)
    return out


def _on_lip(rest: np.ndarray) -> np.ndarray:
    """How much points (N, 3) of the template belong to the upper lip, 0..1."""
    return smooth(-48.0, -40.0, rest[:, 1]) * smooth(80.0, 90.0, rest[:, 2])


def build(
    appearance: Appearance,
    template: Template,
    rest_vertices: np.ndarray,
    frame_vertices: np.ndarray,
    detail: str,
) -> AttachedMesh:
    """The standing part of the beard; its style must not be ``none``."""
    traits = appearance.beard
    rng = rng_of(appearance.texture_seed, "beard")
    skin = np.asarray(rest_vertices[: template.num_skin], dtype=np.float64)
    on_template = template.vertices[: template.num_skin]
    density = density_of(template, BEARD_STYLES[traits.style], appearance.texture_seed + 227)
    faces = template.skin_faces
    faces = faces[density[faces].mean(axis=1) > 0.1]
    count = int(_COUNT[detail] * (0.35 + 0.65 * traits.density))
    if traits.style != "full":
        count //= 2
    rooted = density * (1.0 + 1.5 * _on_lip(on_template))  # a moustache is the densest part
    roots = scatter_roots(rng, faces, skin, rooted, count)
    start, rest = roots.on(skin), roots.on(on_template)

    # Longest at the chin, short up the cheek and on the lip.
    chin = smooth(40.0, 10.0, np.abs(rest[:, 0])) * smooth(-34.0, -56.0, rest[:, 1])
    lip = _on_lip(rest)
    length = traits.length * (0.42 + 0.58 * chin) * (1.0 - 0.25 * lip)
    length = np.maximum(length, np.minimum(traits.length, 4.5) * lip)
    length = np.minimum(length, 9.0 + 30.0 * (1.0 - lip)) * rng.uniform(0.7, 1.15, count)
    space = HeadSpace(template, skin)
    outward = space.outward(start)
    lock = np.stack([fbm(start, 7.0, appearance.texture_seed + 19 + k) for k in range(3)], axis=1)
    side = np.clip(rest[:, 0] / 14.0, -1.0, 1.0)
    flow = np.stack([0.75 * side * lip + 0.15 * side, np.full(count, -1.0), 0.25 - 0.1 * lip], 1)
    direction = (
        (0.5 - 0.25 * lip)[:, None] * outward
        + 0.55 * flow
        + 0.22 * lock
        + 0.16 * rng.standard_normal((count, 3))
    )
    position, path = start, [start]
    for number in range(1, _POINTS):
        direction = 0.7 * direction + 0.3 * flow
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        position = position + direction * (length / (_POINTS - 1))[:, None]
        low = np.full(count, 0.35 + 0.25 * number)
        position = space.clamp(position, low, np.full(count, np.inf))
        path.append(position)
    paths = np.stack(path, axis=1)
    facing = space.outward(paths.reshape(-1, 3)).reshape(paths.shape)
    facing += 0.35 * outward[:, None]
    facing /= np.linalg.norm(facing, axis=-1, keepdims=True)
    t = np.linspace(0.0, 1.0, _POINTS)
    share = (_COUNT["standard"] / _COUNT[detail]) ** 0.6
    base = (0.34 + 0.022 * traits.length) * share
    widths = base * rng.uniform(0.6, 1.3, count)[:, None] * (1.0 - 0.8 * t**1.5)
    return ribbons(
        roots,
        paths,
        facing,
        widths,
        skin,
        frame_vertices,
        part=BEARD,
        layer=rng.uniform(0.3, 1.0, count),
        numbers=np.arange(count),
        local=True,
    )
