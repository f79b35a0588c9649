"""The face detectors by name, and the files of weights they look for.

The detectors themselves live in :mod:`.cascade`, :mod:`.networks` and :mod:`.recorded`.
"""

from __future__ import annotations

from pathlib import Path

from likeness.errors import MissingError, UsageError
from likeness.faces.cascade import CascadeDetector
from likeness.faces.detect import Detector
from likeness.faces.networks import Scrfd, YuNet
from likeness.faces.recorded import RecordedDetector

WEIGHT_FILES: dict[str, tuple[str, ...]] = {
    "scrfd": (
        "scrfd_10g_bnkps.onnx",
        "det_10g.onnx",
        "scrfd_2.5g_bnkps.onnx",
        "det_2.5g.onnx",
        "scrfd_500m_bnkps.onnx",
        "det_500m.onnx",
    ),
    "yunet": ("face_detection_yunet_2023mar.onnx", "face_detection_yunet_2022mar.onnx"),
}
"""Published file names, best first, as looked for in a folder of weights."""


def make_detector(kind: str, *, weights: str | Path | None = None) -> Detector:
    """A detector by name.

    Args:
        kind: "cascade" needs nothing; "scrfd" and "yunet" need a weights file or a folder that has
            one under its published name; "file" needs the folder of precomputed results; "best"
            takes the best that ``weights`` allows, the cascade without any.
        weights: the file or folder.

    Raises:
        MissingError: the weights are not there; names the files looked for.
        UsageError: unknown kind.
    """
    if kind == "best":
        for candidate in WEIGHT_FILES:
            if weights is not None and _find_weights(candidate, weights) is not None:
                return make_detector(candidate, weights=weights)
        return make_detector("cascade")
    if kind == "cascade":
        return CascadeDetector()
    if kind == "file":
        return RecordedDetector(weights)
    if kind not in WEIGHT_FILES:
        raise UsageError(
            f"There is no face detector '{kind}'.",
            advice=f"There are: best, cascade, file, {', '.join(WEIGHT_FILES)}.",
        )
    path = None if weights is None else _find_weights(kind, weights)
    if path is None:
        raise MissingError(
            f"The face detector '{kind}' needs its weights; looked for "
            f"{', '.join(WEIGHT_FILES[kind])} in {weights or 'no folder, none was given'}.",
            advice="Name the file or its folder, or use the detector 'cascade', which needs none.",
        )
    return Scrfd(path) if kind == "scrfd" else YuNet(path)


def _find_weights(kind: str, weights: str | Path) -> Path | None:
    """The weights file itself, or the best published one in a folder; None when there is none."""
    path = Path(weights)
    if path.is_file():
        return path
    return next((path / name for name in WEIGHT_FILES[kind] if (path / name).is_file()), None)
