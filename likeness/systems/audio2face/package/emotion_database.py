"""The implicit emotion data base of a regression package: one vector per frame of each shot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from likeness.errors import DataError, UsageError
from likeness.systems.audio2face.package.runtime_arrays import write_runtime_arrays


@dataclass(frozen=True, eq=False)
class EmotionDatabase:
    """Rows of all shots, one after the other.

    Attributes:
        vectors: (rows, length) float32.
        names: of the shots, in the order of their first rows.
        starts: (n,) first row of each. sizes: (n,) its rows.

    Raises:
        DataError: sizes that do not fit together, names twice, or shots out of order.
    """

    vectors: NDArray[np.float32]
    names: tuple[str, ...]
    starts: NDArray[np.int32]
    sizes: NDArray[np.int32]

    def __post_init__(self) -> None:
        vectors = np.ascontiguousarray(self.vectors, np.float32)
        starts, sizes = (np.asarray(v).astype(np.int64) for v in (self.starts, self.sizes))
        if vectors.ndim != 2 or not starts.shape == sizes.shape == (len(self.names),):
            raise DataError(
                f"An emotion data base needs rows (rows, length) and a start and a size for each "
                f"of its {len(self.names)} shots, found {vectors.shape}, {starts.shape} and "
                f"{sizes.shape}."
            )
        if len(set(self.names)) != len(self.names):
            raise DataError("The shots of an emotion data base must have different names.")
        if len(starts) and (
            (np.diff(starts) < 0).any() or (sizes < 1).any() or starts.min() < 0
            or (starts + sizes).max() > len(vectors)
        ):  # fmt: skip
            raise DataError(
                f"The shots of an emotion data base must lie in its {len(vectors)} rows, in order "
                "of their first row."
            )
        object.__setattr__(self, "vectors", vectors)
        object.__setattr__(self, "starts", starts.astype(np.int32))
        object.__setattr__(self, "sizes", sizes.astype(np.int32))

    def row(self, shot: str, frame: int) -> NDArray[np.float32]:
        """The vector of a frame.

        Raises:
            UsageError: there is no such shot or frame.
        """
        if shot not in self.names:
            raise UsageError(
                f"There is no shot '{shot}' in the emotion data base.",
                advice=f"Use one of: {', '.join(self.names[:20])}.",
            )
        index = self.names.index(shot)
        if not 0 <= frame < self.sizes[index]:
            raise UsageError(
                f"Shot '{shot}' has frames 0 to {self.sizes[index] - 1}, {frame} was asked for."
            )
        return self.vectors[self.starts[index] + frame]


def write_emotion_database(path: str | Path, database: EmotionDatabase) -> None:
    """Write ``implicit_emo_db.npz`` as the runtime reads it."""
    write_runtime_arrays(
        path,
        {
            "emo_db": database.vectors,
            "emo_spec_names": np.array([name.encode() for name in database.names]),
            "emo_spec_start": database.starts,
            "emo_spec_size": database.sizes,
        },
    )
