"""Faults put into a finished set of studio photographs, one each, to try inspection with.

Owns what each fault does to the files, and the list of them in ``faults.json``.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from likeness.errors import UsageError
from likeness.geometry.array_files import read_npy, write_arrays
from likeness.media.image import save_image
from likeness.storage.files import disk_errors, replacing
from likeness.systems.face_encoder.annotation_files import read_truth
from likeness.systems.face_encoder.data import put_text

FAULTS_FILE = "faults.json"
_ORIENTATION, _QUARTER_LEFT = 0x0112, 6  # EXIF: shown turned a quarter to the right
_OTHER_SIZE = 4.0


def put_faults(root: Path, photographs: Sequence[str], codes: Sequence[str]) -> None:
    """Damage a photograph for each code and write ``faults.json``: path and expected finding.

    Args:
        root: of the dataset.
        photographs: ids, at least as many as codes; the first ones are damaged.
        codes: keys of :data:`FAULTS`.

    Raises:
        UsageError: a code nobody knows, or too few photographs; the disk refuses.
    """
    check_faults(codes, len(photographs))
    rows = []
    for code, name in zip(codes, photographs, strict=False):
        with disk_errors(root, f"put the fault '{code}' into '{name}'"):
            path = FAULTS[code](root, name)
        rows.append({"path": path.relative_to(root).as_posix(), "code": code})
    put_text(root / FAULTS_FILE, json.dumps(rows, indent=1) + "\n")


def check_faults(codes: Sequence[str], photographs: int) -> None:
    """Raises UsageError for a code nobody knows, or more codes than photographs."""
    unknown = sorted(set(codes) - set(FAULTS))
    if unknown:
        raise UsageError(
            f"There is no fault {', '.join(unknown)}.", advice=f"There are: {', '.join(FAULTS)}."
        )
    if len(codes) > photographs:
        raise UsageError(
            f"{len(codes)} faults need as many photographs; {photographs} are for training.",
            advice="Make more people, or more photographs of each.",
        )


def _image(root: Path, name: str) -> Path:
    return root / "images" / f"{name}.png"


def _landmarks(root: Path, name: str) -> Path:
    return root / "landmarks" / f"{name}.npy"


def _turned(root: Path, name: str) -> Path:
    """Stored on its side, with the note that turns it upright again."""
    path, written = _image(root, name), io.BytesIO()
    with Image.open(path) as image:
        exif = Image.Exif()
        exif[_ORIENTATION] = _QUARTER_LEFT
        image.transpose(Image.Transpose.ROTATE_90).save(written, "PNG", exif=exif)
    return _put(path, written.getvalue())


def _truncated_image(root: Path, name: str) -> Path:
    path = _image(root, name)
    content = path.read_bytes()
    return _put(path, content[: len(content) // 2])


def _of_another_shape(root: Path, name: str) -> Path:
    """The mask goes along: it is of this very picture."""
    for path in (root / "masks" / f"{name}.png", _image(root, name)):
        with Image.open(path) as image:
            pixels = np.asarray(image)
        save_image(path, pixels[: len(pixels) * 3 // 4])
    return path


def _no_landmarks(root: Path, name: str) -> Path:
    path = _landmarks(root, name)
    path.unlink()
    return path


def _not_a_number(root: Path, name: str) -> Path:
    def damaged(points: np.ndarray) -> np.ndarray:
        points[30] = np.nan
        return points

    return _changed(_landmarks(root, name), damaged)


def _of_a_larger_picture(root: Path, name: str) -> Path:
    return _changed(_landmarks(root, name), lambda points: _OTHER_SIZE * points)


def _mirrored(root: Path, name: str) -> Path:
    def mirrored(points: np.ndarray) -> np.ndarray:
        points[:, 0] = points[:, 0].min() + points[:, 0].max() - points[:, 0]
        return points

    return _changed(_landmarks(root, name), mirrored)


def _small_mask(root: Path, name: str) -> Path:
    path = root / "masks" / f"{name}.png"
    with Image.open(path) as mask:
        classes = np.asarray(mask)
    save_image(path, np.ascontiguousarray(classes[::2, ::2]))
    return path


def _truncated_truth(root: Path, name: str) -> Path:
    path = root / "truth" / f"{name}.npz"
    content = path.read_bytes()
    return _put(path, content[: len(content) // 2])


def _short_truth(root: Path, name: str) -> Path:
    path = root / "truth" / f"{name}.npz"
    truth = read_truth(path)
    write_arrays(path, {**truth, "shape": truth["shape"][:-1]}, {})
    return path


def _changed(path: Path, change: Callable[[np.ndarray], np.ndarray]) -> Path:
    points = change(np.array(read_npy(path), np.float32))
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.save(file, points)
    return path


def _put(path: Path, content: bytes) -> Path:
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return path


FAULTS: Mapping[str, Callable[[Path, str], Path]] = {
    "image-turned": _turned,
    "image-unreadable": _truncated_image,
    "size-recorded": _of_another_shape,
    "landmarks-missing": _no_landmarks,
    "landmarks-unreadable": _not_a_number,
    "landmarks-outside": _of_a_larger_picture,
    "landmarks-mirrored": _mirrored,
    "mask-unusable": _small_mask,
    "truth-unusable": _truncated_truth,
    "truth-length": _short_truth,
}
"""Code of the expected finding to what brings it about."""
