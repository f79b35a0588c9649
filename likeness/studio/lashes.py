"""Eyelashes: a row of curved hairs on each lid that follow it when it closes.

Owns their geometry. The dark line they spring from is painted by ``skin``.
"""

from __future__ import annotations

import numpy as np

from likeness.seeds import rng_of
from likeness.studio.appearance import Appearance
from likeness.studio.attached import AttachedMesh, join
from likeness.studio.ribbons import Roots, ribbons
from likeness.studio.surface_points import LASH
from likeness.studio.template import Template

_COUNT = {"low": 24, "standard": 44, "high": 90}
_WIDTH = {"low": 0.36, "standard": 0.27, "high": 0.20}
_POINTS = 5


def build(
    appearance: Appearance,
    template: Template,
    rest_vertices: np.ndarray,
    frame_vertices: np.ndarray,
    detail: str,
) -> AttachedMesh:
    """Upper and lower lashes of both eyes, anchored on the lid margins."""
    skin = np.asarray(rest_vertices[: template.num_skin], dtype=np.float64)
    rng = rng_of(appearance.texture_seed, "lashes")
    rows = []
    for side, sign in (("left", 1.0), ("right", -1.0)):
        loop = template.eye_loops[side]
        for upper in (True, False):
            rows.append(
                _row(appearance, template, skin, frame_vertices, detail, loop, sign, upper, rng)
            )
    return join(rows)


def _row(
    appearance: Appearance,
    template: Template,
    skin: np.ndarray,
    frame_vertices: np.ndarray,
    detail: str,
    loop: np.ndarray,
    sign: float,
    upper: bool,
    rng: np.random.Generator,
) -> AttachedMesh:
    eyes = appearance.eyes
    count = int(_COUNT[detail] * eyes.lash_density * (1.0 if upper else 0.6))
    outer = len(loop) // 2
    margin = loop[: outer + 1] if upper else np.concatenate([loop[outer:], loop[:1]])[::-1]
    # From a sixth behind the inner canthus to the outer one.
    place = outer * (0.16 + 0.82 * (np.arange(count) + rng.random(count)) / count)
    segment = np.minimum(place.astype(int), outer - 1)
    t = place - segment
    thirds = _opposite_corners(template.skin_faces, margin)
    anchors = np.stack([margin[segment], margin[segment + 1], thirds[segment]], axis=1)
    weights = np.stack([1 - t, t, np.zeros(count)], axis=1)
    roots = Roots(anchors, weights)
    start = roots.on(skin)

    outward_share = place / outer  # 0 inner canthus .. 1 outer
    shape = np.sin(np.pi * np.clip(0.25 + 0.62 * outward_share, 0.0, 1.0)) ** 0.5
    length = eyes.lash_length * shape * (1.0 if upper else 0.55) * rng.uniform(0.75, 1.1, count)
    lateral = sign * (1.5 * (outward_share - 0.42)) + 0.16 * rng.standard_normal(count)
    rise = 1.0 if upper else -1.0
    s = np.linspace(0.0, 1.0, _POINTS)
    # They leave along the gaze and a little toward the other lid, then curl away from it.
    paths = np.empty((count, _POINTS, 3))
    paths[..., 0] = start[:, :1] + length[:, None] * lateral[:, None] * (0.35 * s + 0.3 * s**2)
    lift = rise * (-0.25 * s + 0.78 * s**2) if upper else rise * (0.25 * s + 0.35 * s**2)
    paths[..., 1] = start[:, 1:2] + length[:, None] * lift
    paths[..., 2] = start[:, 2:] + length[:, None] * (0.86 * s - 0.30 * s**2)
    facing = np.zeros_like(paths)
    facing[..., 2] = 1.0
    widths = _WIDTH[detail] * (1.0 - 0.9 * s) * np.ones((count, 1)) * (1.0 if upper else 0.7)
    return ribbons(
        roots,
        paths,
        facing,
        widths,
        skin,
        frame_vertices,
        part=LASH,
        layer=np.ones(count),
        numbers=np.arange(count),
        local=True,
        roundness=0.0,
    )


def _opposite_corners(faces: np.ndarray, margin: np.ndarray) -> np.ndarray:
    """For each edge of the margin the third corner of the skin triangle on it."""
    following = {}
    for a, b, c in faces[np.isin(faces, margin).sum(axis=1) >= 2].tolist():
        for first, second, third in ((a, b, c), (b, c, a), (c, a, b)):
            following[first, second] = third
            following[second, first] = third
    return np.array([following[a, b] for a, b in zip(margin[:-1].tolist(), margin[1:].tolist())])
