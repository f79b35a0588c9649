"""From triangles to pixels: which surface each sample of a picture shows, and its attributes.

Owns the projection into samples and the choice of points: coverage and depth are known for every
sample of a pixel, but all samples of a pixel that show the same piece of surface share one point,
which is painted and lit once (multisampling; Akeley, "RealityEngine graphics", SIGGRAPH 1993).
Nothing is painted or lit here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from likeness.studio.coverage import nearest_triangle
from likeness.studio.figure import Figure
from likeness.studio.surface_points import FRAME, SurfacePoints
from likeness.studio.template import PARTS

_ALONE = np.zeros(256, bool)
_ALONE[[PARTS.index(name) for name in ("eyeball_left", "eyeball_right")]] = True
_ALONE[[PARTS.index(name) for name in ("teeth_upper", "teeth_lower")] + [FRAME]] = True
"""Parts whose detail or shine is as small as a sample: every sample is a point of its own."""


@dataclass(frozen=True, eq=False)
class Samples:
    """The samples of a picture that show the figure, and the points they show."""

    place: NDArray[np.int64]
    """(N,) pixel (row times columns plus column) times samples a pixel plus the sample's number in
    its pixel, ascending"""
    depth: NDArray[np.float32]
    """(N,) metres along the viewing direction"""
    point: NDArray[np.int32]
    """(N,) the point each sample shows"""
    tri: NDArray[np.int32]
    """(M,) a triangle each point lies on"""
    bary: NDArray[np.float32]
    """(M, 3) where on it"""
    position: NDArray[np.float32]
    """(M, 3) metres, camera at the origin"""
    normal: NDArray[np.float32]
    """(M, 3) unit"""
    points: SurfacePoints
    """M points; those of several samples are means"""


def project(
    vertices: NDArray[np.floating], intrinsics: tuple[float, float, float, float]
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Pixels (..., 2) and depth (...) of points in the picture's axes, camera at the origin.

    Args:
        vertices: (..., 3) metres; the camera looks along -z.
        intrinsics: fx, fy, cx, cy in pixels.
    """
    kind = vertices.dtype.type
    flat = np.ascontiguousarray(vertices).reshape(-1, 3)
    xy, depth = np.empty((len(flat), 2), kind), np.empty(len(flat), kind)
    fx, fy, cx, cy = (kind(value) for value in intrinsics)
    _project(flat, fx, fy, cx, cy, xy, depth)
    return xy.reshape(*vertices.shape[:-1], 2), depth.reshape(vertices.shape[:-1])


@njit(cache=True, nogil=True, error_model="numpy")
def _project(vertices, fx, fy, cx, cy, xy, depth):
    for vertex in range(len(vertices)):
        away = -vertices[vertex, 2]
        depth[vertex] = away
        xy[vertex, 0] = cx + fx * vertices[vertex, 0] / away
        xy[vertex, 1] = cy - fy * vertices[vertex, 1] / away


def take_samples(
    figure: Figure,
    vertices: NDArray[np.float32],
    intrinsics: tuple[float, float, float, float],
    height: int,
    width: int,
    n: int,
) -> Samples:
    """Samples of a figure in a picture of ``height`` x ``width`` pixels.

    Args:
        figure: gives everything but the place.
        vertices: (V, 3) the figure's vertices before the camera at the origin.
        intrinsics: fx, fy, cx, cy in pixels.
        height: rows of pixels.
        width: columns of pixels.
        n: samples per pixel along each side.
    """
    surface = figure.surface
    xy, depth = project(vertices[: surface.num_solid], intrinsics)
    xy, inverse = np.float32(n) * xy, np.float32(1.0) / depth
    tri = np.empty((height * n, width * n), np.int32)
    count = nearest_triangle(xy, inverse, surface.faces, tri)
    place = np.empty(count, np.int64)
    point = np.empty(count, np.int32)
    found_depth = np.empty(count, np.float32)
    tri_of = np.empty(count, np.int32)
    bary = np.empty((count, 3), np.float32)
    vectors = np.empty((3, count, 3), np.float32)
    scalars = np.empty((6, count), np.float32)
    attributes = vertices, figure.normals, surface.rest, surface.places, figure.lid_distance
    used = _share(
        tri,
        n,
        xy,
        inverse,
        np.float32(1000.0 / (n * intrinsics[0])),
        _ALONE,
        surface.faces,
        surface.part,
        attributes,
        place,
        found_depth,
        point,
        tri_of,
        bary,
        vectors,
        scalars,
    )
    position, normal, rest = vectors[:, :used]
    mouth_ring, eye_ring, ear, layer, lid_distance, footprint = scalars[:, :used]
    tri_of = tri_of[:used]
    return Samples(
        place=place,
        depth=found_depth,
        point=point,
        tri=tri_of,
        bary=bary[:used],
        position=position,
        normal=normal,
        points=SurfacePoints(
            rest=rest,
            part=surface.part[surface.faces[tri_of, 0]],
            mouth_ring=mouth_ring,
            eye_ring=eye_ring,
            ear=ear,
            layer=layer,
            lid_distance=lid_distance,
            footprint=footprint,
        ),
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _share(
    tri,
    n,
    xy,
    inverse,
    footprint,
    alone,
    faces,
    part,
    attributes,
    place,
    depths,
    point,
    point_tri,
    bary,
    vectors,
    scalars,
):
    """Gathers samples into points, whose attributes are means; returns how many points.

    ``vectors`` rows are position, normal and rest, ``scalars`` rows the rings, ear, layer, lid
    distance and footprint.
    """
    half, one = np.float32(0.5), np.float32(1.0)
    normals, rest = attributes[1], attributes[2]
    members = np.empty(len(place), np.int32)
    on_first = np.empty(len(place), np.int32)
    first_rest = np.empty((len(place), 3), np.float32)
    here = np.empty(3, np.float32)
    sample, used, number, last = 0, 0, 0, -1
    for row in range(0, tri.shape[0], n):
        for column in range(0, tri.shape[1], n):
            start = used
            for inner in range(n * n):
                y, x = row + inner // n, column + inner % n
                number += 1
                face = tri[y, x]
                if face < 0:
                    continue
                if face != last:
                    last = face
                    i, j, k = faces[face, 0], faces[face, 1], faces[face, 2]
                    x0, y0 = xy[i, 0], xy[i, 1]
                    e1x, e1y = xy[j, 0] - x0, xy[j, 1] - y0
                    e2x, e2y = xy[k, 0] - x0, xy[k, 1] - y0
                    area = one / (e1x * e2y - e1y * e2x)
                qx, qy = np.float32(x) + half - x0, np.float32(y) + half - y0
                b, c = (qx * e2y - qy * e2x) * area, (e1x * qy - e1y * qx) * area
                a, b, c = (one - b - c) * inverse[i], b * inverse[j], c * inverse[k]
                depth = one / (a + b + c)
                a, b, c = a * depth, b * depth, c * depth
                found = used
                if not alone[part[i]]:
                    for other in range(start, used):
                        if point_tri[other] == face:
                            found = other
                            break
                if found < used:
                    on_first[found] += 1
                    bary[found, 0] += a
                    bary[found, 1] += b
                    bary[found, 2] += c
                else:
                    for axis in range(3):
                        here[axis] = a * rest[i, axis] + b * rest[j, axis] + c * rest[k, axis]
                    if not alone[part[i]]:
                        # The same piece of surface: the same part, a few samples away at most.
                        reach = np.float32(3 * n) * footprint * depth
                        for other in range(start, used):
                            dx, dy = first_rest[other, 0] - here[0], first_rest[other, 1] - here[1]
                            dz = first_rest[other, 2] - here[2]
                            first = faces[point_tri[other], 0]
                            # Lips that meet face each other: their mean would face anywhere.
                            same = part[first] == part[i] and (
                                normals[first, 0] * normals[i, 0]
                                + normals[first, 1] * normals[i, 1]
                                + normals[first, 2] * normals[i, 2]
                                > 0.5
                            )
                            if same and dx * dx + dy * dy + dz * dz <= reach * reach:
                                found = other
                                break
                    if found < used:
                        _add(one, (i, j, k), (a, b, c), found, attributes, vectors, scalars)
                    else:
                        point_tri[found] = face
                        on_first[found], members[found] = 1, 0
                        bary[found, 0], bary[found, 1], bary[found, 2] = a, b, c
                        for axis in range(3):
                            first_rest[found, axis] = here[axis]
                            for kind in range(3):
                                vectors[kind, found, axis] = 0.0
                        for kind in range(6):
                            scalars[kind, found] = 0.0
                        used += 1
                members[found] += 1
                scalars[5, found] += depth
                place[sample], depths[sample], point[sample] = number - 1, depth, found
                sample += 1
    for found in range(used):
        face, count = point_tri[found], np.float32(on_first[found])
        for axis in range(3):
            bary[found, axis] /= count
        corners = (faces[face, 0], faces[face, 1], faces[face, 2])
        weights = (bary[found, 0], bary[found, 1], bary[found, 2])
        _add(count, corners, weights, found, attributes, vectors, scalars)
        count = np.float32(members[found])
        share, square = one / count, np.float32(0.0)
        for axis in range(3):
            vectors[0, found, axis] *= share
            vectors[2, found, axis] *= share
            square += vectors[1, found, axis] * vectors[1, found, axis]
        length = one / max(np.sqrt(square), np.float32(1e-6))
        for axis in range(3):
            vectors[1, found, axis] *= length
        for kind in range(6):
            scalars[kind, found] *= share
        # The point stands for as many samples as it has members.
        scalars[5, found] *= footprint * np.sqrt(count)
    return used


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _add(times, corners, weights, found, attributes, vectors, scalars):
    """Adds ``times`` the attributes at a place of a triangle to a point's sums."""
    vertices, normals, rest, places, lid_distance = attributes
    i, j, k = corners
    a, b, c = times * weights[0], times * weights[1], times * weights[2]
    x = a * normals[i, 0] + b * normals[j, 0] + c * normals[k, 0]
    y = a * normals[i, 1] + b * normals[j, 1] + c * normals[k, 1]
    z = a * normals[i, 2] + b * normals[j, 2] + c * normals[k, 2]
    # Every sample's normal counts the same, however much its triangle is bent.
    length = times / max(np.sqrt(x * x + y * y + z * z), np.float32(1e-6))
    vectors[1, found, 0] += length * x
    vectors[1, found, 1] += length * y
    vectors[1, found, 2] += length * z
    for axis in range(3):
        vectors[0, found, axis] += (
            a * vertices[i, axis] + b * vertices[j, axis] + c * vertices[k, axis]
        )
        vectors[2, found, axis] += a * rest[i, axis] + b * rest[j, axis] + c * rest[k, axis]
    for kind in range(4):
        scalars[kind, found] += a * places[i, kind] + b * places[j, kind] + c * places[k, kind]
    scalars[4, found] += a * lid_distance[i] + b * lid_distance[j] + c * lid_distance[k]


@njit(cache=True, nogil=True)
def farthest_depth(place, depths, n, out):
    """Depth of the farthest sample of each pixel into ``out``; infinite where one shows nothing."""
    width = out.shape[1]
    out[:] = np.inf
    first = 0
    while first < len(place):
        pixel = place[first] // (n * n)
        last, farthest = first, np.float32(0.0)
        while last < len(place) and place[last] < (pixel + 1) * n * n:
            farthest = max(farthest, depths[last])
            last += 1
        if last - first == n * n:
            out[pixel // width, pixel % width] = farthest
        first = last
