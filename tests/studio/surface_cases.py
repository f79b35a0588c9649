"""Sitters and points the surface tests share."""

from __future__ import annotations

import dataclasses

import numpy as np

from likeness.studio.appearance import Appearance
from likeness.studio.surface_points import SurfacePoints
from likeness.studio.template import Template


def sitter(seed: int = 3, sex: str = "female", age: float = 30.0, **changes) -> Appearance:
    """A sampled European with traits replaced, ``group__trait=value``."""
    appearance = Appearance.sample(
        np.random.default_rng(seed), sex=sex, age=age, ancestry={"european": 1.0}
    )
    for path, value in changes.items():
        group, name = path.split("__")
        part = dataclasses.replace(getattr(appearance, group), **{name: value})
        appearance = dataclasses.replace(appearance, **{group: part})
    return appearance


def plain(seed: int = 3, melanin: float = 0.4, **changes) -> Appearance:
    """Skin without spots, blotches, wrinkles, beard or hair."""
    return sitter(
        seed,
        **{
            "skin__melanin": melanin,
            "skin__haemoglobin": 0.0,
            "skin__olive": 0.0,
            "skin__blotches": 0.0,
            "skin__freckles": 0.0,
            "skin__moles": 0.0,
            "skin__age_spots": 0.0,
            "skin__wrinkles": 0.0,
            "skin__neck_rings": 0.0,
            "skin__eye_circles": 0.0,
            "hair__style": "bald",
            "brows__meeting": 0.0,
            **changes,
        },
    )


def points_at(
    rest: np.ndarray,
    part: int = 0,
    *,
    mouth_ring: float = 4.0,
    eye_ring: float = 4.0,
    ear: float = 0.0,
    layer: float = 0.0,
    lid_distance: float = 20.0,
    footprint: float = 0.2,
) -> SurfacePoints:
    """Points of one part at (N, 3) rest positions."""
    rest = np.atleast_2d(np.asarray(rest, np.float32))

    def filled(value: float) -> np.ndarray:
        return np.full(len(rest), value, np.float32)

    return SurfacePoints(
        rest=rest,
        part=np.full(len(rest), part, np.uint8),
        mouth_ring=filled(mouth_ring),
        eye_ring=filled(eye_ring),
        ear=filled(ear),
        layer=filled(layer),
        lid_distance=filled(lid_distance),
        footprint=filled(footprint),
    )


def head_points(template: Template, ids: np.ndarray, footprint: float = 0.3) -> SurfacePoints:
    """The template's own vertices as points."""
    return SurfacePoints(
        rest=template.vertices[ids].astype(np.float32),
        part=template.part[ids],
        mouth_ring=template.mouth_ring[ids].astype(np.float32),
        eye_ring=template.eye_ring[ids].astype(np.float32),
        ear=template.ear[ids].astype(np.float32),
        layer=np.zeros(len(ids), np.float32),
        lid_distance=np.full(len(ids), 20.0, np.float32),
        footprint=np.full(len(ids), footprint, np.float32),
    )


def patch(center: tuple[float, float, float], radius: float, count: int = 600) -> np.ndarray:
    """(count, 3) points scattered around a place, flat in z."""
    spread = np.random.default_rng(1).uniform(-radius, radius, (count, 3)) * (1.0, 1.0, 0.15)
    return np.asarray(center) + spread
