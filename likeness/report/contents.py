"""What a run directory holds, read for a report: whatever is missing or damaged becomes a note.

A report must come out of every run, also of one that failed in its first second or was copied in
part; so nothing here raises on what it finds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from likeness.config.keys import settings
from likeness.errors import LikenessError
from likeness.runs.record import read_metrics
from likeness.runs.run import Document, Run, steps_in
from likeness.runs.status import Status


@dataclass(frozen=True)
class Evaluation:
    """The scores of one step on one split."""

    step: int
    split: str
    """"" for the evaluations made while training."""
    folder: Path
    scores: tuple[dict[str, Any], ...]
    """Rows of scores.json: name, value, unit, direction, count, baseline, baseline_name."""


@dataclass(frozen=True)
class Export:
    """The proof and the facts of one bundle."""

    target: str
    manifest: dict[str, Any]
    parity: dict[str, Any]


@dataclass
class Contents:
    """Everything a page shows of a run, except pictures."""

    run: Run
    status: Status
    config: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    plan: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    inspection: dict[str, Any] = field(default_factory=dict)
    metrics: list[dict[str, Any]] = field(default_factory=list)
    evaluations: list[Evaluation] = field(default_factory=list)
    exports: list[Export] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What could not be read."""

    @property
    def system(self) -> str:
        return str(self.config.get("system") or self.run.path.parent.name)

    @property
    def stages(self) -> list[dict[str, Any]]:
        stages = self.plan.get("stages", [])
        return [stage for stage in stages if isinstance(stage, dict)]

    @property
    def seconds(self) -> float:
        """Time between the first and the last line of the metrics, pauses included."""
        times = [row["time"] for row in self.metrics if isinstance(row.get("time"), (int, float))]
        return float(max(times) - min(times)) if times else 0.0

    def latest_scores(self) -> Evaluation | None:
        """The evaluation a headline quotes: of the latest step, what was held out longest first."""
        return max(self.evaluations, key=lambda e: (e.step, _held_out(e.split)), default=None)


def _held_out(split: str) -> int:
    """Order of splits by how little the weights know of them; without a name is what training
    looks at itself."""
    order = ("train", "", "validation", "test")
    return order.index(split) if split in order else len(order)


def read_contents(run: Run) -> Contents:
    """Read a run directory."""
    contents = Contents(run, Status("planned"))
    try:
        contents.status = run.status
    except LikenessError as error:
        contents.notes.append(error.message)
    contents.config = _config(run, contents.notes)
    documents: tuple[Document, ...] = ("provenance", "plan", "environment", "inspection")
    for document in documents:
        try:
            setattr(contents, document, run.read(document))
        except LikenessError as error:
            contents.notes.append(error.message)
    contents.metrics = read_metrics(run.metrics_path)
    for step in steps_in(run.path / "evaluation"):
        folder = run.evaluation_folder(step)
        for path in sorted([*folder.glob("scores.json"), *folder.glob("*/scores.json")]):
            split = "" if path.parent == folder else path.parent.name
            rows = _json(path, list, contents.notes)
            kept = tuple(row for row in rows if isinstance(row, dict) and "name" in row)
            contents.evaluations.append(Evaluation(step, split, path.parent, kept))
    for path in sorted((run.path / "exports").glob("*/manifest.json")):
        contents.exports.append(
            Export(
                target=path.parent.name,
                manifest=_json(path, dict, contents.notes),
                parity=_json(path.parent / "parity.json", dict, contents.notes),
            )
        )
    return contents


def preview_files(run: Run) -> dict[str, list[tuple[int, Path]]]:
    """Preview name to its files in order of steps; a name is the path inside the step's folder."""
    found: dict[str, list[tuple[int, Path]]] = {}
    for step in run.preview_steps():
        folder = run.preview_folder(step)
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                found.setdefault(path.relative_to(folder).as_posix(), []).append((step, path))
    return found


def config_rows(contents: Contents) -> list[tuple[str, Any, str, str]]:
    """Every setting: dotted key, value, layer it came from, detail of that layer."""
    rows = []
    for key, value in settings(contents.config).items():
        origin = contents.provenance.get(key)
        layer, detail = ("", "")
        if isinstance(origin, dict):
            layer, detail = str(origin.get("layer", "")), str(origin.get("detail", ""))
        if key not in ("format", "system", "profile"):
            rows.append((key, value, layer, detail))
    return rows


def _config(run: Run, notes: list[str]) -> dict[str, Any]:
    try:
        value = yaml.safe_load(run.config_yaml)
    except (LikenessError, yaml.YAMLError, UnicodeDecodeError) as error:
        notes.append(f"{run.config_path} cannot be read: {error}")
        return {}
    return value if isinstance(value, dict) else {}


def _json(path: Path, kind: type, notes: list[str]) -> Any:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        notes.append(f"{path} cannot be read: {error}")
        return kind()
    if not isinstance(value, kind):
        notes.append(f"{path} should hold a JSON {kind.__name__}.")
        return kind()
    return value
