"""Where the camera stands and what its lens does: from a wanted picture to a place and intrinsics.

Owns the geometry of framing and the circle of confusion. What a picture is of is ``scene``'s,
which kinds of shots people take ``shots``'.

Cameras are at the origin and look along -z; x right, y up. Focal lengths are the equivalent ones of
a camera with a 36 x 24 mm sensor, compared by the diagonal of the picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likeness.studio.pixels import project

Vector = NDArray[np.float64]
Intrinsics = tuple[float, float, float, float]
"""fx, fy, cx, cy in pixels."""
Camera = tuple[Vector, Intrinsics]
"""Translation (3,) that puts a figure before a camera at the origin, and the intrinsics."""

SENSOR_DIAGONAL = 43.267
"""mm, of 36 x 24 mm."""

_HAIRLINE_RISE = 0.29
"""How far the hairline is above the brows, over the way from chin to bridge of the nose; of the
template, whose hairline is at a height of 90 mm in front."""
ABOVE = 0.02
"""Heights of the picture above heads that are shown whole."""
_BELOW = 0.02
"""Metres above its lowest point in which a figure is cut off."""


@dataclass(frozen=True)
class Framing:
    """A crop around a face: how near the camera is and what part of its picture is kept."""

    distance: float
    """Metres from the camera to the middle of the face."""
    margin: float = 1.8
    """Side of the picture over the longer side of the box around the 68 landmarks."""
    offset: tuple[float, float] = (0.0, -0.04)
    """Middle of that box from the middle of the picture, in sides; x right, y down."""
    principal: tuple[float, float] = (0.0, 0.0)
    """Where the optical axis meets the picture, from its middle, in sides: a crop of a larger
    photograph does not have it in its middle."""
    at_rest: bool = False
    """Whether the box is of the face at rest, so that no expression moves or resizes the picture;
    else of the face as it is posed, as a crop by a detector is."""

    def place(
        self, landmarks: Vector, vertices: NDArray[np.floating], height: int, width: int
    ) -> Camera:
        """Puts a figure before the camera.

        Args:
            landmarks: (68, 3) metres, of the posed figure, or of it at rest.
            vertices: (V, 3) of the figure; not looked at, a crop may show where a bust ends.
            height: of the picture in pixels.
            width: likewise; the shorter side counts as *the* side.

        Returns:
            translation (3,) to add to the figure, and fx, fy, cx, cy in pixels.
        """
        side = min(height, width)
        middle = 0.5 * (landmarks.min(axis=0) + landmarks.max(axis=0))
        away = np.array([self.offset[0] - self.principal[0], 0.0])
        away[1] = self.principal[1] - self.offset[1]  # y up
        focal = 4.0  # in sides
        for _ in range(6):
            center = np.array([*(away / focal * self.distance), -self.distance])
            translation = center - middle
            points, _ = project(landmarks + translation, (1.0, 1.0, 0.0, 0.0))
            low, high = points.min(axis=0), points.max(axis=0)
            focal = 1.0 / (self.margin * float((high - low).max()))
        pixels = focal * side
        box_center = pixels * 0.5 * (low + high)
        wanted = np.array([width, height]) / 2.0 + side * np.asarray(self.offset)
        cx, cy = wanted - box_center
        return translation, (pixels, pixels, float(cx), float(cy))


@dataclass(frozen=True)
class Lens:
    """A whole photograph: the lens is chosen, and the photographer steps back until it fits."""

    focal_length: float
    """mm, 35 (wide) to 135 (long)."""
    face_height: float
    """Height of the face region (:func:`face_region`) over the picture's."""
    offset: tuple[float, float] = (0.0, -0.1)
    """Middle of the face region from the middle of the picture, in heights; x right, y down."""
    aperture: float | None = None
    """f-number that blurs what is nearer or farther than the eyes; None is sharp all over."""
    whole_head: bool = False
    """The picture begins above the crown and what grows there, wherever the face was to be."""

    def focal_pixels(self, height: int, width: int) -> float:
        """fx = fy in a picture of this size."""
        return focal_pixels(self.focal_length, height, width)

    def sight(self, height: int, width: int) -> tuple[float, float]:
        """Radians from the optical axis to the face: to the right of the picture, up."""
        focal = self.focal_pixels(height, width)
        x, y = (height * value / focal for value in self.offset)
        return math.atan(x), math.atan(-y)

    def place(
        self, landmarks: Vector, vertices: NDArray[np.floating], height: int, width: int
    ) -> Camera:
        """Puts a figure before the camera, with the optical axis in the middle of the picture.

        A photograph never shows where a body stops: of a figure that ends above the lower edge of
        the picture, a higher part of a larger photograph is kept, and the axis lies lower; so it
        does for a head that would be cut at the top and is wanted whole.

        Args:
            landmarks: (68, 3) metres, of the posed figure.
            vertices: (V, 3) of the whole figure.
            height: of the picture in pixels.
            width: likewise.

        Returns:
            translation (3,) to add to the figure, and fx, fy, cx, cy in pixels.
        """
        focal = self.focal_pixels(height, width)
        intrinsics = (focal, focal, 0.5 * width, 0.5 * height)
        region = region_points(landmarks)
        wanted = np.array([0.5 * width, 0.5 * height]) + height * np.asarray(self.offset)
        end = vertices[vertices[:, 1] < vertices[:, 1].min() + _BELOW].astype(np.float64)
        translation = np.array([0.0, 0.0, -1.0]) - region.mean(axis=0)
        translation = self._fitted(region, translation, wanted, intrinsics, height)
        lowest = float(project(end + translation, intrinsics)[0][:, 1].min())
        lower = max(height + 1.0 - lowest, 0.0)
        if self.whole_head:
            upper = vertices[vertices[:, 1] > landmarks[:, 1].mean()].astype(np.float64)
            highest = float(project(upper + translation, intrinsics)[0][:, 1].min())
            lower = max(ABOVE * height - highest, lower)
        return translation, (focal, focal, 0.5 * width, 0.5 * height + lower)

    def _fitted(
        self, region: Vector, start: Vector, wanted: Vector, intrinsics: Intrinsics, height: int
    ) -> Vector:
        translation = start.copy()
        focal = intrinsics[0]
        middle = region.mean(axis=0)
        for _ in range(12):
            points, _ = project(region + translation, intrinsics)
            low, high = points.min(axis=0), points.max(axis=0)
            distance = -float((middle + translation)[2])
            found = float(high[1] - low[1]) / (self.face_height * height)
            error = (wanted - 0.5 * (low + high)) * distance / focal
            translation[:2] += (error[0], -error[1])
            translation[2] -= distance * (found - 1.0)
            # Across the axis everything scales with the distance.
            translation[:2] += (middle + translation)[:2] * (found - 1.0)
        return translation


def focal_pixels(focal_length: float, height: int, width: int) -> float:
    """Focal length in pixels of an equivalent one in mm, for a picture of this size."""
    return focal_length / SENSOR_DIAGONAL * math.hypot(height, width)


def region_points(landmarks: Vector) -> Vector:
    """(78, D) the 68 landmarks and ten points of the hairline above the brows.

    Args:
        landmarks: (68, D) in space or in the picture.
    """
    rise = _HAIRLINE_RISE * (landmarks[27] - landmarks[8])
    return np.concatenate([landmarks, landmarks[17:27] + rise])


def face_region(landmarks: NDArray[np.floating]) -> tuple[float, float, float, float]:
    """left, top, right, bottom of the face with its forehead, without ears; may leave the picture.

    Args:
        landmarks: (68, 2) pixels.
    """
    points = region_points(np.asarray(landmarks, np.float64))
    left, top = points.min(axis=0).tolist()
    right, bottom = points.max(axis=0).tolist()
    return left, top, right, bottom


def circle_of_confusion(
    depth: NDArray[np.floating] | float,
    *,
    focus: float,
    aperture: float,
    focal_length: float,
    diagonal: float,
) -> NDArray[np.floating]:
    """Diameter in pixels of the disc a point is spread over by a thin lens.

    Args:
        depth: metres; infinite is allowed.
        focus: metres at which the picture is sharp.
        aperture: f-number.
        focal_length: equivalent mm.
        diagonal: of the picture in pixels.
    """
    focal = 0.001 * focal_length
    opening = focal / aperture
    share = np.abs(1.0 - focus / np.asarray(depth, np.float64))
    return opening * focal / (focus - focal) * share / (0.001 * SENSOR_DIAGONAL) * diagonal
