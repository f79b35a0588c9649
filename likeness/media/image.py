"""Pictures: load, save, resize, crop, blend; (H, W, 3) float32 RGB in [0, 1].

Resizing and cropping take NumPy pictures (H, W, C) or (H, W) and torch pictures (…, H, W) alike and
give the same numbers. File decoding is in :mod:`likeness.media.decoding`. torch is imported only
when a function needs it, so that tools which just look at files start fast.
"""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np
from PIL import Image

from likeness.errors import UsageError
from likeness.media.decoding import (
    MAX_PIXELS,
    ImageInfo,
    decode,
    describe,
    open_image,
    read_bytes,
)
from likeness.storage.files import replacing

if TYPE_CHECKING:
    from torch import Tensor

Filter = Literal["area", "bilinear", "bicubic", "lanczos", "nearest"]
Border = Literal["edge", "constant"]
ArrayOrTensor = TypeVar("ArrayOrTensor", np.ndarray, "Tensor")

_PNG_LEVEL = 2
"""Two fifths of the time of zlib's own level 6, for files of photographs a tenth larger."""
_MOST_SAMPLES = 1 << 22
"""Lookups of crops at a time; they take 150 MB."""
_MOST_ALONG = 128
"""Lookups along each side of an output pixel: the mean of more shows nothing else."""
_SUFFIXES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


def load_image(source: str | Path | bytes, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """A picture file as (H, W, 3) float32 sRGB in [0, 1], upright, transparency over white.

    Every mode is read: grey, palette, 16 bits, CMYK, LAB, 1 bit; an embedded colour profile is
    converted to sRGB; of an animation the first frame is taken, with a warning in the log.

    Raises:
        DataError: no such file, not a picture, truncated or damaged; the message names the file.
        UnsafeFileError: more than ``max_pixels``; found from the header, before decoding.
    """
    data, name = read_bytes(source)
    return decode(data, name, max_pixels)


def probe_image(source: str | Path | bytes) -> ImageInfo:
    """Size, mode and the like from the header, without decoding pixels. Raises DataError."""
    data, name = read_bytes(source)
    return describe(open_image(data, name, max_pixels=2**62), data)


def encode_image(image: np.ndarray, format: str, *, quality: int = 95) -> bytes:
    """A picture as the bytes of a PNG, JPEG or WebP file.

    Args:
        image: (H, W, 3) or (H, W, 4) or (H, W); floats in [0, 1] are clipped and rounded to 8
            bits, uint8 is stored as it is.
        format: "PNG", "JPEG" or "WEBP".
        quality: of JPEG and WebP, 1 to 100.
    """
    if image.dtype != np.uint8:
        if not np.isfinite(image).all():
            raise ValueError("a picture must be finite; found NaN or infinity")
        image = (np.clip(image, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[..., 0]
    options = {"quality": quality} if format != "PNG" else {"compress_level": _PNG_LEVEL}
    if format == "JPEG":
        options["subsampling"] = 0 if quality >= 90 else 2
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, format=format, **options)
    return stream.getvalue()


def save_image(path: str | Path, image: np.ndarray, *, quality: int = 95) -> Path:
    """Write a picture (see :func:`encode_image`); the suffix chooses PNG, JPEG or WebP.

    The file appears whole or not at all. Missing folders are made.
    """
    path = Path(path)
    if path.suffix.lower() not in _SUFFIXES:
        raise UsageError(
            f"Cannot write a picture as '{path.name}'.",
            advice=f"Use one of the endings {', '.join(_SUFFIXES)}.",
        )
    data = encode_image(image, _SUFFIXES[path.suffix.lower()], quality=quality)
    with replacing(path) as temporary:
        temporary.write_bytes(data)
    return path


def to_tensor(image: np.ndarray) -> Tensor:
    """(H, W, C) or (B, H, W, C) or (H, W) to (C, H, W), (B, C, H, W) or (1, H, W), contiguous."""
    import torch

    if image.ndim == 2:
        image = image[..., None]
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(image, -1, -3)))


def to_array(image: Tensor) -> np.ndarray:
    """(C, H, W) or (B, C, H, W) on any device to (H, W, C) or (B, H, W, C) float32."""
    return np.ascontiguousarray(np.moveaxis(image.detach().float().cpu().numpy(), -3, -1))


def composite(
    foreground: ArrayOrTensor, background: ArrayOrTensor, mask: ArrayOrTensor
) -> ArrayOrTensor:
    """``foreground`` where ``mask`` is 1, ``background`` where it is 0, a blend between.

    The mask may lack the channel dimension: (H, W) for arrays, (…, H, W) for tensors.
    """
    if mask.ndim == foreground.ndim - 1:
        mask = mask[..., None] if isinstance(mask, np.ndarray) else mask.unsqueeze(-3)
    return background + (foreground - background) * mask


def resize(
    image: ArrayOrTensor, size: tuple[int, int], *, filter: Filter = "bilinear"
) -> ArrayOrTensor:
    """Resample to ``size`` = (height, width); antialiased, pixel areas kept exactly.

    The filter widens with the reduction, as in Pillow's ``resize``; "bicubic" is Keys' with
    a = -0.5. It and "lanczos" may overshoot the input's range. Integer pictures (labels) take
    "nearest" only. Tensors keep their gradient.
    """
    if min(size) < 1:
        raise ValueError(f"size must be positive (height, width), found {size}")
    if isinstance(image, np.ndarray):
        first, is_float = 0, np.issubdtype(image.dtype, np.floating)
    else:
        first, is_float = image.ndim - 2, image.is_floating_point()
    if not is_float and filter != "nearest":
        raise ValueError(f"pictures of {image.dtype} are resized by filter='nearest' only")
    for axis, length in ((first, size[0]), (first + 1, size[1])):
        if image.shape[axis] != length:
            image = _resample(image, axis, length, filter)
    return image


def _resample(image: ArrayOrTensor, axis: int, length: int, filter: Filter) -> ArrayOrTensor:
    """Weighted sums of neighbours along one axis, one term per tap of the filter."""
    index, weight = resample_taps(image.shape[axis], length, filter)
    if isinstance(image, np.ndarray):
        if filter == "nearest":
            return np.take(image, index[:, 0], axis=axis)
        shape = [1] * image.ndim
        shape[axis] = length
        weight = weight.astype(image.dtype)
        out = np.zeros((*image.shape[:axis], length, *image.shape[axis + 1 :]), image.dtype)
        for tap in range(index.shape[1]):
            out += np.take(image, index[:, tap], axis=axis) * weight[:, tap].reshape(shape)
        return out
    import torch

    indices = torch.from_numpy(index).to(image.device)
    if filter == "nearest":
        return image.index_select(axis, indices[:, 0])
    weights = torch.from_numpy(weight).to(image)
    shape = [1] * image.ndim
    shape[axis] = length
    total = image.index_select(axis, indices[:, 0]) * weights[:, 0].reshape(shape)
    for tap in range(1, index.shape[1]):
        total = total + image.index_select(axis, indices[:, tap]) * weights[:, tap].reshape(shape)
    return total


def resample_taps(source: int, target: int, filter: Filter) -> tuple[np.ndarray, np.ndarray]:
    """Which inputs make each output of a 1-D resampling: indices and weights, (target, taps).

    Output pixel i covers [i, i + 1] * source / target of the input. Weights of a row add up to 1;
    taps outside the picture have weight 0 and a valid index.
    """
    ratio = source / target
    centre = (np.arange(target) + 0.5) * ratio
    if filter == "nearest":
        return np.minimum(centre.astype(np.int64), source - 1)[:, None], np.ones((target, 1))
    stretch = max(ratio, 1.0)
    if filter == "area":  # exact overlap of [centre - ratio/2, centre + ratio/2] with each pixel
        low, high = centre - ratio / 2, centre + ratio / 2
        radius = ratio / 2
    else:
        radius = {"bilinear": 1.0, "bicubic": 2.0, "lanczos": 3.0}[filter] * stretch
    first = np.floor(centre - radius).astype(np.int64)
    index = first[:, None] + np.arange(math.ceil(2 * radius) + 1)
    if filter == "area":
        weight = np.minimum(index + 1, high[:, None]) - np.maximum(index, low[:, None])
        weight = np.maximum(weight, 0.0)
    else:
        weight = _kernel((index + 0.5 - centre[:, None]) / stretch, filter)
    weight[(index < 0) | (index >= source)] = 0.0
    keep = weight.any(axis=0)
    index, weight = np.clip(index, 0, source - 1)[:, keep], weight[:, keep]
    return index, weight / weight.sum(axis=1, keepdims=True)


def _kernel(distance: np.ndarray, filter: Filter) -> np.ndarray:
    x = np.abs(distance)
    if filter == "bilinear":
        return np.maximum(1.0 - x, 0.0)
    if filter == "lanczos":
        return np.where(x < 3.0, np.sinc(x) * np.sinc(x / 3.0), 0.0)
    a = -0.5  # Keys 1981, "Cubic convolution interpolation", eq. 15
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((x - 5) * x + 8) * x * a - 4 * a
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def crop(
    image: ArrayOrTensor,
    matrix: ArrayOrTensor,
    size: tuple[int, int],
    *,
    filter: Literal["bilinear", "nearest"] = "bilinear",
    border: Border = "edge",
    fill: float = 0.0,
    antialias: bool = True,
) -> ArrayOrTensor:
    """Cut a parallelogram out of a picture: bilinear, antialiased where it gets smaller.

    Args:
        image: (H, W, C) or (H, W) array with one ``matrix``, or (B, C, H, W) tensor with one per
            picture. Gradients reach both tensors.
        matrix: (2, 3) or (B, 2, 3) affine map from picture to crop coordinates in pixels, pixel
            centres at half-integers: ``crop_xy = matrix[:, :2] @ xy + matrix[:, 2]``.
        size: (height, width) of the crop.
        filter: "nearest" copies values unmixed, for labels; integer pictures take nothing else.
        border: outside the picture, repeat its "edge" or use the "constant" ``fill``.
        antialias: False takes one bilinear sample per pixel however small the crop gets.

    Reduction is by averaging a grid of bilinear samples inside every output pixel.
    """
    import torch

    if not isinstance(image, np.ndarray):
        return _crop_tensor(image, matrix, size, filter, border, fill, antialias)
    pixels = torch.from_numpy(np.ascontiguousarray(image)).reshape(1, *image.shape[:2], -1)
    matrices = torch.as_tensor(np.asarray(matrix), dtype=torch.float64)[None]
    out = _crop_tensor(pixels.permute(0, 3, 1, 2), matrices, size, filter, border, fill, antialias)
    return np.ascontiguousarray(out[0].permute(1, 2, 0).numpy()).reshape(*size, *image.shape[2:])


def _crop_tensor(
    images: Tensor,
    matrices: Tensor,
    size: tuple[int, int],
    filter: str,
    border: Border,
    fill: float,
    antialias: bool,
) -> Tensor:
    import torch

    if images.ndim != 4 or matrices.shape != (len(images), 2, 3):
        raise ValueError(
            f"expected pictures (B, C, H, W) and matrices (B, 2, 3), found {tuple(images.shape)} "
            f"and {tuple(matrices.shape)}"
        )
    if not images.is_floating_point() and filter != "nearest":
        raise ValueError(f"pictures of {images.dtype} are cropped by filter='nearest' only")
    # Coordinates reach thousands of pixels: half precision would move them by whole pixels.
    matrices = matrices.to(images.device, torch.float64)
    counts = [1] * len(images)
    if antialias and filter == "bilinear":
        inverse = torch.linalg.inv(matrices[:, :, :2].detach())
        reduction = torch.linalg.matrix_norm(inverse, ord=2)
        counts = (reduction - 1e-6).ceil().clamp(1, _MOST_ALONG).int().tolist()
    out = images.new_zeros((*images.shape[:2], *size))
    for count in sorted(set(counts)):  # so that no crop depends on the others of its batch
        index = torch.tensor([i for i, n in enumerate(counts) if n == count], device=out.device)
        # In bands: a crop of much more than the picture would take any amount of memory.
        rows = max(1, _MOST_SAMPLES // (len(index) * count * count * size[1]))
        bands = [range(top, min(top + rows, size[0])) for top in range(0, size[0], rows)]
        part = torch.cat(
            [
                _sampled(images[index], matrices[index], band, size[1], count, filter, border, fill)
                for band in bands
            ],
            dim=2,
        )
        out = out.index_copy(0, index, part.to(out.dtype))
    return out


def _sampled(
    images: Tensor,
    matrices: Tensor,
    band: range,
    width: int,
    samples: int,
    filter: str,
    border: Border,
    fill: float,
) -> Tensor:
    """Rows of crops from ``samples`` x ``samples`` lookups inside every pixel."""
    import torch
    import torch.nn.functional as functional

    dtype = torch.float64 if images.dtype == torch.float64 else torch.float32
    inverse = torch.linalg.inv(matrices[:, :, :2])  # (B, 2, 2) crop to picture
    columns = inverse.new_zeros((width * samples, 2))
    rows = inverse.new_zeros((len(band) * samples, 2))
    columns[:, 0] = (torch.arange(len(columns), device=columns.device) + 0.5) / samples
    first = band.start * samples
    rows[:, 1] = (torch.arange(first, first + len(rows), device=rows.device) + 0.5) / samples
    along_x = (columns - matrices[:, None, :, 2]) @ inverse.mT  # (B, width, 2)
    along_y = rows @ inverse.mT  # (B, height, 2)
    extent = inverse.new_tensor([images.shape[3], images.shape[2]])
    grid = (along_y[:, :, None] + along_x[:, None, :]) * (2.0 / extent) - 1.0
    out = functional.grid_sample(
        images.to(dtype) - fill,  # so that the zeros outside mean the fill
        grid.to(dtype),
        mode=filter,
        padding_mode="border" if border == "edge" else "zeros",
        align_corners=False,
    )
    return functional.avg_pool2d(out + fill, samples) if samples > 1 else out + fill
