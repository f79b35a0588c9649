from __future__ import annotations

import hashlib
import json
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from likeness.errors import DataError, UsageError
from likeness.geometry.live_link_face import read_live_link_face, write_live_link_face
from likeness.geometry.weight_animation import WeightAnimation
from likeness.media.audio import read_sound, write_wav
from likeness.studio.curves import CHANNEL
from likeness.systems.audio2face.dataset.description import read_description
from likeness.systems.audio2face.dataset.live_link import prepare_live_link
from likeness.systems.audio2face.dataset.live_link_takes import find_takes, take_frames
from likeness.systems.audio2face.dataset.reading import open_dataset
from tests.realdata import real_data
from tests.systems.audio2face.dataset.live_link_tables import NAMES, RATE, jaw, noise, put, table
from tests.systems.audio2face.test_morph_face import write_head


def test_takes_are_found_with_their_sounds(tmp_path: Path) -> None:
    put(tmp_path / "day 1", "MySlate 7_phone")
    (tmp_path / "day 1/MySlate 7_phone_raw.csv").write_bytes(
        (tmp_path / "day 1/MySlate 7_phone.csv").read_bytes()
    )
    (tmp_path / "day 1/frame_log.csv").write_text("frame,time\n1,2\n")
    put(tmp_path, "joy_1")
    put(tmp_path, "joy_10")
    (tmp_path / "joy_1.wav").unlink()
    (tmp_path / ".hidden.csv").write_text("Timecode,BlendShapeCount\n")
    takes, skipped = find_takes(tmp_path)
    assert [take.name for take in takes] == ["joy_10", "MySlate_7_phone"]
    assert skipped == [{"file": "joy_1.csv", "reason": "no sound named joy_1.wav"}]
    with pytest.raises(DataError, match="found none"):
        find_takes(_empty(tmp_path))


def test_tables_that_are_none_beside_a_sound_are_told(tmp_path: Path) -> None:
    put(tmp_path, "joy_1")
    for name in ("empty", "notc", "latin"):
        write_wav(tmp_path / f"{name}.wav", noise(0.1), RATE)
    (tmp_path / "empty.csv").write_bytes(b"")
    text = (tmp_path / "joy_1.csv").read_text()
    (tmp_path / "notc.csv").write_text(text.replace("Timecode,", "Time,", 1))
    (tmp_path / "latin.csv").write_bytes("Längen,Tiefen\n".encode("latin-1"))
    (tmp_path / "joy_1_raw.csv").write_bytes(b"")
    write_wav(tmp_path / "joy_1_raw.wav", noise(0.1), RATE)
    (tmp_path / "log.csv").write_text("frame,time\n1,2\n")
    takes, skipped = find_takes(tmp_path)
    assert [take.name for take in takes] == ["joy_1"]
    reasons = {row["file"]: row["reason"] for row in skipped}
    assert sorted(reasons) == ["empty.csv", "latin.csv", "notc.csv"]
    assert "found an empty one or none" in reasons["empty.csv"]
    assert "Timecode as the first column, found 'Time'" in reasons["notc.csv"]
    assert "cannot be read" in reasons["latin.csv"]


def _empty(folder: Path) -> Path:
    empty = folder.parent / "empty"
    empty.mkdir()
    return empty


def test_takes_become_a_dataset_that_is_clean(tmp_path: Path) -> None:
    for name in ("neutral_1", "joy_1"):
        put(tmp_path / "takes", name)
    put(tmp_path / "takes", "joy_2")
    (tmp_path / "takes/joy_2.csv").write_text("Timecode,BlendShapeCount,JawOpen\n1,2,x\n")
    inspection = prepare_live_link(
        str(tmp_path / "takes"),
        str(tmp_path / "set"),
        vertices=200,
        emotions="neutral,joy",
        consent="The actor agrees.",
        test="joy_1",
        workers=1,
    )
    assert inspection.ok
    told = [f for f in inspection.findings if f.severity != "advice"]
    assert [(f.code, f.path) for f in told] == [("take-left-out", "joy_2.csv")]
    assert "time code" in told[0].message
    assert read_description(tmp_path / "set")[0].test == ("joy_1",)
    actor = open_dataset(tmp_path / "set")["actor"]
    assert {s.name: (s.num_frames, s.emotion) for s in actor.shots} == {
        "joy_1": (45, "joy"),
        "neutral_1": (45, "neutral"),
    }
    opened = np.linalg.norm(actor.jaw["joy_1"][:, 0], axis=1)
    assert (np.diff(opened) > 0).all()
    middles = (np.arange(45) + 0.5) / 30
    ratio = opened[:-1] / jaw(middles)[:-1]
    assert np.ptp(ratio) < 0.02 * ratio.mean()  # the chord of a small turn
    assert actor.eyes["joy_1"].shape == (45, 2, 2)
    assert actor.tongue["joy_1"].num_frames == 45
    assert actor.blendshapes is not None
    assert len(actor.blendshapes.names) == 52
    skipped = json.loads((tmp_path / "set/skipped.json").read_text())
    assert [row["file"] for row in skipped] == ["joy_2.csv"]
    provenance = json.loads((tmp_path / "set/provenance.json").read_text())
    assert provenance["consent"] == "The actor agrees."
    with pytest.raises(UsageError, match="not empty"):
        prepare_live_link(str(tmp_path / "takes"), str(tmp_path / "set"), vertices=200)


def test_takes_move_a_head_of_another_topology(tmp_path: Path) -> None:
    put(tmp_path / "takes", "joy_001")
    write_head(tmp_path / "head.glb")
    found = prepare_live_link(
        str(tmp_path / "takes"),
        str(tmp_path / "mine"),
        head=str(tmp_path / "head.glb"),
        consent="mine",
        workers=1,
    )
    assert [f for f in found.findings if f.severity == "error"] == []
    actor = open_dataset(*reversed(read_description(tmp_path / "mine")))["actor"]
    skin = actor.skin["joy_001"].read()
    assert skin.shape[1] == 600
    assert actor.blendshapes is not None
    assert actor.lip_distance is not None
    gap = skin[:, actor.lip_distance.upper, 1] - skin[:, actor.lip_distance.lower, 1]
    assert (np.diff(gap[1:-1].mean(axis=1)) > 0).all()  # the jaw opens evenly


def test_no_file_of_a_dataset_says_where_takes_and_head_lay(tmp_path: Path) -> None:
    put(tmp_path / "takes", "joy_001")
    put(tmp_path / "takes", "joy_002")
    (tmp_path / "takes/joy_002.wav").write_bytes(b"RIFF and nothing more")
    write_head(tmp_path / "head.glb")
    out, head = tmp_path / "set", tmp_path / "head.glb"
    prepare_live_link(str(tmp_path / "takes"), str(out), head=str(head), consent="Yes.", workers=1)
    texts = {p.name: p.read_text() for p in out.rglob("*") if p.suffix in (".json", ".yaml")}
    assert {"provenance.json", "skipped.json", "dataset.yaml"} <= texts.keys()
    assert [name for name, text in texts.items() if str(tmp_path) in text] == []
    facts = json.loads(texts["provenance.json"])
    assert facts["source"] == "Live Link Face takes in 'takes'"
    assert facts["head"] == "head.glb"
    assert facts["head_sha256"] == hashlib.sha256(head.read_bytes()).hexdigest()
    assert "'joy_002.wav'" in json.loads(texts["skipped.json"])[0]["reason"]


def test_shapes_without_a_column_are_told_and_a_jaw_is_needed(tmp_path: Path) -> None:
    for name in ("joy_1", "joy_2"):
        put(tmp_path / "takes", name)
    for name, column in (("joy_1", "MouthPucker"), ("joy_2", "JawOpen")):
        path = tmp_path / f"takes/{name}.csv"
        text = path.read_text()
        assert text.count(column) == 1
        path.write_text(text.replace(column, "Other"))
    inspection = prepare_live_link(
        str(tmp_path / "takes"),
        str(tmp_path / "set"),
        vertices=200,
        emotions="joy",
        consent="Yes.",
        workers=1,
    )
    told = {f.code: f for f in inspection.findings if f.severity == "warning"}
    assert told["take-left-out"].path == "joy_2.csv"
    assert "would never open" in told["take-left-out"].message
    assert told["shapes-missing"].path == "joy_1.csv"
    assert "found none for mouthPucker." in told["shapes-missing"].message


def test_a_take_whose_sound_has_another_length_is_told(tmp_path: Path) -> None:
    lengths = {"even": 1.5, "short": 0.8, "near": 1.4, "long": 2.4, "tenth": 1.3}
    for name, seconds in lengths.items():
        put(tmp_path / "takes", name)
        write_wav(tmp_path / f"takes/{name}.wav", noise(seconds), RATE)
    inspection = prepare_live_link(
        str(tmp_path / "takes"), str(tmp_path / "set"), vertices=200, consent="Yes.", workers=1
    )
    told = {f.path: f for f in inspection.findings if f.code == "take-cut"}
    assert sorted(told) == ["long.csv", "short.csv", "tenth.csv"]
    assert {f.severity for f in told.values()} == {"warning"}
    assert (
        "a face of 1.50 s and 0.80 s of sound in 'short.wav': 0.70 s" in told["short.csv"].message
    )
    takes = json.loads((tmp_path / "set/provenance.json").read_text())["takes"]
    rows = {row["shot"]: row for row in takes}
    assert {name: row["sound_seconds"] for name, row in rows.items()} == lengths
    assert {row["face_seconds"] for row in rows.values()} == {1.5}
    cut = {name: row["seconds_cut"] for name, row in rows.items()}
    assert cut == pytest.approx(
        {"even": 0.0, "short": 0.7, "near": 0.1, "long": 0.9, "tenth": 0.2}, abs=0.001
    )


def test_a_hole_within_a_take_is_told(tmp_path: Path) -> None:
    """Where rows are missing a line was drawn through the speech, and nothing said so."""
    often = [i for i in range(10, 100) if i // 7 % 2]
    lost = {"whole": [], "blink": range(30, 33), "middle": range(20, 65), "often": often}
    for name, dropped in lost.items():
        put(tmp_path / "takes", name, 4.0)
        write_live_link_face(tmp_path / f"takes/{name}.csv", table(4.0, dropped))
    inspection = prepare_live_link(
        str(tmp_path / "takes"), str(tmp_path / "set"), vertices=200, consent="Yes.", workers=1
    )
    told = {f.path: f for f in inspection.findings if f.code == "take-cut"}
    assert sorted(told) == ["middle.csv", "often.csv"]
    assert (
        "none for 1.50 s; the longest hole is 1.50 s from 0.67 s on" in told["middle.csv"].message
    )
    takes = json.loads((tmp_path / "set/provenance.json").read_text())["takes"]
    holes = {row["shot"]: row["holes"] for row in takes}
    assert holes["whole"] == []
    assert holes["blink"] == [pytest.approx([1.0, 0.1], abs=1e-3)]
    assert holes["middle"] == [pytest.approx([20 / 30, 1.5], abs=1e-3)]
    assert len(holes["often"]) == 7


def test_a_take_without_any_motion_is_told(tmp_path: Path) -> None:
    for name in ("lost", "seen"):
        put(tmp_path / "takes", name)
    good = table(1.5)
    still = WeightAnimation(good.names, 0 * good.weights, good.times)
    write_live_link_face(tmp_path / "takes/lost.csv", still)
    inspection = prepare_live_link(
        str(tmp_path / "takes"), str(tmp_path / "set"), vertices=200, consent="Yes.", workers=1
    )
    told = [(f.code, f.path) for f in inspection.findings if f.severity == "warning"]
    assert told == [("face-still", "data/actor/audio/lost.wav")]


def test_weights_far_out_of_range_are_told_and_clipped(tmp_path: Path) -> None:
    good = table(1.5)
    weights = good.weights.copy()
    column = {name: good.names.index(name) for name in NAMES}
    weights[20, column["jawOpen"]] = 37.0
    weights[5:8, column["mouthClose"]] = [-0.06, -2.5, 1.2]
    weights[3, column["eyeBlinkLeft"]] = 1.04
    weights[4, column["eyeBlinkLeft"]] = -0.04
    put(tmp_path / "takes", "wild")
    put(tmp_path / "takes", "tame")
    write_live_link_face(
        tmp_path / "takes/wild.csv", WeightAnimation(good.names, weights, good.times)
    )
    inspection = prepare_live_link(
        str(tmp_path / "takes"), str(tmp_path / "set"), vertices=200, consent="Yes.", workers=1
    )
    (found,) = (f for f in inspection.findings if f.code == "weights-range")
    assert (found.severity, found.path) == ("warning", "wild.csv")
    assert found.message == (
        "Expected weights from 0 to 1, found rows with others: jawOpen 1, as far as 37; "
        "mouthClose 3, as far as -2.5."
    )
    takes = json.loads((tmp_path / "set/provenance.json").read_text())["takes"]
    beyond = {row["shot"]: row["weights_beyond"] for row in takes}
    assert beyond == {"tame": {}, "wild": {"jawOpen": [1, 37.0], "mouthClose": [3, -2.5]}}
    frames = take_frames(WeightAnimation(good.names, weights, good.times), noise(1.5), RATE, 30.0)
    assert frames.channels[:, CHANNEL["jawOpen"]].max() == 1.0
    assert frames.channels[:, CHANNEL["mouthClose"]].min() == 0.0


def test_a_take_to_test_with_must_be_there(tmp_path: Path) -> None:
    put(tmp_path / "takes", "joy_1")
    with pytest.raises(UsageError, match="names joy_3") as caught:
        prepare_live_link(
            str(tmp_path / "takes"), str(tmp_path / "set"), vertices=200, test="joy_1, joy_3"
        )
    assert caught.value.advice == "There are joy_1."
    assert not (tmp_path / "set").exists()


def test_takes_without_use_leave_no_folder(tmp_path: Path) -> None:
    put(tmp_path / "takes", "joy_1")
    write_wav(tmp_path / "takes/joy_1.wav", noise(0.01), RATE)
    with pytest.raises(DataError, match="None of 1 takes"):
        prepare_live_link(str(tmp_path / "takes"), str(tmp_path / "set"), vertices=200)
    assert not (tmp_path / "set").exists()
    with pytest.raises(UsageError, match="among the takes"):
        prepare_live_link(str(tmp_path / "takes"), str(tmp_path / "takes/set"))


@pytest.mark.parametrize("suffix", [".m4a", ".mov", ".flac"])
def test_sound_of_films_and_compressed_files_is_read(tmp_path: Path, suffix: str) -> None:
    rate, path = 48000, tmp_path / f"take{suffix}"
    clicks = np.zeros(2 * rate, np.float32)
    for second in (0.5, 1.25):
        at = round(second * rate)
        clicks[at : at + 240] = 0.8 * np.sin(2 * np.pi * 1000 * np.arange(240) / rate)
    if suffix == ".flac":
        soundfile.write(path, clicks, rate)
    else:
        with av.open(str(path), "w", format="mov" if suffix == ".mov" else "ipod") as file:
            stream = file.add_stream("aac", rate=rate, layout="mono")
            frame = av.AudioFrame.from_ndarray(clicks[None], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = rate, 0
            for packet in [*stream.encode(frame), *stream.encode(None)]:
                file.mux(packet)
    sound, found = read_sound(path)
    assert found == rate
    loud = np.flatnonzero(np.abs(sound) > 0.4)
    assert loud[0] / rate == pytest.approx(0.5, abs=0.002)
    assert loud[loud > rate][0] / rate == pytest.approx(1.25, abs=0.002)
    path.write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"decoded|holds no sound"):
        read_sound(path)


@pytest.mark.realdata
def test_a_real_take_moves_a_real_head(tmp_path: Path) -> None:
    source = next(real_data("live_link_face_rom").glob("*.csv"))
    head = real_data("ict_face_model") / "ict_face.npz"
    takes = tmp_path / "takes"
    takes.mkdir()
    lines = source.read_text().splitlines(keepends=True)
    (takes / "rom.csv").write_text("".join(lines[:100]))
    animation = read_live_link_face(takes / "rom.csv")
    seconds = animation.times[-1] - animation.times[0]
    write_wav(takes / "rom.wav", noise(seconds), RATE)
    inspection = prepare_live_link(
        str(takes), str(tmp_path / "set"), head=str(head), consent="MIT", workers=1
    )
    assert inspection.ok, inspection.to_json()
    actor = open_dataset(tmp_path / "set")["actor"]
    assert actor.skin["rom"].num_frames == int(seconds * 30 + 1e-6)
    tongue = actor.tongue["rom"].read()
    assert tongue.shape[1:] == (451, 3)
    moved = tongue[:, -23:] - actor.tongue_neutral[-23:]  # the rim, which the jaw alone carries
    opened = actor.jaw["rom"][:, :, 1].mean(axis=1)
    assert np.corrcoef(moved[:, :, 1].mean(axis=1), opened)[0, 1] > 0.99
    assert actor.skin_neutral is not None
    moved = np.linalg.norm(actor.skin["rom"].read(0, 1)[0] - actor.skin_neutral, axis=1)
    assert 0.05 < moved.max() < 5
