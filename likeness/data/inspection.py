"""What was found in a dataset: counts and findings, with text, JSON and dictionary forms.

Owns the record only; what to look for is each contract's business.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from textwrap import indent
from typing import Any, Literal

Severity = Literal["error", "warning", "advice"]
_ORDER: dict[str, int] = {"error": 0, "warning": 1, "advice": 2}


@dataclass(frozen=True)
class Finding:
    """One thing a person should know about one file (or about the whole dataset)."""

    severity: Severity
    code: str
    """Stable kebab-case name, e.g. ``image-truncated``."""
    path: str
    """The file concerned, relative to the dataset where possible; ``""`` for the whole."""
    message: str
    """What was expected and what was found."""
    advice: str
    """What to do."""

    def to_text(self) -> str:
        """Where and what, then on a line of its own what to do; all set in by two."""
        lines = [f"{self.path}: {self.message}" if self.path else self.message]
        lines += [f"    {self.advice}"] if self.advice else []
        return indent("\n".join(lines), "  ")


@dataclass(frozen=True)
class Inspection:
    """The outcome of looking at a dataset. Inspecting never raises on bad data; it finds."""

    uri: str
    counts: dict[str, int] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    is_of_settings: bool = False
    """Whether settings decide what is found, so that looking at ``uri`` alone finds something else.
    Kept by this process only."""
    is_up_to_date: bool = False
    """Whether a request to make the dataset found it made already. Kept by this process only."""
    stamps: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What the files were like, by the setting that names their place: values of a
    :class:`likeness.storage.stamps.Stamp`. Of what a run trains on; else empty."""

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.severity == "error")

    @property
    def ok(self) -> bool:
        """True when nothing stops training."""
        return not self.errors

    def sorted_findings(self) -> list[Finding]:
        return sorted(self.findings, key=lambda f: (_ORDER[f.severity], f.code, f.path))

    def to_dict(self) -> dict[str, Any]:
        return {
            "uri": self.uri,
            "counts": dict(self.counts),
            "findings": [asdict(f) for f in self.sorted_findings()],
            **({"stamps": dict(self.stamps)} if self.stamps else {}),
        }

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False)

    @staticmethod
    def from_dict(data: dict[str, Any]) -> Inspection:
        return Inspection(
            uri=data["uri"],
            counts=dict(data["counts"]),
            findings=tuple(Finding(**f) for f in data["findings"]),
            stamps=data.get("stamps", {}),
        )


def merge(uri: str, parts: Iterable[Inspection]) -> Inspection:
    """One inspection from several: counts are added, findings joined."""
    counts: dict[str, int] = {}
    findings: list[Finding] = []
    for part in parts:
        for key, value in part.counts.items():
            counts[key] = counts.get(key, 0) + value
        findings.extend(part.findings)
    return Inspection(uri=uri, counts=counts, findings=tuple(findings))


def with_emptiness(inspection: Inspection) -> Inspection:
    """The same, with an error where nothing was found: no fault, and not one sample either."""
    if not inspection.counts or any(inspection.counts.values()) or not inspection.ok:
        return inspection
    message = f"Expected samples, found none: {', '.join(inspection.counts)} 0."
    found = Finding("error", "empty", "", message, "Make the dataset again, or name another one.")
    return replace(inspection, findings=(*inspection.findings, found))
