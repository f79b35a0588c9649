"""What every process that photographs people needs, computed before there are several of them.

Owns which of it is computed beside which; each space and its copy on disk are of its own module.
"""

from __future__ import annotations

import os

from likeness.data.workers import beside
from likeness.seeds import rng_of
from likeness.studio.albedo_space import is_albedo_space_wanted, keep_albedo_space
from likeness.studio.anatomy import is_head_wanted, keep_head
from likeness.studio.person import Person
from likeness.studio.photograph import photograph, sitter_of
from likeness.studio.scene import Scene

_REHEARSALS = 6
"""Photographs that between them have nearly every kernel compiled: hair, beards, glasses, light."""
_SIZE = 64


def keep_spaces(workers: int = 0) -> None:
    """Compute the studio's head and albedo space, where no copies are kept and they can be.

    Where both are wanted they are computed side by side, and the kernels of photographs are
    compiled meanwhile: once, and not in every process that photographs later.

    Args:
        workers: processes; 0 takes one for each core. Changes no result.
    """
    count = workers or os.cpu_count() or 1
    if count > 1 and is_head_wanted() and is_albedo_space_wanted():
        with beside(_paint_and_rehearse):
            keep_head(count - 1)
    else:
        keep_head(count)
        keep_albedo_space(count)


def _paint_and_rehearse() -> None:
    keep_albedo_space(workers=1)
    for number in range(_REHEARSALS):
        scene = Scene.sample(rng_of("rehearsal", number))
        photograph(sitter_of(Person.sample(number), strands="low"), scene, _SIZE)
