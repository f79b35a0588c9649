"""The circumstances of a run: versions, machine, device, code revision, command line.

Only looks; changes nothing, and imports torch only to describe a device.
"""

from __future__ import annotations

import os
import platform
import shlex
import socket
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from likeness import __version__

PACKAGES = (
    "torch",
    "numpy",
    "scipy",
    "numba",
    "pydantic",
    "safetensors",
    "pillow",
    "opencv-python-headless",
    "scikit-image",
    "av",
    "onnx",
    "onnxruntime",
    "transformers",
    "diffusers",
)
"""Packages whose version can change a result."""


def environment(*, command: Sequence[str] = (), device: str | None = None) -> dict[str, Any]:
    """What a reader needs to repeat a run: JSON values for ``environment.json``.

    Args:
        command: the command line as a list, program first.
        device: the device trained on, e.g. ``"cuda:0"``; None leaves it out.
    """
    return {
        "likeness": __version__,
        "python": platform.python_version(),
        "packages": package_versions(),
        "platform": platform.platform(),
        "host": socket.gethostname(),
        "processors": os.cpu_count(),
        "device": describe_device(device) if device else None,
        "code": code_revision(Path(__file__).resolve().parents[2]),
        "command": shlex.join(command),
        "folder": os.getcwd(),
    }


def package_versions() -> dict[str, str]:
    """Name to version of the installed ones of :data:`PACKAGES`."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def describe_device(device: str) -> dict[str, Any]:
    """Name, memory and driver-side versions of a torch device; threads of a CPU."""
    import torch

    kind = torch.device(device)
    if kind.type == "cuda":
        properties = torch.cuda.get_device_properties(kind)
        return {
            "type": "cuda",
            "name": properties.name,
            "memory_gigabytes": round(properties.total_memory / 1e9, 1),
            "capability": f"{properties.major}.{properties.minor}",
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
        }
    return {
        "type": kind.type,
        "name": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "capability": torch.backends.cpu.get_cpu_capability() if kind.type == "cpu" else None,
    }


def code_revision(folder: Path) -> dict[str, Any] | None:
    """Commit of a source checkout and whether files differ from it; None when it is not one."""
    if not (folder / ".git").exists():
        return None
    revision = _git(folder, "rev-parse", "HEAD")
    changes = _git(folder, "status", "--porcelain")
    if revision is None or changes is None:
        return None
    files = [line[3:] for line in changes.splitlines()]
    return {"revision": revision.strip(), "dirty": bool(files), "changed_files": files[:50]}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
