from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from likeness.errors import UsageError
from likeness.geometry.alignment import fit_similarity
from likeness.geometry.animation_files import list_shots, read_animation
from likeness.geometry.array_files import read_arrays
from likeness.speech.phonemes import units_of
from likeness.studio.corpus import sentences
from likeness.studio.curves import CHANNEL, EYES, sample
from likeness.studio.truth import replay
from likeness.systems.audio2face import studio
from likeness.systems.audio2face.dataset.description import read_description
from likeness.systems.audio2face.dataset.findings import inspect_dataset
from likeness.systems.audio2face.dataset.reading import open_dataset
from likeness.systems.audio2face.preprocessing.blendshape_files import read_blendshapes
from likeness.systems.audio2face.studio import make
from likeness.systems.audio2face.studio_faults import FAULTS

SHOTS = 4
FPS = 30


def _make(out: Path, **options: object) -> Path:
    settings = {"people": 1, "shots": SHOTS, "voices": False, "backend": "formant", "workers": 1}
    make(str(out), **{**settings, **options})  # type: ignore[arg-type]
    return out


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _make(tmp_path_factory.mktemp("studio") / "set", seed=3, voices=True)


@pytest.fixture(scope="module")
def actor(made: Path) -> Path:
    return made / "data" / "actor00"


def _names(actor: Path) -> list[str]:
    return list_shots(actor / "cache" / "skin")


def test_shots_are_named_by_emotion_and_number_and_one_is_silent(actor: Path) -> None:
    names = _names(actor)
    assert len(names) == SHOTS + 1
    assert "neutral_silence" in names
    assert {name.split("_")[0] for name in names} == {"neutral", "joy"}
    assert names == sorted(p.stem for p in (actor / "audio").glob("*.wav"))


def test_sound_is_as_long_as_the_animation(actor: Path) -> None:
    for name in _names(actor):
        frames = read_animation(actor / "cache/skin" / name / f"{name}.npy", FPS).num_frames
        for path in (actor / "audio").rglob(f"{name}.wav"):
            sound, rate = soundfile.read(path)
            assert rate == 16000
            assert len(sound) == round(frames / FPS * 16000), path
            assert np.isfinite(sound).all()
    assert frames == 120  # the silent shot comes last by name


def test_geometry_is_in_centimetres_and_lists_fit_it(actor: Path) -> None:
    skin = actor / "geom" / "skin"
    neutral = np.load(skin / "neutral_pose.npy")
    assert neutral.dtype == np.float32
    assert neutral.shape == (600, 3)
    assert 12.0 < np.ptp(neutral[:, 1]) < 20.0
    lips = json.loads((skin / "lip_dist_vertex_list.json").read_text())
    assert len(lips["upper"]) == len(lips["lower"]) == 5
    assert neutral[lips["upper"], 1] == pytest.approx(neutral[lips["lower"], 1], abs=0.05)
    eyes = json.loads((skin / "eye_dist_vertex_list.json").read_text())
    upper, lower = neutral[eyes["upper"]], neutral[eyes["lower"]]
    assert (upper[:, 1] - lower[:, 1] > 0.4).all()
    assert upper[0, 0] > 2.0 > -2.0 > upper[1, 0]  # entries 0 and 1 are different eyes
    closed = neutral + np.load(skin / "eye_close_pose_delta.npy")
    assert closed[eyes["upper"], 1] == pytest.approx(closed[eyes["lower"], 1], abs=0.06)
    opened = neutral + np.load(skin / "lip_open_pose_delta.npy")
    assert (opened[lips["upper"], 1] - opened[lips["lower"], 1] > 0.5).all()
    size = json.loads((skin / "lip_size_vertex_list.json").read_text())
    for lip in ("upper_lip", "lower_lip"):
        top, bottom = neutral[size[lip]["top"], 1], neutral[size[lip]["bottom"], 1]
        assert len(top) == 5
        assert ((top - bottom > 0.2) & (top - bottom < 1.8)).all()
    tongue = np.load(actor / "geom/tongue/neutral_pose.npy")
    rigid = json.loads((actor / "geom/tongue/rigid_vertex_list.json").read_text())
    assert tongue.shape == (72, 3)
    assert len(rigid) >= 4


def test_the_jaws_points_move_rigidly_and_with_the_tongues_root(actor: Path) -> None:
    neutral = np.load(actor / "xform/jaw_keypoints_neutral.npy").astype(np.float64)
    jaw, _ = read_arrays(actor / "xform/jaw_keypoints_cache_all.npz")
    rest = np.load(actor / "geom/tongue/neutral_pose.npy").astype(np.float64)
    rigid = json.loads((actor / "geom/tongue/rigid_vertex_list.json").read_text())
    assert neutral.shape == (5, 3)
    assert sorted(jaw) == _names(actor)
    name = "neutral_000"
    tongue = np.load(actor / "cache/tongue" / name / f"{name}.npy")
    widest = int(np.linalg.norm(jaw[name], axis=2).sum(axis=1).argmax())
    moved = neutral + jaw[name][widest]
    fit = fit_similarity(neutral, moved, scale=1.0)
    assert np.abs(fit.apply(neutral) - moved).max() < 1e-3
    angle = np.degrees(np.arctan2(fit.rotation[2, 1], fit.rotation[2, 2]))
    assert 3.0 < angle < 25.3
    root = fit_similarity(rest[rigid], tongue[widest, rigid], scale=1.0)
    assert np.abs(root.rotation - fit.rotation).max() < 0.02


def test_eyes_are_those_of_the_truth(made: Path, actor: Path) -> None:
    eyes, _ = read_arrays(actor / "xform/eye_rotations_all.npz")
    name = "joy_000"
    truth = replay(made / "truth/actor00" / name)
    frames = sample(truth.curves, FPS)
    assert eyes[name] == pytest.approx(frames[:, EYES].reshape(-1, 2, 2), abs=1e-4)
    assert np.load(actor / "xform/eye_saccade_rotations.npy").shape == (5000, 2)
    keys = np.load(actor / "xform/eye_blink_keys.npy")
    assert keys.dtype == np.float32
    assert keys[0] == keys[-1] == 0.0
    assert keys.max() == 1.0


def test_frames_replay_from_the_truth_and_the_head_is_still(made: Path, actor: Path) -> None:
    name = "joy_001"
    truth = replay(made / "truth/actor00" / name)
    frames = sample(truth.curves, FPS)
    _, face = studio._cast(3, 0, "smoke", "studio")
    skin, tongue, _ = face.move(frames)
    assert np.array_equal(skin, np.load(actor / "cache/skin" / name / f"{name}.npy"))
    assert tongue is not None
    assert np.array_equal(tongue, np.load(actor / "cache/tongue" / name / f"{name}.npy"))
    turned = float(np.abs(frames[:, CHANNEL["headPitch"]]).max())  # in the performance, not here
    stillest = float(np.abs(skin - face.neutral).max(axis=(0, 2)).min())
    assert stillest < 0.3 * turned * 10.0  # a vertex 10 cm from the neck


def test_lips_meet_in_every_p_b_and_m(made: Path, actor: Path) -> None:
    lips = json.loads((actor / "geom/skin/lip_dist_vertex_list.json").read_text())
    contacts = 0
    for name in _names(actor):
        skin = np.load(actor / "cache/skin" / name / f"{name}.npy")
        gaps = (skin[:, lips["upper"], 1] - skin[:, lips["lower"], 1]).max(axis=1)
        for segment in replay(made / "truth/actor00" / name).timeline.segments:
            if segment.contact is not None:
                assert units_of(segment.ipa)[0] in "pbm"
                times = (np.arange(len(gaps)) + 0.5) / FPS
                inside = (times >= segment.contact[0]) & (times <= segment.contact[1])
                contacts += 1
                assert gaps[inside].min() < 0.05, (name, segment)
    assert contacts >= 3


def test_voices_keep_the_timing(actor: Path) -> None:
    assert sorted(p.name for p in (actor / "audio/aug").iterdir()) == ["a", "b"]
    sound, _ = soundfile.read(actor / "audio/neutral_000.wav")
    other, _ = soundfile.read(actor / "audio/aug/a/neutral_000.wav")
    assert len(sound) == len(other)
    assert not np.array_equal(sound, other)
    levels = [
        np.log10(1e-4 + np.sqrt((s[: len(s) // 533 * 533].reshape(-1, 533) ** 2).mean(axis=1)))
        for s in (sound, other)
    ]
    assert np.corrcoef(*levels)[0, 1] > 0.6


def test_blend_shapes_rebuild_what_they_are_made_of(actor: Path) -> None:
    found = read_blendshapes(actor / "bs_data/bs_skin.npz", actor / "bs_data/bs_skin_config.json")
    assert found is not None
    assert len(found.names) == found.settings["numPoses"] == 52
    lips = json.loads((actor / "geom/skin/lip_dist_vertex_list.json").read_text())
    place = {name: number for number, name in enumerate(found.names)}

    def gap(name: str) -> float:
        posed = found.neutral + found.offsets[place[name]]
        return float((posed[lips["upper"], 1] - posed[lips["lower"], 1]).max())

    assert gap("jawOpen") > 2.0
    assert gap("mouthClose") < 0.1  # holds the opening of the jaw that it closes
    chin = int(found.neutral[:, 1].argmin())
    assert found.offsets[place["mouthClose"], chin, 1] < -1.0
    tongue = read_blendshapes(
        actor / "bs_data/bs_tongue.npz", actor / "bs_data/bs_tongue_config.json"
    )
    assert tongue is not None
    assert len(tongue.names) == 16
    assert tongue.settings["strengthL2regularization"] == pytest.approx(
        3.5 * len(tongue.neutral) / 5602
    )
    flags = found.settings["bsSolveSymmetryPoses"]
    pairs = [[n for n, flag in zip(found.names, flags) if flag == i] for i in (0, 1)]
    assert pairs == [["eyeBlinkLeft", "eyeBlinkRight"], ["eyeWideLeft", "eyeWideRight"]]


def test_other_formats_hold_the_same(actor: Path) -> None:
    name = "neutral_000"
    folder = actor / "cache" / "skin" / name
    array = np.load(folder / f"{name}.npy")
    for suffix in (".xml", ".pc2"):
        found = read_animation(folder / f"{name}{suffix}", FPS)
        assert np.array_equal(found.frames.read(0, found.num_frames), array)


def test_no_sentence_is_in_two_splits(made: Path, actor: Path) -> None:
    described, _ = read_description(made)
    held = {"validation": described.validation, "test": described.test}
    said = {
        split: {
            replay(made / "truth/actor00" / shot.removeprefix("actor00::")).text for shot in shots
        }
        for split, shots in held.items()
    }
    assert all(len(texts) >= 1 for texts in said.values())
    both = said["validation"] | said["test"]
    assert len(both) == sum(map(len, said.values()))
    rest = [n for n in _names(actor) if f"actor00::{n}" not in (*held["validation"], *held["test"])]
    assert not both & {replay(made / "truth/actor00" / name).text for name in rest}
    corpus = {line.text: line.split for line in sentences()}
    assert all(corpus[text] == split for split, texts in said.items() for text in texts)


def test_the_contract_reads_it(made: Path, actor: Path) -> None:
    found = open_dataset(made)["actor00"]
    assert [shot.name for shot in found.shots] == _names(actor)
    assert {shot.emotion for shot in found.shots} == {"neutral", "joy"}
    assert all(shot.name.startswith(shot.emotion) for shot in found.shots)
    speakers = {clip.speaker for clip in found.clips}
    assert speakers == {"actor00", "aug_a", "aug_b"}
    assert found.blendshapes is not None
    assert found.tongue_rigid is not None
    assert set(found.jaw) == set(found.eyes) == set(_names(actor))
    described, _ = read_description(made)
    assert described.emotions == ("neutral", "joy")
    provenance = json.loads((made / "provenance.json").read_text())
    assert provenance["source"] == "studio"
    assert provenance["counts"]["shots"] == SHOTS + 1


def test_a_finished_set_is_left_as_it_is(made: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in made.rglob("*") if p.is_file()}
    _make(made, seed=3, voices=True)
    assert {p: p.stat().st_mtime_ns for p in made.rglob("*") if p.is_file()} == before
    with pytest.raises(UsageError, match="not empty"):
        _make(made, seed=4)


def _bytes(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.mark.slow
def test_processes_change_nothing(tmp_path: Path) -> None:
    one = _make(tmp_path / "one", shots=3, workers=1)
    four = _make(tmp_path / "four", shots=3, workers=4)
    assert _bytes(one) == _bytes(four)
    other = _make(tmp_path / "other", shots=3, seed=1)
    assert _bytes(one) != _bytes(other)


def test_people_who_are_tested_say_only_test_sentences() -> None:
    splits = [{line.split for line in lines} for lines in studio._lines("smoke", None, 0, 5)]
    assert splits == [{"train", "validation", "test"}] * 4 + [{"test"}]
    for lines in studio._lines("smoke", None, 0, 4):
        assert {line.split for line in lines} == {"train", "validation", "test"}


def test_scales() -> None:
    smoke, fast = (studio._lines(scale, None, 0, 1)[0] for scale in ("smoke", "fast"))
    assert len(smoke) == 25
    assert len(fast) == 95
    assert len({line.emotion for line in fast}) == 11
    assert len({line.text for line in smoke}) == 25
    quotas = [sum(line.split == s for line in smoke) for s in ("train", "validation", "test")]
    assert quotas == [17, 4, 4]


def test_inspection_has_nothing_against_it(made: Path) -> None:
    found = inspect_dataset(made)
    assert [f.to_text() for f in found.findings if f.severity != "advice"] == []
    assert found.counts["shots"] == SHOTS + 1
    assert found.counts["recordings"] == SHOTS * 3 + 1


@pytest.mark.slow
def test_inspection_finds_the_faults_and_no_others(tmp_path: Path) -> None:
    codes = list(FAULTS)
    out = _make(tmp_path / "set", shots=12, faults=",".join(codes))
    expected = [(row["code"], row["path"]) for row in json.loads((out / "faults.json").read_text())]
    found = [(f.code, f.path) for f in inspect_dataset(out).findings]
    assert sorted(found) == sorted(expected)
    assert len(found) == len(codes) == 7


@pytest.mark.slow
def test_even_syllables_in_noise_are_no_shifted_sound(tmp_path: Path) -> None:
    """In 'joy_008' of the second actor loudness fits the lips best a syllable later."""
    options = {"people": 2, "shots": None, "difficulty": 3, "fps": 24, "backend": "auto"}
    out = _make(tmp_path / "set", **options)
    assert [f.to_text() for f in inspect_dataset(out).findings if f.severity != "advice"] == []
    place = out / "data/actor01/audio/joy_008.wav"
    sound, rate = soundfile.read(place)
    soundfile.write(place, np.roll(sound, round(5 / 24 * rate)), rate)
    found = [f for f in inspect_dataset(out).findings if f.severity != "advice"]
    assert [(f.code, f.path) for f in found] == [
        ("audio-shifted", "data/actor01/audio/joy_008.wav")
    ]
    assert "0.21 s later" in found[0].message


def test_triangles_join_the_vertices_of_the_caches(made: Path) -> None:
    actor = open_dataset(made)["actor00"]
    assert actor.skin_faces is not None
    assert actor.tongue_faces is not None
    assert len(np.unique(actor.skin_faces)) == 600
    assert len(np.unique(actor.tongue_faces)) == next(iter(actor.tongue.values())).num_vertices
    # No triangle is torn across the face in any frame: lips and lids part, triangles do not.
    assert actor.skin_neutral is not None
    frames = actor.skin[next(n for n in actor.skin if n != "neutral_silence")].read()[::5]
    at_rest, moved = actor.skin_neutral[actor.skin_faces], frames[:, actor.skin_faces]
    rest, edges = (np.linalg.norm(c - np.roll(c, 1, axis=-2), axis=-1) for c in (at_rest, moved))
    assert np.median(rest) < 1.5
    assert (edges - rest).max() < 1.0
