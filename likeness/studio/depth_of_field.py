"""What a lens leaves sharp: blurs a rendering by its distance from the plane in focus.

Owns the blur of figures by depth. The background is painted out of focus already, as far away as it
is (``background``).

The figure is cut into a few layers of equal blur, each is spread by its own disc, and their sum is
laid over the background with the coverage a figure of that blur has (in the manner of Kraus and
Strengert, "Depth-of-field rendering by pyramidal image processing", 2007, with discs).
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from likeness.studio.camera import Framing, Lens, circle_of_confusion
from likeness.studio.rendering import Rendering

Picture = NDArray[np.float32]

_LEAST_RADIUS = 0.35
"""Pixels; a smaller blur everywhere is none."""
_LAYERS_PER_PIXEL, _MOST_LAYERS = 1.2, 7


def defocus(
    rendering: Rendering, background: Picture, framing: Framing | Lens, focus: float
) -> Picture:
    """The picture (H, W, 3) with everything blurred that is not at the distance in focus.

    Args:
        rendering: composed over ``background``.
        background: (H, W, 3) display-linear.
        framing: a lens with an aperture; anything else leaves all sharp.
        focus: metres at which the picture is sharp.
    """
    if not isinstance(framing, Lens) or framing.aperture is None:
        return rendering.picture
    radius = _radii(rendering, framing, focus)
    most = float(radius[rendering.coverage > 0.5].max(initial=0.0))
    if most < _LEAST_RADIUS:
        return rendering.picture
    count = min(max(math.ceil(_LAYERS_PER_PIXEL * most) + 1, 2), _MOST_LAYERS)
    levels = np.linspace(0.0, most, count)
    place = np.clip(radius / most, 0.0, 1.0) * (count - 1)

    covered = rendering.coverage[..., None]
    figure = np.concatenate([rendering.picture - (1.0 - covered) * background, covered], axis=2)
    total = np.zeros_like(figure)
    coverage = np.zeros_like(rendering.coverage)
    for number, level in enumerate(levels):
        share = np.maximum(1.0 - np.abs(place - number), 0.0).astype(np.float32)
        if not share.any():
            continue
        total += spread(share[..., None] * figure, float(level))
        coverage += share * spread(rendering.coverage, float(level))
    color = total[..., :3] / np.maximum(total[..., 3:], 1e-4)
    coverage = np.clip(coverage, 0.0, 1.0)[..., None]
    return (coverage * color + (1.0 - coverage) * background).astype(np.float32)


def _radii(rendering: Rendering, lens: Lens, focus: float) -> Picture:
    """(H, W) pixels of blur; around the figure those of its nearest pixel."""
    depth, known = rendering.depth, np.isfinite(rendering.depth)
    if not known.any():
        return np.zeros_like(depth)
    _, nearest = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    of_label = np.zeros(int(nearest.max()) + 1, np.float32)
    of_label[nearest[known]] = depth[known]
    diagonal = math.hypot(*depth.shape)
    assert lens.aperture is not None
    circles = circle_of_confusion(
        of_label[nearest],
        focus=focus,
        aperture=lens.aperture,
        focal_length=lens.focal_length,
        diagonal=diagonal,
    )
    return (0.5 * circles).astype(np.float32)


def spread(picture: Picture, radius: float) -> Picture:
    """A picture (H, W) or (H, W, C) whose points are discs of a radius in pixels."""
    if radius < _LEAST_RADIUS:
        return picture
    reach = math.ceil(radius)
    line = np.arange(-reach, reach + 1, dtype=np.float32)
    x, y = np.meshgrid(line, line)
    disc = np.clip(radius + 0.5 - np.hypot(x, y), 0.0, 1.0).astype(np.float32)
    spread_out: Picture = cv2.filter2D(
        picture, -1, disc / disc.sum(), borderType=cv2.BORDER_REFLECT_101
    )
    return spread_out
