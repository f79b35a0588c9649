"""The verb that shows everything: studio people, every system trained small, one report."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from likeness.cli.console import Answer, print_table, print_text, stderr_console, verb
from likeness.cli.progress import working
from likeness.cli.train import show_progress, show_scores

if TYPE_CHECKING:
    from likeness.systems import SystemSpec


@verb
def demo(
    systems: Annotated[
        list[str] | None, typer.Argument(metavar="SYSTEM", help="Only these; all by default.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for data and runs.")] = Path(
        "out/demo"
    ),
    people: Annotated[int, typer.Option("--people", min=4, help="Studio people to make.")] = 100,
    seed: Annotated[int, typer.Option("--seed", help="Decides who they are.")] = 0,
) -> Answer:
    """Make studio people, train every system small on them, and build one report to look at."""
    from likeness.report.page import build_index
    from likeness.systems import all_systems, get_system

    chosen = [get_system(name) for name in systems] if systems else list(all_systems().values())
    rows = [_demonstrate(spec, out, people, seed) for spec in chosen]
    page = rows[0]["report"]
    if len(rows) > 1:
        page = str(build_index([row["run"] for row in rows], out / "index.html"))

    def show() -> None:
        for row in rows:
            print_text("")
            print_text(f"{row['system']} ({row['seconds']:.0f} s)")
            show_scores(row["scores"])
            if row["parity"]:
                print_table(("export", "largest relative difference"), list(row["parity"].items()))
            print_text(f"run: {row['run']}")
        print_text("")
        print_text(f"report: {page}")

    return Answer({"report": page, "systems": rows}, show)


def prediction_inputs(spec: SystemSpec, folder: Path) -> tuple[list[str], dict[str, Any]]:
    """What a system is shown with: files written to ``folder``, and options of its prediction."""
    from likeness.systems import load_object

    folder.mkdir(parents=True, exist_ok=True)
    if spec.demonstrate is not None:
        inputs, options = load_object(spec.demonstrate)(folder)
        return list(inputs), dict(options)
    return [str(photograph(folder))], {}


def _demonstrate(spec: SystemSpec, out: Path, people: int, seed: int) -> dict[str, Any]:
    """One system from nothing to a report; what was made before is used again."""
    from likeness import workflow

    began = time.monotonic()
    data = out / "data" / f"{spec.name}-{people}-{seed}"
    if not workflow.inspect_data(spec.name, data).ok:
        with working(f"{spec.name}: making {people} studio people"):
            workflow.make_data(spec.name, data, people=people, seed=seed)
    stderr_console().print(f"{spec.name}: training the smoke profile")
    run = workflow.train(
        spec.name,
        profile="smoke",
        overrides=[f"data.root={data}"],
        runs=out / "runs",
        name="demo",
        display=show_progress,
    )
    if run.status.status == "stopped":
        raise KeyboardInterrupt(f"Continue the training with: likeness resume {run.path}")
    with working(f"{spec.name}: evaluating"):
        scores = workflow.evaluate(run).scores.to_list()
    inputs, options = prediction_inputs(spec, out / "inputs" / spec.name)
    with working(f"{spec.name}: predicting"):
        predictions = workflow.predict(run, inputs, options=options)
    parity = {}
    for target in spec.exporters:
        with working(f"{spec.name}: exporting to {target}"):
            bundle = workflow.export(run, target)
        parity[target] = max(item.largest_relative for item in bundle.parity)
    with working(f"{spec.name}: building the report"):
        report = workflow.report(run)
    return {
        "system": spec.name,
        "data": str(data),
        "run": str(run.path),
        "scores": scores,
        "predictions": predictions,
        "parity": parity,
        "report": str(report),
        "seconds": time.monotonic() - began,
    }


def photograph(folder: Path) -> str:
    """The astronaut photograph of scikit-image (NASA, public domain), as a PNG file."""
    import skimage.data

    from likeness.media.image import save_image

    pixels: Any = skimage.data.astronaut()  # type: ignore[no-untyped-call]
    path = folder / "astronaut.png"
    save_image(path, pixels.astype("float32") / 255.0)
    return str(path)
