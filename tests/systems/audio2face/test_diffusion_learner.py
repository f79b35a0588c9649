from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from likeness import workflow
from likeness.runs.run import Run
from likeness.systems.audio2face.diffusion_learner import DiffusionPredictor
from likeness.systems.audio2face.package.checking import check_package

SOUND = (0.1 * np.random.default_rng(5).normal(size=8_000)).astype(np.float32)


@pytest.fixture(scope="module")
def predictor(diffusion_run: Run) -> DiffusionPredictor:
    found = workflow.Predictor.from_run(diffusion_run, device="cpu").model
    assert isinstance(found, DiffusionPredictor)
    return found


@pytest.mark.parametrize("mode", ["offline", "streaming"])
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


def test_a_seed_is_the_noise(predictor: DiffusionPredictor) -> None:
    one, same, other = (predictor(audio=SOUND, seed=seed)["skin"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0


@pytest.mark.slow
def test_several_actors_are_exported_and_packed(diffusion_run: Run, tmp_path: Path) -> None:
    for target in ("onnx", "package"):
        bundle = workflow.export(diffusion_run, target, output=tmp_path / target)
        assert {item.output for item in bundle.parity} == {"prediction", "output_latents"}
        assert max(item.largest_relative for item in bundle.parity) < 1e-3
    found = check_package(tmp_path / "package")
    assert [v for v in found if v.severity == "error"] == []
    assert (tmp_path / "package" / "model_data_ben.npz").is_file()
