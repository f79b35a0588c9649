"""Several actors: what they share, what is their own, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from likeness.errors import UsageError
from likeness.systems.audio2face.identities import Identities, table
from tests.systems.audio2face.diffusion_cases import make_actor


def test_actors_may_have_other_numbers_of_components() -> None:
    """Defect 20: identical component counts were demanded although nothing uses them."""
    found = Identities((make_actor("ada"), make_actor("bob", skin_components=4)))
    assert found.names == ("ada", "bob")
    assert found.one_hot("bob").tolist() == [0, 1]


@pytest.mark.parametrize(
    ("change", "what"),
    [({"vertices": 13}, "skin vertices: 'ada' 12, 'bob' 13"), ({"tongue": 6}, "tongue vertices")],
)
def test_other_meshes_are_named(change: dict[str, int], what: str) -> None:
    """Defect 20: an assertion failed instead of a report."""
    with pytest.raises(UsageError, match=what):
        Identities((make_actor("ada"), make_actor("bob", **change)))  # type: ignore[arg-type]


def test_an_actor_without_a_tongue_is_told_of_and_not_its_stand_in() -> None:
    """The zeros that stand in for a tongue have a number of vertices that is nobody's."""
    bob = make_actor("bob", tongue=520)
    bob = replace(bob, tongue=replace(bob.tongue, is_placeholder=True))
    with pytest.raises(UsageError, match="bob has no tongue, while ada has one of 5") as error:
        Identities((make_actor("ada"), bob))
    assert "520" not in str(error.value)
    assert "tongue_caches, tongue_neutral and tongue_rigid_list" in error.value.advice
    assert "preprocessing.placeholders.tongue=[3,5]" in error.value.advice


def test_names_of_shots() -> None:
    one = Identities((make_actor("ada"),))
    two = Identities((make_actor("ada"), make_actor("bob")))
    assert one.shot_id("ada", "hello") == "hello"
    assert two.shot_id("ada", "hello") == "ada::hello"


def test_unknown_and_repeated_actors_are_refused() -> None:
    with pytest.raises(UsageError, match="no actor 'eve'") as error:
        Identities((make_actor("ada"), make_actor("bob"))).one_hot("eve")
    assert "ada, bob" in error.value.advice
    with pytest.raises(UsageError, match="ada occurs twice"):
        Identities((make_actor("ada"), make_actor("ada")))
    with pytest.raises(UsageError, match="there is none"):
        Identities(())


def test_rows_of_a_table_are_filled_with_zeros() -> None:
    found = table([np.ones((2, 3), np.float32), np.ones((1, 3), np.float32)])
    assert found.tolist() == [[[1, 1, 1]] * 2, [[1, 1, 1], [0, 0, 0]]]
