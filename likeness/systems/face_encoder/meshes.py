"""The head of a record as OBJ or GLB, with the albedo the encoder predicted.

Owns what goes into each file; the formats are in ``likeness.geometry``.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from likeness.errors import MissingError
from likeness.geometry.head_asset import HeadAsset
from likeness.geometry.head_numpy import joint_rotations
from likeness.geometry.mesh_glb import Skeleton, write_glb
from likeness.geometry.mesh_obj import obj_files
from likeness.media.image import to_array
from likeness.storage.files import replacing
from likeness.systems.face_encoder.albedo_space import unfit_reason
from likeness.systems.face_encoder.predictor import FacePredictor
from likeness.systems.face_encoder.record import PersonRecord
from likeness.systems.face_encoder.render import Renderer

logger = logging.getLogger(__name__)

_NUM_MORPHS = 52
REST_MORPH = "remainderOfPhoto"


def open_renderer(
    predictor: FacePredictor, *, with_albedo: bool
) -> tuple[Renderer, dict[str, str]]:
    """A renderer of the predictor's heads, and ``texture``: what its albedo is, or why it has none.

    Args:
        with_albedo: open the albedo space of the run; else nothing is said of it.
    """
    decoder, name = predictor.decoder, predictor.albedo
    count = decoder.layout.segment("face.albedo").dim if "face.albedo" in decoder.layout else 0
    bare = Renderer(decoder, name, 0).to(predictor.device)
    if not with_albedo:
        return bare, {}
    if not count:
        reason = f"the layout '{decoder.layout.name}' has no albedo"
    elif unfit := unfit_reason(name, decoder.asset):
        reason = unfit
    else:
        try:
            found = Renderer(decoder, name, count).to(predictor.device)
            return found, {"texture": f"albedo space '{name}'"}
        except MissingError as error:
            logger.warning("%s", error)
            reason = f"the albedo space '{name}' is not on this machine"
    return bare, {"texture": f"none: {reason}"}


def texture_of(renderer: Renderer, record: PersonRecord) -> np.ndarray | None:
    """The albedo (H, W, 3) in [0, 1] of a record; None where the renderer has no albedo space."""
    if renderer.albedo is None:
        return None
    code = torch.tensor(record.split()["face.albedo"][None], device=renderer.region.device)
    with torch.no_grad():
        return np.clip(to_array(renderer.albedo(code)[0]), 0, 1)


def write_mesh(
    path: Path, record: PersonRecord, asset: HeadAsset, *, texture: np.ndarray | None = None
) -> list[Path]:
    """The photograph's head as ``.obj``, or as ``.glb`` that can be moved; returns its files.

    The OBJ faces forward, with the expression, the jaw and the eyes of the photograph. The GLB is
    the neutral head with morph targets and a skin, set to the expression and the pose of the
    photograph: with all weights 0 and all joints unturned it is neutral again. The
    pose correctives of the photograph's pose are a morph target, so another pose has none of its
    own; joints stay where they are in the neutral head.
    """
    if path.suffix == ".obj":
        facing = {"pose.global": (1, 0, 0, 0, 1, 0), "pose.global_axis_angle": 0, "pose.neck": 0}
        forward = record.edit({k: v for k, v in facing.items() if k in record.layout})
        files = obj_files(replace(forward.to_mesh(asset), texture=texture), path.stem)
        for suffix, content in files.items():
            with replacing(path.with_suffix(suffix)) as temporary:
                temporary.write_bytes(content)
        return [path.with_suffix(suffix) for suffix in files]
    neutral = replace(record.to_mesh(asset, neutral=True), texture=texture)
    parameters = record.head_parameters(asset)
    expression = np.zeros(asset.num_expression)
    expression[: len(parameters["expression"])] = parameters["expression"]
    count = min(_NUM_MORPHS, asset.num_expression)
    names = asset.expression_names or tuple(f"expression{i:03d}" for i in range(count))
    morphs = {names[i]: asset.expression_basis[:, :, i] for i in range(count)}
    weights = expression[:count].tolist()
    rest = asset.expression_basis[:, :, count:] @ expression[count:]
    if "eyelid" in parameters and asset.eyelids is not None:
        rest = rest + np.einsum("e,evc->vc", parameters["eyelid"], asset.eyelids)
    rotations = joint_rotations(asset, parameters)
    # A skin has no pose correctives: those of this pose go with what no named target holds.
    rest = rest + asset.pose_basis @ (rotations[1:] - np.eye(3)).reshape(-1)
    if rest.any():
        # What the named targets leave of this photograph, so that nothing of it is lost.
        morphs, weights = {**morphs, REST_MORPH: rest}, [*weights, 1.0]
    skeleton = Skeleton(
        names=asset.joint_names,
        parents=asset.parents,
        positions=asset.joint_regressor @ neutral.vertices,
        weights=asset.weights,
        rotations=rotations,
    )
    with replacing(path) as temporary:
        write_glb(
            temporary,
            neutral,
            morphs=morphs,
            morph_weights=weights,
            skeleton=skeleton,
            name=path.stem,
        )
    return [path]
