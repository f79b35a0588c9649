from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from likeness import workflow
from likeness.cli.main import main
from likeness.errors import DataError, LikenessError, UsageError
from likeness.runs.run import Run


def speech(path: Path, seed: int = 0, rate: int = 16000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.1 * np.random.default_rng(seed).normal(size=rate // 2), rate)
    return path


def run_on(run: Run, inputs: list[Path], folder: Path, **options: object) -> list[dict]:
    return workflow.predict(run, inputs, output=folder, options=options)


def test_a_folder_with_a_broken_sound_and_two_of_one_name(
    regression_run: Run, tmp_path: Path
) -> None:
    sounds = tmp_path / "sounds"
    speech(sounds / "a.wav", 1)
    speech(sounds / "more" / "a.flac", 2, rate=22050)
    (sounds / "b.wav").write_bytes(b"no sound at all")
    (sounds / "notes.txt").write_text("not heard")
    (sounds / "c.wav").mkdir()
    rows = run_on(regression_run, [sounds], tmp_path / "out", format="npy")
    assert [Path(row["input"]).name for row in rows] == ["a.wav", "b.wav", "a.flac"]
    assert "cannot be decoded" in rows[1]["error"]
    names = [
        sorted(Path(file).name for file in row["files"].values()) for row in (rows[0], rows[2])
    ]
    assert "a_anna_neutral_offline.npy" in names[0]
    assert "a-2_anna_neutral_offline.npy" in names[1]
    frames = [np.load(tmp_path / "out" / own[0]) for own in (names[0], names[1])]
    assert np.abs(frames[0] - frames[1]).max() > 0
    assert (rows[0]["frames"], rows[0]["seconds"]) == (15, 0.5)


def test_a_sound_whose_end_is_missing_is_told_with_both_lengths(
    regression_run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sound = speech(tmp_path / "a.wav")
    run_on(regression_run, [sound], tmp_path / "out", format="npy")
    assert caplog.text == ""
    whole = sound.read_bytes()
    sound.write_bytes(whole[: 44 + 2 * 4000])  # the head, and a quarter of a second of 16 bits
    (row,) = run_on(regression_run, [sound], tmp_path / "out", format="npy")
    message = "Expected the 0.50 s that its header says, found 0.25 s: the file is cut off."
    assert f"'{sound}': {message}" in caplog.text
    assert row["seconds"] == pytest.approx(0.25, abs=1 / 30)


@pytest.mark.parametrize(
    ("samples", "rate", "message"),
    [
        (lambda x: np.stack([x, -x], 1), 16000, "0.0e+00 in the mean of its 2 channels, which"),
        (lambda x: 0 * x, 16000, "found silence: the loudest sample is 0.0e+00."),
        (lambda x: x, 8000, "Expected 16000 samples per second or more, found 8000."),
        (lambda x: np.where(np.arange(len(x)) == 9, 3277.0, 3e4 * x / 9), 16000, "some of 3277."),
    ],
    ids=["channels that cancel", "silence", "telephone", "integers as floats"],
)
def test_what_is_wrong_with_a_sound_is_told_as_inspection_does(
    regression_run: Run,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    samples: Callable[[np.ndarray], np.ndarray],
    rate: int,
    message: str,
) -> None:
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, rate // 2)
    soundfile.write(tmp_path / "a.wav", samples(noise), rate, subtype="FLOAT")
    (row,) = run_on(regression_run, [tmp_path / "a.wav"], tmp_path / "out", format="npy")
    assert row["frames"] == 15
    assert len(caplog.records) == 1
    assert message in caplog.text


def test_another_sound_of_an_earlier_call_is_not_written_over(
    regression_run: Run, tmp_path: Path
) -> None:
    """Names end at the first dot: both would be Mark."""
    first, second = speech(tmp_path / "Mark.wav", 1), speech(tmp_path / "Mark.joy.v2.wav", 2)
    out = tmp_path / "out"
    made = []
    for sound in (first, second, second, first):
        (row,) = run_on(regression_run, [sound], out, format="npy")
        made.append(next(Path(p).name for p in row["files"].values()))
        manifest = made[-1].replace(".npy", ".manifest.json")
        assert json.loads((out / manifest).read_text())["sound"] == sound.name
    one, two = (f"{stem}_anna_neutral_offline.npy" for stem in ("Mark", "Mark-2"))
    assert made == [one, two, two, one]
    assert np.abs(np.load(out / one) - np.load(out / two)).max() > 0


def test_another_sound_of_the_same_file_name_is_not_written_over(
    regression_run: Run, tmp_path: Path
) -> None:
    """What counts is what is heard, not what its file is called."""
    first, second = speech(tmp_path / "one" / "a.wav", 1), speech(tmp_path / "two" / "a.wav", 2)
    out = tmp_path / "out"
    made = []
    for sound in (first, second, second, first):
        (row,) = run_on(regression_run, [sound], out, format="npy")
        made.append(next(Path(p).name for p in row["files"].values()))
    one, two = (f"{stem}_anna_neutral_offline.npy" for stem in ("a", "a-2"))
    assert made == [one, two, two, one]
    manifest = json.loads((out / two.replace(".npy", ".manifest.json")).read_text())
    assert manifest["sound_sha256"] == hashlib.sha256(second.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"seed": 5}, {"seed": 7}),
        ({"plain": True}, {}),
        ({}, {"blinks": True}),
        ({}, {"timing": "runtime"}),
    ],
)
def test_files_of_other_values_leave_the_manifest(
    regression_run: Run, tmp_path: Path, before: dict[str, object], after: dict[str, object]
) -> None:
    sound, out = speech(tmp_path / "a.wav"), tmp_path / "out"
    names = []
    for form, options in (("npy", before), ("arkit-csv", before), ("arkit-json", after)):
        run_on(regression_run, [sound], out, format=form, **options)
        (path,) = out.glob("*.manifest.json")
        manifest = json.loads(path.read_text())
        defaults = {"mode": "offline", "seed": 0, "blinks": False, "plain": False}
        expected = {**defaults, "timing": "centre", "emotion_table": None, **options}
        assert {key: manifest[key] for key in expected} == expected
        names.append(set(manifest["files"]))
    stem = "a_anna_neutral_offline"
    assert names[0] < names[1]
    assert f"{stem}_arkit.csv" in names[1]
    assert f"{stem}_arkit.json" in names[2]
    assert not names[2] & names[1]
    assert (out / f"{stem}_arkit.csv").is_file()


def test_tables_of_emotions_of_other_content_are_two_performances(
    regression_run: Run, tmp_path: Path
) -> None:
    sound, table = speech(tmp_path / "a.wav"), tmp_path / "felt.csv"
    found = []
    for form, text in (("npy", "0,0"), ("arkit-csv", "0,0"), ("arkit-json", "0,1")):
        table.write_text(f"time,joy\n{text}\n")
        run_on(regression_run, [sound], tmp_path / "out", format=form, emotions=str(table))
        (path,) = (tmp_path / "out").glob("*.manifest.json")
        manifest = json.loads(path.read_text())
        digest = hashlib.sha256(table.read_bytes()).hexdigest()
        assert manifest["emotion_table"] == {"file": "felt.csv", "sha256": digest}
        found.append({Path(name).suffix for name in manifest["files"]})
    assert found == [{".npy"}, {".npy", ".csv"}, {".json"}]


def test_only_broken_sounds_are_an_error(regression_run: Run, tmp_path: Path) -> None:
    (tmp_path / "b.wav").write_bytes(b"no sound at all")
    with pytest.raises(DataError, match="cannot be decoded"):
        run_on(regression_run, [tmp_path / "b.wav"], tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="found none"):
        run_on(regression_run, [tmp_path / "empty"], tmp_path / "out")


def test_every_format_is_written_and_named(regression_run: Run, tmp_path: Path) -> None:
    sound = speech(tmp_path / "a.wav")
    formats = "maya,npy,pc2,usd,glb,arkit-csv,arkit-json,live-link,mp4"
    rows = run_on(regression_run, [sound], tmp_path / "out", format=formats, emotion="joy", size=64)
    stem = "a_anna_joy_offline"
    found = {Path(p).name.removeprefix(stem) for p in rows[0]["files"].values()}
    expected = {".xml", ".mc", ".npy", ".pc2", ".usda", ".glb", ".mp4", "_arkit.csv"}
    assert expected | {"_arkit.json", "_livelink.csv", "_eye.npy", "_tongue.usda"} <= found
    manifest = json.loads((tmp_path / "out" / f"{stem}.manifest.json").read_text())
    assert manifest["sound"] == "a.wav"
    assert manifest["sound_sha256"] == hashlib.sha256(Path(sound).read_bytes()).hexdigest()
    assert len(manifest["network_sha256"]) == 64
    assert manifest["emotion"] == "joy"
    assert set(manifest["files"]) == {stem + ending for ending in found}
    skin = np.load(tmp_path / "out" / f"{stem}.npy")
    assert skin.shape == (15, 30, 3)


def test_the_usual_files_are_those_the_actor_allows(regression_run: Run, tmp_path: Path) -> None:
    rows = run_on(regression_run, [speech(tmp_path / "a.wav")], tmp_path / "out", size=64)
    endings = {Path(p).suffix for p in rows[0]["files"].values()}
    assert endings == {".npy", ".glb", ".mp4", ".csv"}


def test_a_glb_opens_elsewhere_and_moves_as_the_cache(regression_run: Run, tmp_path: Path) -> None:
    trimesh = pytest.importorskip("trimesh")
    rows = run_on(
        regression_run, [speech(tmp_path / "a.wav")], tmp_path / "out", format="npy,glb", plain=True
    )
    (path,) = (p for p in rows[0]["files"].values() if p.endswith(".glb"))
    (mesh,) = trimesh.load(path, process=False).geometry.values()
    assert len(mesh.vertices) == 30 + 9
    content = Path(path).read_bytes()
    length = int.from_bytes(content[12:16], "little")
    document = json.loads(content[20 : 20 + length])
    (channel,) = document["animations"][0]["channels"]
    assert channel["target"]["path"] == "weights"
    sampler = document["animations"][0]["samplers"][channel["sampler"]]
    times = document["accessors"][sampler["input"]]
    assert times["count"] == 15
    assert times["max"][0] == pytest.approx(14 / 30)


def test_the_timing_of_the_runtime_is_half_a_frame_earlier(
    regression_run: Run, tmp_path: Path
) -> None:
    """At 30 frames a second, of a sound that comes 267 samples later: f / fps is heard there."""
    first, rng = tmp_path / "a.wav", np.random.default_rng(1)
    samples = 0.1 * rng.normal(size=8000)
    soundfile.write(first, samples, 16000, subtype="FLOAT")
    half = 16000 / 60
    soundfile.write(tmp_path / "b.wav", np.pad(samples, (round(half), 0)), 16000, subtype="FLOAT")
    skins = {}
    for name, timing in (("a", "runtime"), ("b", "centre"), ("a", "centre")):
        folder = tmp_path / f"{name}{timing}"
        options = {"format": "npy", "timing": timing, "plain": True}
        (row,) = run_on(regression_run, [tmp_path / f"{name}.wav"], folder, **options)
        skins[name, timing] = np.load(next(iter(row["files"].values())))
    runtime, later, usual = skins.values()
    # Frames whose centre is a whole sample: (f + 0.5) / fps of the later sound is f / fps.
    moved = np.abs(usual[1:14] - runtime[1:14]).max()
    assert moved > 0
    assert np.abs(later[1:14] - runtime[1:14]).max() < 0.1 * moved


def test_the_manifest_says_what_is_as_the_runtime(regression_run: Run, tmp_path: Path) -> None:
    options = {"format": "arkit-csv", "timing": "runtime", "runtime_compat": True}
    run_on(regression_run, [speech(tmp_path / "a.wav")], tmp_path, **options)
    (path,) = tmp_path.glob("*.manifest.json")
    manifest = json.loads(path.read_text())
    assert (manifest["timing"], manifest["runtime_compat"]) == ("runtime", True)


def test_emotions_of_a_table_change_over_time(regression_run: Run, tmp_path: Path) -> None:
    sound, table = speech(tmp_path / "a.wav"), tmp_path / "felt.csv"
    table.write_text("time,joy\n0,0\n10,0\n")
    still = run_on(regression_run, [sound], tmp_path / "0", format="npy", emotions=str(table))
    plain = run_on(regression_run, [sound], tmp_path / "1", format="npy")
    table.write_text("time,joy\n0,0\n0.5,9\n")
    felt = run_on(regression_run, [sound], tmp_path / "2", format="npy", emotions=str(table))
    skins = [np.load(next(iter(rows[0]["files"].values()))) for rows in (still, plain, felt)]
    np.testing.assert_array_equal(skins[0], skins[1])
    moved = np.abs(skins[2] - skins[1]).max(axis=(1, 2))
    assert moved[0] < 1e-6 < moved[-1]
    assert "track" in next(iter(felt[0]["files"]))


@pytest.mark.parametrize("words", ["emotion=0.5", "emotion='0.5'"])
def test_a_network_of_one_emotion_takes_a_number_on_the_command_line(
    regression_run: Run, tmp_path: Path, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound, table = speech(tmp_path / "a.wav"), tmp_path / "felt.csv"
    out = tmp_path / "out"
    place = ["--input", str(sound), "--output", str(out), "format=npy"]
    command = ["likeness", "predict", str(regression_run.path), *place, words]
    monkeypatch.setattr("sys.argv", command)
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    manifest = json.loads((out / "a_anna_0.5_offline.manifest.json").read_text())
    assert manifest["emotion"] == "0.5"
    table.write_text("time,joy\n0,0.5\n")
    same = run_on(regression_run, [sound], tmp_path / "1", format="npy", emotions=str(table))
    skin = np.load(next(iter(same[0]["files"].values())))
    np.testing.assert_array_equal(np.load(out / "a_anna_0.5_offline.npy"), skin)
    none = run_on(regression_run, [sound], tmp_path / "2", format="npy", emotion=0)
    assert np.abs(np.load(next(iter(none[0]["files"].values()))) - skin).max() > 1e-6
    assert "a_anna_0" in next(iter(none[0]["files"]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a row and the columns time and any of joy; found nothing, and no row"),
        ("joy\n1\n", "columns time and any of joy; found joy"),
        ("time,anger\n0,1\n", "found anger, time[^$]*no column 'anger'"),
        ("time,joy\n0,much\n", "no number"),
        ("time,joy\n1,0\n0,1\n", r"felt.csv': .* must rise, found 0 s after 1 s"),
        ("time,joy\n0,0\n1,1\n1,0\n", r"must rise, found 1 s after 1 s"),
        ("time,joy\n", "any of joy; found joy, time, and no row"),
        ("time,joy\n0,0\n0,5,0,7\n", "2 columns in every row, found 4 in that of time 0"),
        ("time,joy\n0,nan\n", r"felt.csv': .*finite numbers"),
        ("time,joy\n0,0,7\n", "columns"),
        ("time,joy,joy\n0,0,1\n", "has the column 'joy' 2 times"),
        ("\udcff\udcfet", "table of commas in UTF-8"),
        ("time,joy,\udce9\n0,0,1\n", "table of commas in UTF-8"),
    ],
)
def test_tables_with_faults(regression_run: Run, tmp_path: Path, text: str, message: str) -> None:
    table = tmp_path / "felt.csv"
    table.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UsageError, match=message):
        run_on(regression_run, [speech(tmp_path / "a.wav")], tmp_path / "out", emotions=str(table))
    assert not list((tmp_path / "out").glob("*.npy"))


def test_emotions_that_no_training_shows_are_told(
    regression_run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = tmp_path / "felt.csv"
    sound = speech(tmp_path / "a.wav")
    table.write_text("time,joy\n0,1\n")
    run_on(regression_run, [sound], tmp_path / "0", format="npy", emotions=str(table))
    assert "trained on 0 to 1" not in caplog.text
    table.write_text("time,joy\n0,0\n1,5\n")
    run_on(regression_run, [sound], tmp_path / "1", format="npy", emotions=str(table))
    assert f"'{table}' has emotions of 0 to 5; networks are trained on 0 to 1" in caplog.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "fbx"}, "no output format fbx"),
        ({"actor": "carla"}, "no actor 'carla'"),
        ({"emotion": "anger"}, "anger"),
        ({"emotion": "1,2"}, "1 values"),
        ({"emotion": True}, "emotion"),
        ({"emotion": float("nan")}, "finite"),
        ({"emotion": "nan,"}, "numbers with commas"),
        ({"emotion": "1,x"}, "numbers with commas"),
        ({"emotion": "joy", "emotions": "felt.csv"}, "not both"),
        ({"emotions": "nowhere.csv"}, "no table of emotions"),
        ({"mode": "live"}, "mode"),
        ({"size": 8}, "size"),
    ],
)
def test_options_with_faults(
    regression_run: Run, tmp_path: Path, options: dict[str, object], message: str
) -> None:
    with pytest.raises(LikenessError, match=message):
        run_on(regression_run, [speech(tmp_path / "a.wav")], tmp_path / "out", **options)


def test_blinks_are_added_by_a_seed(regression_run: Run, tmp_path: Path) -> None:
    sound = tmp_path / "long.wav"
    soundfile.write(sound, np.zeros(16000 * 12), 16000)
    skins = []
    for number, options in enumerate(
        ({}, {"blinks": True}, {"blinks": True}, {"blinks": True, "seed": 1})
    ):
        rows = run_on(regression_run, [sound], tmp_path / str(number), format="npy", **options)
        skins.append(np.load(next(iter(rows[0]["files"].values()))))
    assert np.abs(skins[1] - skins[0]).max() > 1e-3
    np.testing.assert_array_equal(skins[1], skins[2])
    assert np.abs(skins[3] - skins[1]).max() > 1e-3
