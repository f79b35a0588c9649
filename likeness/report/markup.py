"""Small pieces of HTML with everything that comes from outside escaped.

Names of runs, error texts and paths are untrusted: whatever is not made here passes through
:func:`text`.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from typing import Any

from likeness.report.style import STYLE


def text(value: Any) -> str:
    """Any value as escaped text, safe between tags and inside double-quoted attributes."""
    return html.escape(str(value), quote=True)


def number(value: Any, *, digits: int = 4) -> str:
    """A number for people: four significant digits, thousands apart; other values as text."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return text("–" if value is None else value)
    if not math.isfinite(value):
        return text(value)
    if isinstance(value, int) or (abs(value) >= 10_000 and value == round(value)):
        return f"{value:,.0f}".replace(",", "\u202f")
    if value != 0 and not 1e-4 <= abs(value) < 1e6:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    shown = f"{value:.{digits}g}"
    if "e" in shown:
        shown = f"{value:,.0f}".replace(",", "\u202f")
    return shown


def duration(seconds: float) -> str:
    """A length of time for people: "42 s", "3 min 20 s", "5 h 12 min", "2 d 3 h"."""
    seconds = max(0.0, seconds)
    for size, unit, smaller, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} {int(seconds % size // smaller)} {small}"
    if seconds >= 60:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, kind: str = "") -> str:
    """A table that scrolls sideways on a narrow screen. Cells are HTML, headers plain text.

    A header that ends in ``#`` makes its column right-aligned numbers.
    """
    columns = [header.endswith("#") for header in headers]
    head = "".join(
        f"<th{' class=n' if right else ''}>{text(header.rstrip('#'))}</th>"
        for header, right in zip(headers, columns, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{' class=n' if right else ''}>{cell}</td>"
            for cell, right in zip(row, columns, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll"><table class="{text(kind)}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def pairs(rows: Iterable[tuple[str, str]]) -> str:
    """A list of facts; names are plain text, values HTML."""
    return (
        "<dl>"
        + "".join(f"<div><dt>{text(name)}</dt><dd>{value}</dd></div>" for name, value in rows)
        + "</dl>"
    )


def badge(label: str, kind: str = "") -> str:
    """A small coloured label; the colour only repeats what the text says."""
    return f'<span class="badge {text(kind)}">{text(label)}</span>'


def details(summary: str, body: str, *, is_open: bool = False) -> str:
    """Something to unfold; ``summary`` and ``body`` are HTML."""
    return f"<details{' open' if is_open else ''}><summary>{summary}</summary>{body}</details>"


def section(identifier: str, title: str, body: str, *, lead: str = "") -> str:
    """A titled part of the page; nothing when there is no body."""
    if not body:
        return ""
    intro = f'<p class="lead">{lead}</p>' if lead else ""
    return f'<section id="{text(identifier)}"><h2>{text(title)}</h2>{intro}{body}</section>'


def document(title: str, body: str) -> str:
    """A whole page; ``title`` is plain text, ``body`` HTML."""
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{text(title)}</title><style>{STYLE}</style></head><body>{body}</body></html>\n"
    )
