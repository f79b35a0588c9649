"""How well embeddings tell persons apart: cosines, verification, retrieval.

Takes embeddings as arrays; which network made them is the caller's business
(:mod:`likeness.faces.recognise`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def unit_vectors(embeddings: np.ndarray) -> np.ndarray:
    """Embeddings (N, D) scaled to length 1, float64. Raises ValueError for zeros and NaN."""
    embeddings = np.asarray(embeddings, np.float64)
    lengths = np.linalg.norm(embeddings, axis=-1, keepdims=True)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise ValueError("an embedding has length 0 or is not finite; count failures on their own")
    return embeddings / lengths


def cosine_matrix(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Cosine similarity (N, M) of embeddings (N, D) and (M, D)."""
    return unit_vectors(first) @ unit_vectors(second).T


def leave_one_out(embeddings: np.ndarray) -> np.ndarray:
    """Cosine (N,) of each embedding to the mean direction of the others; at least two of them."""
    units = unit_vectors(embeddings)
    if len(units) < 2:
        raise ValueError("leaving one out needs at least two embeddings")
    others = units.sum(axis=0) - units
    return (units * unit_vectors(others)).sum(axis=1)


def pair_similarities(embeddings: np.ndarray, persons: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cosines of all pairs, every pair once: (of the same person, of different persons)."""
    persons = np.asarray(persons)
    first, second = np.triu_indices(len(persons), k=1)
    cosines = cosine_matrix(embeddings, embeddings)[first, second]
    same = persons[first] == persons[second]
    return cosines[same], cosines[~same]


@dataclass(frozen=True, eq=False)
class Roc:
    """A receiver operating characteristic: accept a pair when its similarity is >= a threshold."""

    thresholds: np.ndarray
    """(K,) descending; the first accepts nothing."""
    false_accepts: np.ndarray
    """(K,) share of pairs of different persons that are accepted."""
    true_accepts: np.ndarray
    """(K,) share of pairs of the same person that are accepted."""

    @property
    def area(self) -> float:
        """Chance that a pair of one person is more similar than a pair of two, ties half."""
        widths = np.diff(self.false_accepts)
        heights = (self.true_accepts[1:] + self.true_accepts[:-1]) / 2
        return float((widths * heights).sum())

    @property
    def equal_error_rate(self) -> float:
        """Where false accepts equal false rejects, interpolated along the curve."""
        gap = self.false_accepts - (1.0 - self.true_accepts)  # rises from -1 to 1
        after = int(np.argmax(gap >= 0))
        before = after - 1
        share = -gap[before] / (gap[after] - gap[before])
        low, high = self.false_accepts[before], self.false_accepts[after]
        return float(low + share * (high - low))

    def true_accepts_at(self, false_accepts: float) -> float:
        """Largest share of true accepts with at most this share of false ones (TAR at FAR)."""
        return float(self.true_accepts[self.false_accepts <= false_accepts].max())


def roc(same: np.ndarray, different: np.ndarray) -> Roc:
    """The curve from similarities of pairs of one person and of two. Raises ValueError if empty."""
    same, different = np.sort(np.ravel(same)), np.sort(np.ravel(different))
    if not (len(same) and len(different)):
        raise ValueError("a curve needs pairs of the same person and of different persons")
    levels = np.unique(np.concatenate([same, different]))[::-1]
    accepted = [
        np.concatenate([[0], len(values) - np.searchsorted(values, levels)]) / len(values)
        for values in (different, same)
    ]
    return Roc(np.concatenate([[np.inf], levels]), *accepted)


@dataclass(frozen=True)
class Retrieval:
    """Finding a person's other pictures in a gallery."""

    num_queries: int
    top1: float
    """Share of queries whose most similar picture shows the same person."""
    top5: float
    mean_average_precision: float


def retrieval(
    queries: np.ndarray,
    query_persons: np.ndarray,
    gallery: np.ndarray,
    gallery_persons: np.ndarray,
) -> Retrieval:
    """Rank a gallery by cosine for every query.

    Among equally similar pictures the wrong ones come first, so that a constant embedding earns
    nothing.

    Args:
        queries, gallery: embeddings (Q, D) and (G, D).

    Raises:
        ValueError: a query's person is not in the gallery.
    """
    cosines = cosine_matrix(queries, gallery)
    hits = np.asarray(query_persons)[:, None] == np.asarray(gallery_persons)[None]
    if not hits.any(axis=1).all():
        missing = np.asarray(query_persons)[~hits.any(axis=1)][0]
        raise ValueError(f"the gallery has no picture of person {missing}")
    precisions, ranks = [], []
    for row, hit in zip(cosines, hits, strict=True):
        ordered = hit[np.lexsort((hit, -row))]  # by falling cosine, then wrong before right
        positions = np.flatnonzero(ordered)
        ranks.append(positions[0])
        precisions.append(np.mean((np.arange(len(positions)) + 1) / (positions + 1)))
    first = np.asarray(ranks)
    return Retrieval(
        num_queries=len(first),
        top1=float((first < 1).mean()),
        top5=float((first < 5).mean()),
        mean_average_precision=float(np.mean(precisions)),
    )
