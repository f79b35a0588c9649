"""Verbs on a trained run: evaluate, predict, export, report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Annotated, Any

import typer

from likeness.cli.console import Answer, Failure, print_table, print_text, verb
from likeness.cli.data import DATA_ERRORS, Options, parse_options
from likeness.cli.progress import working
from likeness.cli.train import show_scores

RunPath = Annotated[str, typer.Argument(help="The run directory.")]
CheckpointOption = Annotated[str, typer.Option("--checkpoint", help="'best', 'latest' or a step.")]
EmaOption = Annotated[
    bool,
    typer.Option("--ema/--no-ema", help="Use the running average of the weights, if there is one."),
]
OutputOption = Annotated[
    str | None, typer.Option("--output", "-o", help="Where to write; inside the run by default.")
]


@verb
def evaluate(
    run: RunPath,
    checkpoint: CheckpointOption = "best",
    split: Annotated[str, typer.Option("--split", help="train, validation or test.")] = "test",
    ema: EmaOption = True,
) -> Answer:
    """Scores of a run, with a baseline beside each."""
    from likeness import workflow

    with working(f"Evaluating {run} on its {split} split"):
        found = workflow.evaluate(run, checkpoint=checkpoint, split=split, ema=ema)
    scores = found.scores.to_list()
    document = {
        "run": str(found.run.path),
        "checkpoint": found.checkpoint.step,
        "scores": scores,
    }

    def show() -> None:
        print_text(f"{found.run.path}, step {found.checkpoint.step}, {split} split")
        show_scores(scores)
        print_text(f"Pictures and scores: {found.folder}")

    return Answer(document, show)


@verb
def predict(
    run: RunPath,
    options: Options = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", "-i", help="A file to run on; may be given several times."),
    ] = None,
    output: OutputOption = None,
    checkpoint: CheckpointOption = "best",
    ema: EmaOption = True,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Leave out inputs that cannot be used.")
    ] = False,
) -> Answer:
    """Run a trained model on files. Exit code 4 when one of them could not be used."""
    from likeness import workflow
    from likeness.storage.store import local_path

    chosen = parse_options(options or [])
    with working(f"Predicting with {run}"):
        rows = workflow.predict(
            run, inputs or [], output=output, checkpoint=checkpoint, ema=ema, options=chosen
        )
    folder = Path(run) / "predictions" if output is None else local_path(output)
    document = {"run": run, "output": str(folder), "predictions": rows}
    failed = sum("error" in row for row in rows)
    is_bad = failed > 0 if not allow_missing else failed == len(rows)

    def show() -> None:
        print_text(f"{folder}")
        columns = list(dict.fromkeys(key for row in rows for key in row))
        print_table(columns, [[_cell(row.get(key, "")) for key in columns] for row in rows])

    told = f"{failed} of {len(rows)} inputs could not be used."
    advice = "'error' in 'predictions' says of each why; --allow-missing leaves them out."
    return Answer(document, show, Failure(told, advice, DATA_ERRORS) if is_bad else None)


def _cell(value: Any) -> Any:
    """A value of a row in a table: what it holds stands in lines."""
    if isinstance(value, Mapping):
        # A file that is listed by its name lies in the folder that is printed above the table.
        return "\n".join(
            key if PurePath(str(part)).name == key else f"{key}: {part}"
            for key, part in value.items()
        )
    return "\n".join(map(str, value)) if isinstance(value, list) else value


@verb
def export(
    run: RunPath,
    to: Annotated[str, typer.Option("--to", help="The target; see 'likeness systems'.")],
    options: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="OPTION=VALUE",
            help="Options of this target; a wrong one is answered with all there are.",
        ),
    ] = None,
    output: OutputOption = None,
    checkpoint: CheckpointOption = "best",
    ema: EmaOption = True,
) -> Answer:
    """Write a bundle that has proved it equals the model."""
    from likeness import workflow

    chosen = parse_options(options or [])
    with working(f"Exporting {run} to {to}"):
        bundle = workflow.export(
            run, to, output=output, checkpoint=checkpoint, ema=ema, options=chosen
        )
    parity = [
        {
            "output": item.output,
            "largest_absolute": item.largest_absolute,
            "largest_relative": item.largest_relative,
        }
        for item in bundle.parity
    ]
    sizes = {name: facts["bytes"] for name, facts in bundle.manifest["files"].items()}
    document = {
        "run": run,
        "target": to,
        "options": bundle.options,
        "bundle": str(bundle.folder),
        "files": sorted([*sizes, "manifest.json"]),
        "bytes": sizes,
        "parity": parity,
    }

    def show() -> None:
        print_text(f"{bundle.folder}")
        by_size = sorted(sizes.items(), key=lambda item: -item[1])
        print_table(("file", "MB"), [(name, f"{size / 1e6:.3f}") for name, size in by_size])
        rows = [tuple(item.values()) for item in parity]
        print_table(("output", "largest difference", "relative"), rows)

    return Answer(document, show)


@verb
def report(run: RunPath, output: OutputOption = None) -> Answer:
    """One self-contained page about a run."""
    from likeness import workflow

    with working(f"Building the report of {run}"):
        path = workflow.report(run, output=output)
    return Answer({"run": run, "report": str(path)}, lambda: print_text(str(path)))
