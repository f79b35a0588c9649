from __future__ import annotations

import contextlib
import json
import logging
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from likeness.errors import DataError, LikenessError, MissingError
from likeness.media.audio import write_wav
from likeness.systems.audio2face.dataset.clip_files import read_clip_table
from likeness.systems.audio2face.dataset.description import read_description
from likeness.systems.audio2face.dataset.findings import inspect_dataset
from likeness.systems.audio2face.dataset.reading import open_dataset
from likeness.systems.audio2face.shots import Clip, Shot
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
        for field in (
            *("skin_neutral", "tongue_neutral", "saccades", "blink_keys", "tongue_rigid"),
            *("skin_faces", "tongue_faces"),
        ):
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
    kept["joy_001"] = kept["joy_001"][:3]
    np.savez(path, **kept)
    with caplog.at_level(logging.WARNING):
        actor = open_dataset(root)["anna"]
    lengths = {shot.name: shot.num_frames for shot in actor.shots}
    assert lengths == {"joy_001": 3, "joy_002": FRAMES, "neutral_000": FRAMES}
    assert actor.skin["joy_001"].num_frames == len(actor.jaw["joy_001"]) == 3
    assert max(c.last for c in actor.clips if c.shot == "joy_001") == 2
    assert "'joy_001'" in caplog.text


def test_a_channel_of_one_frame_does_not_shorten_its_shot(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is held, as the placeholder of a channel is; channels longer than 1 decide."""
    root = write_recordings(tmp_path / "set", ("anna",))
    anna = root / "data" / "anna"
    path = anna / "xform" / "jaw_keypoints_cache_all.npz"
    with np.load(path) as found:
        kept = {name: found[name] for name in found.files}
    kept["joy_001"] = kept["joy_001"][4:5]
    np.savez(path, **kept)
    tongue = anna / "cache/tongue/joy_001/joy_001.npy"
    frame = np.load(tongue)[5:6]
    np.save(tongue, frame)
    with caplog.at_level(logging.WARNING):
        actor = open_dataset(root)["anna"]
    assert {shot.num_frames for shot in actor.shots} == {FRAMES}
    assert actor.skin["joy_001"].num_frames == FRAMES
    np.testing.assert_array_equal(actor.jaw["joy_001"], np.repeat(kept["joy_001"], FRAMES, 0))
    np.testing.assert_array_equal(actor.tongue["joy_001"].read(), np.repeat(frame, FRAMES, 0))
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


def test_defect_07_names_are_no_patterns_and_strays_no_shots(tmp_path: Path) -> None:
    root = write_recordings(tmp_path / "set", ("anna",))
    folder = root / "data/anna/cache/skin"
    flat = "joy_[0-9]*"  # a pattern that would match the others
    frames = np.load(folder / "joy_001/joy_001.npy") + np.float32(1)
    np.save(folder / f"{flat}.npy", frames)
    (folder / ".joy_009.npy").write_bytes(b"")
    (folder / ".DS_Store").write_bytes(b"")
    (folder / "notes.txt").write_text("remember")
    (folder / "empty_000").mkdir()
    actor = open_dataset(root)["anna"]
    assert [s.name for s in actor.shots] == ["joy_001", "joy_002", flat, "neutral_000"]
    np.testing.assert_array_equal(actor.skin[flat].read(), frames)


def test_defect_07_npy_goes_before_maya_and_maya_before_pc2(tmp_path: Path) -> None:
    root = write_recordings(tmp_path / "set", ("anna",), ("npy", "mc", "pc2"))
    place = root / "data/anna/cache/skin/joy_001"
    np.save(place / "joy_001.npy", np.zeros((FRAMES, 30, 3), np.float32))
    assert open_dataset(root)["anna"].skin["joy_001"].read().max() == 0
    (place / "joy_001.npy").unlink()
    given = shot_of(bare_actor("anna"), "joy_001", 1)["skin"]
    payload = bytearray((place / "joy_001.pc2").read_bytes())
    payload[32:] = np.ones_like(given).tobytes()
    (place / "joy_001.pc2").write_bytes(payload)
    np.testing.assert_array_equal(open_dataset(root)["anna"].skin["joy_001"].read(), given)
    (place / "joy_001.xml").unlink()
    assert (open_dataset(root)["anna"].skin["joy_001"].read() == 1).all()


@pytest.mark.parametrize("suffix", [".flac", ".ogg", ".mp3"])
def test_defect_07_compressed_sound_of_any_rate_is_taken(tmp_path: Path, suffix: str) -> None:
    root = write_recordings(tmp_path / "set", ("anna",))
    audio = root / "data/anna/audio"
    (audio / "joy_001.wav").unlink()
    stereo = np.random.default_rng(0).normal(size=(round(FRAMES / FPS * 44100), 2)) * 0.1
    soundfile.write(audio / f"joy_001{suffix}", stereo, 44100)
    clips = {c.shot: c.audio for c in open_dataset(root)["anna"].clips if c.speaker == "anna"}
    assert clips["joy_001"] == f"joy_001{suffix}"
    codes = {f.code for f in inspect_dataset(root).findings if f.path.endswith(suffix)}
    assert codes == set()


@pytest.mark.parametrize(
    "place", ["geom/skin/neutral_pose.npy", "xform/jaw_keypoints_cache_all.npz"]
)
def test_defect_21_arrays_that_hold_objects_are_refused(tmp_path: Path, place: str) -> None:
    class Trap:
        def __reduce__(self):  # type: ignore[no-untyped-def]
            return (Path.touch, (tmp_path / "executed",))

    root = write_recordings(tmp_path / "set", ("anna",))
    path = root / "data/anna" / place
    trap = np.array([Trap()], dtype=object)
    if path.suffix == ".npy":
        np.save(path, trap, allow_pickle=True)
    else:
        np.savez(path, joy_001=trap)
    with pytest.raises(LikenessError):
        open_dataset(root)
    assert not inspect_dataset(root).ok
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("name", ["..", "a..b", "-anna", "an na", ""])
def test_names_of_actors_that_are_no_names_are_refused(tmp_path: Path, name: str) -> None:
    root = write_recordings(tmp_path / "set", ("anna",))
    text = (root / "dataset.yaml").read_text()
    (root / "dataset.yaml").write_text(text.replace("  anna:", f"  '{name}':", 1))
    with pytest.raises(LikenessError, match=r"dataset\.yaml"):
        read_description(root)


def _lines(rows: list[dict[str, object]]) -> bytes:
    return "\n".join(map(json.dumps, rows)).encode()


_ROWS = st.dictionaries(
    st.sampled_from(["actor", "shot", "first", "last", "speaker", "audio", "offset", "language"]),
    st.one_of(
        st.sampled_from(["anna", "joy_001", 0, 5, "3"]),
        st.integers(),
        st.floats(),
        st.text(max_size=5),
        st.lists(st.none(), max_size=2),
        st.none(),
        st.booleans(),
    ),
)
_SHOT = Shot("anna", "joy_001", 12, 30.0, "joy")


@settings(max_examples=100, deadline=None)
@given(
    content=st.one_of(st.binary(max_size=80), st.lists(_ROWS, max_size=3).map(_lines)),
    suffix=st.sampled_from([".csv", ".jsonl"]),
)
def test_whatever_a_table_of_clips_holds_it_gives_clips_or_a_data_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, suffix: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"clips{suffix}"
    path.write_bytes(content)
    with contextlib.suppress(DataError):
        recordings = {"anna": {"joy_001": {"": "joy_001.wav"}}}
        for clip in read_clip_table(path, {"anna": {"joy_001": _SHOT}}, recordings, "en"):
            assert 0 <= clip.first <= clip.last < 12


def test_rows_of_both_kinds_of_table_are_read_alike(tmp_path: Path) -> None:
    row = {"shot": "joy_001", "first": 2, "last": 9, "speaker": "anna", "language": "de"}
    (tmp_path / "clips.jsonl").write_text(json.dumps(row))
    (tmp_path / "clips.csv").write_text(",".join(row) + "\n" + ",".join(map(str, row.values())))
    one, two = (
        read_clip_table(
            tmp_path / f"clips.{kind}",
            {"anna": {"joy_001": _SHOT}},
            {"anna": {"joy_001": {"": "joy_001.wav"}}},
            "en",
        )
        for kind in ("jsonl", "csv")
    )
    assert one == two == (Clip("anna", "joy_001", 2, 9, "anna", "de", "joy_001.wav", 0),)


def test_triangles_come_back_as_they_were_written(tmp_path: Path) -> None:
    root = write_recordings(tmp_path / "data")
    actor = open_dataset(root)["anna"]
    assert actor.skin_faces is not None
    assert actor.tongue_faces is not None
    np.testing.assert_array_equal(actor.skin_faces, bare_actor("anna").skin_faces)
    np.testing.assert_array_equal(actor.tongue_faces, bare_actor("anna").tongue_faces)
    mesh = root / "data" / "anna" / "geom" / "skin" / "mesh.obj"
    lines = [line.split() for line in mesh.read_text().splitlines()]
    points = [[float(x) for x in words[1:]] for words in lines if words[0] == "v"]
    np.testing.assert_allclose(points, bare_actor("anna").skin_neutral, rtol=1e-6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "expected 30 vertices as in the caches, found 3"),
        ("v 0 0 0\n" * 30, "expected triangles .*, found none"),
        ("v 0 x 0\n", "line 1"),
        (None, "no mesh file"),
    ],
)
def test_a_mesh_that_is_not_of_the_caches_is_refused_and_told(
    tmp_path: Path, text: str | None, message: str
) -> None:
    root = write_recordings(tmp_path / "data")
    mesh = root / "data" / "anna" / "geom" / "skin" / "mesh.obj"
    if text is None:
        mesh.unlink()
    else:
        mesh.write_text(text)
    with pytest.raises((DataError, MissingError), match=message):
        open_dataset(root)
    told = [f for f in inspect_dataset(root).findings if f.code == "mesh"]
    assert [f.path for f in told] == ["data/anna/geom/skin/mesh.obj"]
    assert told[0].severity == "error"
    assert told[0].advice


def test_nothing_is_no_description_to_correct(tmp_path):
    """A folder that is not there was advised to correct its dataset.yaml."""
    (finding,) = inspect_dataset(str(tmp_path / "gone")).findings
    assert "found nothing there" in finding.message
    assert finding.advice.startswith("Make one with 'likeness data make audio2face OUT'")
