"""One page for a run and one for several, rebuilt from run directories alone; open offline.

Owns the order of things. The parts are in the sibling modules.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

from likeness.report import sections
from likeness.report.charts import sparkline
from likeness.report.contents import Contents, preview_files, read_contents
from likeness.report.curves import curves
from likeness.report.gallery import Embedder, predictions, previews
from likeness.report.markup import badge, document, duration, number, section, text
from likeness.runs.files import write_text
from likeness.runs.run import Run

_LOG_LETTERS = 6_000


def build_report(run: Run | str | Path, *, output: str | Path | None = None) -> Path:
    """Write the page of a run: one self-contained HTML file, without scripts.

    Args:
        run: the run or its directory.
        output: the file; ``report.html`` in the run when not given.

    Raises:
        UsageError: there is no run at that path.
    """
    run = run if isinstance(run, Run) else Run(run)
    path = run.report_path if output is None else Path(output)
    contents = read_contents(run)
    write_text(path, _page(contents))
    return path


def build_index(runs: Sequence[Run | str | Path], out: str | Path) -> Path:
    """Write a page that shows several runs side by side and leads to their reports.

    Args:
        runs: in the order shown; reports that exist are linked, relative to ``out``.
        out: the HTML file.
    """
    out = Path(out)
    embedder = Embedder()
    cards = []
    for run in runs:
        contents = read_contents(run if isinstance(run, Run) else Run(run))
        cards.append(_card(contents, out.parent, embedder))
    body = (
        f'<header><div><p class="eyebrow">likeness</p><h1>{len(cards)} runs</h1></div></header>'
        f"<main>{''.join(cards)}{_footer()}</main>"
    )
    write_text(out, document("likeness: runs", body))
    return out


def _page(contents: Contents) -> str:
    embedder = Embedder()
    parts: tuple[tuple[str, Callable[[], str]], ...] = (
        ("Scores", lambda: sections.scores(contents, embedder)),
        ("Predictions", lambda: predictions(contents)),
        ("Previews", lambda: previews(contents, embedder)),
        ("Curves", lambda: curves(contents)),
        ("Plan", lambda: sections.plan(contents)),
        ("Data", lambda: sections.data(contents)),
        ("Exports", lambda: sections.exports(contents)),
        ("Configuration", lambda: sections.configuration(contents)),
        ("Environment", lambda: sections.environment(contents)),
        ("Log", lambda: _log(contents)),
    )
    headline = _drawn("headline", lambda: sections.tiles(contents), contents)
    drawn = [(title, _drawn(title, draw, contents)) for title, draw in parts]
    drawn.append(("What could not be read", _notes(contents)))
    present = [(title.split()[0].lower(), title, body) for title, body in drawn if body]
    links = "".join(f'<a href="#{name}">{text(title)}</a>' for name, title, _ in present)
    main = "".join(section(name, title, body) for name, title, body in present)
    body = (
        f"{_header(contents)}<nav><div>{links}</div></nav><main>"
        + (f'<div class="tiles">{headline}</div>' if headline else "")
        + f"{main}{_footer()}</main>"
    )
    return document(f"{contents.run.name} – {contents.system}", body)


def _drawn(title: str, draw: Callable[[], str], contents: Contents) -> str:
    """A part of the page; one whose file has another form than ours becomes a note."""
    try:
        return draw()
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        contents.notes.append(f"{title}: {type(error).__name__}: {error}")
        return ""


def _header(contents: Contents) -> str:
    status = contents.status
    facts = [_state(contents), f"step {number(status.step)} of {number(status.total_steps)}"]
    if status.reason:
        facts.append(f"ended early: {text(status.reason)}")
    profile = contents.config.get("profile")
    if profile:
        facts.append(f"profile {text(profile)}")
    if contents.seconds >= 1:
        facts.append(text(duration(contents.seconds)))
    if status.updated:
        facts.append(text(time.strftime("%Y-%m-%d %H:%M", time.localtime(status.updated))))
    error = f'<div class="error-text">{text(status.error)}</div>' if status.error else ""
    meta = "".join(f"<span>{fact}</span>" for fact in facts)
    return (
        f'<header><div><p class="eyebrow">{text(contents.system)}</p>'
        f'<h1>{text(contents.run.name)}</h1><div class="meta">{meta}</div>{error}</div></header>'
    )


def _state(contents: Contents) -> str:
    if contents.status.is_abandoned:
        return badge("ended without a word", "abandoned")
    return badge(contents.status.status, contents.status.status)


def _card(contents: Contents, folder: Path, embedder: Embedder) -> str:
    """A run on the page of several: its latest preview, its scores, the curve of its loss."""
    report = contents.run.report_path
    name = text(contents.run.name)
    if report.is_file():
        link = quote(os.path.relpath(report, folder))
        name = f'<a href="{text(link)}">{name}</a>'
    pictures = [
        versions[-1][1]
        for file, versions in preview_files(contents.run).items()
        if file.lower().endswith((".png", ".jpg", ".jpeg", ".webp", ".gif"))
    ]
    picture = embedder.figure(pictures[0], "", width=1040) if pictures else ""
    losses = [row["loss/total"] for row in contents.metrics if row.get("loss/total") is not None]
    trend = f"<span>loss {sparkline(losses)}</span>" if len(losses) > 1 else ""
    return (
        f'<section><p class="eyebrow">{text(contents.system)}</p><h2>{name}</h2>'
        f'<div class="meta"><span>{_state(contents)}</span>'
        f"<span>step {number(contents.status.step)}</span>"
        f"<span>{text(duration(contents.seconds))}</span>{trend}</div>"
        f'<div class="tiles">{sections.tiles(contents)}</div>{picture}</section>'
    )


def _log(contents: Contents) -> str:
    """The end of the log, for runs that did not end well."""
    path = contents.run.log_path
    if contents.status.status not in ("failed", "stopped") or not path.is_file():
        return ""
    words = path.read_text(encoding="utf-8", errors="replace")
    return f"<pre>{text(words[-_LOG_LETTERS:])}</pre>"


def _notes(contents: Contents) -> str:
    if not contents.notes:
        return ""
    return "<ul>" + "".join(f"<li>{text(note)}</li>" for note in contents.notes) + "</ul>"


def _footer() -> str:
    made = time.strftime("%Y-%m-%d %H:%M")
    return f"<footer>Built from the run's directory on {made}; this file needs no other.</footer>"
