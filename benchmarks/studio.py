"""What pictures of studio people cost on one core: whole photographs, backgrounds, groups.

    python benchmarks/studio.py [--json FILE] [--quick]

Whole photographs are those of albums: a lens, one of twelve backgrounds, depth of field, sensor
noise. The baseline beside each is the same photograph without what a camera adds: a plain
background, all in focus, no noise. Times are of the process, not of the wall, people already built.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2

from likeness.seeds import rng_of
from likeness.studio.background import KINDS, Background, paint_background
from likeness.studio.camera import Lens
from likeness.studio.difficulty import Difficulty
from likeness.studio.film import Film
from likeness.studio.group_albums import group_picture
from likeness.studio.person import Person
from likeness.studio.photograph import photograph, sitter_of
from likeness.studio.scene import Scene
from likeness.studio.staging import draw_labels, stage

WANTED_RATE = {256: 4.0, 512: 1.5}
"""Photographs a second and core."""
PEOPLE = range(40, 46)


def seconds(work: Callable[[], object]) -> float:
    """Process time of a piece of work."""
    start = time.process_time()
    work()
    return time.process_time() - start


def bare(scene: Scene) -> Scene:
    """The scene without what lens, sensor and place add."""
    assert isinstance(scene.framing, Lens)
    return replace(
        scene,
        framing=replace(scene.framing, aperture=None),
        background=Background("plain", (0.4, 0.4, 0.4), (0.3, 0.3, 0.3), 0.05, 1),
        film=Film(),
    )


def photographs(size: int, count: int) -> dict[str, float]:
    """Photographs a second, and without the camera's share."""
    people = [Person.sample(seed) for seed in PEOPLE]
    calm = Difficulty(occlusion=0.0)
    whole, without = [], []
    for number in range(count):
        rng = rng_of("studio benchmark", number)
        sitter = sitter_of(people[number % len(people)])
        scene = stage(draw_labels(rng, calm), rng, (size, size), calm)
        plain = bare(scene)
        if number == 0:
            photograph(sitter, scene, size)  # compile
        whole.append(seconds(lambda s=sitter, c=scene: photograph(s, c, size)))
        without.append(seconds(lambda s=sitter, c=plain: photograph(s, c, size)))
    return {"rate": 1 / statistics.median(whole), "bare": 1 / statistics.median(without)}


def main() -> None:
    """Prints the tables; writes them as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    parser.add_argument("--quick", action="store_true", help="256 pixels and few pictures only")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    rows = []
    print("size  photographs/s  bare/s  wanted/s")
    for size, count in ((256, 8),) if options.quick else ((256, 24), (512, 12)):
        row = photographs(size, count) | {"size": size}
        rows.append(row)
        print(f"{size:4d} {row['rate']:14.1f} {row['bare']:7.1f} {WANTED_RATE[size]:9.1f}")

    print("background  ms at 512 pixels")
    backgrounds = {}
    for kind in KINDS:
        drawn = [Background(kind, (0.3,) * 3, (0.2,) * 3, 0.02, seed) for seed in range(3)]
        times = [seconds(lambda b=b: paint_background(b, 512, 512)) for b in drawn]
        backgrounds[kind] = 1e3 * statistics.median(times)
        print(f"{kind:10s} {backgrounds[kind]:6.1f}")

    groups = {}
    if not options.quick:
        print("people in a picture of 512 x 768 or less  seconds")
        people = [Person.sample(seed) for seed in PEOPLE]
        for count in (1, 3, 5):
            made = [
                seconds(lambda n=n, c=count: group_picture(people[:c], rng_of("group", n)))
                for n in range(3)
            ]
            groups[count] = statistics.median(made)
            print(f"{count:41d} {groups[count]:8.2f}")
    if options.json:
        document = {"photographs": rows, "backgrounds_ms": backgrounds, "groups_s": groups}
        options.json.write_text(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()
