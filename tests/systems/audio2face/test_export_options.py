from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from likeness import workflow
from likeness.errors import UsageError
from likeness.export.bundle import Bundle
from likeness.models.onnx_model import OnnxModel
from likeness.runs.run import Run
from likeness.systems.audio2face.commands import COMMANDS
from likeness.systems.audio2face.exported_graph import HALF_TOLERANCE, INT8_TOLERANCE
from tests.systems.audio2face.small_runs import trained

_HALF = {"precision": "float16"}


@pytest.fixture(scope="module")
def tiny_run(small_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two steps on Anna, heard through a small learned encoder."""
    changes = ("data.actors=[anna]", "model.regression.encoder=tiny")
    return trained(small_dataset, tmp_path_factory.mktemp("tiny"), *changes)


def _matrix_types(bundle: Bundle) -> dict[int, int]:
    """How many numbers of weights there are, by their type in ONNX."""
    found: dict[int, int] = {}
    for tensor in onnx.load(bundle.folder / "network.onnx").graph.initializer:
        found[tensor.data_type] = found.get(tensor.data_type, 0) + int(np.prod(tensor.dims))
    return found


@pytest.mark.parametrize("kind", ["regression_run", "diffusion_run"])
def test_half_precision_is_called_as_before_and_near_the_network(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    run = request.getfixturevalue(kind)
    whole = workflow.export(run, "onnx", output=tmp_path / "whole")
    half = workflow.export(run, "onnx", output=tmp_path / "half", options=_HALF)
    assert half.options == {"precision": "float16", "int8_encoder": False}
    assert (half.inputs, half.outputs) == (whole.inputs, whole.outputs)
    models = [OnnxModel(b.folder / "network.onnx") for b in (whole, half)]
    assert models[0].inputs == models[1].inputs
    assert models[0].outputs == models[1].outputs
    report = json.loads((half.folder / "parity.json").read_text())
    assert report["samples"] == 2
    assert report["tolerance"] == HALF_TOLERANCE
    # ONNX Runtime computes in float32 where a CPU has no halves; the reference of ONNX never does.
    reference = ReferenceEvaluator(str(half.folder / "network.onnx"))
    for inputs, answers in whole.samples():  # of the network itself, with one stream and with three
        found = models[1](**inputs)
        for (name, truth), exact in zip(answers.items(), reference.run(None, inputs), strict=True):
            assert found[name].dtype == np.float32
            for value in (found[name], exact):
                error = np.abs(value - truth).max() / np.abs(truth).max()
                assert 1e-6 < error <= HALF_TOLERANCE, name
    halves = _matrix_types(half)[onnx.TensorProto.FLOAT16]
    singles, kept = (_matrix_types(b)[onnx.TensorProto.FLOAT] for b in (whole, half))
    assert halves + kept == pytest.approx(singles, rel=0.01)
    sizes = [b.manifest["files"]["network.onnx"]["bytes"] for b in (whole, half)]
    assert sizes[0] - sizes[1] == pytest.approx(2 * halves, rel=0.15)


@pytest.mark.parametrize("options", [{}, _HALF])
def test_an_int8_encoder_is_smaller_and_near_the_network(
    options: dict[str, Any], tiny_run: Run, tmp_path: Path
) -> None:
    asked = {**options, "int8_encoder": True}
    plain = workflow.export(tiny_run, "onnx", output=tmp_path / "plain", options=options)
    rounded = workflow.export(tiny_run, "onnx", output=tmp_path / "int8", options=asked)
    assert rounded.options["int8_encoder"] is True
    whole_numbers = _matrix_types(rounded)[onnx.TensorProto.INT8]
    model = workflow.Predictor.from_run(tiny_run, device="cpu").model
    width = model.network.encoder_branch.encoder.width
    assert whole_numbers - 2 * width**2 <= 2 * width  # two square maps, and their zero points
    sizes = [b.manifest["files"]["network.onnx"]["bytes"] for b in (plain, rounded)]
    assert sizes[1] < sizes[0]
    allowed = json.loads((rounded.folder / "parity.json").read_text())["tolerance"]
    assert allowed == INT8_TOLERANCE + (HALF_TOLERANCE if options else 0)
    call = OnnxModel(rounded.folder / "network.onnx")
    for inputs, answers in rounded.samples():
        error = np.abs(call(**inputs)["result"] - answers["result"]).max()
        assert error <= allowed * np.abs(answers["result"]).max()


def test_log_mel_has_nothing_to_round(regression_run: Run, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="log-mel is a formula"):
        workflow.export(
            regression_run, "onnx", output=tmp_path / "x", options={"int8_encoder": True}
        )
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("kind", ["regression_run", "diffusion_run"])
def test_a_package_in_millimetres_gives_ten_times_the_lengths(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    import onnxruntime

    run = request.getfixturevalue(kind)
    asked = {"cm": {}, "mm": {"unit": "mm", "full_data": True}}
    made = {n: workflow.export(run, "package", output=tmp_path / n, options=o) for n, o in
            asked.items()}  # fmt: skip
    assert all(COMMANDS["check-package"](bundle.folder)["valid"] for bundle in made.values())
    (inputs, _), *_ = made["cm"].samples()
    answers = {}
    for unit, bundle in made.items():
        session = onnxruntime.InferenceSession(str(bundle.folder / "network.onnx"))
        answers[unit] = session.run(None, inputs)[0]
    info = json.loads((made["mm"].folder / "network_info.json").read_text())["params"]
    without = info["num_shapes_skin"] + info["num_shapes_tongue"] if "regression" in kind else 0
    cm, mm = answers["cm"], answers["mm"]
    tolerance = 1e-5 * np.abs(cm).max()
    np.testing.assert_allclose(mm[..., :without], cm[..., :without], atol=tolerance)
    np.testing.assert_allclose(mm[..., without:-4], 10 * cm[..., without:-4], atol=10 * tolerance)
    np.testing.assert_allclose(mm[..., -4:], cm[..., -4:], atol=tolerance)
    assert np.abs(cm[..., without:-4]).max() > 100 * tolerance
    stem = "model_data" if "regression" in kind else "model_data_anna"
    data = {unit: np.load(bundle.folder / f"{stem}.npz") for unit, bundle in made.items()}
    assert len(data["mm"].files) == 11
    assert len(data["cm"].files) == (8 if "regression" in kind else 6)
    np.testing.assert_allclose(
        data["mm"]["lip_open_pose_delta"], 10 * data["cm"]["lip_open_pose_delta"], rtol=1e-6
    )
    np.testing.assert_array_equal(
        data["mm"]["saccade_rot_matrix"], data["cm"]["saccade_rot_matrix"]
    )
    assert "in mm" in made["mm"].outputs[0].meaning
    assert "geometry in millimetres" in (made["mm"].folder / "README.md").read_text()
    origin = json.loads((made["mm"].folder / "provenance.json").read_text())
    assert origin["options"] == {"precision": "float32", "unit": "mm", "full_data": True}
    assert made["mm"].options == origin["options"]


def test_a_package_in_metres_and_halves_is_accepted(regression_run: Run, tmp_path: Path) -> None:
    asked = {"unit": "m", "precision": "float16"}
    bundle = workflow.export(regression_run, "package", output=tmp_path / "m", options=asked)
    assert COMMANDS["check-package"](bundle.folder)["valid"] is True
    assert "geometry in metres" in (bundle.folder / "README.md").read_text()
    built = json.loads((bundle.folder / "trt_info.json").read_text())["trt_build_param"]
    assert "--stronglyTyped" in built["batch"]  # without it trtexec refuses halves
    plain = workflow.export(regression_run, "package", output=tmp_path / "cm")
    built = json.loads((plain.folder / "trt_info.json").read_text())["trt_build_param"]
    assert "--stronglyTyped" not in built["batch"]


@pytest.mark.parametrize(
    ("target", "asked", "message", "advice"),
    [
        ("onnx", {"precison": "float16"}, "no option 'precison' of 'onnx'", "mean 'precision'"),
        ("onnx", {"precision": "half"}, "'precision' of 'onnx'", "float32 | float16, float32 by"),
        ("package", {"int8_encoder": True}, "no option 'int8_encoder'", "full_data (true or false"),
        ("package", {"unit": "inch"}, "'unit' of 'package'", "unit (cm | mm | m, cm by default)"),
        ("onnx", {"tolerance": 1.0}, "no option 'tolerance'", "There are: precision ("),
    ],
)
def test_wrong_options_are_told_before_the_run_is_loaded(
    target: str, asked: dict[str, Any], message: str, advice: str, regression_run: Run,
    tmp_path: Path,
) -> None:  # fmt: skip
    shutil.copytree(regression_run.path, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    with pytest.raises(UsageError, match=message) as caught:
        workflow.export(tmp_path / "run", target, options=asked)
    assert advice in caught.value.advice
    assert not (tmp_path / "run" / "exports").exists()
