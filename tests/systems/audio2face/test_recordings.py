from __future__ import annotations

import multiprocessing
from pathlib import Path

import numpy as np
import pytest

from likeness.assembly import configure
from likeness.errors import DataError, UsageError
from likeness.systems.audio2face.config import AudioToFaceConfig
from likeness.systems.audio2face.recordings import open_recordings
from tests.systems.audio2face.dataset.recordings import write_recordings


def configured(*overrides: str, profile: str = "diffusion") -> AudioToFaceConfig:
    found = configure(
        "audio2face",
        profile=profile,
        overrides=["model.diffusion.encoder=log_mel", *overrides],
        environ={},
    ).config
    assert isinstance(found, AudioToFaceConfig)
    return found


def test_splits_have_the_actors_own_voice_outside_training(
    small_dataset: Path, tmp_path: Path
) -> None:
    found = open_recordings(
        configured(f"data.root={small_dataset}", f"storage.cache_folder={tmp_path}")
    )
    train = {(c.actor, c.shot, c.speaker) for c in found.clips("train")}
    assert {shot for _, shot, _ in train} == {"neutral_000", "joy_001"}
    assert {speaker for _, _, speaker in train} > {"anna", "ben"}
    held_out = [(c.actor, c.shot, c.speaker) for c in found.clips("validation")]
    assert held_out == [("anna", "joy_002", "anna"), ("ben", "joy_002", "ben")]
    assert found.artefacts["ben"].skin_faces is not None
    assert len(found.artefacts["ben"].skin_faces) == 28


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ([], "data.root is not set"),
        (["data.root={root}", "data.actors=[anna,carla]"], "carla, whom the dataset does not have"),
    ],
)
def test_what_there_is_not(
    small_dataset: Path, tmp_path: Path, overrides: list[str], message: str
) -> None:
    config = configured(
        f"storage.cache_folder={tmp_path}", *(o.format(root=small_dataset) for o in overrides)
    )
    with pytest.raises(UsageError, match=message) as raised:
        open_recordings(config)
    assert raised.value.advice


def _open(root: str, cache: str, barrier: object, answers: object) -> None:
    config = configured(f"data.root={root}", f"storage.cache_folder={cache}")
    barrier.wait()  # type: ignore[attr-defined]
    found = open_recordings(config)
    shapes = found.artefacts["anna"].skin.shapes
    answers.put(float(np.abs(shapes).sum()))  # type: ignore[attr-defined]


def test_two_processes_that_want_the_same_make_it_once(small_dataset: Path, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(2), context.Queue()
    both = [
        context.Process(target=_open, args=(str(small_dataset), str(tmp_path), barrier, answers))
        for _ in range(2)
    ]
    for process in both:
        process.start()
    found = [answers.get(timeout=120) for _ in both]
    for process in both:
        process.join(timeout=60)
        assert process.exitcode == 0
    assert found[0] == found[1] > 0
    left = [p.name for p in tmp_path.rglob("*") if ".part" in p.name or ".old" in p.name]
    assert left == []


def test_a_folder_for_preparations_keeps_what_it_has(small_dataset: Path, tmp_path: Path) -> None:
    places = [f"data.root={small_dataset}", f"data.prepared={tmp_path / 'kept'}"]
    places += [f"storage.cache_folder={tmp_path / 'cache'}"]
    open_recordings(configured(*places))
    assert sorted(p.name for p in (tmp_path / "kept").iterdir() if p.is_dir()) == ["anna", "ben"]
    assert not (tmp_path / "cache").exists()
    with pytest.raises(UsageError, match="with other settings") as refused:
        open_recordings(configured(*places, "preprocessing.variance_threshold=0.5"))
    assert "settings it was made with" in str(refused.value.advice)


def with_clips(tmp_path: Path, rows: str) -> Path:
    """Anna and Ben with a table of clips."""
    root = write_recordings(tmp_path / "two")
    description = root / "dataset.yaml"
    description.write_text(description.read_text() + "\nclips: clips.csv\n")
    (root / "clips.csv").write_text("actor,shot,first,last\n" + rows)
    return root


@pytest.mark.parametrize(
    ("overrides", "profile", "expected"),
    [
        (["data.actors=[ben]"], "diffusion", [("ben", "joy_001", 1, 8)]),
        (["model.regression.encoder=log_mel"], "regression", [("anna", "joy_001", 0, 5)]),
    ],
)
def test_clips_of_actors_that_are_not_chosen_are_left_out(
    tmp_path: Path, overrides: list[str], profile: str, expected: list[tuple[str, str, int, int]]
) -> None:
    """A regression network has the first actor, and one table of clips covers all."""
    root = with_clips(tmp_path, "anna,joy_001,0,5\nben,joy_001,1,8\n")
    cache = f"storage.cache_folder={tmp_path / 'cache'}"
    found = open_recordings(configured(f"data.root={root}", cache, *overrides, profile=profile))
    assert [(c.actor, c.shot, *c.frames) for c in found.clips("train")] == expected


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("ben,joy_001,0,5\nbert,joy_001,0,5\n", "expected one of the actors .*found 'bert'"),
        ("ben,joy_001,0,5\n,joy_001,0,5\n", "expected one of the actors .*found ''"),
        ("anna,joy_001,0,5\n", "holds no clips of ben"),
    ],
)
def test_rows_of_clips_that_belong_to_nobody_stay_faults_when_actors_are_chosen(
    tmp_path: Path, rows: str, message: str
) -> None:
    root = with_clips(tmp_path, rows)
    cache = f"storage.cache_folder={tmp_path / 'cache'}"
    with pytest.raises(DataError, match=message):
        open_recordings(configured(f"data.root={root}", cache, "data.actors=[ben]"))
