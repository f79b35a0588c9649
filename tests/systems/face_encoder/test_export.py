"""The ONNX bundle: it runs without torch, at any batch size, and equals the predictor."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from likeness.errors import DataError
from likeness.export.bundle import Bundle
from likeness.systems.face_encoder import export
from likeness.systems.face_encoder.layout import VectorLayout
from likeness.systems.face_encoder.predictor import FacePredictor
from tests.systems.face_encoder.toy import CROP_SIZE, SMALL_LAYOUT, build_system

pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


@pytest.fixture(scope="module")
def predictor(toy_folder: Path) -> FacePredictor:
    """A predictor whose weights are far from their small initial values."""
    system = build_system(toy_folder, None, "model.pooling=keypoint")
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in system.network.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return system.predictor()


Places = list[tuple[int, torch.device]]


def places_of(predictor: FacePredictor) -> Places:
    return [(p.data_ptr(), p.device) for p in predictor.network.parameters()]


@pytest.fixture(scope="module")
def places(predictor: FacePredictor) -> Places:
    """Where the weights lay before anything was exported."""
    return places_of(predictor)


@pytest.fixture(scope="module")
def bundle(
    predictor: FacePredictor, places: Places, tmp_path_factory: pytest.TempPathFactory
) -> Bundle:
    folder = tmp_path_factory.mktemp("bundle") / "onnx"
    return export.export_onnx(
        predictor, folder, source_run="runs/x", checkpoint_sha256="c" * 64, state={"head_name": "t"}
    )


def session(bundle: Bundle):
    import onnxruntime

    return onnxruntime.InferenceSession(str(bundle.folder / "encoder.onnx"))


@pytest.mark.parametrize("batch", [1, 5])
def test_the_exported_encoder_equals_the_predictor(bundle, predictor, batch):
    images = np.random.default_rng(batch).uniform(size=(batch, 3, CROP_SIZE, CROP_SIZE))
    images = images.astype(np.float32)
    (found,) = session(bundle).run(["vector"], {"image": images})
    expected = predictor(image=images)["vector"]
    assert found.shape == (batch, SMALL_LAYOUT.dim)
    assert np.abs(expected).max() > 1  # the weights do something
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_clamped_segments_stay_in_range_in_the_exported_encoder(bundle):
    images = np.random.default_rng(3).uniform(size=(8, 3, CROP_SIZE, CROP_SIZE)).astype(np.float32)
    (found,) = session(bundle).run(None, {"image": images})
    parts = SMALL_LAYOUT.split(found)
    assert parts["face.eyelid"].min() >= -1e-5
    assert parts["face.eyelid"].max() <= 1 + 1e-5
    assert parts["camera"][:, 0].min() > 0


def test_the_manifest_says_all_that_inference_needs(bundle):
    again = Bundle.open(bundle.folder)
    assert (again.system, again.target) == ("face-encoder", "onnx")
    (image,), (vector,) = again.inputs, again.outputs
    assert (image.name, image.shape) == ("image", ("batch", 3, CROP_SIZE, CROP_SIZE))
    assert image.range == (0.0, 1.0)
    assert vector.shape == ("batch", SMALL_LAYOUT.dim)
    assert VectorLayout.from_json(again.state["layout"]) == SMALL_LAYOUT
    assert again.state["crop_scale"] == pytest.approx(1.6)
    assert again.state["head_name"] == "t"
    assert again.manifest["source"]["run"] == "runs/x"
    (difference,) = again.parity
    assert difference.output == "vector"
    assert difference.largest_absolute < 1e-3


def test_a_difference_beyond_tolerance_writes_no_manifest(predictor, tmp_path):
    with pytest.raises(DataError):
        export.export_onnx(predictor, tmp_path / "b", tolerance=1e-12)
    assert not (tmp_path / "b" / "manifest.json").exists()


def test_exporting_leaves_the_predictor_where_it_was(bundle, predictor, places):
    """Weights on a GPU were moved to the CPU by exporting, and the next prediction failed."""
    assert places_of(predictor) == places


def test_the_bundle_runs_without_torch(bundle):
    code = (
        "import sys, numpy, onnxruntime\n"
        f"s = onnxruntime.InferenceSession({str(bundle.folder / 'encoder.onnx')!r})\n"
        f"x = numpy.full((2, 3, {CROP_SIZE}, {CROP_SIZE}), 0.5, numpy.float32)\n"
        "print(s.run(None, {'image': x})[0].shape, 'torch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"(2, {SMALL_LAYOUT.dim}) False"
