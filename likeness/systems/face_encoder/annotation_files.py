"""What may lie beside a photograph besides its landmarks: a mask of classes, and the exact truth;
and beside all of them, sets of points.

Owns what those files may hold; where they lie is ``layouts.py``.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from likeness.errors import DataError
from likeness.evaluation.landmarks import POINT_SETS
from likeness.geometry.array_files import read_arrays
from likeness.media.decoding import MAX_PIXELS, open_image, read_bytes
from likeness.storage.json_files import read_object

MASK_CLASSES = ("background", "skin", "hair", "neck", "body", "glasses or another occluder")
"""The classes of a mask, by number."""


def read_mask(path: Path, size: tuple[int, int]) -> np.ndarray:
    """The class of every pixel (H, W) uint8 of a picture of ``size`` (width, height).

    Palette pictures give their indices, so coloured masks as editors write them are read as well.

    Raises:
        DataError: damaged, of another size, more than one channel, or numbers that are no class.
    """
    data, name = read_bytes(path)
    image = open_image(data, name, MAX_PIXELS)
    try:
        classes = np.asarray(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"The mask {name} is damaged: {error}.") from error
    if classes.ndim != 2:
        raise DataError(
            f"Expected one channel of class numbers in the mask '{path}', found {image.mode}.",
            advice="Save it as 8-bit grey or palette picture whose values are the classes.",
        )
    if image.size != size:
        raise DataError(
            f"Expected a mask of {size[0]}x{size[1]} at '{path}', as its photograph, found "
            f"{image.width}x{image.height}.",
            advice="Make the mask from this very picture, or remove it.",
        )
    if classes.max() >= len(MASK_CLASSES):
        raise DataError(
            f"Expected the classes 0 to {len(MASK_CLASSES) - 1} in the mask '{path}', found "
            f"{int(classes.max())}.",
            advice="The classes are "
            + ", ".join(f"{number} {word}" for number, word in enumerate(MASK_CLASSES))
            + ".",
        )
    return classes.astype(np.uint8)


def read_truth(path: Path) -> dict[str, np.ndarray]:
    """The truth of a photograph: ``shape`` (n,), ``head_rotation`` (3, 3), and what else is there.

    Raises:
        DataError: damaged, incomplete, not finite numbers, or no rotation.
    """
    arrays, texts = read_arrays(path)
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf":
            texts[name] = str(array.dtype)
        elif not np.isfinite(array).all():
            raise DataError(f"Expected finite numbers in '{name}' of '{path}', found others.")
    if texts:
        raise DataError(
            f"Expected numbers in the truth at '{path}', found something else in {sorted(texts)}."
        )
    missing = {"shape", "head_rotation"} - arrays.keys()
    if missing:
        raise DataError(f"The truth at '{path}' lacks {sorted(missing)}.")
    shape, rotation = arrays["shape"], arrays["head_rotation"].astype(np.float64)
    if shape.ndim != 1 or not shape.size or rotation.shape != (3, 3):
        raise DataError(
            f"Expected a shape (n,) and a head_rotation (3, 3) in '{path}', found {shape.shape} "
            f"and {rotation.shape}."
        )
    if "albedo" in arrays:
        found = arrays["albedo"].shape, arrays.get("harmonic_light", shape).shape
        if len(found[0]) != 1 or found[1] != (9, 3):
            raise DataError(
                f"Expected an albedo (n,) and a harmonic_light (9, 3) in '{path}', found "
                f"{found[0]} and {found[1]}."
            )
    if (
        np.abs(rotation).max() > 2  # large numbers would overflow in the product
        or np.abs(rotation @ rotation.T - np.eye(3)).max() > 1e-3
        or np.linalg.det(rotation) < 0
    ):
        raise DataError(f"The head_rotation in '{path}' is no rotation matrix.")
    return arrays


def point_sets_file(image: Path) -> Path:
    """Where the dataset of a photograph names sets of points; there need be no such file."""
    return image.parent.parent / "landmark_sets.json"


def read_point_sets(path: Path) -> dict[str, tuple[int, ...]]:
    """Named sets of points, each some numbers from 0 to 67.

    Raises:
        DataError: damaged, or a set is something else.
    """
    sets = read_object(path)
    for name, ids in sets.items():
        if name in POINT_SETS or not re.fullmatch(r"\w[\w-]*", name):
            raise DataError(
                f"Expected a name of its own, of letters, digits, '_' and '-', for each set in "
                f"'{path}', found '{name}'.",
                advice=f"Scores have these sets already: {', '.join(POINT_SETS)}.",
            )
        if (
            not isinstance(ids, list)
            or not ids
            or not all(type(i) is int and 0 <= i < 68 for i in ids)
        ):
            raise DataError(
                f"Expected a list of points from 0 to 67 for the set '{name}' in '{path}', found "
                f"{str(ids)[:80]}.",
                advice="Correct the set, or remove it.",
            )
    return {name: tuple(ids) for name, ids in sets.items()}
