from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from likeness import workflow
from likeness.errors import DataError, UsageError
from likeness.runs.run import Run
from likeness.systems.audio2face.diffusion_learner import DiffusionPredictor
from likeness.systems.audio2face.package.checking import check_package

SOUND = (0.1 * np.random.default_rng(5).normal(size=8_000)).astype(np.float32)


@pytest.fixture(scope="module")
def predictor(diffusion_run: Run) -> DiffusionPredictor:
    found = workflow.Predictor.from_run(diffusion_run, device="cpu").model
    assert isinstance(found, DiffusionPredictor)
    return found


@pytest.mark.parametrize("mode", ["offline", "streaming", "whole"])
def test_every_actor_moves_on_its_own_neutral(predictor: DiffusionPredictor, mode: str) -> None:
    faces = {}
    for name in ("anna", "ben"):
        shown = predictor.performance(SOUND, actor=name, mode=mode)  # type: ignore[arg-type]
        assert shown.num_frames == 15
        neutral = predictor.artefacts(name).neutral_skin
        assert np.abs(shown.skin - neutral).max() < 2.0  # other people are 5 cm apart here
        faces[name] = shown.skin
    assert np.abs(faces["anna"] - faces["ben"]).max() > 2.0


def test_pieces_of_a_stream_equal_one(predictor: DiffusionPredictor) -> None:
    whole, stream = predictor.session("ben", "joy"), predictor.session("ben", "joy")
    frames = [*whole.push(SOUND), *whole.finish()]
    parts = [f for at in range(0, len(SOUND), 777) for f in stream.push(SOUND[at : at + 777])]
    parts += stream.finish()
    np.testing.assert_allclose(
        [f.values for f in parts], [f.values for f in frames], rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("count", [1, 300, 8000, 20_001])
def test_a_track_and_a_stream_of_it_are_the_same_bit_for_bit(
    predictor: DiffusionPredictor, count: int
) -> None:
    """However short: ceil(n / 16000 · fps) frames of the windows of the stream."""
    sound = (0.1 * np.random.default_rng(6).normal(size=count)).astype(np.float32)
    track, stream = (
        predictor(audio=sound, actor="ben", emotion="joy", mode=mode, seed=3)
        for mode in ("offline", "streaming")
    )
    session = predictor.session("ben", "joy", seed=3)
    frames = [f for at in range(0, count, 1000) for f in session.push(sound[at : at + 1000])]
    frames += session.finish()
    assert len(frames) == -(-count * 30 // 16000)
    for name in ("skin", "tongue", "jaw", "eyes"):
        np.testing.assert_array_equal(track[name], stream[name])
        np.testing.assert_array_equal(track[name], [getattr(f, name) for f in frames])


def test_heard_whole_is_another_inference_that_says_what_it_cannot(
    predictor: DiffusionPredictor,
) -> None:
    sound = np.tile(SOUND, 3)[:20_001]
    track, whole = (predictor(audio=sound, mode=mode)["skin"] for mode in ("offline", "whole"))
    assert (len(track), len(whole)) == (38, 37)
    assert (
        np.abs(track[:37] - whole).max() > 0.01 * np.abs(track).max()
    )  # few steps: it barely moves
    with pytest.raises(DataError, match="300 samples is shorter than a frame, which has 533"):
        predictor(audio=SOUND[:300], mode="whole")


def test_windows_of_diffusion_have_one_timing(predictor: DiffusionPredictor) -> None:
    with pytest.raises(UsageError, match="one timing, which is the runtime's; found 'runtime'"):
        predictor.session(timing="runtime")


def test_a_sound_shorter_than_a_frame_costs_a_folder_nothing(
    diffusion_run: Run, tmp_path: Path
) -> None:
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    for name, count in (("a_short", 300), ("b_none", 0), ("c_long", 8000)):
        soundfile.write(sounds / f"{name}.wav", SOUND[:count], 16000)
    frames = {}
    for mode in ("offline", "streaming", "whole"):
        rows = workflow.predict(
            diffusion_run,
            [sounds],
            output=tmp_path / mode,
            options={"format": "npy", "mode": mode},
        )
        frames[mode] = [row.get("frames") for row in rows]
        assert "b_none.wav' holds no sound" in rows[1]["error"]
    assert frames == {
        "offline": [1, None, 15],
        "streaming": [1, None, 15],
        "whole": [None, None, 15],
    }


def test_evaluation_says_how_tracks_were_heard(diffusion_run: Run, tmp_path: Path) -> None:
    """The stream's windows as delivered; another mode, other scores."""
    scores = {}
    for mode in ("offline", "streaming", "whole"):
        opened = workflow.Predictor.with_data(diffusion_run)
        system = opened.system
        system.config = system.config.replace(  # type: ignore[attr-defined]
            evaluation=system.config.evaluation.replace(mode=mode)  # type: ignore[attr-defined]
        )
        source = system.sources("validation")["speech"]
        scores[mode] = system.evaluate(opened.model, source, tmp_path / mode).to_list()
        record = json.loads((tmp_path / mode / "inference.json").read_text())
        assert record["mode"] == mode
        # At 30 fps 15 of 30 frames are kept, before 9 more.
        assert record["look_ahead_ms"] == (None if mode == "whole" else [300.0, 800.0])
        assert record["frame_ms"] > 0
        sound = record["frames"] / 30
        worked = record["frames"] * record["frame_ms"] / 1000
        assert record["real_time_factor"] == pytest.approx(sound / worked, rel=0.05)
    assert scores["offline"] == scores["streaming"] != scores["whole"]


def test_a_seed_is_the_noise(predictor: DiffusionPredictor) -> None:
    one, same, other = (predictor(audio=SOUND, seed=seed)["skin"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0


@pytest.mark.slow
def test_several_actors_are_exported_and_packed(
    diffusion_run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    import onnxruntime

    for target in ("onnx", "package"):
        bundle = workflow.export(diffusion_run, target, output=tmp_path / target)
        assert {item.output for item in bundle.parity} == {"prediction", "output_latents"}
        assert max(item.largest_relative for item in bundle.parity) < 1e-3
    capfd.readouterr()
    onnxruntime.InferenceSession(str(tmp_path / "onnx" / "network.onnx"))
    assert capfd.readouterr() == ("", "")  # nothing it could not fold
    found = check_package(tmp_path / "package")
    assert [v for v in found if v.severity == "error"] == []
    assert (tmp_path / "package" / "model_data_ben.npz").is_file()
