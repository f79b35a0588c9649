"""Verbs about studio people: look at one, make the gallery of the documentation."""

from __future__ import annotations

import json
import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from likeness.cli.console import Answer, is_quiet, print_text, verb
from likeness.cli.progress import counting

if TYPE_CHECKING:
    from likeness.studio.showing import Exhibit

_PAGE, _RECORD = "index.html", "person.json"

app = typer.Typer(help="Look at studio people.", no_args_is_help=True)

Backend = Literal["auto", "espeak", "formant"]
Voice = Annotated[
    Backend,
    typer.Option(
        "--voice", help="espeak speaks the text (extra 'speech'), formant says syllables like it."
    ),
]
Open = Annotated[
    bool | None,
    typer.Option("--open/--no-open", help="In a browser; by default when run in a terminal."),
]


@verb
def show(
    seed: Annotated[int, typer.Option("--seed", help="Who: one number is one person.")] = 0,
    out: Annotated[
        str | None, typer.Option("--out", help="Folder for the page; out/person-SEED by default.")
    ] = None,
    text: Annotated[
        str | None, typer.Option("--text", help="What the person says; a sentence by default.")
    ] = None,
    size: Annotated[
        int,
        typer.Option(
            "--size", min=64, max=1024, help="Pixels; a film of an odd size is one pixel larger."
        ),
    ] = 384,
    voice: Voice = "auto",
    open_page: Open = None,
) -> Answer:
    """One person: portrait, turntable, expressions, emotions, photographs, a sentence spoken."""
    from likeness.replacement import replacing_together
    from likeness.runs.files import write_text
    from likeness.storage.files import disk_refusals, read_only_told, used_folder
    from likeness.storage.store import local_folder
    from likeness.studio.person import Person
    from likeness.studio.showing import SENTENCE, show_person

    folder = local_folder(f"out/person-{seed}" if out is None else out, "Pictures are written")
    person = Person.sample(seed)
    with (
        counting(f"Showing person {seed}") as progress,
        read_only_told("name another folder for the pictures"),
        disk_refusals(folder, "write the pictures"),
        used_folder(folder),
        replacing_together(folder) as made,
    ):
        shown = show_person(
            person,
            made,
            text=SENTENCE if text is None else text,
            size=size,
            backend=voice,
            progress=progress,
        )
        write_text(made / _RECORD, json.dumps(person.to_dict(), indent=1) + "\n")
        _write_page(made, f"{person.name}, person {seed}", _facts(person), shown)
    return _answer(folder, shown, open_page, {"person": str(folder / _RECORD)})


@verb
def gallery(
    out: Annotated[str, typer.Argument(help="Folder for the pictures.")] = "out/gallery",
    seed: Annotated[int, typer.Option("--seed", help="Who is shown closely.")] = 22,
    size: Annotated[int, typer.Option("--size", min=64, max=512, help="Pixels a picture.")] = 200,
    voice: Voice = "auto",
    open_page: Open = None,
) -> Answer:
    """The pictures of docs/studio.md: 24 people, one of them closely, a group, a sentence."""
    from likeness.replacement import replacing_together
    from likeness.seeds import check_seed
    from likeness.storage.files import disk_refusals, read_only_told, used_folder
    from likeness.storage.store import local_folder
    from likeness.studio.showing import make_gallery

    check_seed(seed)
    folder = local_folder(out, "Pictures are written")
    with (
        counting("Making the gallery") as progress,
        read_only_told("name another folder for the pictures"),
        disk_refusals(folder, "write the pictures"),
        used_folder(folder),
        replacing_together(folder) as made,
    ):
        shown = make_gallery(made, seed=seed, size=size, backend=voice, progress=progress)
        _write_page(made, "Studio people", {}, shown)
    return _answer(folder, shown, open_page, {})


def _facts(person: Any) -> dict[str, str]:
    look = person.appearance
    hair = f"{look.hair.length_name} {look.hair.colour_name}".strip()
    return {
        "sex": person.sex,
        "age": f"{person.age:.0f}",
        "hair": hair,
        "eyes": look.eyes.colour_name,
        "glasses": look.glasses.name or "none",
    }


def _write_page(folder: Path, title: str, facts: dict[str, str], shown: list[Exhibit]) -> None:
    from likeness.report.exhibition import build_exhibition

    parts = [(exhibit.title, exhibit.path, exhibit.caption) for exhibit in shown]
    build_exhibition(folder / _PAGE, title, facts, parts)


def _answer(
    folder: Path, shown: list[Exhibit], open_page: bool | None, more: dict[str, str]
) -> Answer:
    page = folder / _PAGE
    wanted = sys.stdout.isatty() if open_page is None else open_page
    if wanted and not is_quiet():
        webbrowser.open(page.resolve().as_uri())
    files = [
        {"title": e.title, "path": str(folder / e.path.name), "caption": e.caption} for e in shown
    ]

    def show_lines() -> None:
        for file in files:
            print_text(f"{file['title']}: {file['path']}")
        print_text(f"page: {page}")

    return Answer({"page": str(page), "files": files, **more}, show_lines)


app.command("show")(show)
app.command("gallery")(gallery)
