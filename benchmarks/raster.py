"""Speed and memory of the compiled rasteriser against its plain torch reference, in one run.

    python benchmarks/raster.py [--json FILE] [--quick]

The claim: on one core, the compiled kernel draws a head of 5,000 vertices at 224 x 224 at least 8
times as fast as vectorised torch. What it gains backward and at outlines stands beside it. Each
row is measured in a process of its own, so that its memory is its own. "forward" is coverage,
weights and three interpolated channels; "backward" their gradient; "outline" silhouette
antialiasing, forward and backward together.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WANTED_RATIO = 8.0


def measure(backend: str, batch: int, size: int, repeats: int) -> dict[str, float]:
    """Times in milliseconds and the memory above the imports' in MiB, on one thread."""
    import torch

    from likeness.geometry.antialias import antialias
    from likeness.geometry.rasterize import interpolate, rasterize
    from likeness.studio.template import build_template

    torch.set_num_threads(1)
    template = build_template()
    skin = template.part_ranges["skin"]
    vertices = torch.from_numpy(template.vertices[skin]).float()
    faces = torch.from_numpy(template.faces).long()
    faces = faces[(faces < skin.stop).all(1)]
    centred = (vertices - vertices.mean(0)) / 300.0 * size * 0.8
    turns = torch.linspace(-1, 1, batch)
    cosine, sine = turns.cos()[:, None], turns.sin()[:, None]
    x = cosine * centred[:, 0] + sine * centred[:, 2]
    depth = (sine * centred[:, 0] - cosine * centred[:, 2]).contiguous()
    xy = torch.stack([x, -centred[:, 1].expand(batch, -1)], dim=-1) + size / 2
    colours = (vertices / 100).expand(batch, -1, -1).contiguous()

    def once(height: int) -> tuple[float, float, float]:
        leaf, attribute = xy.clone().requires_grad_(), colours.clone().requires_grad_()
        start = time.perf_counter()
        fragments = rasterize(leaf, depth, faces, height, height, backend=backend)
        image = interpolate(attribute, fragments, faces, backend=backend)
        forward = time.perf_counter()
        image.backward(torch.ones_like(image))
        backward = time.perf_counter()
        picture = image.detach().requires_grad_()
        blended = antialias(picture, fragments, leaf, faces, backend=backend)
        blended.backward(torch.ones_like(blended))
        outline = time.perf_counter()
        return forward - start, backward - forward, outline - backward

    once(16)  # compile
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    times = [once(size) for _ in range(repeats)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    names = ("forward_ms", "backward_ms", "outline_ms")
    row = {name: statistics.median(values) * 1e3 for name, values in zip(names, zip(*times))}
    fragments = rasterize(xy, depth, faces, size, size)
    return {
        **row,
        "memory_mib": (peak - before) / 1024,
        "vertices": len(vertices),
        "covered": float(fragments.mask.float().mean()),
    }


def measure_apart(backend: str, batch: int, size: int, repeats: int) -> dict[str, float]:
    """The same in a fresh process."""
    done = subprocess.run(
        [sys.executable, __file__, "--one", backend, str(batch), str(size), str(repeats)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


def main() -> None:
    """Prints the table; writes it as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    parser.add_argument("--quick", action="store_true", help="224 x 224 at batch 1 only")
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        backend, batch, size, repeats = options.one
        print(json.dumps(measure(backend, int(batch), int(size), int(repeats))))
        return

    cases = [(batch, size) for size in (224, 512, 1024) for batch in (1, 8, 64)]
    rows = []
    print("batch  size  backend  forward ms  backward ms  outline ms  memory MiB")
    for batch, size in cases[:1] if options.quick else cases:
        pixels = batch * size * size
        repeats = 15 if pixels < 300_000 else 3 if pixels < 10_000_000 else 1
        pair = {}
        for backend in ("torch", "numba"):
            row = pair[backend] = measure_apart(backend, batch, size, repeats)
            rows.append({"backend": backend, "batch": batch, "size": size, **row})
            print(
                f"{batch:5d} {size:5d}  {backend:7s} {row['forward_ms']:11.1f} "
                f"{row['backward_ms']:12.1f} {row['outline_ms']:11.1f} {row['memory_mib']:11.0f}"
            )
        ratios = {
            key: pair["torch"][key] / pair["numba"][key]
            for key in ("forward_ms", "backward_ms", "outline_ms")
        }
        rows[-1]["ratios"] = ratios
        print(
            f"{'':14s}ratio  {ratios['forward_ms']:12.1f} {ratios['backward_ms']:12.1f} "
            f"{ratios['outline_ms']:11.1f}"
        )
    reached = rows[1]["ratios"]["forward_ms"]
    print(
        f"{int(rows[1]['vertices'])} vertices, {rows[1]['covered']:.0%} of the frame covered; "
        f"forward at 224 px {reached:.1f} times the reference (wanted {WANTED_RATIO:.0f})"
    )
    if options.json:
        options.json.write_text(json.dumps({"wanted": WANTED_RATIO, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
