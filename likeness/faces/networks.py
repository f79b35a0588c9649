"""Faces by networks whose weights the user gives: SCRFD through onnxruntime, YuNet through OpenCV.

Both answer with boxes and five points. Their published code counts pixels from 0 at the centre of
the first one; here centres are half-integers, so every position gets half a pixel, once, here.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from likeness.errors import DataError
from likeness.faces.detect import Face, without_duplicates
from likeness.models.onnx_model import OnnxModel

_STRIDES = (8, 16, 32)
_MAX_OVERLAP = 0.4


class Scrfd:
    """SCRFD (Guo, Deng, Lattas and Zafeiriou 2021) from its published ONNX files.

    The picture is scaled to fit a square at the top left of black, (x - 127.5) / 128, RGB. Per
    stride the network gives scores, distances from the anchor to the four sides and, in the
    ``bnkps`` files, five offsets to points, in strides; two anchors lie at each multiple of the
    stride.

    Args:
        weights: the .onnx file.
        side: of the square, a multiple of 32; ignored when the file fixes it.
        threshold: scores below are dropped.

    Raises:
        MissingError: onnxruntime is not installed.
        DataError: the file is no SCRFD network.
    """

    def __init__(self, weights: str | Path, *, side: int = 640, threshold: float = 0.4) -> None:
        self._network = OnnxModel(weights)
        self._weights, self._threshold = weights, threshold
        (self._input, shape), *_ = self._network.inputs.items()
        self._side = shape[2] if isinstance(shape[2], int) else side
        if len(self._network.outputs) not in (6, 9):
            raise DataError(
                f"{weights} has {len(self._network.outputs)} outputs; SCRFD has 6, with points 9.",
                advice="Give a file such as scrfd_10g_bnkps.onnx.",
            )

    def detect(self, image: np.ndarray, *, name: str = "") -> list[Face]:
        height, width = image.shape[:2]
        scale = self._side / max(height, width)
        size = (max(1, int(width * scale)), max(1, int(height * scale)))
        pixels = (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)
        canvas = np.zeros((self._side, self._side, 3), np.uint8)
        canvas[: size[1], : size[0]] = cv2.resize(pixels, size)  # as published: not antialiased
        blob = ((canvas.astype(np.float32) - 127.5) / 128.0).transpose(2, 0, 1)[None]
        outputs = list(self._network(**{self._input: blob}).values())
        faces = []
        for level, stride in enumerate(_STRIDES):  # all scores come first, then boxes, then points
            arrays = [
                array.reshape(-1, array.shape[-1]) for array in outputs[level :: len(_STRIDES)]
            ]
            faces += self._decode(stride, *arrays)
        return [
            face.moved(1 / scale, (0.5, 0.5)) for face in without_duplicates(faces, _MAX_OVERLAP)
        ]

    def _decode(
        self, stride: int, scores: np.ndarray, sides: np.ndarray, points: np.ndarray | None = None
    ) -> list[Face]:
        """Faces of one stride in pixels of the square, counted from 0."""
        cells = self._side // stride
        per_cell, rest = divmod(len(scores), cells * cells)
        if rest or per_cell == 0 or sides.shape[1] != 4:
            raise DataError(
                f"{self._weights} gives {scores.shape} scores and {sides.shape} boxes for stride "
                f"{stride}; expected a multiple of {cells * cells} rows.",
                advice="Give a file such as scrfd_10g_bnkps.onnx.",
            )
        row, column = np.divmod(np.arange(len(scores)) // per_cell, cells)
        anchors = np.column_stack([column, row]).astype(np.float64) * stride
        faces = []
        for i in np.flatnonzero(scores[:, 0] >= self._threshold):
            reach = sides[i].astype(np.float64) * stride  # left, top, right, bottom
            box = np.concatenate([anchors[i] - reach[:2], anchors[i] + reach[2:]])
            points5 = None
            if points is not None:
                points5 = anchors[i] + points[i].reshape(5, 2).astype(np.float64) * stride
            faces.append(Face(box, float(scores[i, 0]), points5))
        return faces


class YuNet:
    """YuNet (Wu, Peng and Yu 2023) through OpenCV's ``FaceDetectorYN``.

    Args:
        weights: the .onnx file.
        threshold: scores below are dropped.
        max_side: larger pictures are searched at this size.

    Raises:
        DataError: the file is no YuNet network.
    """

    def __init__(self, weights: str | Path, *, threshold: float = 0.5, max_side: int = 640) -> None:
        self._max_side = max_side
        try:
            self._network = cv2.FaceDetectorYN.create(
                str(weights), "", (320, 320), threshold, _MAX_OVERLAP, 5000
            )
        except cv2.error as error:
            raise DataError(
                f"{weights} is not a YuNet network OpenCV can run: {error.err}",
                advice="Give a file such as face_detection_yunet_2023mar.onnx.",
            ) from error

    def detect(self, image: np.ndarray, *, name: str = "") -> list[Face]:
        height, width = image.shape[:2]
        scale = min(1.0, self._max_side / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        pixels = (np.clip(image[..., ::-1], 0, 1) * 255 + 0.5).astype(np.uint8)
        if scale < 1.0:
            pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        self._network.setInputSize(size)
        _, rows = self._network.detect(np.ascontiguousarray(pixels))
        faces = []
        for row in np.empty((0, 15)) if rows is None else rows.astype(np.float64):
            box = np.concatenate([row[:2], row[:2] + row[2:4]])
            faces.append(Face(box + 0.5, float(row[14]), row[4:14].reshape(5, 2) + 0.5))
        return [face.moved(1 / scale) for face in sorted(faces, key=lambda f: -f.score)]
