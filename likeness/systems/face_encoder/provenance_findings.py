"""What the inspection says of ``provenance.json``: origin and consent, and the studio's version."""

from __future__ import annotations

from likeness.data.inspection import Finding
from likeness.errors import DataError
from likeness.studio.version import STUDIO_VERSION
from likeness.systems.face_encoder.json_files import read_object
from likeness.systems.face_encoder.layouts import Folder

_ADVICE = "Write provenance.json with at least 'source' and 'consent'."


def provenance_findings(folder: Folder) -> list[Finding]:
    """Findings on where the photographs come from, and that their subjects agreed."""
    path = folder.root / "provenance.json"
    if not path.is_file():
        message = "Nothing says where the photographs come from and that their subjects agreed."
        return [Finding("advice", "no-provenance", path.name, message, _ADVICE)]
    try:
        facts = read_object(path)
    except DataError as error:
        advice = error.advice or _ADVICE
        return [Finding("error", "provenance-unreadable", path.name, error.message, advice)]
    findings = []
    missing = [name for name in ("source", "consent") if not str(facts.get(name) or "").strip()]
    if missing:
        message = (
            "Expected where the photographs come from and that their subjects agreed, found no "
            f"{' and no '.join(missing)}."
        )
        findings.append(Finding("advice", "no-consent", path.name, message, _ADVICE))
    version = facts.get("studio_version", STUDIO_VERSION)
    if folder.head is not None and version != STUDIO_VERSION:
        message = (
            f"These people are of version {version} of the studio; this is version "
            f"{STUDIO_VERSION}: their truth is of another head."
        )
        advice = "Make the dataset again, or train with data.allow_model_mismatch=true."
        findings.append(Finding("warning", "studio-version", path.name, message, advice))
    return findings
