"""Linear texture spaces (albedo in UV): the files that exist for FLAME, and a synthetic one.

All values are RGB in [0, 1], pictures with the first row at the top (v = 1). The torch form is
:mod:`likeness.geometry.albedo`. The files have licences of their own, most of them for research
only; none comes with this project.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from likeness.errors import DataError, UsageError
from likeness.geometry.array_files import iterate_rows, list_arrays
from likeness.seeds import rng_of

TEXTURE_FILES = {
    "flame": "FLAME_texture.npz",
    "bfm": "FLAME_albedo_from_BFM.npz",
    "albedomm": "albedoModel2020_FLAME_albedoPart.npz",
}
"""Kind of texture space and the usual name of its file."""

_KEYS: dict[str, dict[str, str]] = {
    "flame": {"mean": "mean", "basis": "tex_dir"},
    "bfm": {"mean": "MU", "basis": "PC"},
    "albedomm": {"mean": "MU", "basis": "PC"},
}
_SCALE = {"flame": 1 / 255, "bfm": 1.0, "albedomm": 1.0}
_BLOCK_BYTES = 64 * 1024**2


@dataclass(frozen=True, eq=False)
class TextureSpace:
    """``albedo = mean + basis @ code``; codes are in standard deviations of the basis."""

    kind: str
    mean: np.ndarray  # (H, W, 3) float32
    basis: np.ndarray  # (H, W, 3, N) float32
    is_linear: bool = False
    """True when the values are linear light rather than sRGB."""

    @property
    def num_components(self) -> int:
        return self.basis.shape[3]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the numbers as they are used here: size and number of components count."""
        digest = hashlib.sha256(f"{self.kind} {self.basis.shape} {self.is_linear}".encode())
        for array in (self.mean, self.basis):
            digest.update(np.ascontiguousarray(array, dtype="<f4").tobytes())
        return digest.hexdigest()

    def albedo(self, code: np.ndarray) -> np.ndarray:
        """The texture (H, W, 3) of a code (n,), n at most N. Not clamped."""
        return self.mean + self.basis[..., : len(code)] @ np.asarray(code, dtype=np.float32)


def load_texture_space(
    path: str | Path,
    kind: str,
    *,
    num_components: int = 50,
    size: int = 256,
    keys: Mapping[str, str] | None = None,
) -> TextureSpace:
    """Read a texture space, reduced to the first components and to ``size`` pixels.

    Only a block of the file is in memory at a time, so the 0.6 GB of a full space are not needed.
    The channels of all three kinds are stored blue first and are reversed here.

    Args:
        path: the .npz file.
        kind: "flame" (``FLAME_texture``, values to 255), "bfm" (converted from the Basel model) or
            "albedomm" (AlbedoMM diffuse part, linear light).
        num_components: how many columns to keep.
        size: edge of the result, reduced with an antialiasing bilinear filter.
        keys: names of "mean" and "basis" in the file, where they differ from the usual ones.

    Raises:
        MissingError, UsageError, DataError, UnsafeFileError: the message lists what was found.
    """
    path = Path(path)
    names, side, available = _layout(path, kind, keys)
    if not 0 <= num_components <= available:
        raise UsageError(
            f"{path} has {available} components; {num_components} were asked for.",
            advice=f"Ask for at most {available}.",
        )
    pixels = 3 * side * side
    mean = np.concatenate([block.ravel() for block in iterate_rows(path, names["mean"], rows=64)])
    basis = np.empty((pixels, num_components), dtype=np.float32)
    shape = list_arrays(path)[names["basis"]]
    row_values = math.prod(shape[1:])
    filled = 0
    for block in iterate_rows(path, names["basis"], rows=max(1, _BLOCK_BYTES // (8 * row_values))):
        part = block.reshape(-1, available)[:, :num_components]
        basis[filled : filled + len(part)] = part
        filled += len(part)
    if not np.isfinite(mean).all() or not np.isfinite(basis).all():
        raise DataError(
            f"{path} has numbers that are not finite.", advice="Copy or download it again."
        )
    stacked = np.concatenate([mean.reshape(-1, 1).astype(np.float32), basis], axis=1)
    stacked = stacked.reshape(side, side, 3, -1)[:, :, ::-1] * np.float32(_SCALE[kind])
    stacked = _resized(stacked, size)
    return TextureSpace(
        kind, stacked[..., 0].copy(), stacked[..., 1:].copy(), is_linear=kind == "albedomm"
    )


def describe_texture_file(path: str | Path, kind: str) -> str:
    """One line about a texture file, from its headers. Raises as :func:`load_texture_space`."""
    _, side, available = _layout(Path(path), kind, None)
    return f"{side} x {side} pixels, {available} components."


def synthetic_texture_space(
    *, num_components: int = 50, size: int = 64, seed: int = 0
) -> TextureSpace:
    """A mean colour and smooth cosine bases of decreasing size: a space that needs no file."""
    rng = rng_of("synthetic texture space", seed)
    coordinate = (np.arange(size) + 0.5) / size
    u, v = np.meshgrid(coordinate, 1 - coordinate)
    basis = np.empty((size, size, 3, num_components), dtype=np.float32)
    for component in range(num_components):
        frequency = rng.uniform(-1, 1, 2) * (1 + component / 6)
        wave = np.cos(2 * np.pi * (frequency[0] * u + frequency[1] * v) + rng.uniform(0, 2 * np.pi))
        colour = np.array([1.0, 0.8, 0.7]) + 0.4 * rng.normal(size=3)
        basis[..., component] = 0.06 / math.sqrt(1 + component) * wave[..., None] * colour
    mean = np.broadcast_to(np.float32([0.72, 0.53, 0.45]), (size, size, 3)).copy()
    return TextureSpace("synthetic", mean, basis)


def _layout(
    path: Path, kind: str, keys: Mapping[str, str] | None
) -> tuple[dict[str, str], int, int]:
    """Names of mean and basis, edge in pixels, number of components; checks that they agree."""
    if kind not in _KEYS:
        raise UsageError(f"Unknown texture space '{kind}'; there are {', '.join(_KEYS)}.")
    shapes = list_arrays(path)
    names = {**_KEYS[kind], **(keys or {})}
    found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
    missing = [name for name in names.values() if name not in shapes]
    if missing:
        raise DataError(
            f"{path} has no '{' and no '.join(missing)}' as a '{kind}' texture space should. "
            f"Found: {found}.",
            advice="Name the arrays of the mean and the basis if this file calls them otherwise.",
        )
    mean, basis = shapes[names["mean"]], shapes[names["basis"]]
    values = math.prod(mean)
    side = math.isqrt(values // 3)
    if values != 3 * side * side or len(basis) < 2 or math.prod(basis[:-1]) != values:
        raise DataError(
            f"In {path} the mean {mean} and the basis {basis} are not a square picture of three "
            "colours and its components."
        )
    return names, side, basis[-1]


def _resized(stacked: np.ndarray, size: int) -> np.ndarray:
    """(H, W, 3, N) at another size, every channel through Pillow's antialiasing triangle filter."""
    if stacked.shape[0] == size:
        return stacked
    result = np.empty((size, size, *stacked.shape[2:]), dtype=np.float32)
    for colour in range(3):
        for component in range(stacked.shape[3]):
            picture = Image.fromarray(np.ascontiguousarray(stacked[:, :, colour, component]))
            resized = picture.resize((size, size), Image.Resampling.BILINEAR)
            result[:, :, colour, component] = np.asarray(resized)
    return result
