"""Recordings no face can make: each fault put into a clean dataset, and the finding it brings."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from likeness.geometry.animation import VertexAnimation
from likeness.media.audio import write_wav
from likeness.systems.audio2face.dataset.cache_frames import SKIN_SPIKE, look_at_frames
from tests.systems.audio2face.dataset.recordings import FPS, FRAMES, RATE, told

ANNA = "data/anna"
JAW = f"{ANNA}/xform/jaw_keypoints_cache_all.npz"
EYES = f"{ANNA}/xform/eye_rotations_all.npz"
SHAPES = f"{ANNA}/bs_data/bs_skin.npz"
SOUND = f"{ANNA}/audio/joy_001.wav"
LIDS = f"{ANNA}/geom/skin/eye_dist_vertex_list.json"


def change(path: Path, how: Callable[[str, np.ndarray], np.ndarray]) -> None:
    """Every array of an npz file, by its name."""
    with np.load(path) as file:
        arrays = {name: how(name, file[name]) for name in file.files}
    np.savez(path, **arrays)


def skin(root: Path) -> tuple[Path, np.ndarray]:
    path = root / ANNA / "cache/skin/joy_001/joy_001.npy"
    return path, np.load(path)


def test_blendshapes_given_as_whole_poses(root: Path) -> None:
    def whole(name: str, array: np.ndarray) -> np.ndarray:
        return array + neutral if name in ("jawOpen", "mouthClose") else array

    neutral = np.load(root / ANNA / "geom/skin/neutral_pose.npy")
    change(root / SHAPES, whole)
    found = told(root)
    assert list(found) == [("delta-places", SHAPES)]
    finding = found["delta-places", SHAPES]
    assert finding.severity == "error"
    assert "in 'jawOpen' and 1 others" in finding.message
    assert "Subtract 'neutral'" in finding.advice


def test_strengths_of_a_solver_that_hide_a_pose(root: Path) -> None:
    path = root / ANNA / "bs_data/bs_skin_config.json"
    with np.load(root / SHAPES) as file:
        delta, still, mask = (file[n].astype(float) for n in ("jawOpen", "neutral", "frontalMask"))
    energy = float((delta[mask.astype(int)] ** 2).sum())
    settings = json.loads(path.read_text())
    scale = (np.linalg.norm(np.ptp(still, axis=0)) / 53.4505) ** 2
    params = settings["blendshape_params"]
    for weight, is_told in ((0.1, True), (0.2, False)):
        # w = e / (e + 10 L2 s), without the other strengths.
        params["strengthL2regularization"] = energy * (1 / weight - 1) / (10 * scale)
        params |= dict.fromkeys(("strengthL1regularization", "strengthTemporalSmoothing"), 0.0)
        params["bsSolveActivePoses"] = [1, 0]
        path.write_text(json.dumps(settings))
        found = told(root)
        assert [code for code, _ in found] == (["blendshapes-weak"] if is_told else [])
        for finding in found.values():
            assert finding.severity == "warning"
            assert "'jawOpen' in the frame they appear in, least 0.1 of" in finding.message


def swapped(path: Path, one: int, two: int) -> None:
    """Two vertices of an array (…, V, 3) exchanged."""
    array = np.load(path)
    array[..., [one, two], :] = array[..., [two, one], :]
    np.save(path, array)


def test_two_vertices_of_a_shot_that_changed_places(root: Path) -> None:
    path, frames = skin(root)
    assert np.linalg.norm(frames[0, 14] - frames[0, 16]) < 3.0  # nearer than faces move
    swapped(path, 14, 16)
    found = told(root)
    assert list(found) == [("vertex-order", f"{ANNA}/cache/skin/joy_001/joy_001.npy")]
    finding = found["vertex-order", f"{ANNA}/cache/skin/joy_001/joy_001.npy"]
    assert finding.severity == "error"
    assert "order of the other shots; vertices 14, 16 lie at each other's places" in finding.message


@pytest.mark.parametrize("part", ["skin", "tongue"])
def test_two_vertices_of_a_neutral_that_changed_places(root: Path, part: str) -> None:
    place = f"{ANNA}/geom/{part}/neutral_pose.npy"
    swapped(root / place, 2, 4)
    found = told(root)
    assert ("vertex-order", place) in found
    assert "order of the caches; vertices 2, 4" in found["vertex-order", place].message


@pytest.mark.parametrize("name", ["lip_open", "eye_close"])
def test_a_difference_given_as_the_pose_itself(root: Path, name: str) -> None:
    place = f"{ANNA}/geom/skin/{name}_pose_delta.npy"
    neutral = np.load(root / ANNA / "geom/skin/neutral_pose.npy")
    np.save(root / place, np.load(root / place) + neutral)
    found = told(root)
    assert list(found) == [("delta-places", place)]
    assert f"'{name}_delta'" in found["delta-places", place].message


@pytest.mark.parametrize(
    ("factor", "severity", "message"),
    [(0.01, "warning", "the skin moves by"), (0.001, "warning", "the skin moves by"),
     (100.0, "error", "as far as a jaw gets, found {} cm")],
)  # fmt: skip
def test_a_jaw_in_another_unit(root: Path, factor: float, severity: str, message: str) -> None:
    with np.load(root / JAW) as arrays:
        far = factor * max(np.linalg.norm(arrays[name], axis=2).max() for name in arrays.files)
    change(root / JAW, lambda name, array: array * np.float32(factor))
    found = told(root)
    assert list(found) == [("jaw-unit", JAW)]
    assert found["jaw-unit", JAW].severity == severity
    assert message.format(f"{far:.3g}") in found["jaw-unit", JAW].message


def test_a_jaw_that_is_still_has_a_unit_like_any_other(root: Path) -> None:
    change(root / JAW, lambda name, array: 0 * array)
    assert told(root) == {}


@pytest.mark.parametrize(
    ("how", "severity", "message"),
    [(np.radians, "warning", "look like radians"),
     (lambda array: array * 60, "error", "an eye can turn by")],
    ids=["radians", "far too many degrees"],
)  # fmt: skip
def test_eyes_that_turn_by_what_no_eye_does(
    root: Path, how: Callable[[np.ndarray], np.ndarray], severity: str, message: str
) -> None:
    change(root / EYES, lambda name, array: how(array).astype(np.float32))
    found = told(root)
    assert list(found) == [("eyes-range", EYES)]
    assert found["eyes-range", EYES].severity == severity
    assert message in found["eyes-range", EYES].message


@pytest.mark.parametrize(
    ("factor", "severity"), [(np.pi / 180, "warning"), (1.0, None), (0.0, None), (60.0, "error")]
)
def test_jumps_of_the_gaze_in_another_unit(root: Path, factor: float, severity: str | None) -> None:
    place = f"{ANNA}/xform/eye_saccade_rotations.npy"
    jumps = (factor * np.load(root / place)).astype(np.float32)
    np.save(root / place, jumps)
    found = told(root)
    if severity is None:
        assert found == {}
        return
    assert [(key, finding.severity) for key, finding in found.items()] == [
        (("saccades-range", place), severity)
    ]
    numbers = f"the largest of 1 to 90; found {jumps.min():.3g} to {jumps.max():.3g}"
    assert numbers in found["saccades-range", place].message


def test_eyes_that_stay_straight_are_no_radians(root: Path) -> None:
    change(root / EYES, lambda name, array: 0 * array)
    assert told(root) == {}


def test_a_vertex_that_jumps_for_one_frame(root: Path) -> None:
    path, frames = skin(root)
    frames[7, 11, 1] += 3.0
    np.save(path, frames)
    place = path.relative_to(root).as_posix()
    found = told(root)
    assert list(found) == [("vertex-spike", place)]
    assert "In frame 7 vertex 11 is" in found["vertex-spike", place].message


def test_a_tongue_may_flick_and_not_jump(root: Path) -> None:
    """Its tip is quicker than any skin: a centimetre to and fro in two frames is a t."""
    path = root / ANNA / "cache/tongue/joy_001/joy_001.npy"
    frames = np.load(path)
    for far, codes in ((1.0, []), (3.0, ["vertex-spike"])):
        spiked = frames.copy()
        spiked[6, 2, 1] += far
        np.save(path, spiked)
        assert [code for code, _ in told(root)] == codes


def moving(frames: int, opened: np.ndarray) -> VertexAnimation:
    """A head of 24 cm (F, 200, 3) whose last 20 vertices drop by ``opened`` (F,) cm."""
    rest = np.random.default_rng(0).uniform(-12, 12, (200, 3))
    moved = np.repeat(rest[None], frames, axis=0)
    moved[:, 180:, 1] -= opened[:, None]
    return VertexAnimation.of_array(moved.astype(np.float32), FPS)


def test_a_spike_is_told_from_quick_motion() -> None:
    """A lid that shuts in two frames, lips that do for one, lips that open five times a second."""
    blink = np.zeros(90)
    blink[40:45] = [0.5, 1.1, 0.9, 0.5, 0.2]
    speech = 0.75 + 0.75 * np.cos(2 * np.pi * 5 * np.arange(90) / FPS)
    closure = np.full(90, 1.2)
    closure[50] = 0.0
    for opened in (blink, closure, speech):
        assert look_at_frames(moving(90, opened), 1, SKIN_SPIKE).spike is None
    spiked = moving(90, speech).read().copy()
    spiked[30, 190, 0] += 4.0
    look = look_at_frames(VertexAnimation.of_array(spiked, FPS), 1, SKIN_SPIKE)
    assert look.spike is not None
    assert look.spike[:2] == (30, 190)
    assert look.spike[2] == pytest.approx(np.hypot(4.0, blended(speech, 30)), abs=1e-3)


def blended(values: np.ndarray, at: int) -> float:
    return float(values[at] - (values[at - 1] + values[at + 1]) / 2)


def test_a_spike_between_two_blocks_is_seen() -> None:
    """Blocks hold 16 MiB: of 40,000 vertices 34 frames."""
    frames = np.zeros((70, 40_000, 3), np.float32)
    frames[:, 0] = 24.0
    animation = VertexAnimation.of_array(frames, FPS)
    length = len(next(iter(animation.blocks())))
    assert 2 < length < 60
    for frame in (length - 1, length):
        frames[:, 7] = 0.0
        frames[frame, 7, 2] = 5.0
        look = look_at_frames(VertexAnimation.of_array(frames, FPS), 1, SKIN_SPIKE)
        assert look.spike == (frame, 7, pytest.approx(5.0))


def speech(seed: int = 0) -> np.ndarray:
    """Sound of the length of a shot, as loud as speech is."""
    rng = np.random.default_rng(seed)
    times = np.arange(round(FRAMES / FPS * RATE)) / RATE
    voice = sum(np.sin(2 * np.pi * 120 * k * times + k) / k for k in range(1, 20))
    return 0.2 * voice + 0.001 * rng.normal(size=len(times))


def test_a_sound_that_is_clipped(root: Path) -> None:
    sound = speech()
    write_wav(root / SOUND, sound, RATE)
    assert told(root) == {}
    loudest = np.abs(sound).max()
    for kept, told_at in ((1.0, "1"), (0.5, "0.5")):  # cut off, and turned down after that
        write_wav(root / SOUND, kept * np.clip(sound * 4 / loudest, -1, 1), RATE)
        found = told(root)
        assert list(found) == [("sound-clipped", SOUND)]
        assert f"cut off flat at {told_at}." in found["sound-clipped", SOUND].message


def test_a_tone_at_full_scale_is_not_clipped(root: Path) -> None:
    times = np.arange(round(FRAMES / FPS * 48000)) / 48000
    write_wav(root / SOUND, np.sin(2 * np.pi * 120 * times), 48000)
    assert told(root) == {}


def test_a_face_that_never_moves_while_somebody_speaks(root: Path) -> None:
    path, frames = skin(root)
    write_wav(root / SOUND, speech(), RATE)
    np.save(path, np.repeat(frames[:1], len(frames), axis=0))
    found = told(root)
    assert list(found) == [("face-still", SOUND)]
    assert "'joy_001'" in found["face-still", SOUND].message
    write_wav(root / SOUND, 0.01 * speech(), RATE)  # a room in which nobody does
    assert told(root) == {}


@pytest.mark.parametrize(
    ("lids", "message"),
    [({"upper": [2, 5], "lower": [5, 2]}, "both on one side"),
     ({"upper": [2], "lower": [5]}, "found one pair")],
)  # fmt: skip
def test_lids_of_one_eye_alone(root: Path, lids: dict[str, list[int]], message: str) -> None:
    """The pairs lie at x = -3 cm and 3 cm."""
    (root / LIDS).write_text(json.dumps(lids))
    finding = told(root)["list-eyes", LIDS]
    assert finding.severity == "warning"
    assert message in finding.message


def test_a_number_of_poses_that_is_not_that_of_the_settings(root: Path) -> None:
    path = root / ANNA / "bs_data/bs_skin_config.json"
    document = json.loads(path.read_text())
    for said, codes in ((1, [("blendshapes", SHAPES)]), (3, []), (4, [("blendshapes", SHAPES)])):
        document["blendshape_params"]["numPoses"] = said  # 3 counts the neutral, which is told
        path.write_text(json.dumps(document))
        found = told(root)
        assert list(found) == codes
        if codes:
            assert f"numPoses says {said}, there are 2 poses" in found[codes[0]].message


@pytest.mark.parametrize("part", ["skin", "tongue"])
def test_a_frame_of_zeros_is_told_and_judged_by_no_more(root: Path, part: str) -> None:
    place = f"{ANNA}/cache/{part}/joy_001/joy_001.npy"
    frames = np.load(root / place)
    frames[0] = 0.0  # the frame that is held against the neutral
    np.save(root / place, frames)
    found = told(root)
    assert ("collapsed", place) in found
    assert found["collapsed", place].severity == "error"
    assert "In frame 0 all vertices lie at one place" in found["collapsed", place].message
    assert not {"vertex-order", "head-motion", "unit"} & {code for code, _ in found}


def test_tongues_that_are_zeros_in_every_shot_are_told(root: Path) -> None:
    for path in (root / ANNA / "cache/tongue").glob("*/*.npy"):
        np.save(path, np.zeros_like(np.load(path)))
    assert [code for code, _ in told(root)].count("collapsed") == 3


def test_a_broken_frame_that_a_shot_is_judged_by_is_seen_between_the_looked_at() -> None:
    frames = np.random.default_rng(0).normal(size=(31, 20, 3)).astype(np.float32)
    frames[10, 3] = np.nan  # of 0, 10, 20 and 30; every fourth frame passes it over
    look = look_at_frames(VertexAnimation.of_array(frames, FPS), 4, SKIN_SPIKE)
    assert look.broken == 10
    assert not look.is_whole


def test_a_jaw_of_one_frame_is_held_and_its_shot_stays_whole(root: Path) -> None:
    change(root / JAW, lambda name, array: array[:1] if name == "joy_001" else array)
    found = told(root)
    assert list(found) == [("length", "joy_001")]
    assert "held over the whole shot" in found["length", "joy_001"].advice
