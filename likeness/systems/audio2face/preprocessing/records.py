"""What is kept beside the artefacts: settings, versions, the poses that were chosen, the report."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from likeness import __version__
from likeness.geometry.array_files import write_arrays
from likeness.replacement import replacing
from likeness.runs.environment import code_revision
from likeness.systems.audio2face.artefacts import Floats
from likeness.systems.audio2face.preprocessing import layout
from likeness.systems.audio2face.preprocessing.basis import PrincipalBasis
from likeness.systems.audio2face.preprocessing.poses import Indices, Poses
from likeness.systems.audio2face.preprocessing.settings import PreprocessingSettings
from likeness.systems.audio2face.preprocessing.shot_files import write_json

_SHORT_COMMIT = 7


def write_records(folder: Path, actor: str, settings: PreprocessingSettings) -> None:
    """Name of the actor, version, settings and free text, in ``configs``."""
    write_json(folder / layout.ACTOR_INFO, {"actor_name": actor})
    write_json(folder / layout.SETTINGS, settings.model_dump(mode="json"))
    changed = settings.model_dump(mode="json", exclude_defaults=True)
    write_json(folder / layout.SETTINGS_CHANGED, changed)
    write_json(folder / layout.STATE, state(record_machine=settings.record_machine))
    for name, text in ((layout.VERSION, __version__), (layout.RUN_INFO, settings.run_info)):
        with replacing(folder / name) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")


def state(*, record_machine: bool) -> dict[str, Any]:
    """The program and, if wanted, the machine. Paths are never mapped here."""
    revision = code_revision(Path(__file__).resolve().parents[4])
    out: dict[str, Any] = {
        "framework": {
            "version": __version__,
            "git_branch": None,
            "git_commit": revision["revision"][:_SHORT_COMMIT] if revision else None,
            "git_clean": not revision["dirty"] if revision else None,
        },
        "path_mapping": {},
    }
    if record_machine:
        out["machine"] = {"hostname": socket.gethostname(), "user": getpass.getuser()}
    return out


def write_choice(
    folder: Path, pruned: Mapping[str, Indices], chosen: Mapping[str, Indices]
) -> None:
    """The frames of every shot that are distinct, and those the basis is made of."""
    for name, frames in ((layout.SKIN_PRUNED, pruned), (layout.SKIN_CHOSEN, chosen)):
        lists = {shot: [int(f) for f in np.sort(indices)] for shot, indices in frames.items()}
        write_json(folder / name, lists, sort=True)


def write_intermediate(
    folder: Path, skin: PrincipalBasis, mean: Floats, threshold: float, poses: Poses
) -> None:
    """The basis of the skin as vectors and the poses it is made of (float32 (m, 3V))."""
    vectors: dict[str, np.ndarray] = {
        "evecs_t": skin.axes.T,
        "evals_t": skin.variances,
        "mean": mean.reshape(-1),
        "variance_threshold": np.array(threshold),
    }
    _write(folder / layout.SKIN_INTERMEDIATE, vectors)
    header = {"descr": "<f4", "fortran_order": False, "shape": (len(poses), poses.size)}
    with replacing(folder / layout.SKIN_POSES) as temporary, open(temporary, "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for _, rows in poses.blocks():
            file.write(rows.astype("<f4", copy=False).data)


def write_tongue_intermediate(folder: Path, tongue: PrincipalBasis, mean: Floats) -> None:
    """The basis of the tongue as vectors."""
    vectors: dict[str, np.ndarray] = {
        "evecs": tongue.axes.T,
        "evals": tongue.variances,
        "mean": mean.reshape(-1),
    }
    _write(folder / layout.TONGUE_INTERMEDIATE, vectors)


def _write(path: Path, vectors: Mapping[str, np.ndarray]) -> None:
    write_arrays(path, {name: array.astype("<f4") for name, array in vectors.items()}, {})
