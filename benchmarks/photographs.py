"""Studio photographs a second on one core, against painting every sample by itself.

    python benchmarks/photographs.py [--json FILE] [--quick]

The claim: six photographs of 192 x 192 a second and core, people already built. What makes it
possible is that the samples of a pixel share their paint; the baseline is the same picture with
every one of its four samples painted, in the same run. Times are of the process, not of the wall.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from likeness.studio import photograph as studio
from likeness.studio.person import Person
from likeness.studio.scene import Scene

WANTED_RATE = 6.0
PEOPLE = range(40, 46)


def measure(sitters: list, scenes: list[Scene], size: int, supersampling: int) -> float:
    """Median seconds of a photograph."""
    studio.photograph(sitters[0], scenes[0], size, supersampling=supersampling)
    times = []
    for number, scene in enumerate(scenes):
        start = time.process_time()
        studio.photograph(sitters[number % len(sitters)], scene, size, supersampling=supersampling)
        times.append(time.process_time() - start)
    return statistics.median(times)


def main() -> None:
    """Prints the table; writes it as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    parser.add_argument("--quick", action="store_true", help="192 pixels only")
    options = parser.parse_args()
    people = [Person.sample(seed) for seed in PEOPLE]
    studio.sitter_of(people[0])  # compile
    start = time.process_time()
    sitters = [studio.PersonSitter(person) for person in people]
    building = (time.process_time() - start) / len(people)
    print(f"building a person: {building * 1e3:.0f} ms")

    rows = []
    print("size  photographs/s  of as many samples  ratio")
    for size, count in ((192, 18),) if options.quick else ((96, 18), (192, 18), (512, 6)):
        scenes = [Scene.sample(np.random.default_rng(seed)) for seed in range(count)]
        shared = measure(sitters, scenes, size, 2)
        by_sample = measure(sitters, scenes, 2 * size, 1)
        ratio = by_sample / shared
        rows.append({"size": size, "rate": 1 / shared, "baseline": 1 / by_sample, "ratio": ratio})
        print(f"{size:4d} {1 / shared:14.1f} {1 / by_sample:18.1f} {ratio:6.2f}")
    rate = next(row["rate"] for row in rows if row["size"] == 192)
    print(f"{rate:.1f} photographs of 192 pixels a second (wanted {WANTED_RATE:.0f})")
    if options.json:
        document = {"wanted": WANTED_RATE, "building_s": building, "rows": rows}
        options.json.write_text(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()
