"""Bundles: proof before manifest, nothing left after a failure, tampering found."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import torch

from likeness.errors import DataError, UnsafeFileError, UsageError
from likeness.export.bundle import Bundle, Port, measure_parity, write_bundle
from likeness.export.safetensors import read_tensors, write_tensors

WEIGHT = np.array([[1.0, -2.0], [0.5, 4.0]], np.float32)
SAMPLES = [{"x": np.array([1.0, 1.0], np.float32)}, {"x": np.array([3.0, -1.0], np.float32)}]


def reference(x: np.ndarray) -> dict[str, np.ndarray]:
    return {"y": WEIGHT @ x}


def open_model(folder: Path):
    weight = read_tensors(folder / "model.safetensors")["weight"].numpy()
    return lambda x: {"y": weight @ x}


def write(folder: Path, *, weight: np.ndarray = WEIGHT, **changes) -> Bundle:
    arguments = {
        "system": "toy",
        "target": "safetensors",
        "write_model": lambda f: write_tensors(
            f / "model.safetensors", {"weight": torch.from_numpy(weight)}
        ),
        "inputs": [Port("x", (2,), "float32", "a point", range=(-1.0, 1.0))],
        "outputs": [Port("y", (2,), "float32", "its image", rate=25.0)],
        "state": {"trigger": "ohwx", "mean": torch.tensor([1.0, 2.0])},
        "source_run": "toy/run-1",
        "checkpoint_sha256": "ab" * 32,
        "reference": reference,
        "exported": open_model,
        "samples": SAMPLES,
        "tolerance": 1e-6,
    }
    return write_bundle(folder, **{**arguments, **changes})


def test_a_bundle_says_what_it_is_and_where_it_came_from(tmp_path):
    bundle = write(tmp_path / "out" / "safetensors")
    assert sorted(p.name for p in bundle.folder.iterdir()) == [
        "manifest.json",
        "model.safetensors",
        "parity.json",
        "parity.npz",
        "state.safetensors",
    ]
    assert [p.name for p in bundle.folder.parent.iterdir()] == ["safetensors"]
    manifest = json.loads((bundle.folder / "manifest.json").read_text())
    assert manifest["source"] == {"run": "toy/run-1", "checkpoint_sha256": "ab" * 32}
    assert manifest["software"]["torch"] == metadata.version("torch")
    data = (bundle.folder / "model.safetensors").read_bytes()
    facts = manifest["files"]["model.safetensors"]
    assert facts == {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}

    again = Bundle.open(bundle.folder)
    assert (again.system, again.target) == ("toy", "safetensors")
    assert again.inputs == (Port("x", (2,), "float32", "a point", range=(-1.0, 1.0)),)
    assert again.outputs == (Port("y", (2,), "float32", "its image", rate=25.0),)
    assert again.state["trigger"] == "ohwx"
    torch.testing.assert_close(again.state["mean"], torch.tensor([1.0, 2.0]))


def test_parity_has_the_true_numbers(tmp_path):
    off = WEIGHT.copy()
    off[1, 1] += 0.001  # y[1] moves by 0.001 * x[1], |x[1]| = 1; the largest |y| is 5
    bundle = write(tmp_path / "b", weight=off, tolerance=1e-3)
    (difference,) = bundle.parity
    assert difference.output == "y"
    assert difference.largest_absolute == pytest.approx(0.001, rel=1e-3)
    assert difference.largest_relative == pytest.approx(0.001 / 5, rel=1e-3)
    saved = bundle.samples()
    assert len(saved) == 2
    for (inputs, outputs), sample in zip(saved, SAMPLES, strict=True):
        np.testing.assert_array_equal(inputs["x"], sample["x"])
        np.testing.assert_array_equal(outputs["y"], WEIGHT @ sample["x"])
    (repeated,) = measure_parity(bundle, open_model(bundle.folder))
    assert repeated == difference
    (exact,) = measure_parity(bundle, reference)
    assert exact.largest_absolute == 0


def test_no_parity_no_bundle(tmp_path):
    off = WEIGHT.copy()
    off[1, 1] += 0.5
    with pytest.raises(DataError, match=r"'y' differs by 0\.5, 0\.1 of its magnitude .*1e-06"):
        write(tmp_path / "b", weight=off)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "exports" / "b", exported=_interrupted)
    assert list(tmp_path.iterdir()) == []  # nor the folders that were made for it


def _interrupted(folder: Path):
    raise KeyboardInterrupt


def test_a_failed_export_leaves_the_older_bundle(tmp_path):
    old = write(tmp_path / "b").manifest
    with pytest.raises(DataError):
        write(tmp_path / "b", weight=WEIGHT * 2)
    with pytest.raises(RuntimeError, match="disk"):
        write(
            tmp_path / "b", write_model=lambda folder: (_ for _ in ()).throw(RuntimeError("disk"))
        )
    assert Bundle.open(tmp_path / "b").manifest == old
    assert [p.name for p in tmp_path.iterdir()] == ["b"]
    assert write(tmp_path / "b", target="other").target == "other"


@pytest.mark.parametrize(
    ("exported", "message"),
    [
        (lambda x: {"y": np.zeros(3)}, r"'y' of the export has shape \(3,\), of the source \(2,\)"),
        (lambda x: {"z": np.zeros(2)}, "The export gave no output 'y'"),
        (lambda x: {"y": np.array([np.nan, 0])}, "'y' has values that are not finite"),
    ],
)
def test_wrong_outputs_are_named(tmp_path, exported, message):
    with pytest.raises(DataError, match=message):
        write(tmp_path / "b", exported=lambda folder: exported)
    assert list(tmp_path.iterdir()) == []


def test_an_older_bundle_is_replaced_with_a_word(tmp_path, caplog):
    """It was replaced silently."""
    with caplog.at_level("INFO", logger="likeness"):
        write(tmp_path / "b")
        assert caplog.messages == []
        write(tmp_path / "b")
    told = f"{tmp_path / 'b'} held an older bundle, which this one replaces."
    assert caplog.messages == [told]


def test_a_foreign_folder_is_not_replaced(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="is not a bundle"):
        write(tmp_path / "b")
    assert (tmp_path / "b" / "thesis.txt").exists()


@pytest.mark.parametrize(
    "name", ["model.safetensors", "parity.json", "parity.npz", "state.safetensors"]
)
def test_a_changed_or_missing_file_is_refused(tmp_path, name):
    bundle = write(tmp_path / "b")
    path = bundle.folder / name
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match=rf"{name} was changed after the export"):
        Bundle.open(bundle.folder)
    path.unlink()
    with pytest.raises(DataError, match=f"lacks '{name}'"):
        Bundle.open(bundle.folder)


def test_manifests_that_cannot_be_trusted_are_refused(tmp_path):
    bundle = write(tmp_path / "b")
    path = bundle.folder / "manifest.json"
    good = json.loads(path.read_text())
    (tmp_path / "secret").write_text("x")
    for name in ("../secret", str(tmp_path / "secret")):
        path.write_text(json.dumps({**good, "files": {name: {"sha256": "0"}}}))
        with pytest.raises(UnsafeFileError, match="outside its folder"):
            Bundle.open(bundle.folder)
    path.write_text(json.dumps({**good, "format": "likeness.bundle/9"}))
    with pytest.raises(DataError, match=r"format 'likeness\.bundle/9'"):
        Bundle.open(bundle.folder)
    path.write_text("{")
    with pytest.raises(DataError, match=r"manifest\.json cannot be read"):
        Bundle.open(bundle.folder)
    with pytest.raises(DataError, match="Expected a bundle"):
        Bundle.open(tmp_path / "nowhere")


def test_samples_are_required(tmp_path):
    with pytest.raises(ValueError, match="at least one sample"):
        write(tmp_path / "b", samples=[])


def test_what_a_killed_export_left_is_removed_by_the_next_and_no_other(tmp_path):
    started = tmp_path / "started"
    code = (
        "import os, signal, sys, time\nfrom pathlib import Path\n"
        "from tests.export.test_bundle import write\n"
        "def write_model(folder):\n"
        "    (folder / 'half').write_bytes(b'x')\n"
        f"    Path({str(started)!r}).touch()\n"
        "    time.sleep(60)\n"
        f"write(Path({str(tmp_path / 'b')!r}), write_model=write_model)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": "."})
    try:
        while not started.exists():
            assert process.poll() is None
            time.sleep(0.05)
        write(tmp_path / "b")
        (leftover,) = tmp_path.glob(".b.*")  # of an export that still runs
        assert (leftover / "half").exists()
    finally:
        process.kill()
        process.wait()
    assert leftover.exists()
    write(tmp_path / "b")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "started"]
