"""Text USD (.usda): a mesh whose points move, or whose blend shapes are weighted, over time.

Written after the crate-free text form of OpenUSD and its UsdGeom and UsdSkel schemas; written only.
Time codes count frames, so ``timeCodesPerSecond`` is the frame rate.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TextIO

import numpy as np

from likeness.errors import UsageError
from likeness.geometry.animation import VertexAnimation
from likeness.geometry.mesh import Mesh
from likeness.geometry.weight_animation import WeightAnimation
from likeness.replacement import replacing

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_IDENTITY = "( (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1) )"


def write_usda_points(
    path: str | Path,
    mesh: Mesh,
    animation: VertexAnimation,
    *,
    metres_per_unit: float = 1.0,
    name: str = "head",
) -> None:
    """Write a mesh with a time sample of its points per frame, block by block, in one step.

    Args:
        mesh: gives triangles and UV; its vertices are where it is without time.
        animation: as many vertices as the mesh, in the same unit, +y up.
        metres_per_unit: 0.01 for centimetres.
        name: of the mesh.

    Raises:
        UsageError: another number of vertices, or a name that USD does not allow.
    """
    if animation.num_vertices != mesh.num_vertices:
        raise UsageError(
            f"The mesh has {mesh.num_vertices} vertices, the animation {animation.num_vertices}."
        )
    first = animation.start * animation.fps
    codes = [first + frame for frame in range(animation.num_frames)]
    extents = []
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as file:
        _begin(file, _identifier(name), animation.fps, codes, metres_per_unit)
        file.write(f'def Mesh "{name}"\n{{\n')
        _topology(file, mesh)
        file.write("    point3f[] points.timeSamples = {\n")
        frame = 0
        for block in animation.blocks():
            for points in block:
                file.write(f"        {codes[frame]:.9g}: {_triples(points)},\n")
                extents.append(_triples(np.stack([points.min(axis=0), points.max(axis=0)])))
                frame += 1
        file.write("    }\n    float3[] extent.timeSamples = {\n")
        file.writelines(f"        {code:.9g}: {text},\n" for code, text in zip(codes, extents))
        file.write("    }\n}\n")


def write_usda_weights(
    path: str | Path,
    mesh: Mesh,
    morphs: Mapping[str, np.ndarray],
    animation: WeightAnimation,
    *,
    fps: float,
    metres_per_unit: float = 1.0,
    name: str = "head",
) -> None:
    """Write a mesh with blend shapes and a time sample of their weights per row, in one step.

    UsdSkel ties blend shapes to a skeleton, so there is one of a single joint that does not move.

    Args:
        mesh: the neutral face.
        morphs: name to offsets (V, 3).
        animation: weights of some or all morphs; the others stay 0.
        fps: time codes per second; a row of the animation has the time code ``time · fps``.
        metres_per_unit, name: as in :func:`write_usda_points`.

    Raises:
        UsageError: weights without a morph, or names that USD does not allow.
    """
    unknown = [column for column in animation.names if column not in morphs]
    if unknown:
        raise UsageError(f"There are weights of {', '.join(unknown)}, but no such morphs.")
    for morph, offsets in morphs.items():
        if np.shape(offsets) != (mesh.num_vertices, 3):
            raise UsageError(
                f"Morph {_identifier(morph)} has the shape {np.shape(offsets)}, the mesh "
                f"{mesh.num_vertices} vertices."
            )
    _identifier(name)
    codes = (animation.times * fps).tolist()
    shapes = "[" + ", ".join(f'"{_identifier(morph)}"' for morph in morphs) + "]"
    root = f"/{name}"
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as file:
        _begin(file, name, fps, codes, metres_per_unit)
        file.write(f'def SkelRoot "{name}"\n{{\n')
        file.write('def Mesh "surface" (\n    prepend apiSchemas = ["SkelBindingAPI"]\n)\n{\n')
        _topology(file, mesh)
        file.write(f"    uniform token[] skel:blendShapes = {shapes}\n")
        targets = ", ".join(f"<{root}/surface/{morph}>" for morph in morphs)
        file.write(f"    rel skel:blendShapeTargets = [{targets}]\n")
        file.write(f"    rel skel:skeleton = <{root}/skeleton>\n")
        # USD finds no joint for a mesh without these.
        file.write('    int[] primvars:skel:jointIndices = [0] (\n        elementSize = 1\n'
                   '        interpolation = "constant"\n    )\n'
                   '    float[] primvars:skel:jointWeights = [1] (\n        elementSize = 1\n'
                   '        interpolation = "constant"\n    )\n')  # fmt: skip
        for morph, offsets in morphs.items():
            file.write(f'    def BlendShape "{morph}"\n    {{\n')
            file.write(f"        uniform vector3f[] offsets = {_triples(offsets)}\n    }}\n")
        file.write("}\n")
        file.write(
            'def Skeleton "skeleton" (\n    prepend apiSchemas = ["SkelBindingAPI"]\n)\n{\n'
            '    uniform token[] joints = ["root"]\n'
            f"    uniform matrix4d[] bindTransforms = [{_IDENTITY}]\n"
            f"    uniform matrix4d[] restTransforms = [{_IDENTITY}]\n"
            f"    rel skel:animationSource = <{root}/animation>\n}}\n"
        )
        file.write(
            f'def SkelAnimation "animation"\n{{\n    uniform token[] blendShapes = {shapes}\n'
        )
        file.write("    float[] blendShapeWeights.timeSamples = {\n")
        columns = [list(morphs).index(column) for column in animation.names]
        for code, row in zip(codes, animation.weights):
            weights = np.zeros(len(morphs), np.float32)
            weights[columns] = row
            file.write(f"        {code:.9g}: [{', '.join(f'{w:.9g}' for w in weights)}],\n")
        file.write("    }\n}\n}\n")


def _begin(file: TextIO, name: str, fps: float, codes: list[float], metres_per_unit: float) -> None:
    file.write(
        "#usda 1.0\n(\n"
        f'    defaultPrim = "{name}"\n'
        f"    metersPerUnit = {metres_per_unit:.9g}\n"
        f"    startTimeCode = {codes[0]:.9g}\n"
        f"    endTimeCode = {codes[-1]:.9g}\n"
        f"    timeCodesPerSecond = {fps:.9g}\n"
        f"    framesPerSecond = {fps:.9g}\n"
        '    upAxis = "Y"\n)\n\n'
    )


def _topology(file: TextIO, mesh: Mesh) -> None:
    """Triangles, the points without time, and UV."""
    file.write('    uniform token subdivisionScheme = "none"\n')
    file.write(f"    int[] faceVertexCounts = [{', '.join(['3'] * mesh.num_faces)}]\n")
    file.write(f"    int[] faceVertexIndices = {_integers(mesh.faces)}\n")
    file.write(f"    point3f[] points = {_triples(mesh.vertices)}\n")
    if mesh.uv is not None and mesh.uv_faces is not None:
        uv = ", ".join(f"({u:.9g}, {v:.9g})" for u, v in mesh.uv.tolist())
        file.write(f"    texCoord2f[] primvars:st = [{uv}] (\n")
        file.write('        interpolation = "faceVarying"\n    )\n')
        file.write(f"    int[] primvars:st:indices = {_integers(mesh.uv_faces)}\n")


def _integers(values: np.ndarray) -> str:
    return "[" + ", ".join(map(str, values.ravel().tolist())) + "]"


def _triples(points: Iterable[np.ndarray] | np.ndarray) -> str:
    """Nine digits give every float32 back."""
    rows = np.asarray(points, np.float32).tolist()
    return "[" + ", ".join(f"({x:.9g}, {y:.9g}, {z:.9g})" for x, y, z in rows) + "]"


def _identifier(name: str) -> str:
    if not _IDENTIFIER.fullmatch(name):
        raise UsageError(f"USD names have letters, digits and underscores, not {name[:80]!r}.")
    return name
