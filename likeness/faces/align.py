"""Faces brought into one place: the 112-pixel five-point template, the map to it, and the way back.

Everything is a similarity (rotation, one scale, shift), never a reflection, in pixels with centres
at half-integers. Arrays use NumPy; batches use torch, differentiable down to pixels and points.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from likeness.geometry.affine import invert_affine
from likeness.geometry.alignment import fit_similarity
from likeness.media.image import composite, crop

if TYPE_CHECKING:
    from torch import Tensor

_PUBLISHED_112 = np.array(
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655),
     (70.7299, 92.2041)]
)  # fmt: skip
TEMPLATE_112 = _PUBLISHED_112 + 0.5
"""Where a recogniser of the ArcFace family expects the five points in its 112-pixel picture.

The published numbers count from 0 at the centre of the first pixel; half a pixel makes them ours.
"""
TEMPLATE_112.flags.writeable = False


def alignment_matrix(points5: np.ndarray, *, size: int = 112) -> np.ndarray:
    """The similarity (2, 3) from picture to aligned pixels of five points (5, 2).

    Raises:
        ValueError: the points coincide or are not five.
    """
    return fit_similarity(points5, TEMPLATE_112 * (size / 112)).matrix


def align_face(
    image: np.ndarray, points5: np.ndarray, *, size: int = 112, antialias: bool = True
) -> np.ndarray:
    """The aligned face (size, size, 3), black outside the picture.

    Args:
        antialias: False samples as the published recognisers were trained, which matters when an
            embedding must equal one that was stored elsewhere.
    """
    matrix = alignment_matrix(points5, size=size)
    return crop(image, matrix, (size, size), border="constant", antialias=antialias)


def paste_face(
    image: np.ndarray, face: np.ndarray, matrix: np.ndarray, mask: np.ndarray
) -> np.ndarray:
    """Put an aligned face back where it came from.

    Args:
        face: (S, S, 3) aligned pixels.
        matrix: (2, 3) the map that cut it out.
        mask: (S, S) in [0, 1], how much of the new face is wanted where.
    """
    back, size = invert_affine(matrix), image.shape[:2]
    opacity = crop(mask, back, size, border="constant")
    return composite(crop(face, back, size), image, opacity)


def alignment_matrices(points5: Tensor, *, size: int = 112) -> Tensor:
    """Similarities (B, 2, 3) from picture to aligned pixels of points (B, 5, 2), differentiable."""
    import torch

    from likeness.geometry import procrustes

    template = torch.as_tensor(TEMPLATE_112 * (size / 112)).to(points5)
    scale, rotation, shift = procrustes.fit_similarity(points5, template.expand(len(points5), 5, 2))
    return torch.cat([scale[:, None, None] * rotation, shift[:, :, None]], dim=-1)


def align_faces(
    images: Tensor, points5: Tensor, *, size: int = 112, antialias: bool = True
) -> Tensor:
    """Aligned faces (B, C, size, size) of pictures (B, C, H, W) and points (B, 5, 2).

    Gradients reach the pictures and, through the similarity, the points.
    """
    matrices = alignment_matrices(points5, size=size)
    return crop(images, matrices, (size, size), border="constant", antialias=antialias)
