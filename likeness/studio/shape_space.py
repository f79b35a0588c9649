"""The linear space of studio heads: 300 identity and 100 expression columns, as heads are posed by.

Owns the principal components of the population, those of combined expressions, and the projection
of a head on them. The asset made of it is :mod:`likeness.studio.anatomy`.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likeness.seeds import rng_of
from likeness.studio.deform import apply_expression
from likeness.studio.expressions import ARKIT_NAMES, FIGHTING_PAIRS, INDEX, build_expressions
from likeness.studio.identity import rest_vertices
from likeness.studio.measures import measure
from likeness.studio.person import draw_body, draw_identity
from likeness.studio.principal import drawn_rows, principal_columns
from likeness.studio.template import SIDES, Detail, Template, build_template

NUM_HEADS = 5_000
NUM_SHAPE = 300
NUM_EXPRESSION = 100

_NUM_PAIRS = 1_200
_AT_ONCE = 50  # heads that a process draws before it hands them over


@dataclass(frozen=True, eq=False)
class ShapeSpace:
    """Heads as ``mean + shape @ coefficients + expression @ weights``, millimetres.

    Attributes:
        mean: (V, 3) the mean head at rest.
        shape: (V, 3, S); a coefficient of 1 is one standard deviation of the population.
        expression: (V, 3, E); the 52 rows of ``ARKIT_NAMES`` at weight 1, then what pairs of them
            do together beyond their sum, in standard deviations.
        expression_names: E names.
    """

    mean: NDArray[np.float32]
    shape: NDArray[np.float32]
    expression: NDArray[np.float32]
    expression_names: tuple[str, ...]

    def project(self, vertices: NDArray[np.floating]) -> tuple[NDArray[np.float64], float]:
        """The nearest head of the space to a head at rest.

        Args:
            vertices: (V, 3) mm.

        Returns:
            Coefficients (S,), and the root mean square distance of all vertices that remains, mm.
        """
        columns = self.shape.reshape(-1, self.shape.shape[2]).astype(np.float64)
        offset = (np.asarray(vertices, dtype=np.float64) - self.mean).ravel()
        # Principal components are orthogonal, so that least squares is one product.
        coefficients = (columns.T @ offset) / (columns * columns).sum(axis=0)
        rest = (offset - columns @ coefficients).reshape(-1, 3)
        return coefficients, float(np.sqrt((rest**2).sum(axis=1).mean()))


@functools.lru_cache(maxsize=2)
def build_shape_space(
    template: Template,
    *,
    num_heads: int = NUM_HEADS,
    num_shape: int = NUM_SHAPE,
    workers: int = 1,
) -> ShapeSpace:
    """Draws heads and finds their principal components; a minute for the full space.

    Args:
        template: the topology of the space.
        num_heads: how many heads to draw; more than ``num_shape``.
        num_shape: how many columns to keep.
        workers: processes that draw; 0 takes one for each core. Changes no result.
    """
    if num_heads <= num_shape:
        raise ValueError(f"{num_shape} columns need more heads than {num_heads}")
    draw, width = functools.partial(_draw_heads, template.detail), 3 * template.num_vertices
    heads = drawn_rows(draw, num_heads, width, at_once=_AT_ONCE, workers=workers)
    mean = heads.mean(axis=0, dtype=np.float64).astype(np.float32)
    heads -= mean
    shape = principal_columns(heads, num_shape)
    mean_head = mean.reshape(-1, 3)
    expression, names = _expression_columns(template, mean_head.astype(np.float64))
    return ShapeSpace(
        mean=mean_head,
        shape=shape.T.reshape(template.num_vertices, 3, num_shape),
        expression=expression,
        expression_names=names,
    )


def _draw_heads(detail: Detail, numbers: range) -> NDArray[np.float32]:
    """(N, 3 V) heads at rest of the population, mm."""
    template = build_template(detail)
    heads = np.empty((len(numbers), 3 * template.num_vertices), dtype=np.float32)
    for row, number in zip(heads, numbers, strict=True):
        body = draw_body("shape space", number)
        identity = draw_identity("shape space", number, body=body)
        row[:] = rest_vertices(template, identity).ravel()
    return heads


def _expression_columns(
    template: Template, mean: NDArray[np.float64]
) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """(V, 3, 100) and their names: the 52 rows, and what pairs of shapes add to their sum."""
    rows = build_expressions(template)
    rng = rng_of("expression pairs")
    balls = template.of(*(f"eyeball_{side}" for side in SIDES))
    fighting = {frozenset(pair) for pair in FIGHTING_PAIRS}
    extra = np.empty((_NUM_PAIRS, mean.size), dtype=np.float32)
    still = apply_expression(template, mean, np.zeros(len(ARKIT_NAMES)))
    drawn = 0
    while drawn < _NUM_PAIRS:
        first, second = rng.choice(len(ARKIT_NAMES), 2, replace=False)
        if frozenset((ARKIT_NAMES[first], ARKIT_NAMES[second])) in fighting:
            continue
        weights = np.zeros(len(ARKIT_NAMES))
        weights[[first, second]] = rng.uniform(0.3, 1.0, 2)
        # A closed mouth belongs to an open jaw; alone it would teach the lips to cross.
        weights[INDEX["jawOpen"]] = max(weights[INDEX["jawOpen"]], weights[INDEX["mouthClose"]])
        beyond = apply_expression(template, mean, weights) - still
        beyond -= np.tensordot(weights, rows, axes=1)
        beyond[balls] = 0.0  # eyes turn by their joints
        extra[drawn] = beyond.ravel()
        drawn += 1
    count = NUM_EXPRESSION - len(ARKIT_NAMES)
    pairs = principal_columns(extra - extra.mean(axis=0), count)
    columns = np.concatenate([rows.reshape(len(rows), -1), pairs]).astype(np.float32)
    names = (*ARKIT_NAMES, *(f"pair{i:02d}" for i in range(count)))
    return columns.T.reshape(*mean.shape, NUM_EXPRESSION), names


def describe_columns(template: Template, space: ShapeSpace) -> list[dict[str, float]]:
    """What one standard deviation of each shape column changes, mm by the names of ``MEASURES``."""
    at_mean = measure(template, space.mean)
    described = []
    for k in range(space.shape.shape[2]):
        changed = measure(template, space.mean + space.shape[:, :, k])
        described.append({name: round(changed[name] - at_mean[name], 3) for name in at_mean})
    return described
