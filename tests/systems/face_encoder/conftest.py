"""A toy head, a small decoder and a small dataset, made once for the tests of the face encoder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from likeness.geometry.flame_assets import load_flame
from likeness.geometry.head_asset import HeadAsset
from likeness.geometry.toy_flame import make_toy_flame
from likeness.runs.run import Run
from likeness.systems.face_encoder.decode import Decoder
from likeness.systems.face_encoder.system import FaceEncoder
from tests.systems.face_encoder import toy
from tests.systems.face_encoder.small_runs import train


@pytest.fixture(scope="session")
def toy_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a complete small head in the file formats of FLAME."""
    folder = tmp_path_factory.mktemp("toy_flame")
    make_toy_flame(folder, subdivisions=3)
    return folder


@pytest.fixture(scope="session")
def toy_head(toy_folder: Path) -> HeadAsset:
    return load_flame(toy_folder)


@pytest.fixture(scope="session")
def decoder(toy_head: HeadAsset) -> Decoder:
    """The toy head read with the small layout."""
    return Decoder(toy_head, toy.SMALL_LAYOUT, "weak_perspective")


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory, toy_head: HeadAsset) -> Path:
    """Four people, two photographs each, with masks and the truth. Never written to."""
    return toy.write_dataset(tmp_path_factory.mktemp("faces") / "people", toy_head)


@pytest.fixture(scope="session")
def trained(toy_folder: Path, dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of two steps. Never written to."""
    return train(toy_folder, dataset, tmp_path_factory.mktemp("runs"))


@pytest.fixture
def data(tmp_path: Path, dataset: Path) -> Path:
    """A copy of the clean dataset, to be damaged."""
    return Path(shutil.copytree(dataset, tmp_path / "data"))


@pytest.fixture
def system(toy_folder: Path, dataset: Path) -> FaceEncoder:
    return toy.build_system(toy_folder, dataset)
