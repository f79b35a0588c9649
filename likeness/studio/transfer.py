"""Carries displacements of the template from one level of detail to another.

So a basis is computed once, and its coefficients mean the same at every detail. Positions are not
carried: each template has its own, and only what moves them is interpolated.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sparse

from likeness.studio.template import PARTS, Template


def transfer_matrix(source: Template, target: Template) -> sparse.csr_matrix:
    """(target vertices, source vertices) weights; rows sum to 1.

    Vertices both have keep their displacement; a finer skin takes the mean of the two ends at the
    middle of an edge.

    Raises:
        ValueError: the target has seams finer than the source's, which the source cannot tell.
    """
    weights = sparse.lil_matrix((target.num_vertices, source.num_vertices))
    shared = min(source.num_skin, target.num_skin)
    weights[np.arange(shared), np.arange(shared)] = 1.0
    for vertex in range(shared, target.num_skin):
        weights[vertex, target.skin_parents[vertex]] = 0.5

    hanging = {
        (int(parent), int(ring), int(part)): vertex
        for vertex, (parent, ring, part) in enumerate(
            zip(source.seam_parent, source.lining_ring, source.part)
        )
        if parent >= 0
    }
    for number, name in enumerate(PARTS[1:], start=1):
        here = target.of(name)
        if target.seam_parent[here[0]] < 0:
            weights[here, source.of(name)] = 1.0
            continue
        for vertex in here:
            key = (int(target.seam_parent[vertex]), int(target.lining_ring[vertex]), number)
            if key not in hanging:
                raise ValueError(f"detail '{source.detail}' is coarser at the seams of '{name}'")
            weights[vertex, hanging[key]] = 1.0
    return weights.tocsr()
