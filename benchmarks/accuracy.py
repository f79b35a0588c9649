"""How well the face encoder does: studio people it never saw, then real persons it never saw.

Makes studio people, trains the ``fast`` profile on them, and scores it on test persons. Given a
folder of real photographs with landmarks (``--photographs``), prepares them, splits them by person,
continues with the ``real`` profile and scores the test persons, the first crop coming from the face
detector's box. Every score stands beside the mean face's.

    python benchmarks/accuracy.py --out out/accuracy --photographs FOLDER --landmarks FILE.npz
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from pathlib import Path
from typing import Any

from likeness import datasets, workflow
from likeness.data.making import is_unfinished
from likeness.runs.run import Run

STUDIO_SCORES = ("nme_68_box", "nme_51_box", "vertex_rigid", "rotation", "albedo")
REAL_SCORES = (
    "nme_core_eyes",
    "vector_nme_core_eyes",
    "nme_68_eyes",
    "nme_51_eyes",
    "detector_missed",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--out", type=Path, default=Path("out/accuracy"))
    parser.add_argument("--people", type=int, default=3000)
    parser.add_argument("--photos", type=int, default=1, help="of each person")
    parser.add_argument("--photographs", type=Path, help="folder of real photographs")
    parser.add_argument(
        "--landmarks", default="auto", help="their landmarks, as data prepare takes"
    )
    parser.add_argument("overrides", nargs="*", help="settings of the studio training")
    arguments = parser.parse_args()
    out: Path = arguments.out
    results: dict[str, Any] = {"cores": os.cpu_count(), "people": arguments.people}

    studio = out / "people"
    if not studio.exists() or is_unfinished(studio):
        start = time.monotonic()
        datasets.make_data(
            "face-encoder", studio, people=arguments.people, photos=arguments.photos, size=160
        )
        results["studio_seconds"] = round(time.monotonic() - start)
    run, results["studio_training"] = trained(
        "fast", out / "runs", [f"data.root={studio}", *arguments.overrides]
    )
    results["studio"] = scores(run, STUDIO_SCORES)
    show("studio persons never seen", results["studio"])

    if arguments.photographs is not None:
        real = out / "photographs"
        if not real.exists() or is_unfinished(real):
            datasets.prepare_data(
                "face-encoder",
                arguments.photographs,
                real,
                landmarks=arguments.landmarks,
                person_from="_",
            )
        untouched = workflow.train(
            "face-encoder",
            profile="real",
            overrides=[f"data.root={real}", f"model.initial_run={run.path}", "train.steps=1"],
            runs=out / "runs",
            name="before",
        )
        results["real_before"] = scores(untouched, REAL_SCORES)
        show("real persons, before continuing on photographs", results["real_before"])
        adapted, results["real_training"] = trained(
            "real", out / "runs", [f"data.root={real}", f"model.initial_run={run.path}"]
        )
        results["real"] = scores(adapted, REAL_SCORES)
        results["real_run"] = str(adapted.path)
        show("real persons never seen", results["real"])
    results["studio_run"] = str(run.path)
    path = out / "accuracy.json"
    path.write_text(json.dumps(results, indent=2), encoding="utf-8")
    print(f"written to {path}")


def trained(profile: str, runs: Path, overrides: list[str]) -> tuple[Run, dict[str, float]]:
    """A run, and the wall and CPU seconds its training took."""
    wall, cpu = time.monotonic(), cpu_seconds()
    run = workflow.train("face-encoder", profile=profile, overrides=overrides, runs=runs)
    took = {"wall_seconds": time.monotonic() - wall, "cpu_seconds": cpu_seconds() - cpu}
    return run, {name: round(value) for name, value in took.items()}


def cpu_seconds() -> float:
    """Of this process and its finished children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def scores(run: Run, names: tuple[str, ...]) -> list[dict[str, Any]]:
    found = workflow.evaluate(run, checkpoint="latest", split="test").scores
    return [row for row in found.to_list() if row["name"] in names]


def show(title: str, rows: list[dict[str, Any]]) -> None:
    print(f"\n{title}")
    for row in rows:
        baseline = (
            "" if row["baseline"] is None else f"   {row['baseline_name']} {row['baseline']:.3f}"
        )
        print(f"  {row['name']:22} {row['value']:7.3f} {row['unit']}{baseline}   n={row['count']}")


if __name__ == "__main__":
    main()
