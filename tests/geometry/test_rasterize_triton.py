"""The Triton kernel in Triton's interpreter, on the CPU: winners equal to the reference's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from likeness.extras import is_installed
from likeness.geometry.rasterize import rasterize
from tests.geometry.raster_scenes import random_soup

SCRIPT = """
import itertools, torch
from likeness.geometry.rasterize import rasterize
from tests.geometry.raster_scenes import random_soup
checked = 0
for seed, dtype, snap in itertools.product(range(3), (torch.float32, torch.float64), (False, True)):
    xy, z, w, faces = random_soup(seed, dtype, snap=snap)
    w[0, 5] = 1e-5
    for divisor, cull in ((None, None), (w, "back")):
        one, two = (rasterize(xy, z, faces, 18, 17, backend=name, w=divisor, cull=cull)
                    for name in ("torch", "triton"))
        assert torch.equal(one.mask, two.mask), "coverage differs"
        near = (one.depth - two.depth).abs() <= 1e-6 * (1 + one.depth.abs())
        assert bool((near | ~one.mask).all()), "a farther triangle won"
        assert bool(((one.tri == two.tri) | near).all())
        checked += int(one.mask.sum())
print(checked)
"""


@pytest.mark.skipif(
    not is_installed("triton"), reason="triton is not installed (Linux, CUDA builds)"
)
def test_winners_equal_the_reference_in_the_interpreter():
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT],
        env={
            **os.environ,
            "TRITON_INTERPRET": "1",
            "PYTHONPATH": os.pathsep.join([str(root), *sys.path]),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 5000


@pytest.mark.gpu
def test_winners_equal_the_reference_on_a_gpu():
    for seed in range(4):
        xy, z, w, faces = (value.cuda() for value in random_soup(seed, torch.float32, snap=True))
        one, two = (
            rasterize(xy, z, faces, 200, 180, backend=name, w=w) for name in ("torch", "triton")
        )
        assert torch.equal(one.mask, two.mask)
        near = (one.depth - two.depth).abs() <= 1e-6 * (1 + one.depth.abs())
        assert bool(((one.tri == two.tri) | near).all())


def test_without_triton_the_message_names_the_package(monkeypatch):
    from likeness.errors import MissingError
    from likeness.geometry import rasterize_triton

    monkeypatch.setitem(sys.modules, "triton", None)
    monkeypatch.delitem(sys.modules, "likeness.geometry.rasterize_triton_kernel", raising=False)
    rasterize_triton._kernel.cache_clear()
    xy, z, _, faces = random_soup(0, torch.float32, snap=False)
    with pytest.raises(MissingError, match="CUDA builds of torch"):
        rasterize(xy, z, faces, 8, 8, backend="triton")
