"""One of each thing the studio makes, small, and what is kept of it to know it again."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likeness.seeds import rng_of
from likeness.speech.espeak_library import is_espeak_present
from likeness.speech.synthesis import speak
from likeness.speech.timeline import Utterance
from likeness.studio.albums import identity_album
from likeness.studio.curves import Curves
from likeness.studio.group_albums import group_picture
from likeness.studio.performance import perform
from likeness.studio.performing_style import PerformingStyle
from likeness.studio.person import Person
from likeness.studio.photograph import photograph, sitter_of
from likeness.studio.scene import Scene
from likeness.studio.voice import voice_of

TEXT = "Move the blue boat up the river before noon."
KEPT_PIXELS = 1000
_STRIDE = 7919  # a prime: kept pixels lie all over the picture


def portrait() -> NDArray[np.uint8]:
    return _bytes(photograph(sitter_of(Person.sample(5)), Scene.portrait(1), 96).image)


def album() -> NDArray[np.uint8]:
    """Two whole photographs, one below the other."""
    shown = list(identity_album(Person.sample(5), trigger="zkw", seed=3, count=2, short_side=96))
    flat = [_bytes(picture.photograph.image).reshape(-1, 3) for picture in shown]
    return np.concatenate(flat)[:, None]


def group() -> NDArray[np.uint8]:
    people = [Person.sample(seed) for seed in (5, 6)]
    return _bytes(group_picture(people, rng_of("a group"), 384).picture.image)


@cache
def spoken(backend: str) -> Utterance:
    return speak(TEXT, voice_of(Person.sample(5)), "joy", seed=2, backend=backend)  # type: ignore


def performed(backend: str) -> Curves:
    return perform(spoken(backend), PerformingStyle.of(Person.sample(5)), 2)


def _bytes(image: NDArray[np.floating]) -> NDArray[np.uint8]:
    return np.round(image * 255.0).astype(np.uint8)


PICTURES: dict[str, Callable[[], NDArray[np.uint8]]] = {
    "portrait": portrait,
    "album": album,
    "group": group,
}
BACKENDS = ("formant", "espeak")


def product(number: int) -> dict[str, str]:
    """The digests of one thing, for a worker process: pictures, then what is spoken."""
    names = (*PICTURES, *BACKENDS)
    name = names[number]
    if name in PICTURES:
        return {name: digest(PICTURES[name]())}
    if name == "espeak" and not is_espeak_present():
        return {}
    curves = performed(name)
    return {
        f"{name} audio": digest(spoken(name).audio),
        f"{name} curves": digest(curves.values),
        f"{name} events": hashlib.sha256(repr(curves.to_dict()).encode()).hexdigest(),
        f"{name} timeline": hashlib.sha256(repr(spoken(name).timeline).encode()).hexdigest(),
    }


def products() -> dict[str, str]:
    """Digests of everything."""
    found: dict[str, str] = {}
    for number in range(len(PICTURES) + len(BACKENDS)):
        found |= product(number)
    return found


def digest(array: NDArray[Any]) -> str:
    """SHA-256 of bytes, type and shape."""
    head = f"{array.dtype.str} {array.shape}".encode()
    return hashlib.sha256(head + np.ascontiguousarray(array).tobytes()).hexdigest()


def sixteen(values: NDArray[Any]) -> list[float]:
    """Numbers from all over an array, between 16-bit floats and 1e-6 exact."""
    flat = np.asarray(values, np.float64).ravel()
    return [round(float(flat[k]), 6) for k in np.linspace(0, flat.size - 1, 18).astype(int)[1:-1]]


def kept_pixels(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(1000,) green values."""
    flat = picture[..., 1].ravel()
    return flat[(np.arange(KEPT_PIXELS) * _STRIDE) % flat.size]


def means(picture: NDArray[np.uint8]) -> list[float]:
    """Means of 16 stretches of a picture from top to bottom, in levels."""
    parts = np.array_split(picture.astype(np.float64).ravel(), 16)
    return [round(float(part.mean()), 3) for part in parts]


def golden() -> dict[str, Any]:
    """What tests/golden/studio.json keeps."""
    found: dict[str, Any] = {"pictures": {}, "speech": {}, "person": Person.sample(5).fingerprint}
    for name, make in PICTURES.items():
        picture = make()
        found["pictures"][name] = {
            "means": means(picture),
            "pixels": base64.b64encode(kept_pixels(picture).tobytes()).decode(),
        }
    for name in BACKENDS:
        if name == "espeak" and not is_espeak_present():
            continue
        utterance, curves = spoken(name), performed(name)
        found["speech"][name] = {
            "backend": utterance.backend,
            "audio": digest(utterance.audio),
            "segments": [round(s.end, 6) for s in utterance.timeline.segments][:16],
            "curves": sixteen(curves.values[:, np.ptp(curves.values, axis=0) > 0.2]),
            "events": len(curves.events),
        }
    return found
