"""From a photograph with landmarks to a training crop: geometry, colour, mirror image, truth.

Owns the one mapping from file pixels to crop units, and augmentation. Files are found by
``layouts.py``.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import cv2
import numpy as np

from likeness.data.source import Grouped, Repeated, Sample, Source, Subset, combined_fingerprint
from likeness.errors import UsageError
from likeness.geometry.affine import apply_affine, square_crop
from likeness.geometry.landmarks import MIRROR_68
from likeness.media.image import load_image
from likeness.systems.face_encoder.annotation_files import MASK_CLASSES, read_mask, read_truth
from likeness.systems.face_encoder.config import DataSettings
from likeness.systems.face_encoder.decode import to_crop_units
from likeness.systems.face_encoder.framing import box_of_landmarks
from likeness.systems.face_encoder.landmark_files import in_image, known_box, read_landmarks
from likeness.systems.face_encoder.layouts import Entry

CROP_VERSION = 2
# Of the mask's classes, which are the face, and where the head's outline can be judged: hair, neck
# and clothes hide it.
_SKIN = np.array([word == "skin" for word in MASK_CLASSES], np.float32)
_OUTLINE = np.array([word in ("background", "skin") for word in MASK_CLASSES], np.float32)
_OUTSIDE = len(MASK_CLASSES) - 1
"""What lies outside the picture is unknown, as if something stood before it."""

Annotation = tuple[np.ndarray, np.ndarray, dict[str, np.ndarray] | None]
"""Points (68, 2) in pixels of the picture, their weights (68,), and the truth."""


def warp(image: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """Cut a square out of a uint8 picture, edges repeated.

    Training cuts hundreds of crops a second, so this uses OpenCV's fixed-point warp (1/32 pixel)
    instead of :func:`likeness.media.image.crop`; reduction averages a grid of samples in the same
    way.
    """
    reduction = 1.0 / np.sqrt(max(abs(np.linalg.det(matrix[:, :2])), 1e-12))
    samples = max(1, int(np.ceil(reduction - 1e-6)))
    fine = _centred_on_integers(matrix * samples)
    side = size * samples
    out = cv2.warpAffine(
        image, fine, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return out if samples == 1 else cv2.resize(out, (size, size), interpolation=cv2.INTER_AREA)


def warp_classes(mask: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """Cut a square out of a mask of classes; what lies outside is an occluder."""
    return cv2.warpAffine(
        mask,
        _centred_on_integers(matrix),
        (size, size),
        flags=cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=_OUTSIDE,
    )


def _centred_on_integers(matrix: np.ndarray) -> np.ndarray:
    """The same map for OpenCV, whose pixel centres are integers; here they are half-integers."""
    shifted = matrix.copy()
    shifted[:, 2] += matrix[:, :2] @ np.array([0.5, 0.5]) - 0.5
    return shifted


class FaceCrops(Source):
    """Crops of the photographs of a dataset.

    Every sample holds ``image`` (3, S, S) float32 in [0, 1]; ``landmarks`` (68, 2) float32 in crop
    units; ``landmark_weights`` (68,); ``skin`` and ``outline_known`` (1, S, S) float32 masks and
    ``has_mask`` 0 or 1; ``crop_matrix`` (2, 3) picture to crop pixels; ``person``, ``id``; and
    where the truth is known ``shape`` (S,), ``head_rotation`` (3, 3) and ``has_truth`` 1, else
    zeros; in the same way ``albedo`` (N,), ``light`` (9, 3) and ``has_appearance``. The light
    follows what augmentation does to the crop.
    """

    def __init__(
        self,
        entries: tuple[Entry, ...],
        settings: DataSettings,
        *,
        size: int,
        num_shape: int,
        num_albedo: int = 0,
    ) -> None:
        self.entries, self.settings, self.size = entries, settings, size
        self.num_shape, self.num_albedo = num_shape, num_albedo
        self._cache: dict[int, tuple[np.ndarray, np.ndarray | None]] = {}
        self._annotations: dict[int, Annotation] = {}
        self._cached_bytes = 0
        self._lock = threading.Lock()
        persons = sorted({entry.person or entry.id for entry in entries})
        self._person_numbers = {person: number for number, person in enumerate(persons)}

    def __len__(self) -> int:
        return len(self.entries) * self.settings.repeat

    def __getitem__(self, index: int) -> Sample:
        return self._sample(index % len(self.entries), None)

    def draw(self, index: int, rng: np.random.Generator) -> Sample:
        return self._sample(index % len(self.entries), rng)

    def describe(self) -> dict[str, Any]:
        with_truth = sum(entry.truth is not None for entry in self.entries)
        return {
            "type": "FaceCrops",
            "samples": len(self),
            "photographs": len(self.entries),
            "persons": len(self._person_numbers),
            "with_truth": with_truth,
        }

    def fingerprint(self) -> str:
        names = [
            f"{e.id}:{e.image.stat().st_size}:{e.landmarks.stat().st_size}" for e in self.entries
        ]
        settings = self.settings.model_dump_json(exclude={"root", "landmarks", "cache_megabytes"})
        return combined_fingerprint(
            "face-crops", str(CROP_VERSION), settings, str(self.size), *names
        )

    def by_person(self) -> Source:
        """These photographs, ``photos_per_person`` of one person at a time.

        Raises:
            UsageError: several are asked for and the dataset names no persons, or none has as many.
        """
        count = self.settings.photos_per_person
        if count == 1:
            return self
        if not any(entry.person for entry in self.entries):
            raise UsageError(
                f"data.photos_per_person is {count}, but '{self.settings.root}' names no persons.",
                advice="Add identity.csv (id,person), or set data.photos_per_person=1.",
            )
        most = max(Counter(entry.person for entry in self.entries if entry.person).values())
        if most < count:
            raise UsageError(
                f"data.photos_per_person is {count}, but no person in '{self.settings.root}' has "
                f"more than {most} photographs for training.",
                advice=f"Set data.photos_per_person to at most {most}, or add photographs.",
            )
        # Whole groups are repeated: a photograph should not be its own partner.
        once = Subset(self, range(len(self.entries)))
        keys = [entry.person or entry.id for entry in self.entries]
        return Repeated(Grouped(once, keys, count), self.settings.repeat)

    def mean_landmarks(self) -> np.ndarray:
        """Mean place (68, 2) of every point relative to its face's box: centre 0, extent 1.

        The extent is the mean of the box's width and height. This is the mean face that serves as
        the baseline. At most 2,000 photographs are read.
        """
        step = max(1, -(-len(self.entries) // 2000))
        total, count = np.zeros((68, 2)), np.zeros((68, 1))
        for entry in self.entries[::step]:
            points, weights = read_landmarks(entry.landmarks)
            centre, extent = known_box(points, weights, entry.landmarks)
            total += weights[:, None] * (points - centre) / extent
            count += weights[:, None]
        return (total / np.maximum(count, 1)).astype(np.float32)

    def landmarks_of(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Points (68, 2) in pixels of :meth:`photograph`, and weights (68,)."""
        image = self.photograph(index)
        points, weights, _ = self._annotation(index % len(self.entries), _size(image))
        return points, weights

    def truth_of(self, index: int) -> dict[str, np.ndarray]:
        """The whole truth of a photograph that has one, float32.

        Samples hold what the model has columns for.
        """
        image = self.photograph(index)
        _, _, truth = self._annotation(index % len(self.entries), _size(image))
        assert truth is not None  # entries say which have one
        return {name: array.astype(np.float32) for name, array in truth.items()}

    def photograph(self, index: int) -> np.ndarray:
        """The whole picture (H, W, 3) uint8."""
        return self._pixels(index % len(self.entries))[0]

    def _pixels(self, index: int) -> tuple[np.ndarray, np.ndarray | None]:
        cached = self._cache.get(index)
        if cached is not None:
            return cached
        entry = self.entries[index]
        image = np.round(load_image(entry.image) * 255).astype(np.uint8)
        mask = None
        if entry.mask is not None:
            mask = read_mask(entry.mask, _size(image))
        size = image.nbytes + (0 if mask is None else mask.nbytes)
        with self._lock:
            if self._cached_bytes + size <= self.settings.cache_megabytes * 2**20:
                self._cache[index] = (image, mask)
                self._cached_bytes += size
        return image, mask

    def _sample(self, index: int, rng: np.random.Generator | None) -> Sample:
        entry, settings, size = self.entries[index], self.settings, self.size
        image, mask = self._pixels(index)
        points, weights, truth = self._annotation(index, _size(image))
        angle, flip = 0.0, False
        if settings.crop == "none":
            # The whole frame; a picture that is not square gets its edges repeated, not stretched.
            matrix = square_crop(np.array(_size(image)) / 2, max(_size(image)), size)
        else:
            centre, extent = box_of_landmarks(points, weights)
            scale = settings.test_crop_scale
            if rng is not None:
                angle = np.deg2rad(rng.uniform(-settings.crop_rotation, settings.crop_rotation))
                scale = rng.uniform(*settings.crop_scale)
                shift = rng.uniform(-settings.crop_shift, settings.crop_shift, 2)
                centre = centre + shift * extent * scale
                # The mirror image of a person with known coefficients has unknown ones.
                flip = rng.random() < settings.flip and truth is None
            matrix = square_crop(centre, extent * scale, size, rotation=angle, flip=flip)
        points = apply_affine(matrix, points)
        if flip:
            points, weights = points[MIRROR_68], weights[MIRROR_68]
        crop = warp(image, matrix, size)
        crop = crop.astype(np.float32) / 255.0
        skin = outline = np.zeros((size, size), np.float32)
        if mask is not None:
            classes = warp_classes(mask, matrix, size)
            skin, outline = _SKIN[classes], _OUTLINE[classes]
        gain = np.ones(3, np.float32)
        if rng is not None:
            plain = crop
            crop, covered = disturb(crop, settings, rng)
            skin, outline = skin * (1 - covered), outline * (1 - covered)
            gain = _mean_colour(crop, skin) / _mean_colour(plain, skin)
        return {
            "id": entry.id,
            "person": self._person_numbers[entry.person or entry.id],
            "image": np.ascontiguousarray(crop.transpose(2, 0, 1)),
            "landmarks": to_crop_units(points, size).astype(np.float32),
            "landmark_weights": weights,
            "skin": skin[None],
            "outline_known": outline[None],
            "has_mask": np.float32(mask is not None),
            "crop_matrix": matrix.astype(np.float32),
            **self._supervision(truth, angle, gain),
        }

    def _annotation(self, index: int, size: tuple[int, int]) -> Annotation:
        """Landmarks and truth, small enough to keep them all once read."""
        if index not in self._annotations:
            entry = self.entries[index]
            points, weights = read_landmarks(entry.landmarks)
            truth = None if entry.truth is None else read_truth(entry.truth)
            points = in_image(points, entry, size)
            # Inspection samples large datasets; what it passed over is refused here by name.
            known_box(points, weights, entry.landmarks)
            self._annotations[index] = points, weights, truth
        return self._annotations[index]

    def _supervision(
        self, truth: dict[str, np.ndarray] | None, angle: float, gain: np.ndarray
    ) -> Sample:
        shape = np.zeros(self.num_shape, np.float32)
        albedo, light = np.zeros(self.num_albedo, np.float32), np.zeros((9, 3), np.float32)
        has_appearance = truth is not None and self.num_albedo > 0 and "albedo" in truth
        rotation = np.eye(3, dtype=np.float32)
        if truth is not None:
            known = min(self.num_shape, len(truth["shape"]))
            shape[:known] = truth["shape"][:known]
            # Turning the crop turns the head about the viewing axis.
            cos, sin = np.cos(angle), np.sin(angle)
            roll = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
            rotation = (roll @ truth["head_rotation"]).astype(np.float32)
            if has_appearance:
                code = truth["albedo"][: self.num_albedo]
                albedo[: len(code)] = code
                light = gain * rolled_light(truth["harmonic_light"], angle)
        return {
            "shape": shape,
            "head_rotation": rotation,
            "has_truth": np.float32(truth is not None),
            "albedo": albedo,
            "light": light.astype(np.float32),
            "has_appearance": np.float32(has_appearance),
        }


def rolled_light(light: np.ndarray, angle: float) -> np.ndarray:
    """Harmonic light (9, 3) after everything has turned about the viewing axis, radians.

    x and y turn as a vector, and with z; xy and x^2 - y^2 turn by twice the angle. The order is
    that of :func:`likeness.geometry.shading.harmonic_basis`.
    """
    turned = light.copy()
    for first, second, turn in ((1, 2, angle), (5, 6, angle), (7, 4, 2 * angle)):
        cos, sin = np.cos(turn), np.sin(turn)
        turned[first] = cos * light[first] - sin * light[second]
        turned[second] = sin * light[first] + cos * light[second]
    return turned


def _mean_colour(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """(3,) of a picture (S, S, 3) inside a mask (S, S); never quite black."""
    total = np.einsum("ijc,ij->c", image, mask)
    return np.maximum(total / max(float(mask.sum()), 1.0), 0.01)


def _size(image: np.ndarray) -> tuple[int, int]:
    """(width, height)."""
    return image.shape[1], image.shape[0]


def disturb(
    image: np.ndarray, settings: DataSettings, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Colour, blur, noise and occlusion on a crop (S, S, 3) in [0, 1].

    Returns the picture and what an occluder covers (S, S). Every draw is made whether used or not,
    so one setting never changes the randomness of another.
    """
    size = image.shape[0]
    strength = settings.jitter
    gain = 1 + strength * rng.uniform(-1, 1, 3) * np.array([1.0, 0.35, 0.35])
    tint = np.array([gain[0] * gain[1], gain[0], gain[0] * gain[2]], np.float32)
    contrast, saturation, gamma = 1 + strength * rng.uniform(-1, 1, 3)
    blur_draw, sigma, noise = (
        rng.random(),
        rng.uniform(0.3, 0.012 * size + 0.4),
        rng.uniform(0, 0.05),
    )
    cover_draw, box, colour = rng.random(), rng.uniform(size=4), rng.uniform(size=3)
    seed = int(rng.integers(2**32))
    if strength:
        mean = image.mean()
        image = (image - mean) * np.float32(contrast) + mean
        grey = image.mean(axis=2, keepdims=True)
        image = grey + (image - grey) * np.float32(saturation)
        image = np.clip(image * tint, 0, 1) ** np.float32(gamma)
    if blur_draw < settings.blur:
        image = cv2.GaussianBlur(image, (0, 0), sigma)
        grain = np.random.Generator(np.random.PCG64(seed)).standard_normal(image.shape, np.float32)
        image = image + np.float32(noise) * grain
    covered = np.zeros((size, size), np.float32)
    if cover_draw < settings.occlusion:
        width, height = (0.15 + 0.25 * box[2:]) * size
        x, y = box[:2] * (size - np.array([width, height]))
        rows, columns = slice(int(y), int(y + height)), slice(int(x), int(x + width))
        image = image.copy()
        image[rows, columns] = colour.astype(np.float32)
        covered[rows, columns] = 1.0
    return np.clip(image, 0, 1).astype(np.float32), covered
