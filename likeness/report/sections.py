"""The parts of a page that are tables: scores, plan, data, settings, exports, environment."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from likeness.report.charts import sparkline
from likeness.report.contents import Contents, Evaluation, config_rows
from likeness.report.gallery import Embedder, evaluation_pictures
from likeness.report.markup import badge, details, duration, number, pairs, table, text

_SCORE_HEADERS = ("score", "value", "baseline", "difference", "trend", "samples#")
_MAX_SCORES = 12
_MAX_PERCENT = 1000
"""A baseline that is hardly more than rounding makes percents that say nothing."""


def is_better(row: Mapping[str, Any]) -> bool | None:
    """Whether a score beats its baseline; None without one."""
    value, baseline = row.get("value"), row.get("baseline")
    if not isinstance(value, (int, float)) or not isinstance(baseline, (int, float)):
        return None
    return value < baseline if row.get("direction") == "lower" else value > baseline


def verdict(row: Mapping[str, Any]) -> str:
    """The difference to the baseline in percent of it, and whether that is better."""
    better = is_better(row)
    if better is None:
        return ""
    value, baseline = row["value"], row["baseline"]
    percent = 100 * (value - baseline) / abs(baseline) if baseline else math.inf
    change = f"{percent:+.0f} %" if abs(percent) <= _MAX_PERCENT else ""
    if value == baseline:
        return badge("equal")
    return f"{text(change)} {badge('better', 'good') if better else badge('worse', 'bad')}"


def tiles(contents: Contents) -> str:
    """The headline: up to four scores, then speed and time."""
    items: list[tuple[str, str, str]] = []
    latest = contents.latest_scores()
    for row in (latest.scores if latest else ())[:4]:
        unit = f" <small>{_unit(row)}</small>"
        beside = ""
        if row.get("baseline") is not None:
            beside = f"{text(row.get('baseline_name') or 'baseline')} {number(row['baseline'])}"
            beside += f"<br>{verdict(row)}"
        name = f"{row['name']}, {_split_name(latest.split)}" if latest else str(row["name"])
        items.append((name, number(row.get("value")) + unit, beside))
    losses = [row for row in contents.metrics if row.get("loss/total") is not None]
    if losses:
        first, last = number(losses[0]["loss/total"]), number(losses[-1]["loss/total"])
        items.append(("total loss", last, f"at first {first}"))
    if contents.seconds:
        items.append(("training time", text(duration(contents.seconds)), _speed(contents)))
    return "".join(
        f'<div class="tile"><span>{text(name)}</span><b>{value}</b><span>{beside}</span></div>'
        for name, value, beside in items
    )


def _split_name(split: str) -> str:
    return f"{split} split" if split else "validation while training"


def scores(contents: Contents, embedder: Embedder) -> str:
    """The latest scores of every split beside their baselines, with the trend over steps."""
    latest: dict[str, Evaluation] = {}
    for evaluation in contents.evaluations:
        latest[evaluation.split] = evaluation
    parts = []
    for split, evaluation in sorted(latest.items()):
        rows = [_score_row(contents, evaluation, row) for row in evaluation.scores]
        first, rest = rows[:_MAX_SCORES], rows[_MAX_SCORES:]
        more = table(_SCORE_HEADERS, rest, kind="scores") if rest else ""
        title = _split_name(split)
        parts.append(
            f"<h3>{text(title.capitalize())} <small>step {evaluation.step}</small></h3>"
            + table(_SCORE_HEADERS, first, kind="scores")
            + (details(f"{len(rest)} more scores", more) if more else "")
            + evaluation_pictures(evaluation.folder, embedder)
        )
    return "".join(parts)


def _score_row(
    contents: Contents, evaluation: Evaluation, row: Mapping[str, Any]
) -> tuple[str, ...]:
    history = [
        float(other["value"])
        for past in contents.evaluations
        if past.split == evaluation.split
        for other in past.scores
        if other["name"] == row["name"] and isinstance(other.get("value"), (int, float))
    ]
    baseline = row.get("baseline")
    arrow = {"lower": "↓", "higher": "↑"}.get(str(row.get("direction")), "")
    hint = {"↓": "lower is better", "↑": "higher is better"}.get(arrow, "")
    return (
        f'<span class="nowrap">{text(row["name"])} <span title="{hint}">{arrow}</span></span>',
        f"<b>{number(row.get('value'))}</b> <small>{_unit(row)}</small>",
        f"{number(baseline)} <small>{text(row.get('baseline_name') or '')}</small>"
        if baseline is not None
        else "",
        verdict(row),
        sparkline(history, rule=baseline if isinstance(baseline, (int, float)) else None),
        number(row.get("count")),
    )


def plan(contents: Contents) -> str:
    """The stages as a line of time and as a table."""
    stages = contents.stages
    if not stages:
        return ""
    bars, rows = [], []
    for index, stage in enumerate(stages):
        first, end = stage.get("first_step", 0), stage.get("end_step", 0)
        name = text(stage.get("name", ""))
        bars.append(
            f'<div style="--k:var(--c{index % 8});flex:{max(1, int(end) - int(first))}" '
            f'title="{name}">{name}</div>'
        )
        groups = stage.get("groups")
        rows.append(
            (
                name,
                f"{number(first)} – {number(end)}",
                number(stage.get("batch_size")),
                _mapping(stage.get("weights")),
                "all" if groups is None else _mapping(groups),
                _schedule(stage),
            )
        )
    headers = ["stage", "steps#", "batch#", "weights", "groups that learn", "schedule"]
    return f'<div class="timeline">{"".join(bars)}</div>' + table(headers, rows, kind="stages")


def data(contents: Contents) -> str:
    """What inspection counted and found."""
    found = contents.inspection
    if not found:
        return ""
    findings = [row for row in found.get("findings", []) if isinstance(row, dict)]
    counts = found.get("counts") or {}
    facts = pairs([(name.replace("_", " "), number(value)) for name, value in counts.items()])
    rows = [
        (
            badge(str(row.get("severity", "")), str(row.get("severity", ""))),
            f'<span class="key">{text(row.get("path") or "the whole set")}</span>',
            text(row.get("message", "")),
            text(row.get("advice", "")),
        )
        for row in findings
    ]
    listed = table(["", "where", "finding", "what to do"], rows, kind="findings")
    if not rows:
        listed = "<p>Nothing to report: no errors, no warnings.</p>"
    elif len(rows) > 12:
        listed = details(f"{len(rows)} findings", listed)
    return f'<p class="lead"><code>{text(found.get("uri", ""))}</code></p>{facts}{listed}'


def configuration(contents: Contents) -> str:
    """What was chosen for this run first, then every value, each with where it came from."""
    rows = config_rows(contents)
    if not rows:
        return ""
    plain = ("default", "profile")
    chosen = [row for row in rows if row[2] and row[2] not in plain]
    headers = ["setting", "value", "from"]
    parts = []
    if chosen:
        listing = table(headers, [_setting(row) for row in chosen])
        parts.append(f"<h3>Set for this run</h3>{listing}")
    sections: dict[str, list[tuple[str, Any, str, str]]] = {}
    for row in rows:
        sections.setdefault(row[0].split(".")[0], []).append(row)
    parts.append("<h3>All settings</h3>")
    for name, members in sections.items():
        listing = table(headers, [_setting(row) for row in members])
        parts.append(details(f"{text(name)} <small>{len(members)}</small>", listing))
    return "".join(parts)


def exports(contents: Contents) -> str:
    """Every bundle with the proof that it equals the model."""
    parts = []
    for export in contents.exports:
        manifest, parity = export.manifest, export.parity
        tolerance = parity.get("tolerance")
        proof = [
            (
                f'<span class="key">{text(row.get("output", ""))}</span>',
                f"{row.get('largest_absolute', float('nan')):.2e}",
                f"{row.get('largest_relative', float('nan')):.2e}",
                number(tolerance),
                badge("within", "good")
                if row.get("largest_relative", float("inf")) <= (tolerance or 0)
                else badge("beyond", "bad"),
            )
            for row in parity.get("outputs", [])
        ]
        ports = [
            (
                kind,
                f'<span class="key">{text(port.get("name", ""))}</span>',
                text(" × ".join(str(length) for length in port.get("shape", []))),
                text(port.get("dtype", "")),
                text(port.get("meaning", "")),
            )
            for kind in ("inputs", "outputs")
            for port in manifest.get(kind, [])
        ]
        size = sum(file.get("bytes", 0) for file in manifest.get("files", {}).values())
        headers = ["output", "largest difference#", "of its magnitude#", "allowed#", ""]
        parts.append(
            f"<h3>{text(export.target)} <small>{size / 1e6:.2f} MB, compared on "
            f"{number(parity.get('samples'))} samples</small></h3>"
            + table(headers, proof)
            + details("Inputs and outputs", table(["", "name", "shape", "type", "meaning"], ports))
        )
    return "".join(parts)


def environment(contents: Contents) -> str:
    """Machine, versions, revision and command line, then when and how it was resumed."""
    values = dict(contents.environment)
    if not values:
        return ""
    packages = values.pop("packages", None) or {}
    code = values.pop("code", None) or {}
    resumed = values.pop("resumed", None)
    rows = [
        (name.replace("_", " "), text(_flat(value)))
        for name, value in values.items()
        if name != "command" and value is not None
    ]
    if code:
        rows.append(("code", _revision(code)))
    listed = "".join(f"{name} {version}\n" for name, version in packages.items())
    command = values.get("command")
    return (
        (f"<pre>{text(command)}</pre>" if command else "")
        + pairs(rows)
        + (details("Packages", f"<pre>{text(listed)}</pre>") if listed else "")
        + _resumes(resumed, code)
    )


def _revision(code: Mapping[str, Any]) -> str:
    state = " with local changes" if code.get("dirty") else ""
    return f"<code>{text(str(code.get('revision', ''))[:12])}</code>{state}"


def _resumes(entries: Any, first: Mapping[str, Any]) -> str:
    """Time, step and command line of each resume, and its revision where the run had another."""
    found = [row for row in entries if isinstance(row, dict)] if isinstance(entries, list) else []
    rows = []
    for entry in found:
        code = entry.get("code")
        other = _revision(code) if isinstance(code, dict) else ""
        rows.append(
            (
                text(entry.get("time", "")),
                number(entry.get("step")),
                f"<code>{text(entry.get('command', ''))}</code>",
                "" if other == _revision(first) else other,
            )
        )
    headers = ["when", "from step#", "command", "other revision"]
    return f"<h3>Resumed</h3>{table(headers, rows)}" if rows else ""


def _unit(row: Mapping[str, Any]) -> str:
    unit = str(row.get("unit") or "")
    return "" if unit == "1" else text(unit)


def _setting(row: tuple[str, Any, str, str]) -> tuple[str, str, str]:
    key, value, layer, detail = row
    origin = f"{badge(layer)} <small>{text(detail)}</small>" if layer else ""
    shown = json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else value
    return f'<span class="key">{text(key)}</span>', f"<code>{text(shown)}</code>", origin


def _mapping(values: Any) -> str:
    if not isinstance(values, dict):
        return ""
    shown = []
    for name, value in values.items():
        if isinstance(value, dict):  # a ramp
            value = f"{number(value.get('start'))} → {number(value.get('end'))}"
        else:
            value = number(value)
        shown.append(f"{text(name)} {value}")
    return "<br>".join(shown)


def _schedule(stage: Mapping[str, Any]) -> str:
    schedule = stage.get("schedule") or {}
    words = [str(schedule.get("kind", ""))]
    if schedule.get("warmup_steps"):
        words.append(f"warm-up {schedule['warmup_steps']}")
    if stage.get("learning_rate") is not None:
        words.append(f"rate {number(stage['learning_rate'])}")
    return text(", ".join(word for word in words if word))


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {item}" for name, item in value.items() if item is not None)
    return str(value)


def _speed(contents: Contents) -> str:
    name = "samples_per_second"
    speeds = [row[name] for row in contents.metrics if row.get(name)]
    return f"{number(sorted(speeds)[len(speeds) // 2], digits=3)} samples/s" if speeds else ""
