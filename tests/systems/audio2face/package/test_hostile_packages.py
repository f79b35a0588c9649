"""Damaged and made-up packages: a list of violations, never an exception."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from likeness.systems.audio2face.package.checking import check_package
from tests.systems.audio2face.package.packages import good_package


@pytest.mark.parametrize("kind", ["regression", "diffusion"])
def test_flipped_and_missing_bytes_are_survived(tmp_path: Path, kind: str) -> None:
    package = good_package(tmp_path / "good", kind)
    rng = np.random.default_rng(0)
    files = sorted(path.name for path in package.iterdir())
    folder = tmp_path / "bad"
    shutil.copytree(package, folder)
    found = 0
    for _ in range(150):
        name = files[int(rng.integers(len(files)))]
        data = bytearray((package / name).read_bytes())
        if rng.random() < 0.3:
            del data[int(rng.integers(len(data))) :]
        for _ in range(int(rng.integers(1, 6)) if data else 0):
            # Headers are where it matters, so most damage is near the front.
            place = int(len(data) * rng.random() ** 3)
            data[place] = int(rng.integers(256))
        (folder / name).write_bytes(data)
        found += bool([v for v in check_package(folder) if v.severity == "error"])
        shutil.copyfile(package / name, folder / name)
    assert found > 40
    assert [v.code for v in check_package(folder)] == ["network.engine-missing"]


STRANGE: list[Any] = [None, -1, 2**70, "a" * 300, [[]], {"a": 1}]


@pytest.mark.parametrize("kind", ["regression", "diffusion"])
def test_strange_values_in_documents_are_survived(tmp_path: Path, kind: str) -> None:
    package = good_package(tmp_path / "good", kind)
    suffix = "" if kind == "regression" else "_ada"
    names = ["model.json", "network_info.json", "trt_info.json", f"model_config{suffix}.json",
             "bs_skin_config_ada.json"]  # fmt: skip
    for name in names:
        original = (package / name).read_text()
        for keys in paths_of(json.loads(original)):
            for value in STRANGE:
                whole = inner = json.loads(original)
                for key in keys[:-1]:
                    inner = inner[key]
                inner[keys[-1]] = value
                (package / name).write_text(json.dumps(whole))
                assert all(v.code and v.message for v in check_package(package))
        (package / name).write_text(original)


def paths_of(document: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of a document but most entries of long lists."""
    items: list[tuple[Any, Any]] = []
    if isinstance(document, dict):
        items = list(document.items())
    elif isinstance(document, list):
        items = list(enumerate(document))[:1]
    found = []
    for key, value in items:
        found += [(*before, key), *paths_of(value, (*before, key))]
    return found
