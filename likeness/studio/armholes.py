"""Lets sleeves and the cloth of the trunk pass into each other, as one piece over the shoulder.

Owns how they meet. Both are closed shapes of their own (``clothing``, ``limbs``): where they cut
through each other there is a furrow all around the arm, and the sleeve is a ball stuck to a chest.

Over the reach of their meeting both surfaces move to the level of a smooth minimum of the distances
to the two (Quilez, "smooth minimum", 2013), and both take the direction of its gradient, which is
the same for the two where they meet.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from likeness.studio import clothing, limbs
from likeness.studio.appearance import Appearance
from likeness.studio.attached import AttachedMesh
from likeness.studio.hair_shapes import smooth
from likeness.studio.surface_points import CLOTH
from likeness.studio.template import Template
from likeness.studio.torso import Build

_REACH = 56.0
"""mm from the other surface at which a point begins to move; where both meet it has moved by a
quarter of that, or more where they meet at an angle."""
_FREE, _JOINED = -285.0, -215.0
"""Heights in mm of a man's armpit, below which an arm hangs by itself, and of where it has wholly
become shoulder."""
_SHOULDER = 90.0, 130.0
"""Distances in mm from the middle of a man's body between which a collar becomes a shoulder:
sleeves begin under the cloth beside the neck."""
_TOP = -113.0
"""Height at which bodies of any stature agree (``limbs``)."""
_FURROW = 0.5
"""Of 1 - cosine of the angle between two surfaces, what makes a whole furrow: 60 degrees."""
_GRID = 3
"""Points along the edges of a triangle at which the other surface is known."""
_NEAREST = 4


def dressed(
    appearance: Appearance, template: Template, rest_vertices: np.ndarray, body: Build
) -> tuple[AttachedMesh, AttachedMesh]:
    """The garment with the bust under it, and the limbs, whose sleeves pass into the garment.

    Args:
        appearance: the person's traits.
        template: whose order ``rest_vertices`` has.
        rest_vertices: (V, 3) the person at rest, mm.
        body: how the person is built.
    """
    meshes = (
        clothing.build(appearance, template, rest_vertices, body),
        limbs.build(appearance, template, rest_vertices, body),
    )
    places = [mesh.place(rest_vertices)[0] for mesh in meshes]
    own = [
        (mesh.part == CLOTH) & (mesh.layer == layer)
        for mesh, layer in zip(meshes, (0.0, limbs.SLEEVE))
    ]
    trunk, sleeves = (_surface(*of_mesh, body) for of_mesh in zip(meshes, places, own))
    return (
        _toward(meshes[0], places[0], own[0], *sleeves, body),
        _toward(meshes[1], places[1], own[1], *trunk, body),
    )


def _height(level: float, body: Build) -> float:
    """Of a man's height that of the same place on another body, mm."""
    return _TOP + body.stature * (level - _TOP)


def _reach(points: np.ndarray, body: Build) -> np.ndarray:
    """(N,) mm over which points (N, 3) feel another surface; 0 where there is no shoulder."""
    low = smooth(_height(_FREE, body), _height(_JOINED, body), points[:, 1])
    aside = smooth(_SHOULDER[0], _SHOULDER[1], np.abs(points[:, 0]) / body.breadth)
    return _REACH * low * aside


def _surface(
    mesh: AttachedMesh, points: np.ndarray, own: np.ndarray, body: Build
) -> tuple[np.ndarray, np.ndarray]:
    """(N, 3) points spread over triangles of ``own`` vertices at a shoulder, and the normals."""
    near = own & (points[:, 1] > _height(_FREE - _REACH, body))
    near &= np.abs(points[:, 0]) > body.breadth * (_SHOULDER[0] - 0.5 * _REACH)
    faces = mesh.faces[near[mesh.faces].all(axis=1)]
    u, v = (part.ravel() / (_GRID - 1) for part in np.meshgrid(np.arange(_GRID), np.arange(_GRID)))
    inside = u + v <= 1.0 + 1e-9
    share = np.stack([1.0 - u - v, u, v], axis=1)[inside]
    spread, normals = (
        np.einsum("gk,fkc->fgc", share, values[faces]).reshape(-1, 3)
        for values in (points, mesh.normals.astype(np.float64))
    )
    return spread, normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)


def _toward(
    mesh: AttachedMesh,
    points: np.ndarray,
    own: np.ndarray,
    other: np.ndarray,
    other_normals: np.ndarray,
    body: Build,
) -> AttachedMesh:
    """The mesh with its ``own`` vertices moved toward the smooth union with another surface."""
    reach = _reach(points, body)
    own = own & (reach > 0.0)
    reach, place, normal = reach[own], points[own], mesh.normals[own].astype(np.float64)
    apart, nearest = cKDTree(other, balanced_tree=False).query(place, k=_NEAREST)
    weight = 1.0 / (apart + 1.0)
    weight /= weight.sum(axis=1, keepdims=True)
    toward = np.einsum("nk,nkc->nc", weight, other_normals[nearest])
    toward /= np.linalg.norm(toward, axis=1, keepdims=True)
    beyond = ((place[:, None] - other[nearest]) * other_normals[nearest]).sum(axis=2)
    distance = (weight * beyond).sum(axis=1)

    # A plane goes on for ever, a surface does not.
    share = np.clip(1.0 - np.maximum(np.abs(distance), apart[:, 0] - reach) / reach, 0.0, 1.0)
    of_other = np.where(distance >= 0.0, 0.5 * share, 1.0 - 0.5 * share)
    of_other *= share > 0.0
    gradient = (1.0 - of_other)[:, None] * normal + of_other[:, None] * toward
    square = np.maximum((gradient**2).sum(axis=1), 0.25)
    # Where the two lie along each other there is no furrow, and filling would be padding.
    angle = np.clip((1.0 - (normal * toward).sum(axis=1)) / _FURROW, 0.0, 1.0)
    moved = (0.25 * reach * angle * share**2 / square)[:, None] * gradient

    offsets, normals = mesh.offsets.copy(), mesh.normals.copy()
    offsets[own] += moved.astype(np.float32)
    normals[own] = gradient / np.linalg.norm(gradient, axis=1, keepdims=True)
    return replace(mesh, offsets=offsets, normals=normals)
