"""The studio's head as an asset for :class:`likeness.geometry.head.MorphableHead`, in metres.

Owns the assembly of template, shape space, expressions, pose correctives, joints, masks, landmarks
and chart. What each of them is, their own modules say.
"""

from __future__ import annotations

import functools
import logging

import numpy as np

from likeness.errors import DataError
from likeness.geometry.head_asset import FLAME_JOINTS, HeadAsset, LandmarkEmbedding, load_head
from likeness.notices import NOTICE
from likeness.studio.correctives import pose_correctives
from likeness.studio.expressions import INDEX
from likeness.studio.kept import is_wanted, keep, kept_path, tables_hash
from likeness.studio.landmark_points import contour, landmarks68
from likeness.studio.masks import vertex_masks
from likeness.studio.rig import PARENTS, joint_regressor, skinning_weights
from likeness.studio.shape_space import ShapeSpace, build_shape_space, describe_columns
from likeness.studio.template import Detail, Template, build_template
from likeness.studio.transfer import transfer_matrix
from likeness.studio.version import STUDIO_VERSION

log = logging.getLogger(__name__)

_METRES = 1e-3
_KEPT = ("studio-head", "anatomy")
_CREDIT = (
    "The cage and the facial shapes are measurements taken on ICT-FaceKit. "
    "Copyright (c) 2020 USC Institute for Creative Technologies (MIT licence)."
)


@functools.cache
def head_asset(detail: Detail = "standard") -> HeadAsset:
    """The studio's head: mean of its population, 300 identity and 100 expression columns.

    The first 52 expression columns are the ARKit shapes at weight 1. Coefficients mean the same at
    every level of detail. Computing the standard head takes a minute or two; a copy is kept
    in the user's cache folder (``XDG_CACHE_HOME``, else ``~/.cache``) and used until the studio
    changes. Where nothing can be written it is computed again.

    Args:
        detail: as for :func:`likeness.studio.template.build_template`.
    """
    if detail != "standard":
        return _carried(head_asset(), detail)
    path = kept_path(*_KEPT)
    if path.is_file():
        try:
            return load_head(path)
        except DataError as error:
            log.warning("The kept studio head is damaged and is computed again: %s", error)
    asset = _standard_head()
    keep(path, asset.save)
    return asset


def keep_head(workers: int = 0) -> None:
    """Compute the standard head by several processes, where no copy is kept and one can be.

    Args:
        workers: processes; 0 takes one for each core.
    """
    if is_head_wanted():
        keep(kept_path(*_KEPT), _standard_head(workers).save)


def is_head_wanted() -> bool:
    """Whether no copy of the standard head is kept, and one can be."""
    return is_wanted(kept_path(*_KEPT))


def _standard_head(workers: int = 1) -> HeadAsset:
    log.log(NOTICE, "Building the studio's head, once: a minute or two.")
    template = build_template()
    return assemble(template, build_shape_space(template, workers=workers))


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
            "definition": f"studio {STUDIO_VERSION} {tables_hash()}",
            "detail": template.detail,
            "credit": _CREDIT,
            "expression_unit": "activations of 52 ARKit shapes, then standard deviations",
            "shape_columns_mm": describe_columns(template, space),
        },
    )


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
