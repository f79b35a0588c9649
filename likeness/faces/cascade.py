"""Faces by OpenCV's bundled cascades (Viola and Jones 2001): always there, but boxes only.

Good for upright frontal portraits, fair for three-quarter views and tilted heads.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from likeness.faces.detect import Face, without_duplicates
from likeness.media.image import resize

_SEARCHED_PIXELS = (250_000, 1_000_000)
"""Sizes to which a picture is reduced, searched in turn until a face is found that fills it.

The time goes with the square of picture over smallest face. Of a square picture the first copy
shows faces from 1/12 of the side, in a third of the time of the second, which shows them from 1/25.
"""
_FILLING = 0.3
"""Of the square root of the picture's area: a face as large as this is what the picture is about,
and smaller ones beside it are not looked for. Those of three persons side by side are smaller."""
_TILTS = (-30.0, 30.0)
"""Degrees tried when no face is found upright; a cascade by itself tolerates about 15."""
# Windows that agree are the only measure of confidence a cascade has. True faces gather 20 to 100
# of the frontal cascade's, false ones rarely 15; the profile cascade finds fewer and errs more.
_HALF_SURE_FRONTAL = 20.0
_HALF_SURE_PROFILE = 40.0


class CascadeDetector:
    """Frontal and both profile cascades, merged; see :class:`likeness.faces.detect.Detector`.

    Args:
        min_size: smallest face looked for, pixels of the searched picture.
    """

    def __init__(self, *, min_size: int = 40) -> None:
        self._min_size = min_size
        self._frontal = self._load("haarcascade_frontalface_alt2.xml")
        self._profile = self._load("haarcascade_profileface.xml")

    @staticmethod
    def _load(name: str) -> cv2.CascadeClassifier:
        folder = Path(cv2.__file__).parent / "data"
        return cv2.CascadeClassifier(str(folder / name))

    def detect(self, image: np.ndarray, *, name: str = "") -> list[Face]:
        faces: list[Face] = []
        side = (image.shape[0] * image.shape[1]) ** 0.5
        for pixels in _SEARCHED_PIXELS:
            scale = min(1.0, pixels**0.5 / side)
            grey = _grey(image, scale)
            faces += [face.moved(1 / scale) for face in self._upright(grey)]
            if not _is_sure(faces):
                for degrees in _TILTS:
                    faces += [face.moved(1 / scale) for face in self._tilted(grey, degrees)]
            if scale == 1.0 or _is_sure(faces, size=_FILLING * side):
                break
        return without_duplicates(faces)

    def _upright(self, grey: np.ndarray) -> list[Face]:
        width = grey.shape[1]
        faces = self._search(self._frontal, grey, _HALF_SURE_FRONTAL)
        faces += self._search(self._profile, grey, _HALF_SURE_PROFILE)  # looks to the left
        for face in self._search(self._profile, cv2.flip(grey, 1), _HALF_SURE_PROFILE):
            x0, y0, x1, y1 = face.box
            faces.append(Face(np.array([width - x1, y0, width - x0, y1]), face.score))
        return faces

    def _tilted(self, grey: np.ndarray, degrees: float) -> list[Face]:
        """Faces of the turned picture; their boxes stay upright, around the same centres."""
        height, width = grey.shape
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
        turned = cv2.warpAffine(grey, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
        back = cv2.invertAffineTransform(turn)
        faces = []
        for face in self._search(self._frontal, turned, _HALF_SURE_FRONTAL):
            centre = back[:, :2] @ face.centre + back[:, 2]
            half = face.size / 2
            faces.append(Face(np.concatenate([centre - half, centre + half]), face.score))
        return faces

    def _search(
        self, cascade: cv2.CascadeClassifier, grey: np.ndarray, half_sure: float
    ) -> list[Face]:
        boxes, counts = cascade.detectMultiScale2(
            grey, scaleFactor=1.1, minNeighbors=3, minSize=(self._min_size, self._min_size)
        )
        # Threads of OpenCV find them in any order; of two equals the same must be kept every time.
        return [
            Face(np.array([x, y, x + w, y + h], np.float64), float(count / (count + half_sure)))
            for (x, y, w, h), count in sorted(
                zip(map(tuple, boxes), counts, strict=True), key=lambda found: found[0]
            )
        ]


def _grey(image: np.ndarray, scale: float) -> np.ndarray:
    """The picture (H, W, 3) reduced, grey, with an even histogram: (h, w) uint8."""
    size = tuple(max(1, round(length * scale)) for length in image.shape[:2])
    small = image if scale == 1.0 else resize(image, size, filter="area")
    pixels = (np.clip(small, 0, 1) * 255 + 0.5).astype(np.uint8)
    return cv2.equalizeHist(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))


def _is_sure(faces: list[Face], *, size: float = 0.0) -> bool:
    """Whether one of them is no mistake, and at least this large."""
    return any(face.score >= 0.5 and face.size >= size for face in faces)
