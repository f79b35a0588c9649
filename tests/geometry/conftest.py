"""A toy set of FLAME's files, for reading and for changing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from likeness.geometry.flame_assets import load_flame
from likeness.geometry.head_asset import HeadAsset
from likeness.geometry.toy_flame import make_toy_flame


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The set as it was made: tests only read it."""
    folder = tmp_path_factory.mktemp("flame")
    make_toy_flame(folder, subdivisions=2)
    return folder


@pytest.fixture(scope="session")
def toy(original: Path) -> HeadAsset:
    """The head of the set."""
    return load_flame(original)


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A copy of the set, for a test to change."""
    return shutil.copytree(original, tmp_path / "flame")
