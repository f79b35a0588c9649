"""How fit a picture is for training: sharpness, exposure, compression, and near-duplicates.

Numbers only; which of them is a warning is decided by each contract. Pictures are (H, W, 3) float32
RGB in [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.fft import dct

from likeness.media.image import resize

_SHARPNESS_SIDE = 512
_FACE_SIDE = 256
_LUMA = np.array([0.299, 0.587, 0.114])
"""ITU-R BT.601, as in JPEG."""


@dataclass(frozen=True)
class Quality:
    """What was measured on one picture."""

    sharpness: float
    """Variance of the Laplacian of the luma at 512 pixels on the long side; below 50 is soft."""
    face_sharpness: float | None
    """The same on the face, scaled to 256 pixels; None without a face."""
    brightness: float
    """Mean luma, [0, 1]."""
    clipped: float
    """Share of pixels that are black or white: luma <= 4 or >= 251 of 255."""
    blockiness: float
    """Steps across the 8-pixel grid of JPEG over steps elsewhere; 1 is clean, above 1.6 shows."""
    face_size: float | None
    """Square root of the face box's area, pixels; None without a face."""


def measure_quality(image: np.ndarray, box: Sequence[float] | None = None) -> Quality:
    """Measure a picture, and the face in ``box`` (left, top, right, bottom) if there is one."""
    grey = luma(image)
    face_sharpness = face_size = None
    if box is not None:
        left, top, right, bottom = (round(float(value)) for value in box)
        face = grey[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
        if face.size:
            face_sharpness = sharpness(face, side=_FACE_SIDE)
            face_size = float(np.sqrt((box[2] - box[0]) * (box[3] - box[1])))
    return Quality(
        sharpness=sharpness(grey),
        face_sharpness=face_sharpness,
        brightness=float(grey.mean()),
        clipped=float(((grey <= 4.5 / 255) | (grey >= 250.5 / 255)).mean()),
        blockiness=blockiness(grey),
        face_size=face_size,
    )


def luma(image: np.ndarray) -> np.ndarray:
    """(H, W) float64 brightness of an RGB picture, [0, 1]."""
    return np.asarray(image, np.float64) @ _LUMA


def sharpness(grey: np.ndarray, *, side: int = _SHARPNESS_SIDE) -> float:
    """Variance of the 4-neighbour Laplacian of an 8-bit scale picture (H, W) in [0, 1].

    The picture is first scaled so that its long side has ``side`` pixels, the aspect kept: the
    number would otherwise measure resolution.
    """
    scale = side / max(grey.shape)
    size = (max(3, round(grey.shape[0] * scale)), max(3, round(grey.shape[1] * scale)))
    g = resize(np.asarray(grey, np.float64), size) * 255.0
    laplacian = g[:-2, 1:-1] + g[2:, 1:-1] + g[1:-1, :-2] + g[1:-1, 2:] - 4.0 * g[1:-1, 1:-1]
    return float(laplacian.var())


def blockiness(grey: np.ndarray) -> float:
    """Mean step across the lines of an 8-pixel grid over the mean step elsewhere, both directions.

    1.0 for a picture too small to tell, or without any step.
    """
    across, elsewhere = [], []
    for picture in (grey, grey.T):
        steps = np.abs(np.diff(picture, axis=1))
        on_grid = np.arange(steps.shape[1]) % 8 == 7
        across.append(steps[:, on_grid].ravel())
        elsewhere.append(steps[:, ~on_grid].ravel())
    lines, rest = np.concatenate(across), np.concatenate(elsewhere)
    if not lines.size or not rest.size or rest.mean() == 0:
        return 1.0
    return float(lines.mean() / rest.mean())


def perceptual_hash(image: np.ndarray) -> int:
    """A 64-bit fingerprint that survives scaling, recompression and small edits.

    Bit for bit the ``phash`` of the ImageHash package: 32 x 32 grey by Lanczos, cosine transform,
    its 8 x 8 lowest frequencies, a bit for each above their median, first row first.
    """
    pixels = (np.clip(image, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
    small = Image.fromarray(pixels).convert("L").resize((32, 32), Image.Resampling.LANCZOS)
    spectrum = dct(dct(np.asarray(small, np.float64), axis=0), axis=1)[:8, :8]
    bits = (spectrum > np.median(spectrum)).ravel()
    return int("".join("1" if bit else "0" for bit in bits), 2)


def near_duplicates(images: Sequence[tuple[int, int]], *, max_distance: int = 5) -> list[list[int]]:
    """Groups of pictures that show the same, as lists of positions, in order; alone is no group.

    Args:
        images: the hash of each picture and the hash of its mirror image.
        max_distance: bits that may differ. Groups are connected: a and c may differ by more when b
            lies between them.
    """
    group = list(range(len(images)))

    def root(i: int) -> int:
        while group[i] != i:
            group[i] = group[group[i]]
            i = group[i]
        return i

    plain = np.array([image[0] for image in images], np.uint64)
    mirrored = np.array([image[1] for image in images], np.uint64)
    for i in range(len(images)):
        straight = np.bitwise_count(plain[i] ^ plain[i + 1 :])
        flipped = np.bitwise_count(plain[i] ^ mirrored[i + 1 :])
        for offset in np.flatnonzero(np.minimum(straight, flipped) <= max_distance):
            group[root(i + 1 + int(offset))] = root(i)
    members: dict[int, list[int]] = {}
    for i in range(len(images)):
        members.setdefault(root(i), []).append(i)
    return [found for found in members.values() if len(found) > 1]
