"""Load and memory of the GPUs of this machine, for the view of a run."""

from __future__ import annotations

import shutil
import subprocess
from typing import Any


def read_gpus() -> list[dict[str, Any]]:
    """Load and memory of the GPUs as the driver's tool tells; empty without one."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    query = "index,name,utilization.gpu,memory.used,memory.total"
    try:
        done = subprocess.run(
            [tool, f"--query-gpu={query}", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=5,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    if done.returncode != 0:
        return []
    return parse_gpus(done.stdout)


def parse_gpus(text: str) -> list[dict[str, Any]]:
    """Lines of ``index, name, load %, used MiB, total MiB``; what is not told is None."""
    found = []
    for line in text.strip().splitlines():
        fields = [field.strip() for field in line.split(",")]
        if len(fields) != 5:
            continue
        numbers = [float(f) if f.replace(".", "").isdigit() else None for f in fields[2:]]
        load, used, total = numbers
        found.append(
            {
                "index": int(fields[0]),
                "name": fields[1],
                "load_percent": load,
                "memory_gigabytes": None if used is None else round(used * 2**20 / 1e9, 1),
                "total_gigabytes": None if total is None else round(total * 2**20 / 1e9, 1),
            }
        )
    return found
