from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest

from likeness.errors import DataError, MissingError
from likeness.media.audio import write_wav
from likeness.systems.audio2face.dataset.description import read_description
from likeness.systems.audio2face.dataset.reading import open_dataset
from tests.systems.audio2face.dataset.recordings import (
    FPS,
    FRAMES,
    RATE,
    bare_actor,
    shot_of,
    write_recordings,
)


@pytest.mark.parametrize("cache_format", ["npy", "mc", "pc2"])
def test_what_is_written_is_read_back(tmp_path: Path, cache_format: str) -> None:
    root = write_recordings(tmp_path / "set", cache_formats=(cache_format,))
    actors = open_dataset(root)
    assert list(actors) == ["anna", "ben"]
    for number, (name, actor) in enumerate(actors.items()):
        given = bare_actor(name, number)
        assert [s.name for s in actor.shots] == ["joy_001", "joy_002", "neutral_000"]
        assert [s.emotion for s in actor.shots] == ["joy", "joy", "neutral"]
        assert {s.num_frames for s in actor.shots} == {FRAMES}
        arrays = shot_of(given, "joy_001", 10 * number + 1)
        np.testing.assert_array_equal(actor.skin["joy_001"].read(), arrays["skin"])
        np.testing.assert_array_equal(actor.tongue["joy_001"].read(), arrays["tongue"])
        np.testing.assert_array_equal(actor.jaw["joy_001"], arrays["jaw"])
        np.testing.assert_array_equal(actor.eyes["joy_001"], arrays["eyes"])
        for field in ("skin_neutral", "tongue_neutral", "saccades", "blink_keys", "tongue_rigid"):
            np.testing.assert_array_equal(getattr(actor, field), getattr(given, field))
        assert actor.lip_size is not None
        np.testing.assert_array_equal(actor.lip_size.lower_lip.lower, [18, 19])
        assert actor.blendshapes is not None
        assert actor.blendshapes.names == ("jawOpen", "mouthClose")
        speakers = [(c.shot, c.speaker, c.audio) for c in actor.clips if c.shot == "joy_001"]
        assert speakers == [
            ("joy_001", name, "joy_001.wav"),
            ("joy_001", "aug_high", "aug/high/joy_001.wav"),
        ]


def test_a_dataset_without_a_description_is_found_by_convention(tmp_path: Path) -> None:
    root = write_recordings(tmp_path / "set", ("anna",), cache_formats=("mc",))
    (root / "dataset.yaml").unlink()
    for place in (root, root / "data", root / "data" / "anna"):
        actor = open_dataset(place)["anna"]
        assert actor.fps == FPS  # a Maya cache says it
        assert len(actor.shots) == 3


def test_a_cache_that_knows_no_frame_rate_asks_for_it(tmp_path: Path) -> None:
    root = write_recordings(tmp_path / "set", ("anna",))
    (root / "dataset.yaml").unlink()
    with pytest.raises(DataError, match="how many frames a second") as error:
        open_dataset(root)
    assert "fps" in error.value.advice


def test_lengths_in_another_unit_become_centimetres(tmp_path: Path) -> None:
    root = write_recordings(tmp_path / "set", ("anna",))
    text = (root / "dataset.yaml").read_text()
    (root / "dataset.yaml").write_text(text.replace("    fps: 30.0", "    fps: 30.0\n    unit: m"))
    actor, given = open_dataset(root)["anna"], bare_actor("anna")
    arrays = shot_of(given, "neutral_000", 0)
    np.testing.assert_allclose(actor.skin["neutral_000"].read(), 100 * arrays["skin"], rtol=1e-6)
    np.testing.assert_allclose(actor.jaw["neutral_000"], 100 * arrays["jaw"], rtol=1e-6)
    np.testing.assert_array_equal(actor.eyes["neutral_000"], arrays["eyes"])
    assert actor.blendshapes is not None
    assert actor.blendshapes.settings["templateBBSize"] == pytest.approx(5345.05)


def test_defect_08_audio_of_a_shot_is_matched_by_its_whole_stem(tmp_path: Path) -> None:
    root = write_recordings(tmp_path / "set", ("anna",))
    folder = root / "data" / "anna" / "audio" / "aug" / "low"
    folder.mkdir()
    write_wav(folder / "joy_0012.wav", np.zeros(RATE, np.float32), RATE)
    clips = open_dataset(root)["anna"].clips
    assert not [clip for clip in clips if clip.speaker == "aug_low"]


def test_defect_20_a_shot_missing_from_the_jaw_file_is_still(tmp_path: Path) -> None:
    root = write_recordings(tmp_path / "set", ("anna",))
    path = root / "data" / "anna" / "xform" / "jaw_keypoints_cache_all.npz"
    with np.load(path) as found:
        kept = {name: found[name] for name in found.files if name != "joy_001"}
    np.savez(path, **kept)
    actor = open_dataset(root)["anna"]
    assert "joy_001" not in actor.jaw
    assert "joy_002" in actor.jaw


def test_channels_of_one_shot_are_cut_to_the_shortest(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = write_recordings(tmp_path / "set", ("anna",))
    path = root / "data" / "anna" / "xform" / "eye_rotations_all.npz"
    with np.load(path) as found:
        kept = {name: found[name] for name in found.files}
    kept["joy_001"] = kept["joy_001"][:1]  # one frame is no placeholder
    np.savez(path, **kept)
    with caplog.at_level(logging.WARNING):
        actor = open_dataset(root)["anna"]
    lengths = {shot.name: shot.num_frames for shot in actor.shots}
    assert lengths == {"joy_001": 1, "joy_002": FRAMES, "neutral_000": FRAMES}
    assert actor.skin["joy_001"].num_frames == len(actor.jaw["joy_001"]) == 1
    assert max(c.last for c in actor.clips if c.shot == "joy_001") == 0
    assert "'joy_001'" in caplog.text


def test_clips_come_from_a_table_where_there_is_one(tmp_path: Path) -> None:
    root = write_recordings(tmp_path / "set", ("anna",))
    text = (root / "dataset.yaml").read_text()
    (root / "dataset.yaml").write_text(text + "clips: clips.csv\n")
    (root / "clips.csv").write_text("shot,first,last,offset\njoy_001,2,9,-1\nneutral_000,,,\n")
    clips = open_dataset(root)["anna"].clips
    assert [(c.shot, c.first, c.last, c.offset, c.frames) for c in clips] == [
        ("joy_001", 2, 9, -1, (3, 9)),
        ("neutral_000", 0, FRAMES - 1, 0, (0, FRAMES - 1)),
    ]
    (root / "clips.csv").write_text("shot,first,last\njoy_009,0,3\njoy_001,4,99\n")
    with pytest.raises(DataError) as error:
        open_dataset(root)
    assert "line 2: actor 'anna' has no shot 'joy_009'" in error.value.message
    assert "line 3: expected frames of 'joy_001' between 0 and 11" in error.value.message
    (root / "clips.csv").write_text("shot,start\njoy_001,0\n")
    with pytest.raises(DataError, match="unknown columns start"):
        open_dataset(root)


def test_a_description_with_faults_names_them_all(tmp_path: Path) -> None:
    root = write_recordings(tmp_path / "set", ("anna",))
    text = (root / "dataset.yaml").read_text()
    (root / "dataset.yaml").write_text(
        text.replace("fps: 30.0", "fps: fast").replace("skin_neutral:", "skin_neutrl:")
    )
    with pytest.raises(DataError) as error:
        read_description(root)
    assert "fps" in error.value.message
    assert "skin_neutral" in error.value.message


def test_a_named_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    root = write_recordings(tmp_path / "set", ("anna",))
    (root / "data/anna/xform/eye_blink_keys.npy").unlink()
    with pytest.raises(MissingError, match="eye_blink_keys"):
        open_dataset(root)


def test_vertex_lists_must_pair(tmp_path: Path) -> None:
    root = write_recordings(tmp_path / "set", ("anna",))
    path = root / "data/anna/geom/skin/lip_dist_vertex_list.json"
    path.write_text(json.dumps({"upper": [1, 2], "lower": [3]}))
    with pytest.raises(DataError, match="2 and 1"):
        open_dataset(root)
