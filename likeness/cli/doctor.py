"""The verb that looks at this machine: versions, devices, extras, weights, what each enables."""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from likeness.cli.console import Answer, print_table, print_text, verb
from likeness.cli.systems import listed_systems

_EXTRAS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("onnx", ("onnx", "onnxscript", "onnxruntime"), "export to ONNX; detectors in ONNX files"),
    ("usd", ("pxr",), "point caches in USD files"),
    ("alembic", ("alembic3d",), "point caches in Alembic files"),
    ("parquet", ("pyarrow",), "photographs in Parquet tables"),
    ("speech", ("espeakng_loader", "transformers"), "spoken sentences; published speech encoders"),
    ("s3", ("s3fs", "aiohttp"), "data and mirrors at s3://, single files at https://"),
    ("tensorboard", ("tensorboard",), "metrics in TensorBoard"),
    ("wandb", ("wandb",), "metrics at Weights & Biases"),
    ("dev", ("pytest", "ruff", "mypy"), "tests, lint and type checks"),
)


@verb
def doctor() -> Answer:
    """What this machine can do; which weights and extras are present, and what each enables."""
    document = {
        "likeness": _version(),
        "machine": _machine(),
        "torch": _torch(),
        "extras": _extras(),
        "systems": _systems(),
    }
    return Answer(document, lambda: _show(document))


def _version() -> str:
    from likeness import __version__

    return __version__


def _machine() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "memory_gigabytes": _memory_gigabytes(),
        "free_disk_gigabytes": round(shutil.disk_usage(Path.cwd()).free / 1e9, 1),
    }


def _memory_gigabytes() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (ValueError, OSError, AttributeError):
        return None


def _torch() -> dict[str, Any]:
    import torch

    devices: list[dict[str, Any]] = [{"name": "cpu", "threads": torch.get_num_threads()}]
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        devices.append(
            {
                "name": f"cuda:{index}",
                "model": properties.name,
                "memory_gigabytes": round(properties.total_memory / 1e9, 1),
                "capability": f"{properties.major}.{properties.minor}",
            }
        )
    return {"version": torch.__version__, "cuda": torch.version.cuda, "devices": devices}


def _extras() -> list[dict[str, Any]]:
    from likeness.extras import is_installed

    rows = []
    for name, modules, enables in _EXTRAS:
        missing = [module for module in modules if not is_installed(module)]
        rows.append(
            {
                "name": name,
                "present": not missing,
                "missing": missing,
                "enables": enables,
                "advice": f"pip install 'likeness[{name}]'" if missing else "",
            }
        )
    return rows


def _systems() -> list[dict[str, Any]]:
    return [
        {
            "name": system.name,
            "ready": not system.missing,
            "reason": system.reason,
            "requirements": [asdict(item) for item in system.requirements],
        }
        for system in listed_systems()
    ]


def _show(document: dict[str, Any]) -> None:
    machine, torch = document["machine"], document["torch"]
    print_text(f"likeness {document['likeness']}, Python {machine['python']}")
    print_text(machine["platform"])
    memory = machine["memory_gigabytes"]
    print_text(
        f"{machine['processors']} processors, {memory if memory is not None else '?'} GB memory, "
        f"{machine['free_disk_gigabytes']} GB free here"
    )
    print_text(f"torch {torch['version']}, CUDA {torch['cuda'] or 'not in this build'}")
    for device in torch["devices"]:
        print_text("  " + ", ".join(f"{value}" for value in device.values()))
    rows = [
        (row["name"], "yes" if row["present"] else "no", row["enables"], row["advice"])
        for row in document["extras"]
    ]
    print_text("")
    print_table(("extra", "present", "enables", "to get it"), rows)
    for system in document["systems"]:
        print_text("")
        unready = f"cannot be used. {system['reason']}" if system["reason"] else "cannot train yet"
        state = "ready to train" if system["ready"] else unready
        print_text(f"{system['name']}: {state}")
        parts = [
            (
                item["name"],
                item["kind"],
                "yes" if item["present"] else ("MISSING" if item["required"] else "no"),
                item["enables"],
                "" if item["present"] else item["advice"],
            )
            for item in system["requirements"]
        ]
        if parts:
            print_table(("part", "kind", "present", "enables", "to get it"), parts)
