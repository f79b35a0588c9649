from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from likeness.errors import DataError, UsageError
from likeness.geometry.animation import VertexAnimation
from likeness.systems.audio2face.preprocessing.preparation import preprocess
from likeness.systems.audio2face.preprocessing.settings import PreprocessingSettings
from likeness.systems.audio2face.recorded_actor import RecordedActor
from tests.systems.audio2face.preprocessing.recorded import animations, minimal, skin_arrays

SETTINGS = PreprocessingSettings(similarity_radius=0.5, tongue_radius=0.5)


def test_the_second_call_reads_and_a_change_is_refused_or_made(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    actor = minimal()
    preprocess(actor, SETTINGS, tmp_path / "bo", progress=lambda *c: calls.append(c))
    assert calls == [(i, 6) for i in range(1, 7)]
    before = (tmp_path / "bo/report.json").stat().st_mtime_ns
    calls.clear()
    again = preprocess(minimal(), SETTINGS, tmp_path / "bo", progress=lambda *c: calls.append(c))
    preprocess(actor, SETTINGS.replace(device="cpu", run_info="x"), tmp_path / "bo")
    assert calls == []
    assert (tmp_path / "bo/report.json").stat().st_mtime_ns == before
    _, arrays = skin_arrays()
    arrays["shot1"][7, 3, 1] += 0.25
    changed = minimal(skin=animations(arrays))
    other = SETTINGS.replace(variance_threshold=0.5)
    for actor_now, settings in ((changed, SETTINGS), (actor, other)):
        with pytest.raises(UsageError, match="other recordings of 'bo' or with other settings"):
            preprocess(actor_now, settings, tmp_path / "bo")
    smaller = preprocess(actor, other, tmp_path / "bo", redo=True)
    assert len(smaller.skin.shapes) < len(again.skin.shapes)
    assert [path.name for path in tmp_path.iterdir()] == ["bo"]


def test_a_cache_file_that_changed_is_noticed(tmp_path: Path) -> None:
    from likeness.geometry.animation_files import read_animation

    _, arrays = skin_arrays()
    for name, array in arrays.items():
        np.save(tmp_path / f"{name}.npy", array)

    def actor() -> RecordedActor:
        skin = {name: read_animation(tmp_path / f"{name}.npy", 30.0) for name in arrays}
        return minimal(skin=skin)

    preprocess(actor(), SETTINGS, tmp_path / "out")
    preprocess(actor(), SETTINGS, tmp_path / "out")
    np.save(tmp_path / "shot1.npy", arrays["shot1"] * 1.01)
    with pytest.raises(UsageError, match="other recordings"):
        preprocess(actor(), SETTINGS, tmp_path / "out")


def test_what_is_interrupted_never_counts(tmp_path: Path) -> None:
    class Stopped(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done == total - 1:
            raise Stopped

    with pytest.raises(Stopped):
        preprocess(minimal(), SETTINGS, tmp_path / "bo", progress=stop)
    assert list(tmp_path.iterdir()) == []
    kill = f"""
import os, sys
sys.path.insert(0, {str(Path.cwd())!r})
from pathlib import Path
from tests.systems.audio2face.preprocessing.recorded import minimal
from likeness.systems.audio2face.preprocessing.preparation import preprocess
from likeness.systems.audio2face.preprocessing.settings import PreprocessingSettings
import likeness.systems.audio2face.preprocessing.records as records
records.write_choice = lambda *a: os.kill(os.getpid(), 9)
preprocess(minimal(), PreprocessingSettings(), Path({str(tmp_path / "bo")!r}))
"""
    assert subprocess.run([sys.executable, "-c", kill]).returncode == -9
    assert [path.name for path in tmp_path.iterdir()] == [".bo.part"]
    found = preprocess(minimal(), SETTINGS, tmp_path / "bo")
    assert len(found.shots) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["bo"]
    assert not list((tmp_path / "bo").glob(".*"))


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "bo").mkdir()
    (tmp_path / "bo/letter.txt").write_text("dear")
    with pytest.raises(DataError, match="found something else"):
        preprocess(minimal(), SETTINGS, tmp_path / "bo", redo=True)
    assert (tmp_path / "bo/letter.txt").read_text() == "dear"


@pytest.mark.parametrize(
    "name", ["pca/skin/skin_pca_shapes.npz", "deploy/network_data.npz", "deploy/data_info.json"]
)
def test_a_damaged_folder_that_may_be_made_again_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """One in the cache stopped every training, with the advice to copy a file nobody has."""
    whole = preprocess(minimal(), SETTINGS, tmp_path / "bo")
    path = tmp_path / "bo" / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=path.name):
        preprocess(minimal(), SETTINGS, tmp_path / "bo")
    found = preprocess(minimal(), SETTINGS, tmp_path / "bo", redo=True)
    np.testing.assert_array_equal(found.skin.shapes, whole.skin.shapes)
    assert "is damaged and is made again" in caplog.text
    assert path.name in caplog.text


def test_the_machine_is_named_only_when_asked(tmp_path: Path) -> None:
    preprocess(minimal(), SETTINGS, tmp_path / "a")
    preprocess(minimal(), SETTINGS.replace(record_machine=True), tmp_path / "b")
    states = [json.loads((tmp_path / f / "configs/state.json").read_text()) for f in "ab"]
    assert "machine" not in states[0]
    assert states[1]["machine"].keys() == {"hostname", "user"}
    assert states[0]["framework"].keys() == {"version", "git_branch", "git_commit", "git_clean"}


def test_frames_of_any_source_count_by_what_they_hold(tmp_path: Path) -> None:
    class Held:
        """A source that is no dataclass and says nothing of itself."""

        def __init__(self, array: np.ndarray) -> None:
            self.array, self.shape, self.dtype = array, array.shape, array.dtype

        def read(self, first: int, last: int) -> np.ndarray:
            return self.array[first:last].copy()

        def part(self, first: int, last: int) -> Held:
            return Held(self.array[first:last])

    _, arrays = skin_arrays()

    def actor() -> RecordedActor:
        skin = {name: VertexAnimation(Held(array.copy()), 30.0) for name, array in arrays.items()}
        return minimal(skin=skin)

    preprocess(actor(), SETTINGS, tmp_path / "bo")
    preprocess(actor(), SETTINGS, tmp_path / "bo")
    arrays["shot2"][51, 29, 2] += 1e-3
    with pytest.raises(UsageError, match="other recordings"):
        preprocess(actor(), SETTINGS, tmp_path / "bo")


def test_two_processes_do_not_fill_one_folder(tmp_path: Path) -> None:
    def meanwhile(done: int, total: int) -> None:
        if done == total:
            with pytest.raises(UsageError, match="being made by another process"):
                preprocess(minimal(), SETTINGS, tmp_path / "bo")

    found = preprocess(minimal(), SETTINGS, tmp_path / "bo", progress=meanwhile)
    assert len(found.shots) == 3
    assert (tmp_path / "bo/report.json").is_file()
