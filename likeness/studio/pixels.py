"""From triangles to samples: which surface each sample of a picture shows, and its attributes.

Owns the projection into samples, the visibility buffer and the gathering of attributes; nothing is
painted or lit here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from likeness.geometry import rasterize_kernels
from likeness.studio.figure import Figure
from likeness.studio.surface_points import SurfacePoints
from likeness.studio.template import PARTS

_PAINTED_BY_SAMPLE = tuple(
    PARTS.index(name) for name in ("eyeball_left", "eyeball_right", "teeth_upper", "teeth_lower")
)


@dataclass(frozen=True, eq=False)
class Samples:
    """The samples of a picture that show the figure, flat arrays of equal length."""

    width: int
    """columns of the sample grid"""
    place: NDArray[np.int64]
    """(N,) row times width plus column of the sample grid, ascending"""
    tri: NDArray[np.int32]
    bary: NDArray[np.float32]
    """(N, 3) perspective-correct"""
    depth: NDArray[np.float32]
    """(N,) metres along the viewing direction"""
    position: NDArray[np.float32]
    """(N, 3) metres, camera at the origin"""
    normal: NDArray[np.float32]
    points: SurfacePoints


def project(
    vertices: NDArray[np.floating], intrinsics: tuple[float, float, float, float]
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Pixels (..., 2) and depth (...) of points in the picture's axes, camera at the origin.

    Args:
        vertices: (..., 3) metres; the camera looks along -z.
        intrinsics: fx, fy, cx, cy in pixels.
    """
    fx, fy, cx, cy = (vertices.dtype.type(value) for value in intrinsics)
    depth = -vertices[..., 2]
    x = cx + fx * vertices[..., 0] / depth
    y = cy - fy * vertices[..., 1] / depth
    return np.stack([x, y], axis=-1), depth


def take_samples(
    figure: Figure,
    vertices: NDArray[np.float32],
    intrinsics: tuple[float, float, float, float],
    height: int,
    width: int,
) -> Samples:
    """Samples of a figure on a grid of ``height`` x ``width``.

    Args:
        figure: gives everything but the place.
        vertices: (V, 3) the figure's vertices before the camera at the origin.
        intrinsics: in samples.
        height: rows of the grid.
        width: columns of the grid.
    """
    surface = figure.surface
    xy, depth = project(vertices, intrinsics)
    xy, depth = np.ascontiguousarray(xy[None]), np.ascontiguousarray(depth[None])
    tri = np.empty((1, height, width), np.int32)
    buffer = np.empty((1, height, width), np.float32)
    rasterize_kernels.cover(0, 1, xy, depth, depth, surface.faces, False, tri, buffer)
    bary = np.empty((1, height, width, 3), np.float32)
    rasterize_kernels.resolve(0, 1, xy, depth, depth, surface.faces, tri, bary, buffer)
    place = np.flatnonzero(tri.reshape(-1) >= 0)
    tri_seen, bary_seen = tri.reshape(-1)[place], bary.reshape(-1, 3)[place]
    depth_seen = buffer.reshape(-1)[place]
    count = len(place)
    vectors = np.empty((3, count, 3), np.float32)
    scalars = np.empty((5, count), np.float32)
    _gather(
        tri_seen,
        bary_seen,
        surface.faces,
        vertices,
        figure.normals,
        surface.rest,
        surface.mouth_ring,
        surface.eye_ring,
        surface.ear,
        surface.layer,
        figure.lid_distance,
        vectors,
        scalars,
    )
    position, normal, rest = vectors
    return Samples(
        width=width,
        place=place,
        tri=tri_seen,
        bary=bary_seen,
        depth=depth_seen,
        position=position,
        normal=normal,
        points=SurfacePoints(
            rest=rest,
            part=surface.part[surface.faces[tri_seen, 0]],
            mouth_ring=scalars[0],
            eye_ring=scalars[1],
            ear=scalars[2],
            layer=scalars[3],
            lid_distance=scalars[4],
            footprint=(depth_seen * np.float32(1000.0 / intrinsics[0])).astype(np.float32),
        ),
    )


@njit(cache=True, nogil=True)
def _gather(
    tri,
    bary,
    faces,
    vertices,
    normals,
    rest,
    mouth_ring,
    eye_ring,
    ear,
    layer,
    lid_distance,
    vectors,
    scalars,
):
    for sample in range(len(tri)):
        face = tri[sample]
        i, j, k = faces[face, 0], faces[face, 1], faces[face, 2]
        a, b, c = bary[sample, 0], bary[sample, 1], bary[sample, 2]
        for axis in range(3):
            vectors[0, sample, axis] = (
                a * vertices[i, axis] + b * vertices[j, axis] + c * vertices[k, axis]
            )
            vectors[2, sample, axis] = a * rest[i, axis] + b * rest[j, axis] + c * rest[k, axis]
        x = a * normals[i, 0] + b * normals[j, 0] + c * normals[k, 0]
        y = a * normals[i, 1] + b * normals[j, 1] + c * normals[k, 1]
        z = a * normals[i, 2] + b * normals[j, 2] + c * normals[k, 2]
        length = max(np.sqrt(x * x + y * y + z * z), np.float32(1e-6))
        vectors[1, sample, 0] = x / length
        vectors[1, sample, 1] = y / length
        vectors[1, sample, 2] = z / length
        scalars[0, sample] = a * mouth_ring[i] + b * mouth_ring[j] + c * mouth_ring[k]
        scalars[1, sample] = a * eye_ring[i] + b * eye_ring[j] + c * eye_ring[k]
        scalars[2, sample] = a * ear[i] + b * ear[j] + c * ear[k]
        scalars[3, sample] = a * layer[i] + b * layer[j] + c * layer[k]
        scalars[4, sample] = a * lid_distance[i] + b * lid_distance[j] + c * lid_distance[k]


@dataclass(frozen=True, eq=False)
class SharedPoints:
    """Points to be painted, each for one or more samples of a pixel."""

    points: SurfacePoints
    tri: NDArray[np.int32]
    """(M,) a triangle each point lies on"""
    group: NDArray[np.int32]
    """(N,) the point each sample takes its values from"""


def share_points(samples: Samples, n: int) -> SharedPoints:
    """One point for all samples of a pixel that show the same piece of skin or cloth.

    Painting costs more than lighting, and what is painted fades out below the size of a pixel
    anyway. Eyes and strands are painted sample by sample.

    Args:
        samples: on a grid of ``n`` x ``n`` samples a pixel.
        n: samples per pixel along each side.
    """
    points = samples.points
    count = len(points)
    group = np.empty(count, np.int32)
    vectors = np.zeros((count, 3), np.float32)
    scalars = np.zeros((6, count), np.float32)
    tri = np.empty(count, np.int32)
    width = samples.width
    used = _share(
        samples.place,
        width,
        n,
        samples.tri,
        points.part,
        np.isin(points.part, _PAINTED_BY_SAMPLE),
        points.rest,
        points.mouth_ring,
        points.eye_ring,
        points.ear,
        points.layer,
        points.lid_distance,
        points.footprint,
        group,
        vectors,
        scalars,
        tri,
    )
    mouth_ring, eye_ring, ear, layer, lid_distance, footprint = scalars[:, :used]
    part = np.empty(used, np.uint8)
    part[group] = points.part
    return SharedPoints(
        points=SurfacePoints(
            rest=vectors[:used],
            part=part,
            mouth_ring=mouth_ring,
            eye_ring=eye_ring,
            ear=ear,
            layer=layer,
            lid_distance=lid_distance,
            footprint=footprint,
        ),
        tri=tri[:used],
        group=group,
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _share(
    place,
    width,
    n,
    tri,
    part,
    alone,
    rest,
    mouth_ring,
    eye_ring,
    ear,
    layer,
    lid_distance,
    footprint,
    group,
    vectors,
    scalars,
    group_tri,
):
    """Groups samples, sums their attributes and divides by their number; returns how many
    groups.
    """
    columns = width // n
    newest = np.full((place[-1] // width // n + 1) * columns if len(place) else 0, -1, np.int32)
    members = np.zeros(len(place), np.int32)
    used = 0
    for sample in range(len(place)):
        row, column = place[sample] // width, place[sample] % width
        pixel = (row // n) * columns + column // n
        found = -1
        if not alone[sample]:
            found = newest[pixel]
            if found >= 0:
                # The same piece of surface: the same part, a few samples' width away at most.
                apart = 0.0
                for axis in range(3):
                    step = vectors[found, axis] / members[found] - rest[sample, axis]
                    apart += step * step
                reach = 3.0 * n * footprint[sample]
                if part[sample] != part[group_tri[found]] or apart > reach * reach:
                    found = -1
        if found < 0:
            found = used
            used += 1
            group_tri[found] = sample
            if not alone[sample]:
                newest[pixel] = found
        group[sample] = found
        members[found] += 1
        for axis in range(3):
            vectors[found, axis] += rest[sample, axis]
        scalars[0, found] += mouth_ring[sample]
        scalars[1, found] += eye_ring[sample]
        scalars[2, found] += ear[sample]
        scalars[3, found] += layer[sample]
        scalars[4, found] += lid_distance[sample]
        scalars[5, found] += footprint[sample]
    for found in range(used):
        share = np.float32(1.0) / np.float32(members[found])
        for axis in range(3):
            vectors[found, axis] *= share
        for row in range(6):
            scalars[row, found] *= share
        # The point stands for as many samples as it has members.
        scalars[5, found] *= np.sqrt(np.float32(members[found]))
        group_tri[found] = tri[group_tri[found]]
    return used


@njit(cache=True, nogil=True)
def farthest_depth(place, depths, width, n, out):
    """Depth of the farthest sample of each pixel into ``out``; infinite where one shows nothing."""
    members = np.zeros(out.shape, np.int32)
    out[:] = 0.0
    for sample in range(len(place)):
        row, column = place[sample] // width // n, place[sample] % width // n
        members[row, column] += 1
        out[row, column] = max(out[row, column], depths[sample])
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            if members[row, column] < n * n:
                out[row, column] = np.inf
