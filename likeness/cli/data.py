"""Verbs about datasets: make studio data, inspect, prepare raw material."""

from __future__ import annotations

from collections.abc import Collection
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import typer

from likeness.cli.console import Answer, Failure, print_table, print_text, verb
from likeness.cli.progress import counting, working

if TYPE_CHECKING:
    from likeness.data.inspection import Finding, Inspection

DATA_ERRORS = 4
_WRONG_USE = 2
_SHOWN = 5
"""Findings of one kind and advice that are printed, and advices of a kind; programs get all."""

app = typer.Typer(help="Make, inspect and prepare datasets.", no_args_is_help=True)

_NO_OPTIONS = ("system", "source", "out", "progress")
"""Named by their place, or not by a person at all."""
_RESUMABLE = "new, empty, or left unfinished by this command"

Workers = Annotated[
    int | None,
    typer.Option("--workers", help="Processes, 0 for one per core. Changes no result."),
]
SystemName = Annotated[str, typer.Argument(help="The system the data is for.")]
Options = Annotated[
    list[str] | None,
    typer.Argument(metavar="OPTION=VALUE", help="Options of this system's data."),
]


@verb
def make(
    system: SystemName,
    out: Annotated[str, typer.Argument(help=f"The folder to write: {_RESUMABLE}.")],
    options: Options = None,
    people: Annotated[int, typer.Option("--people", help="How many different people.")] = 32,
    seed: Annotated[int, typer.Option("--seed", help="Decides who they are.")] = 0,
    workers: Workers = None,
) -> Answer:
    """Write studio data in the layout the system expects. After an interruption it goes on; what
    the same command has made already is up to date, and nothing is written.
    """
    from likeness import datasets

    chosen = parse_options(options or [], flags=("people", "seed", "workers"))
    if workers is not None:
        chosen["workers"] = workers
    with counting(f"Making {people} studio people") as progress:
        inspection = datasets.make_data(
            system, out, people=people, seed=seed, progress=progress, **chosen
        )
    return _written_answer(inspection)


@verb
def inspect(
    system: SystemName,
    uri: Annotated[str, typer.Argument(help="Folder or URI of the dataset.")],
) -> Answer:
    """Counts, problems and advice. Exit code 4 when the data has errors, 2 without data."""
    from likeness import datasets
    from likeness.inspecting import is_nowhere

    with working(f"Inspecting {uri}"):
        inspection = datasets.inspect_data(system, uri)
    return inspection_answer(inspection, code=_WRONG_USE if is_nowhere(uri) else DATA_ERRORS)


@verb
def prepare(
    system: SystemName,
    source: Annotated[str, typer.Argument(metavar="IN", help="The raw material.")],
    out: Annotated[str, typer.Argument(help=f"The folder to write: {_RESUMABLE}.")],
    options: Options = None,
    workers: Workers = None,
) -> Answer:
    """Turn raw material into a dataset. After an interruption it goes on; what the same command has
    prepared already is up to date, and nothing is written.
    """
    from likeness import datasets

    chosen = parse_options(options or [], flags=("workers",))
    if workers is not None:
        chosen["workers"] = workers
    with counting(f"Preparing {source}") as progress:
        inspection = datasets.prepare_data(system, source, out, progress=progress, **chosen)
    return _written_answer(inspection)


app.command("make")(make)
app.command("inspect")(inspect)
app.command("prepare")(prepare)


def parse_options(words: list[str], *, flags: Collection[str] = ()) -> dict[str, Any]:
    """``name=value`` words as keyword arguments; values are texts that their function reads.

    Args:
        flags: options that are flags of the verb, as ``--name``, and no words.

    Raises:
        UsageError: a word without ``=``, one that is a flag, or one given twice.
    """
    from likeness.config.overrides import Unread
    from likeness.errors import UsageError

    options: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        name = name.replace("-", "_")
        if not equals or not name.isidentifier():
            dotted = "Settings by name, with dots, belong to training and to files of settings."
            advice = dotted if equals and "." in name else ""
            raise UsageError(f"Expected OPTION=VALUE, found '{word}'.", advice=advice)
        if name in flags:
            raise UsageError(f"Write --{name} {value} instead of {word}.")
        if name in _NO_OPTIONS:
            raise UsageError(f"There is no option '{name}'.")
        if name in options:
            raise UsageError(f"The option '{name}' is given twice.")
        options[name] = Unread(value)
    return options


def inspection_answer(inspection: Inspection, *, code: int = DATA_ERRORS) -> Answer:
    """An inspection for programs and for people; its exit code says whether it can be used.

    Args:
        code: the exit code when it cannot.
    """

    def show() -> None:
        print_text(f"{inspection.uri}")
        if inspection.counts:
            print_table(("", "count"), [(k, n) for k, n in inspection.counts.items()])
        findings = inspection.sorted_findings()
        for (severity, code), group in groupby(findings, key=lambda f: (f.severity, f.code)):
            _show_alike(f"{severity} [{code}]", list(group))
        if not findings:
            print_text("No findings: the data is ready.")

    facts = inspection.to_dict()
    document = {"counts": facts["counts"], "findings": facts["findings"]}
    return Answer(document, show, None if inspection.ok else _failure(inspection, code))


def _failure(inspection: Inspection, code: int) -> Failure:
    """The error of data that has one, or that it has several."""
    errors = [f for f in inspection.sorted_findings() if f.severity == "error"]
    if len(errors) == 1:
        return Failure(errors[0].message, errors[0].advice, code)
    told = f"The data at {inspection.uri} has {len(errors)} errors."
    return Failure(told, "'findings' says of each what to do.", code)


def _written_answer(inspection: Inspection) -> Answer:
    """The inspection of a dataset that was to be written, and whether it was there already."""
    answer = inspection_answer(inspection)

    def show() -> None:
        if inspection.is_up_to_date:
            print_text("up to date: the same command has made it")
        answer.show()

    document = {**answer.document, "up_to_date": inspection.is_up_to_date}
    return Answer(document, show, answer.failure)


def _show_alike(kind: str, findings: list[Finding]) -> None:
    """Findings of one kind, each above what to do about it: one advice for all that share it."""
    by_advice: dict[str, list[Finding]] = {}
    for finding in findings:
        by_advice.setdefault(finding.advice, []).append(finding)
    shown = list(by_advice.items())[:_SHOWN]
    for advice, alike in shown:
        for finding in alike[:_SHOWN]:
            place = f" {finding.path}:" if finding.path else ""
            print_text(f"{kind}{place} {finding.message}")
        if len(alike) > _SHOWN:
            more = len(alike) - _SHOWN
            print_text(f"{kind} and {more} more such; --json lists them all")
        if advice:
            print_text(f"    {advice}")
    others = len(findings) - sum(len(alike) for _, alike in shown)
    if others:
        print_text(f"{kind} and {others} more; --json lists them all")
