"""The same on every machine: bytes on this one, a golden file within tolerances on others.

``python -m tests.studio.test_determinism`` writes the golden file anew; a change that moves it says
why, and counts ``STUDIO_VERSION`` up where a release had the old values.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from likeness.data.workers import in_order
from likeness.speech.espeak_library import is_espeak_present
from likeness.studio.person import Person
from likeness.systems.face_encoder.studio import make
from tests.studio import products as p

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "studio.json"
ONE_LEVEL, MOST_OTHERS = 1, 0.001
"""Pictures: within 1/255 on 99.9 % of the pixels."""
CURVE_TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def golden() -> dict:
    return json.loads(GOLDEN.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", list(p.PICTURES))
def test_pictures_are_the_golden_ones(golden, name):
    picture, wanted = p.PICTURES[name](), golden["pictures"][name]
    pixels = np.frombuffer(base64.b64decode(wanted["pixels"]), np.uint8)
    off = np.abs(p.kept_pixels(picture).astype(int) - pixels.astype(int)) > ONE_LEVEL
    assert off.mean() <= MOST_OTHERS
    np.testing.assert_allclose(p.means(picture), wanted["means"], atol=0.5)


@pytest.mark.parametrize("name", p.BACKENDS)
def test_speech_is_the_golden_one(golden, name):
    """Sound is equal for one version of the library, then times and curves follow."""
    if name == "espeak" and not is_espeak_present():
        pytest.skip("eSpeak NG is not installed")
    utterance, curves, wanted = p.spoken(name), p.performed(name), golden["speech"][name]
    if utterance.backend != wanted["backend"]:
        pytest.skip(f"the golden file has {wanted['backend']}, here is {utterance.backend}")
    assert p.digest(utterance.audio) == wanted["audio"]
    ends = [segment.end for segment in utterance.timeline.segments][:16]
    np.testing.assert_allclose(ends, wanted["segments"], atol=1e-6)
    moving = curves.values[:, np.ptp(curves.values, axis=0) > 0.2]
    np.testing.assert_allclose(p.sixteen(moving), wanted["curves"], atol=CURVE_TOLERANCE)
    assert len(curves.events) == wanted["events"]


def test_the_person_is_the_golden_one(golden):
    assert Person.sample(5).fingerprint == golden["person"]


@pytest.mark.slow
def test_two_fresh_processes_make_the_same_bytes():
    code = "import json; from tests.studio.products import products; print(json.dumps(products()))"
    found = []
    for seed, threads in (("1", "1"), ("2", "2")):
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONHASHSEED": seed,
            "OMP_NUM_THREADS": threads,
        }
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        found.append(json.loads(done.stdout))
    assert found[0] == found[1]
    assert len(found[0]) == len(p.PICTURES) + 4 * (1 + is_espeak_present())


@pytest.mark.slow
def test_any_number_of_workers_makes_the_same_bytes():
    numbers = list(range(len(p.PICTURES) + len(p.BACKENDS)))
    alone, together = (list(in_order(p.product, numbers, workers)) for workers in (1, 4))
    assert alone == together
    backwards = list(in_order(p.product, numbers[::-1], 1))
    assert backwards[::-1] == alone


@pytest.mark.slow
def test_a_dataset_is_the_same_for_any_number_of_workers(tmp_path):
    """And people added later change none of those before them."""
    for name, people, workers in (("one", 4, 1), ("four", 4, 4), ("more", 5, 2)):
        make(str(tmp_path / name), people=people, seed=3, photos=2, size=64, workers=workers)
    one, four, more = (_content(tmp_path / name) for name in ("one", "four", "more"))
    assert len(one) > 4 * 2 * 4
    assert one == four
    pictures = {name: data for name, data in one.items() if "/" in name}
    assert pictures.items() <= more.items()


def _content(root: Path) -> dict[str, bytes]:
    """Every file but the record of when it was made."""
    files = [path for path in root.rglob("*") if path.is_file()]
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in files
        if path.name != "provenance.json"
    }


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(p.golden(), indent=1) + "\n", encoding="utf-8")
