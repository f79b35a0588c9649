"""Looks through a folder of FLAME files and says what is there, what is missing, what is wrong.

Never raises on bad files: it finds. Only a folder without a model gives it nothing to judge. The
readers are in :mod:`likeness.geometry.flame_assets`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from likeness.errors import LikenessError, MissingError
from likeness.geometry import flame_assets as flame
from likeness.geometry.head_asset import HeadAsset
from likeness.geometry.head_numpy import pose_head
from likeness.geometry.landmarks import mirror_error
from likeness.geometry.texture_space import TEXTURE_FILES, describe_texture_file

MIRROR_LIMIT = 2e-3
"""Metres. A correct embedding has 0.05 mm on the symmetric template and 1 mm on the other."""

_CONTOUR_YAW = 39
_PUBLISHED = {"vertices": 5023, "triangles": 9976, "joints": 5}


@dataclass(frozen=True)
class AssetFinding:
    """One thing a person should know about one file; the fields of a dataset finding."""

    severity: Literal["error", "warning", "advice"]
    code: str
    path: str
    message: str
    advice: str


def check_assets(folder: str | Path) -> list[AssetFinding]:
    """Findings about a FLAME folder (or one model file and what lies beside it).

    Raises:
        MissingError: there is no model to judge; the message lists the names looked for.
    """
    path = Path(folder)
    try:
        asset = flame.load_flame(path)
    except MissingError:
        raise
    except LikenessError as error:
        return [AssetFinding("error", "model-unusable", str(path), error.message, error.advice)]
    folder = path if path.is_dir() else path.parent
    source = str(asset.metadata.get("source_file", path.name))
    findings = [_sizes(asset, source)]
    findings += _missing_files(asset, folder)
    findings += _landmark_findings(asset, folder)
    findings += _eyelid_findings(asset)
    findings += _texture_findings(folder)
    return findings


def contour_gaps(asset: HeadAsset, yaw: float, row: int) -> np.ndarray:
    """How far inside the outline the far cheek's contour points of a table row lie: (8,) metres.

    The head is turned by ``yaw`` degrees to its left and seen from the front (orthographic); of
    each point 9..16 the horizontal distance to the outline at its height is measured.
    """
    if asset.contour is None:
        raise ValueError(f"head '{asset.name}' has no moving contour")
    angle = np.radians(yaw)
    turned = pose_head(asset, {"root": np.array([0.0, angle, 0.0])}).vertices
    points = asset.contour[row][9:].points(turned, asset.faces)
    edges = np.concatenate([asset.faces[:, [0, 1]], asset.faces[:, [1, 2]], asset.faces[:, [2, 0]]])
    start, end = turned[edges[:, 0]], turned[edges[:, 1]]
    gaps = []
    for point in points:
        crossing = (start[:, 1] <= point[1]) != (end[:, 1] <= point[1])
        a, b = start[crossing], end[crossing]
        share = (point[1] - a[:, 1]) / (b[:, 1] - a[:, 1])
        outline = (a[:, 0] + share * (b[:, 0] - a[:, 0])).max(initial=point[0])
        gaps.append(outline - point[0])
    return np.array(gaps)


def _sizes(asset: HeadAsset, source: str) -> AssetFinding:
    sizes = {
        "vertices": asset.num_vertices,
        "triangles": asset.num_faces,
        "joints": asset.num_joints,
    }
    text = ", ".join(f"{count} {name}" for name, count in sizes.items())
    is_published = sizes == _PUBLISHED
    return AssetFinding(
        "advice",
        "model-found" if is_published else "model-sizes-differ",
        source,
        f"{text}, {asset.num_shape} identity and {asset.num_expression} expression columns, "
        f"fingerprint {asset.fingerprint[:12]}.",
        "Coefficients fit this fingerprint only."
        if is_published
        else "The published models have 5023 vertices, 9976 triangles and 5 joints.",
    )


def _missing_files(asset: HeadAsset, folder: Path) -> list[AssetFinding]:
    wanted = (
        (not asset.masks, "masks", flame.MASK_NAMES, "regions for losses and errors"),
        (asset.landmarks51 is None, "landmarks", flame.COMBINED_NAMES, "landmark losses"),
        (asset.contour is None, "contour", flame.COMBINED_NAMES, "jaw lines of 2D detectors"),
        (asset.uv is None, "uv", flame.TEMPLATE_NAMES, "textures"),
        (asset.landmarks_mediapipe is None, "mediapipe", flame.MEDIAPIPE_NAMES, "MediaPipe points"),
        (asset.eyelids is None, "eyelids", flame.EYELID_NAMES, "closing eyes"),
    )
    return [
        AssetFinding(
            "advice",
            f"no-{name}",
            str(folder),
            f"No {name} file; {use} will not be available.",
            f"Put {' or '.join(names)} beside the model.",
        )
        for is_missing, name, names, use in wanted
        if is_missing
    ]


def _landmark_findings(asset: HeadAsset, folder: Path) -> list[AssetFinding]:
    findings = []
    for name in ("landmarks68", "landmarks51"):
        embedding = getattr(asset, name)
        if embedding is None:
            continue
        error = mirror_error(embedding.points(asset.template, asset.faces))
        if error > MIRROR_LIMIT:
            findings.append(
                AssetFinding(
                    "warning",
                    "embedding-not-symmetric",
                    str(folder),
                    f"{name}: left and right points differ by {error * 1000:.1f} mm on average "
                    "when mirrored; a correct embedding has at most 1 mm.",
                    "Triangle numbers are 0-based; check that embedding and model belong together.",
                )
            )
    if asset.contour is not None:
        gap = contour_gaps(asset, _CONTOUR_YAW, _CONTOUR_YAW).mean()
        negated = contour_gaps(asset, _CONTOUR_YAW, 2 * _CONTOUR_YAW).mean()
        if negated < gap:
            findings.append(
                AssetFinding(
                    "warning",
                    "contour-sign",
                    str(folder),
                    f"At 39 degrees to the left the far contour lies {gap * 1000:.1f} mm inside "
                    f"the outline, with the table negated {negated * 1000:.1f} mm.",
                    "Use contour_sign=-1 with this table.",
                )
            )
    return findings


def _eyelid_findings(asset: HeadAsset) -> list[AssetFinding]:
    if asset.eyelids is None:
        return []
    left, right = asset.eyelids
    moved = [np.linalg.norm(side, axis=1) for side in (left, right)]
    centres = [(amount @ asset.template[:, 0]) / amount.sum() for amount in moved]
    drops = [float(amount @ side[:, 1]) for amount, side in zip(moved, (left, right), strict=True)]
    if centres[0] > 0 > centres[1] and max(drops) < 0:
        return []
    return [
        AssetFinding(
            "warning",
            "eyelid-sides",
            " and ".join(flame.EYELID_NAMES),
            "Eyelid offsets should move the subject's left lid (+x) and right lid (-x) downwards; "
            f"found mean x {centres[0] * 1000:.0f} and {centres[1] * 1000:.0f} mm.",
            "Check that the files are not exchanged and are in metres.",
        )
    ]


def _texture_findings(folder: Path) -> list[AssetFinding]:
    findings = []
    for kind, name in TEXTURE_FILES.items():
        path = flame.find_beside(folder, (name,))
        if path is None:
            continue
        try:
            text = describe_texture_file(path, kind)
        except LikenessError as error:
            findings.append(
                AssetFinding("error", "texture-unusable", path.name, error.message, error.advice)
            )
        else:
            findings.append(
                AssetFinding(
                    "advice", "texture-found", path.name, text, f"Use it as '{kind}' albedo."
                )
            )
    return findings
