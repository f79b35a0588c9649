"""The recogniser fitted to studio people: how well it tells others apart."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.evaluation.identity import cosine_matrix, pair_similarities, roc
from likeness.studio.known_faces import aligned_faces, known_person, studio_recogniser
from likeness.studio.person import Person
from likeness.studio.siblings import sibling


def test_faces_are_aligned_and_nobody_else_s():
    faces = aligned_faces([known_person(0)], 2, "test")
    assert faces.shape == (2, 3, 32, 32)
    assert not np.array_equal(faces[0], faces[1])
    assert np.array_equal(faces, aligned_faces([known_person(0)], 2, "test"))
    assert known_person(0) != known_person(1)


@pytest.mark.slow
def test_unseen_people_are_told_apart():
    """40 people in 8 pictures each: AUC and rank 1, and siblings in between."""
    recogniser = studio_recogniser()
    people = [Person.sample(95_000 + number) for number in range(40)]
    codes = recogniser(aligned_faces(people, 8, "unseen")).numpy()
    persons = np.repeat(np.arange(40), 8)
    same, different = pair_similarities(codes, persons)
    assert roc(same, different).area >= 0.98
    cosines = cosine_matrix(codes, codes)
    np.fill_diagonal(cosines, -2.0)
    assert (persons[cosines.argmax(axis=1)] == persons).mean() >= 0.93
    others = recogniser(aligned_faces([sibling(p, 0) for p in people[:10]], 8, "unseen")).numpy()
    between = [
        cosine_matrix(codes[8 * k : 8 * k + 8], others[8 * k : 8 * k + 8]).mean() for k in range(10)
    ]
    assert different.mean() + 0.1 < np.mean(between) < same.mean() - 0.1
    # Of whole people, eight pictures each.
    middles = [found.reshape(-1, 8, 512).mean(axis=1) for found in (codes[:80], others)]
    assert 0.25 <= np.diag(cosine_matrix(*middles)).mean() <= 0.6
