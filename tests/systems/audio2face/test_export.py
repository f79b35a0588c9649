from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from likeness import workflow
from likeness.errors import DataError
from likeness.runs.run import Run
from likeness.systems.audio2face.commands import COMMANDS
from likeness.systems.audio2face.export import export_onnx, export_package
from likeness.systems.audio2face.exported_graph import ExportedGraph
from likeness.systems.audio2face.implicit_emotions import RowTable
from likeness.systems.audio2face.package.network_info import (
    network_info,
    network_inputs,
    trt_info,
)
from tests.systems.audio2face.small_runs import trained


def test_the_graph_gives_the_frames_of_the_session(regression_run: Run, tmp_path: Path) -> None:
    """Frame by frame, through ONNX Runtime alone."""
    import onnxruntime

    bundle = workflow.export(regression_run, "onnx", output=tmp_path / "onnx")
    session = onnxruntime.InferenceSession(str(bundle.folder / "network.onnx"))
    assert {i.name: i.shape for i in session.get_inputs()} == {
        "input": ["batch_size", 1, 8320],
        "emotion": ["batch_size", 1, 17],
    }
    model = workflow.Predictor.from_run(regression_run, device="cpu").model
    sound = (0.1 * np.random.default_rng(1).normal(size=16000)).astype(np.float32)
    frames = model(audio=sound)["skin"]
    shot, frame = model.source_frame()
    felt = np.append(model.vectors[model.rows.shot(shot).start + frame], 0.0).astype(np.float32)
    padded = np.pad(sound, 4160)
    shapes = np.asarray(model.artefacts(None).skin.shapes)
    for index in (0, 14, 29):
        start = round((2 * index + 1) * 16000 / 60)
        (row,) = session.run(
            None, {"input": padded[None, None, start : start + 8320], "emotion": felt[None, None]}
        )
        moved = np.einsum("k,kvc->vc", row[0, 0, : len(shapes)], shapes)
        np.testing.assert_allclose(moved, frames[index], atol=1e-4)


def test_a_package_is_accepted_and_knows_its_version(small_dataset: Path, tmp_path: Path) -> None:
    run = trained(small_dataset, tmp_path, "data.actors=[anna]", "model.version=2.7")
    bundle = workflow.export(run, "package", output=tmp_path / "package")
    assert COMMANDS["check-package"](bundle.folder)["valid"] is True
    info = json.loads((bundle.folder / "network_info.json").read_text())
    assert info["id"]["version"] == "2.7"
    assert info["params"]["explicit_emotions"] == ["joy"]
    with np.load(bundle.folder / "implicit_emo_db.npz") as database:
        assert sum(len(database[name]) for name in database.files) > 0


def test_a_package_holds_the_emotion_that_prediction_holds(
    regression_run: Run, tmp_path: Path
) -> None:
    """Packages held the most usual of all rows, of which some were drawn and never learned."""
    model = workflow.Predictor.from_run(regression_run, device="cpu").model
    usual = model.source_frame()
    other = 0 if usual[1] else 1
    model.rows = RowTable(
        replace(shot, learned=((other, other),)) if shot.name == usual[0] else shot
        for shot in model.rows.shots
    )
    assert model.source_frame() == (usual[0], other)
    bundle = export_package(model, tmp_path / "package")
    config = json.loads((bundle.folder / "model_config.json").read_text())["config"]
    assert (config["source_shot"], config["source_frame"]) == (usual[0], other)


def test_a_graph_that_differs_is_not_kept(regression_run: Run, tmp_path: Path) -> None:
    model = workflow.Predictor.from_run(regression_run, device="cpu").model
    with pytest.raises(DataError):
        export_onnx(model, tmp_path / "onnx", tolerance=1e-30)
    assert not (tmp_path / "onnx").exists()


def test_defect_16_a_package_at_30_fps_has_the_steps_of_the_one_setting(
    small_dataset: Path, tmp_path: Path
) -> None:
    """Nothing but the rate and the number of steps is said; widths and shapes follow."""
    changes = ("data.actors=[anna]", "model.process.inference_steps=3", "learning.segments.fps=30")
    run = trained(small_dataset, tmp_path, *changes, profile="studio-diffusion")
    graph = ExportedGraph(workflow.Predictor.from_run(run, device="cpu").model)
    info = network_info(graph.shape, identities=["anna"], emotions=["joy"], default_emotion=[0.0])
    assert info["params"]["num_diffusion_steps"] == 3
    parts = ("left_truncate", "center", "right_truncate")
    assert sum(info["params"][f"num_frames_{part}"] for part in parts) == 30
    (smallest, *_) = trt_info(network_inputs(graph.shape, 1, 1))["trt_build_param"]["batch"]
    assert f"noise:1x4x30x{3 * 30 + 3 * 9 + 19}" in smallest
    assert "input_latents:3x" in smallest
    assert graph.examples(1)["noise"].shape == (1, 4, 30, 136)
