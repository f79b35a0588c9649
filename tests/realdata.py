"""Finds the real recordings some tests use. They do not come with the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[1]


def real_data(folder: str) -> Path:
    """The named folder of real test data; skips the test when there is none at all.

    ``LIKENESS_TEST_DATA`` names the folder that holds it. A setting that points nowhere is an
    error, so that a wrong setting cannot hide a test.
    """
    setting = os.environ.get("LIKENESS_TEST_DATA")
    if setting:
        path = Path(setting) / folder
        if not path.is_dir():
            raise FileNotFoundError(f"LIKENESS_TEST_DATA is set, but there is no folder {path}")
        return path
    for root in (_ROOT.parent / "shared" / "data", _ROOT / "shared" / "data"):
        if (root / folder).is_dir():
            return root / folder
    pytest.skip(
        "real test data not found; set LIKENESS_TEST_DATA to the folder with ict_face_model/, "
        "london_faces/, ..."
    )
