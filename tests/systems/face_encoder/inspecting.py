"""Looking for one finding in a damaged dataset."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from likeness.data.inspection import Finding, Inspection
from likeness.systems.face_encoder.data import CONTRACT


def found(inspection: Inspection, code: str) -> list[Finding]:
    return [finding for finding in inspection.findings if finding.code == code]


def only(folder: Path, code: str, severity: str = "error") -> Finding:
    """The one finding of a code; there is no error of another kind."""
    inspection = CONTRACT.inspect(str(folder))
    findings = found(inspection, code)
    assert len(findings) == 1, inspection.to_json()
    assert findings[0].severity == severity
    assert findings[0].advice
    assert {f.code for f in inspection.errors} <= {code}
    assert inspection.ok == (severity != "error")
    return findings[0]


def save_points(data: Path, points: np.ndarray, name: str = "p0_0") -> None:
    np.save(data / "landmarks" / f"{name}.npy", points)


def points_of(data: Path, name: str = "p0_0") -> np.ndarray:
    return np.load(data / "landmarks" / f"{name}.npy")
