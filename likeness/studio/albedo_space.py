"""The linear space of studio skins: principal components of baked people over the template's chart.

Owns the space, its copy on disk, and the code of a person in it. What is painted is decided by
:mod:`likeness.studio.surface`.

Colours are sRGB, as a photograph's: the face renderer multiplies them by its light and compares the
product with the picture. The studio itself lights linear colours; what this leaves (shadows are
darker and highlights paler than such a product) the light's coefficients have to take up.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from likeness.errors import DataError
from likeness.geometry.array_files import read_arrays, write_arrays
from likeness.geometry.texture_space import TextureSpace
from likeness.seeds import rng_of
from likeness.studio import surface
from likeness.studio.appearance import Appearance
from likeness.studio.bake import chart_points, srgb
from likeness.studio.kept import cache_folder, is_wanted, keep, kept_path
from likeness.studio.person import draw_body
from likeness.studio.principal import drawn_rows, principal_columns
from likeness.studio.surface_points import SurfacePoints
from likeness.studio.template import Detail, Template, build_template
from likeness.studio.version import STUDIO_VERSION

log = logging.getLogger(__name__)

NUM_PEOPLE = 300
NUM_ALBEDO = 50
SIZE = 256
"""Pixels; the face takes up about half of the chart's width."""
ALBEDO_FINGERPRINT = f"studio-albedo-1-{STUDIO_VERSION}"
"""What codes of this space are told apart by; the first number grows when its columns change."""

_KEPT = ("studio-albedo", "albedo_space")
_AT_ONCE = 5  # people that a process paints before it hands them over
_EVERY = 2  # rows and columns between the texels a person's code is found from


@functools.cache
def albedo_space() -> TextureSpace:
    """The studio's albedo space: ``NUM_ALBEDO`` columns, codes in standard deviations.

    Computing it takes half a minute; a copy is kept as for the head
    (:mod:`likeness.studio.kept`).
    """
    path = kept_path(*_KEPT)
    if path.is_file():
        try:
            return _read(path)
        except DataError as error:
            log.warning("The kept albedo space is damaged and is computed again: %s", error)
    space = _full_space()
    keep(path, _writer(space))
    return space


def keep_albedo_space(workers: int = 0) -> None:
    """Compute the space by several processes, as :func:`likeness.studio.anatomy.keep_head`."""
    if is_albedo_space_wanted():
        keep(kept_path(*_KEPT), _writer(_full_space(workers)))


def is_albedo_space_wanted() -> bool:
    """Whether no copy of the space is kept, and one can be."""
    return is_wanted(kept_path(*_KEPT))


def _full_space(workers: int = 1) -> TextureSpace:
    log.info("Computing the studio's albedo space; a copy is kept in %s.", cache_folder())
    return build_albedo_space(build_template(), workers=workers)


def build_albedo_space(
    template: Template,
    *,
    num_people: int = NUM_PEOPLE,
    num_albedo: int = NUM_ALBEDO,
    size: int = SIZE,
    workers: int = 1,
) -> TextureSpace:
    """Draws people, bakes their skin and finds its principal components.

    Args:
        template: whose chart is painted.
        num_people: how many to draw; more than ``num_albedo``.
        num_albedo: how many columns to keep.
        size: pixels a side.
        workers: processes that paint; 0 takes one for each core. Changes no result.
    """
    if num_people <= num_albedo:
        raise ValueError(f"{num_albedo} columns need more people than {num_people}")
    chart = chart_points(template, size)
    paint, width = functools.partial(_painted, template.detail, size), 3 * len(chart.points)
    people = drawn_rows(paint, num_people, width, at_once=_AT_ONCE, workers=workers)
    mean = people.mean(axis=0, dtype=np.float64).astype(np.float32)
    people -= mean
    columns = principal_columns(people, num_albedo)
    basis = columns.T.reshape(-1, 3, num_albedo)
    return TextureSpace("studio", chart.image(mean.reshape(-1, 3)), chart.image(basis))


def _painted(detail: Detail, size: int, numbers: range) -> NDArray[np.float32]:
    """(N, 3 M) colours of people's skin at the M texels of the chart."""
    points = chart_points(build_template(detail), size).points
    colours = [
        srgb(surface.evaluate(_draw_appearance("albedo space", number), points).albedo).ravel()
        for number in numbers
    ]
    return np.stack(colours).astype(np.float32)


def albedo_code(appearance: Appearance) -> NDArray[np.float32]:
    """Coefficients (``NUM_ALBEDO``,) of the albedo nearest to a person's, in least squares."""
    texels, mean, solver = _solver()
    painted = srgb(surface.evaluate(appearance, texels).albedo)
    code: NDArray[np.float32] = (solver @ (painted - mean).ravel()).astype(np.float32)
    return code


@functools.cache
def _solver() -> tuple[SurfacePoints, np.ndarray, np.ndarray]:
    """Some texels (M), their mean colour (M, 3), and what takes colours (3 M,) to a code."""
    space, chart = albedo_space(), chart_points(build_template(), SIZE)
    chosen = np.zeros_like(chart.covered)
    chosen[::_EVERY, ::_EVERY] = chart.covered[::_EVERY, ::_EVERY]
    columns = space.basis[chosen].reshape(-1, space.num_components).astype(np.float64)
    solver = np.linalg.solve(columns.T @ columns, columns.T)
    return chart.points.take(chosen[chart.covered]), space.mean[chosen], solver


def _draw_appearance(*key: int | str) -> Appearance:
    body = draw_body(*key)
    return Appearance.sample(
        rng_of(*key, "appearance"), sex=body.sex, age=body.age, ancestry=body.ancestry
    )


def _writer(space: TextureSpace) -> Callable[[Path], None]:
    return lambda path: write_arrays(path, {"mean": space.mean, "basis": space.basis}, {})


def _read(path: Path) -> TextureSpace:
    """A kept copy. Raises DataError where it is damaged."""
    arrays, _ = read_arrays(path)
    shapes = {name: array.shape for name, array in arrays.items()}
    if shapes != {"mean": (SIZE, SIZE, 3), "basis": (SIZE, SIZE, 3, NUM_ALBEDO)}:
        raise DataError(f"{path} holds {shapes}, which is no albedo space of the studio.")
    return TextureSpace("studio", arrays["mean"], arrays["basis"])
