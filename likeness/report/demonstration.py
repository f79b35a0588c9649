"""The page the demo ends with: what was made, to look at, with scores, links and what comes next.

Owns the arrangement of one chapter per system. What there is to see and say of a system is the
system's; the full story of a run is its own report.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from likeness.report import sections
from likeness.report.contents import Contents, read_contents
from likeness.report.gallery import Embedder, shape_of
from likeness.report.markup import details, document, duration, number, pairs, section, text
from likeness.runs.files import write_text
from likeness.runs.run import Run

_WIDE, _LARGE = 1560, 720


@dataclass(frozen=True)
class Chapter:
    """One system of the demo.

    Attributes:
        run: what was trained.
        summary: what the system is for.
        words: what was done, and what may be expected of it.
        exhibits: title, file and caption of what there is to see.
        facts: name to value, such as who was made.
        places: name to file or folder, linked relative to the page.
        commands: what to do next, a line each, with a line that says what it is for.
    """

    run: Run
    summary: str
    words: str
    exhibits: Sequence[tuple[str, Path, str]]
    facts: Mapping[str, str]
    places: Mapping[str, Path]
    commands: Sequence[tuple[str, str]]

    @property
    def system(self) -> str:
        """Name of the system."""
        return self.run.path.parent.name


def build_demonstration(
    out: str | Path, chapters: Sequence[Chapter], *, left_out: Mapping[str, str] | None = None
) -> Path:
    """Write the page: one HTML file with pictures and films inside, without scripts.

    Args:
        out: the file.
        chapters: in the order shown.
        left_out: systems that could not be shown, with the reason.
    """
    out = Path(out)
    embedder = Embedder()
    body = "".join(_chapter(chapter, out.parent, embedder) for chapter in chapters)
    if left_out:
        rows = [(name, text(reason)) for name, reason in left_out.items()]
        body += section("left-out", "Left out", pairs(rows))
    links = "".join(f'<a href="#{text(c.system)}">{text(c.system)}</a>' for c in chapters)
    lead = (
        "People who do not exist were made, each system was trained small on them, measured on "
        "people it had not seen, tried on something new and exported. All of it lies beside this "
        "page."
    )
    write_text(
        out,
        document(
            "likeness: the demo",
            '<header><div><p class="eyebrow">likeness</p><h1>What the demo made</h1>'
            f'<p class="lead">{lead}</p></div></header><nav><div>{links}</div></nav>'
            f"<main>{body}</main>",
        ),
    )
    return out


def _chapter(chapter: Chapter, folder: Path, embedder: Embedder) -> str:
    contents = read_contents(chapter.run)
    figures = "".join(
        f'<div class="{shape_of(path)}"><h3>{text(title)}</h3>'
        f"{embedder.figure(path, text(caption), width=_WIDE if shape_of(path) else _LARGE)}</div>"
        for title, path, caption in chapter.exhibits
    )
    scores = details("All scores", sections.scores(contents, Embedder(0)))
    commands = "".join(
        f"<p>{text(purpose)}</p><pre>{text(command)}</pre>" for purpose, command in chapter.commands
    )
    links = ", ".join(
        f'<a href="{text(quote(os.path.relpath(place, folder)))}">{text(name)}</a>'
        for name, place in chapter.places.items()
    )
    return section(
        chapter.system,
        chapter.system,
        f"<p><b>{text(chapter.summary)}</b></p><p>{text(chapter.words)}</p>"
        f'<div class="gallery large">{figures}</div>'
        "<h3>Measured on what was not trained on</h3>"
        f'<div class="tiles">{sections.tiles(contents)}</div>{scores}'
        f"<h3>What was made</h3>{pairs(_facts(chapter, contents))}"
        f"<p>Look into it: {links}</p><h3>What to do next</h3>{commands}",
    )


def _facts(chapter: Chapter, contents: Contents) -> list[tuple[str, str]]:
    rows = [(name, text(value)) for name, value in chapter.facts.items()]
    profile = contents.config.get("profile")
    trained = f"{number(contents.status.step)} steps in {text(duration(contents.seconds))}"
    rows.append(("training", f"{trained}, profile {text(profile)}" if profile else trained))
    for export in contents.exports:
        largest = [row.get("largest_relative") for row in export.parity.get("outputs", [])]
        told = [value for value in largest if isinstance(value, (int, float))]
        proof = f"equal to the model within {number(max(told))}" if told else "equal to the model"
        rows.append((f"export {export.target}", proof))
    return rows
