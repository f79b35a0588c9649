"""From radiance to a picture: the film curve and what lens, sensor and file do to it.

Owns tone, vignette, blur, sensor noise, enlarging and JPEG. Exposure in stops belongs to
``lighting``.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray
from PIL import Image

Picture = NDArray[np.float32]

_GREY = 0.18
_WHITE = 3.5
_LUMINANCE = (0.2126, 0.7152, 0.0722)


@dataclass(frozen=True)
class Film:
    """How a picture is developed. The defaults are a clean picture."""

    contrast: float = 1.2
    """Slope at middle grey, in stops out per stop in."""
    saturation: float = 1.0
    vignette: float = 0.0
    """Light lost in the corners, 0..1."""
    blur: float = 0.0
    """Standard deviation of the lens' blur in thousandths of the picture's side."""
    most_blur: float = math.inf
    """Pixels that blur has at most: larger pictures are taken with better lenses."""
    photons: float | None = None
    """Photons that make a pixel white; fewer are noisier. None has no noise of light."""
    read_noise: float = 0.0
    """Standard deviation of the sensor's own noise, of white."""
    source_side: int | None = None
    """Longer side in pixels of the source the picture is enlarged from."""
    jpeg_quality: int | None = None
    """Saves and loads the picture as JPEG of this quality."""


def tone(radiance: Picture, gain: float, film: Film) -> None:
    """Turns radiance (N, 3) into display-linear values 0..1, in place; grey stays at 18 %.

    A power about grey sets the contrast; a shoulder (Reinhard et al., SIGGRAPH 2002, with a white
    point) rolls highlights off instead of clipping them.
    """
    _tone_kernel(radiance, gain, _curve_table(film.contrast), film.saturation)


_TABLE_STEPS = 2048
_TABLE_END = 3.0
"""Fourth root of the brightest value the table tells apart."""


@lru_cache(maxsize=64)
def _curve_table(contrast: float) -> NDArray[np.float64]:
    """The film curve over the fourth root of the light, which spreads the shadows out."""
    light = np.linspace(0.0, _TABLE_END, _TABLE_STEPS + 2) ** 4
    value = _GREY * (light / _GREY) ** contrast / (1.0 - _GREY)
    return value * (1.0 + value / (_WHITE * _WHITE)) / (1.0 + value)


@njit(cache=True, nogil=True, error_model="numpy")
def _tone_kernel(radiance, gain, table, saturation):
    values = np.empty(3)
    for sample in range(len(radiance)):
        before = 1e-6
        for channel in range(3):
            values[channel] = max(radiance[sample, channel] * gain, 1e-6)
            before += _LUMINANCE[channel] * values[channel]
        # Curves on channels bleach bright colours, a curve on their luminance alone keeps them too
        # pure: half of each is what film does to skin.
        scale = _look_up(table, before) / before
        grey = 0.0
        for channel in range(3):
            value = 0.5 * _look_up(table, values[channel]) + 0.5 * scale * values[channel]
            values[channel] = value
            grey += _LUMINANCE[channel] * value
        for channel in range(3):
            value = grey + saturation * (values[channel] - grey)
            radiance[sample, channel] = min(max(value, 0.0), 1.0)


@njit(cache=True, nogil=True)
def _look_up(table, value):
    place = math.sqrt(math.sqrt(value)) * (_TABLE_STEPS / _TABLE_END)
    place = min(place, float(_TABLE_STEPS))
    index = int(place)
    return table[index] + (place - index) * (table[index + 1] - table[index])


@lru_cache(maxsize=1)
def _srgb_table() -> NDArray[np.float32]:
    """The transfer curve of IEC 61966-2-1 over the square root of linear light 0..1."""
    light = np.linspace(0.0, 1.0, _TABLE_STEPS + 1) ** 2
    high = 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055
    curve = np.where(light <= 0.0031308, 12.92 * light, high)
    return np.append(curve, 1.0).astype(np.float32)


def encode(linear: Picture) -> Picture:
    """sRGB in [0, 1] of display-linear values; what lies outside is clipped."""
    flat = np.ascontiguousarray(linear, np.float32).reshape(-1)
    out = np.empty_like(flat)
    _encode_kernel(flat, _srgb_table(), out)
    return out.reshape(linear.shape)


@njit(cache=True, nogil=True)
def _encode_kernel(linear, table, out):
    for index in range(len(linear)):
        value = min(max(linear[index], np.float32(0.0)), np.float32(1.0))
        place = np.sqrt(value) * np.float32(_TABLE_STEPS)
        cell = int(place)
        out[index] = table[cell] + (place - np.float32(cell)) * (table[cell + 1] - table[cell])


def develop(linear: Picture, film: Film, rng: np.random.Generator) -> Picture:
    """sRGB picture (H, W, 3) float32 in [0, 1] of display-linear values, with the film's defects.

    Args:
        linear: (H, W, 3) result of :func:`tone`, composed over the background.
        film: what is done to it.
        rng: draws the noise.
    """
    height, width = linear.shape[:2]
    if film.blur > 0.0:
        sigma = min(film.blur * 0.001 * max(height, width), film.most_blur)
        if sigma > 0.15:
            linear = cv2.GaussianBlur(linear, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
    if film.vignette > 0.0:
        y, x = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)
        x, y = (x + 0.5) / width - 0.5, (y + 0.5) / height - 0.5
        linear = linear * (1.0 - np.float32(2.0 * film.vignette) * (x * x + y * y))[..., None]
    if film.source_side is not None and film.source_side < max(height, width):
        scale = film.source_side / max(height, width)
        small = (max(round(width * scale), 1), max(round(height * scale), 1))
        linear = cv2.resize(linear, small, interpolation=cv2.INTER_AREA)
    if film.photons is not None or film.read_noise > 0.0:
        linear = _noisy(linear, film, rng)
    picture = encode(linear)
    if picture.shape[:2] != (height, width):
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_CUBIC)
        picture = np.clip(picture, 0.0, 1.0)
    if film.jpeg_quality is not None:
        picture = _through_jpeg(picture, film.jpeg_quality)
    return picture


def _noisy(linear: Picture, film: Film, rng: np.random.Generator) -> Picture:
    """Noise of light and of the sensor: variance ``value / photons + read_noise**2``.

    The Poisson-Gaussian model of Foi et al., "Practical Poissonian-Gaussian noise modeling and
    fitting for single-image raw data" (2008), with the normal distribution for the Poisson one.
    """
    flat = np.ascontiguousarray(linear, np.float32).reshape(-1)
    noisy = rng.standard_normal(len(flat), dtype=np.float32)
    per_photon = np.float32(0.0 if film.photons is None else 1.0 / film.photons)
    _noise_kernel(flat, per_photon, np.float32(film.read_noise**2), noisy)
    return noisy.reshape(linear.shape)


@njit(cache=True, nogil=True)
def _noise_kernel(linear, per_photon, read, noisy):
    """Turns unit noise into values with noise."""
    zero, one = np.float32(0.0), np.float32(1.0)
    for index in range(len(linear)):
        value = linear[index]
        value += np.sqrt(read + max(value, zero) * per_photon) * noisy[index]
        noisy[index] = min(max(value, zero), one)


def _through_jpeg(picture: Picture, quality: int) -> Picture:
    stream = io.BytesIO()
    Image.fromarray((picture * 255.0 + 0.5).astype(np.uint8)).save(stream, "JPEG", quality=quality)
    stream.seek(0)
    return np.asarray(Image.open(stream).convert("RGB"), np.float32) / np.float32(255.0)
