"""Meshes the rasteriser's tests share, and an exact reference in rational numbers."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import torch


def sphere(rows: int = 20, columns: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    """Unit sphere of latitude and longitude, counter-clockwise seen from outside, float64."""
    polar = torch.linspace(0, math.pi, rows, dtype=torch.float64)[1:-1]
    turn = torch.arange(columns, dtype=torch.float64) * (2 * math.pi / columns) + 0.1
    ring = torch.stack(
        [
            torch.sin(polar)[:, None] * torch.sin(turn),
            torch.cos(polar)[:, None].expand(-1, columns),
            torch.sin(polar)[:, None] * torch.cos(turn),
        ],
        dim=-1,
    ).reshape(-1, 3)
    poles = torch.tensor([[0.0, 1.0, 0.0], [0.0, -1.0, 0.0]], dtype=torch.float64)
    vertices = torch.cat([ring, poles])
    top, bottom = len(ring), len(ring) + 1
    faces = []
    for column in range(columns):
        beside = (column + 1) % columns
        for row in range(rows - 3):
            a, b = row * columns + column, row * columns + beside
            faces += [[a, a + columns, b], [b, a + columns, b + columns]]
        last = (rows - 3) * columns
        faces += [[top, column, beside], [bottom, last + beside, last + column]]
    return vertices, torch.tensor(faces)


def flat_grid(cells: int, angle: float, scale: float) -> tuple[torch.Tensor, torch.Tensor]:
    """A flat square of ``cells`` x ``cells`` quads, cut in triangles with alternating diagonals."""
    line = np.arange(cells + 1, dtype=np.float64)
    x, y = np.meshgrid(line, line)
    points = np.stack([x.ravel(), y.ravel()], axis=1) * scale
    turned = points @ np.array(
        [[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]
    )
    faces = []
    for row in range(cells):
        for column in range(cells):
            a = row * (cells + 1) + column
            b, c, d = a + 1, a + cells + 1, a + cells + 2
            if (row + column) % 2:
                faces += [[a, b, d], [a, d, c]]
            else:
                faces += [[a, b, c], [b, d, c]]
    return torch.from_numpy(turned), torch.tensor(faces)


def random_soup(
    seed: int, dtype: torch.dtype, *, snap: bool, batch: int = 2, size: int = 20
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Random triangles reaching over the image's border, with slivers and degenerate ones.

    Returns xy, z, w, faces. With ``snap`` vertices lie on multiples of one half, so that many pixel
    centres lie on edges and vertices.
    """
    generator = torch.Generator().manual_seed(seed)
    xy = torch.rand(batch, 40, 2, generator=generator, dtype=dtype) * size * 1.6 - size * 0.3
    if snap:
        xy = (xy * 2).round() / 2
    z = torch.rand(batch, 40, generator=generator, dtype=dtype)
    w = torch.rand(batch, 40, generator=generator, dtype=dtype) * 1.5 + 0.2
    faces = torch.randint(0, 40, (50, 3), generator=generator)
    xy[:, 1] = xy[:, 0] + (xy[:, 2] - xy[:, 0]) * 0.5  # 0, 1, 2 lie on a line
    xy[:, 4] = xy[:, 3] + 1e-4  # 3, 4, 5 is a sliver
    xy[:, 6] = xy[:, 7] = 1e6  # far outside
    xy[:, 8, 0] = -1e5
    extra = torch.tensor([[0, 1, 2], [3, 4, 5], [6, 7, 8], [6, 8, 9], [10, 10, 11], [8, 12, 13]])
    return xy, z, w, torch.cat([extra, faces])


def exact_winners(
    xy: np.ndarray, z: np.ndarray, faces: np.ndarray, height: int, width: int
) -> np.ndarray:
    """The visible triangle of every pixel by plain loops in rational numbers: (H, W)."""
    points = [[Fraction(float(value)) for value in point] for point in xy]
    depths = [Fraction(float(value)) for value in z]
    winners = np.full((height, width), -1)
    for row in range(height):
        for column in range(width):
            centre = (Fraction(2 * column + 1, 2), Fraction(2 * row + 1, 2))
            best = None
            for number, corner_ids in enumerate(faces):
                corners = [points[i] for i in corner_ids]
                area = _cross(corners[0], corners[1], corners[2])
                if area == 0:
                    continue
                if area < 0:
                    corners = [corners[0], corners[2], corners[1]]
                    corner_ids = [corner_ids[0], corner_ids[2], corner_ids[1]]
                weights = []
                for k in range(3):
                    a, b = corners[(k + 1) % 3], corners[(k + 2) % 3]
                    value = _cross(a, b, centre)
                    dx, dy = b[0] - a[0], b[1] - a[1]
                    if value < 0 or (value == 0 and not (dy < 0 or (dy == 0 and dx > 0))):
                        break
                    weights.append(value / abs(area))
                else:
                    depth = sum(w * depths[i] for w, i in zip(weights, corner_ids))
                    if best is None or depth < best:
                        best = depth
                        winners[row, column] = number
    return winners


def _cross(a, b, c):
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
