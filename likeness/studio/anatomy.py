"""The studio's head as an asset for :class:`likeness.geometry.head.MorphableHead`, in metres.

Owns the assembly of template, shape space, expressions, pose correctives, joints, masks, landmarks
and chart, and the copy of the result on disk. What each of them is, their own modules say.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import logging
import os
import tempfile
from importlib import resources
from pathlib import Path

import numpy as np

from likeness.errors import DataError
from likeness.geometry.head_asset import FLAME_JOINTS, HeadAsset, LandmarkEmbedding, load_head
from likeness.studio.correctives import pose_correctives
from likeness.studio.expressions import INDEX
from likeness.studio.landmark_points import contour, landmarks68
from likeness.studio.masks import vertex_masks
from likeness.studio.rig import PARENTS, joint_regressor, skinning_weights
from likeness.studio.shape_space import ShapeSpace, build_shape_space, describe_columns
from likeness.studio.template import Detail, Template, build_template
from likeness.studio.transfer import transfer_matrix
from likeness.studio.version import STUDIO_VERSION

log = logging.getLogger(__name__)

_METRES = 1e-3
_TABLES = ("cage.txt", "detail.txt", "displacements.txt")
_CREDIT = (
    "The cage and the facial shapes are measurements taken on ICT-FaceKit. "
    "Copyright (c) 2020 USC Institute for Creative Technologies (MIT licence)."
)


@functools.cache
def head_asset(detail: Detail = "standard") -> HeadAsset:
    """The studio's head: mean of its population, 300 identity and 100 expression columns.

    The first 52 expression columns are the ARKit shapes at weight 1. Coefficients mean the same at
    every level of detail. Computing the standard head takes most of a minute; a copy is kept in
    the user's cache folder (``XDG_CACHE_HOME``, else ``~/.cache``) and used until the studio
    changes. Where nothing can be written it is computed again.

    Args:
        detail: as for :func:`likeness.studio.template.build_template`.
    """
    if detail != "standard":
        return _carried(head_asset(), detail)
    path = cache_folder() / f"studio-head-{_studio_hash()[:20]}.safetensors"
    if path.is_file():
        try:
            return load_head(path)
        except DataError as error:
            log.warning("The kept studio head is damaged and is computed again: %s", error)
    log.info("Computing the studio's head; it is kept in %s afterwards.", path.parent)
    template = build_template()
    asset = assemble(template, build_shape_space(template))
    _keep(asset, path)
    return asset


def assemble(template: Template, space: ShapeSpace) -> HeadAsset:
    """The asset of a shape space on its template."""
    skin_landmarks, sliding = landmarks68(template), contour(template)
    blinks = [INDEX["eyeBlinkLeft"], INDEX["eyeBlinkRight"]]
    return HeadAsset(
        name="studio",
        template=_stored(space.mean * _METRES),
        faces=template.faces,
        shape_basis=_stored(space.shape * _METRES),
        expression_basis=_stored(space.expression * _METRES),
        pose_basis=_stored(pose_correctives(template) * _METRES),
        joint_regressor=_stored(joint_regressor(template)),
        weights=_stored(skinning_weights(template)),
        parents=np.array(PARENTS),
        joint_names=FLAME_JOINTS,
        masks=vertex_masks(template),
        landmarks68=LandmarkEmbedding(skin_landmarks.triangles, skin_landmarks.barycentric),
        landmarks_extra=_pupils(template),
        contour=LandmarkEmbedding(sliding.triangles, sliding.barycentric),
        uv=_stored(template.uv),
        uv_faces=template.uv_faces,
        eyelids=_stored(np.moveaxis(space.expression[:, :, blinks], 2, 0) * _METRES),
        expression_names=space.expression_names,
        metadata={
            "source": "studio",
            "studio_version": STUDIO_VERSION,
            "definition": f"studio {STUDIO_VERSION} {_tables_hash()}",
            "detail": template.detail,
            "credit": _CREDIT,
            "expression_unit": "activations of 52 ARKit shapes, then standard deviations",
            "shape_columns_mm": describe_columns(template, space),
        },
    )


def cache_folder() -> Path:
    """Where the computed head is kept."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "likeness"


def _carried(standard: HeadAsset, detail: Detail) -> HeadAsset:
    """The standard asset on a coarser or finer template."""
    source, target = build_template(), build_template(detail)
    carry = transfer_matrix(source, target)
    mean = target.vertices + carry @ (standard.template / _METRES - source.vertices)

    def columns(basis: np.ndarray) -> np.ndarray:
        moved = carry @ basis.reshape(source.num_vertices, -1) / _METRES
        return moved.reshape(target.num_vertices, 3, -1).astype(np.float32)

    space = ShapeSpace(
        mean=mean.astype(np.float32),
        shape=columns(standard.shape_basis),
        expression=columns(standard.expression_basis),
        expression_names=standard.expression_names,
    )
    return assemble(target, space)


def _pupils(template: Template) -> LandmarkEmbedding:
    """The front poles of both eyeballs, the subject's right one first as in the 68 points."""
    triangles, weights = [], []
    for name in ("eyeball_right", "eyeball_left"):
        pole = template.part_ranges[name].start
        triangle = int(np.flatnonzero((template.faces == pole).any(axis=1))[0])
        triangles.append(triangle)
        weights.append((template.faces[triangle] == pole).astype(np.float64))
    return LandmarkEmbedding(np.array(triangles), np.array(weights))


def _stored(array: np.ndarray) -> np.ndarray:
    """The precision of the kept copy, so that a computed head equals a loaded one."""
    return np.ascontiguousarray(array, dtype=np.float32)


def _tables_hash() -> str:
    """Hash over the measured tables. With the version it says which head this is."""
    tables = resources.files("likeness.studio").joinpath("tables")
    return hashlib.sha256(b"".join(tables.joinpath(n).read_bytes() for n in _TABLES)).hexdigest()


@functools.cache
def _studio_hash() -> str:
    """Hash over the version, the tables and the source of everything the head is computed by."""
    package = resources.files("likeness.studio")
    digest = hashlib.sha256(f"{STUDIO_VERSION} {_tables_hash()}".encode())
    pending, found = ["anatomy"], set()
    while pending:
        module = pending.pop()
        if module in found:
            continue
        found.add(module)
        for node in ast.walk(ast.parse(package.joinpath(f"{module}.py").read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("likeness.studio"):
                inner = str(node.module).removeprefix("likeness.studio").lstrip(".")
                pending += [inner] if inner else [alias.name for alias in node.names]
    for module in sorted(found):
        digest.update(package.joinpath(f"{module}.py").read_bytes())
    return digest.hexdigest()


def _keep(asset: HeadAsset, path: Path) -> None:
    """Writes the copy whole or not at all; a folder that cannot be written is no error."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            temporary = Path(folder) / path.name
            asset.save(temporary)
            os.replace(temporary, path)
    except OSError as error:
        log.info("The studio's head could not be kept: %s", error)
