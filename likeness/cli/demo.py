"""The verb that shows everything: studio people, every system trained small, one report.

Of several systems one that cannot be used is left out before any work starts.
"""

from __future__ import annotations

import time
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from likeness.cli.console import Answer, is_quiet, print_table, print_text, stderr_console, verb
from likeness.cli.progress import counting, working
from likeness.cli.train import show_progress, show_scores
from likeness.errors import LikenessError, MissingError

if TYPE_CHECKING:
    from likeness.report.demonstration import Chapter
    from likeness.runs.run import Run
    from likeness.systems import SystemSpec


@verb
def demo(
    systems: Annotated[
        list[str] | None, typer.Argument(metavar="SYSTEM", help="Only these; all by default.")
    ] = None,
    out: Annotated[str, typer.Option("--out", help="Folder for data and runs.")] = "out/demo",
    people: Annotated[
        int | None,
        typer.Option("--people", min=4, help="At most so many studio people of each system."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Decides who they are.")] = 0,
) -> Answer:
    """Make studio people, train every system small on them, and build one report to look at."""
    from likeness.report.demonstration import build_demonstration
    from likeness.seeds import check_seed
    from likeness.storage.store import local_folder
    from likeness.systems import get_system

    check_seed(seed)
    folder = local_folder(out, "The demo is written")
    left_out: dict[str, str] = {}
    if systems:
        chosen = [get_system(name) for name in systems]
        for spec in chosen:
            check_usable(spec)
    else:
        chosen, left_out = usable_systems()
        for name, reason in left_out.items():
            if not is_quiet():
                stderr_console().print(f"{name} is left out: {reason}", soft_wrap=True)
    made = [_demonstrate(spec, folder, people, seed) for spec in chosen]
    rows = [row for row, _ in made]
    chapters = [chapter for _, chapter in made]
    page = str(build_demonstration(folder / "index.html", chapters, left_out=left_out))

    def show() -> None:
        for row in rows:
            print_text("")
            print_text(f"{row['system']} ({row['seconds']:.0f} s)")
            show_scores(row["scores"])
            if row["parity"]:
                print_table(("export", "largest relative difference"), list(row["parity"].items()))
            print_text(f"run: {row['run']}")
            names = _files_in(Path(row["predicted"]))
            print_text(f"predictions: {row['predicted']} ({', '.join(names)})")
            print_text(f"report: {row['report']}")
        for name, reason in left_out.items():
            print_text("")
            print_text(f"{name} was left out: {reason}")
        print_text("")
        print_text(f"open this page: {page}")

    named = [{"system": name, "reason": reason} for name, reason in left_out.items()]
    return Answer({"report": page, "systems": rows, "left_out": named}, show)


def usable_systems() -> tuple[list[SystemSpec], dict[str, str]]:
    """The systems that can be shown, and why each of the others cannot.

    Raises:
        Exception: none of them can; the reason of the first.
    """
    from likeness.systems import all_systems, broken_systems

    usable = []
    faults: dict[str, Exception] = {}
    for name, spec in all_systems().items():
        try:
            check_usable(spec)
        except Exception as error:  # of any kind: the parts of a system are anybody's code
            faults[name] = error
        else:
            usable.append(spec)
    if not usable:
        raise next(iter(faults.values()))
    faults.update((item.entry, item.error) for item in broken_systems())
    return usable, {name: _reason(error) for name, error in faults.items()}


def _reason(error: Exception) -> str:
    return error.message if isinstance(error, LikenessError) else f"{type(error).__name__}: {error}"


def check_usable(spec: SystemSpec) -> None:
    """Import every part of a system, and look for what it requires.

    Raises:
        MissingError: a part cannot be imported, or something required is not on this machine.
        UsageError: a part is not where the system says.
    """
    for part in spec.paths():
        spec.load(part)
    if spec.requirements is None:
        return
    for item in spec.load("requirements")():
        if item.required and not item.present:
            raise MissingError(
                f"{spec.name} needs the {item.kind} '{item.name}', which is not on this machine.",
                advice=item.advice,
            )


def prediction_inputs(spec: SystemSpec, folder: Path) -> tuple[list[str], dict[str, Any]]:
    """What a system is shown with: files written to ``folder``, and options of its prediction."""
    from likeness.systems import load_object

    folder.mkdir(parents=True, exist_ok=True)
    if spec.demonstrate is not None:
        inputs, options = load_object(spec.demonstrate)(folder)
        return list(inputs), dict(options)
    return [str(photograph(folder))], {}


def _demonstrate(
    spec: SystemSpec, out: Path, most: int | None, seed: int
) -> tuple[dict[str, Any], Chapter]:
    """One system from nothing to a report, as a row and as a chapter of the page.

    What was made before is used again.
    """
    from likeness import datasets, workflow

    began = time.monotonic()
    options = dict(spec.demo_data)
    people = options.pop("people")
    people = people if most is None else min(most, people)
    data = out / "data" / f"{spec.name}-{people}-{seed}"
    if not datasets.inspect_data(spec.name, data).ok:
        with counting(f"{spec.name}: making {_counted(people)}") as progress:
            datasets.make_data(
                spec.name, data, people=people, seed=seed, progress=progress, **options
            )
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
        raise KeyboardInterrupt(
            f"Run the demo again to go on: it keeps the studio people in {quote(str(data))} and "
            "trains anew, in a run of its own. To end this training alone, without the rest of the "
            f"demo: likeness resume {quote(str(run.path))}"
        )
    with working(f"{spec.name}: evaluating"):
        scores = workflow.evaluate(run).scores.to_list()
    inputs, chosen = prediction_inputs(spec, out / "inputs" / spec.name)
    with working(f"{spec.name}: predicting"):
        predictions = workflow.predict(run, inputs, options=chosen)
    parity = {}
    for target in spec.exporters:
        with working(f"{spec.name}: exporting to {target}"):
            bundle = workflow.export(run, target)
        parity[target] = max(item.largest_relative for item in bundle.parity)
    with working(f"{spec.name}: building the report"):
        report = workflow.report(run)
    with working(f"{spec.name}: showing"):
        chapter = _chapter(spec, run, data, inputs, people)
    row = {
        "system": spec.name,
        "data": str(data),
        "run": str(run.path),
        "scores": scores,
        "predictions": predictions,
        "predicted": str(run.predictions_path),
        "parity": parity,
        "report": str(report),
        "seconds": time.monotonic() - began,
    }
    return row, chapter


def _chapter(spec: SystemSpec, run: Run, data: Path, inputs: list[str], people: int) -> Chapter:
    from likeness import workflow
    from likeness.report.demonstration import Chapter

    if spec.show is None:
        pictures = sorted(p for p in run.predictions_path.rglob("*") if p.is_file())
        words, exhibits = "", [(path.name, path, "") for path in pictures]
    else:
        predictor = workflow.Predictor.from_run(run).model
        words, exhibits = spec.load("show")(predictor, run, data, inputs, run.predictions_path)
    train = f"likeness train {spec.name} --profile PROFILE data.root={quote(str(data))}"
    profiles = [name for name in spec.load("profiles") if name != "smoke"]
    predict = f"likeness predict {quote(str(run.path))} --input {quote(inputs[0])}"
    inspect = f"likeness data inspect {spec.name} {quote(str(data))}"
    commands = [("Predict again, or on a file of yours:", predict), ("Look at the data:", inspect)]
    if profiles:
        commands.append((f"Train longer; profiles are {', '.join(profiles)}:", train))
    return Chapter(
        run=run,
        summary=spec.summary,
        words=words,
        exhibits=exhibits,
        facts={"studio people": str(people)},
        places={
            "the report of the run, with curves, settings and log": run.report_path,
            "predictions": run.predictions_path,
            "exports": run.path / "exports",
            "data": data,
        },
        commands=commands,
    )


def _counted(people: int) -> str:
    return "one studio person" if people == 1 else f"{people} studio people"


def _files_in(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def photograph(folder: Path) -> str:
    """The astronaut photograph of scikit-image (NASA, public domain), as a PNG file."""
    import skimage.data

    from likeness.media.image import save_image

    pixels: Any = skimage.data.astronaut()  # type: ignore[no-untyped-call]
    path = folder / "astronaut.png"
    save_image(path, pixels.astype("float32") / 255.0)
    return str(path)
