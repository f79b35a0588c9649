"""Where a drawing may be compared with its photograph, at the size of the drawing.

Owns masks of batches; masks of single photographs are read by ``annotation_files.py``.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor, nn


def resized(image: Tensor, size: int) -> Tensor:
    """Pictures (B, C, H, W) at ``size`` by ``size`` pixels, each the mean of what it covers."""
    if image.shape[-1] == size:
        return image
    return nn.functional.interpolate(image, (size, size), mode="bilinear", antialias=True)


def convex_hull_masks(landmarks: Tensor, size: int) -> Tensor:
    """1 inside the convex hull of each face's points: (B, 68, 2) crop units to (B, 1, S, S)."""
    masks = np.zeros((len(landmarks), 1, size, size), np.float32)
    pixels = ((landmarks.detach().cpu().numpy() + 1) * size / 2 - 0.5).round().astype(np.int32)
    for mask, points in zip(masks, pixels, strict=True):
        cv2.fillConvexPoly(mask[0], cv2.convexHull(points), 1.0)
    return torch.from_numpy(masks).to(landmarks.device)
