"""Several actors in one network: who they are, what they must share, and their tables.

Imports no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from likeness.errors import UsageError
from likeness.systems.audio2face.artefacts import ActorArtefacts, Floats


@dataclass(frozen=True, eq=False)
class Identities:
    """Actors in the order of the identity one-hot.

    They share the vertices of skin and tongue, the key points of the jaw and the angles of the
    eyes. Their numbers of PCA components, vertex lists and scales are their own.

    Raises:
        UsageError: no actor, one twice, or actors whose meshes differ.
    """

    actors: tuple[ActorArtefacts, ...]

    def __post_init__(self) -> None:
        if not self.actors:
            raise UsageError("A network needs an actor at least, and there is none.")
        twice = sorted({name for name in self.names if self.names.count(name) > 1})
        if twice:
            raise UsageError(f"Actors have names of their own; {', '.join(twice)} occurs twice.")
        measures: dict[str, Callable[[ActorArtefacts], int]] = {
            "skin vertices": lambda actor: actor.skin.mean.shape[0],
            "tongue vertices": lambda actor: actor.tongue.mean.shape[0],
            "jaw key points": lambda actor: actor.jaw_neutral.shape[0],
            "eye angles": lambda actor: actor.num_angles,
        }
        for what, measure in measures.items():
            sizes = {actor.actor: measure(actor) for actor in self.actors}
            if len(set(sizes.values())) > 1:
                self._refuse_missing_tongue(what)
                listed = ", ".join(f"'{name}' {size}" for name, size in sizes.items())
                raise UsageError(
                    f"Actors of one network share their meshes, and these differ in {what}: "
                    f"{listed}.",
                    advice="Train them apart, or bring their recordings to one mesh.",
                )

    def _refuse_missing_tongue(self, what: str) -> None:
        """Zeros that stand in for a tongue have a size nobody recorded."""
        lacking = [actor.actor for actor in self.actors if actor.tongue.is_placeholder]
        having = [actor for actor in self.actors if not actor.tongue.is_placeholder]
        if what != "tongue vertices" or not lacking or not having:
            return
        shape = ",".join(map(str, having[0].tongue.shapes.shape[:2]))
        one = len(lacking) == 1
        raise UsageError(
            f"Actors of one network share their meshes, and {', '.join(lacking)} "
            f"{'has' if one else 'have'} no tongue, while {having[0].actor} has one of "
            f"{len(having[0].tongue.mean)} vertices.",
            advice=f"Give {'the actor' if one else 'them'} tongue_caches, tongue_neutral and "
            "tongue_rigid_list in dataset.yaml, or train a still tongue of that size with "
            f"preprocessing.placeholders.tongue=[{shape}], or train them apart (data.actors).",
        )

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Of the actors, in order."""
        return tuple(actor.actor for actor in self.actors)

    @cached_property
    def by_name(self) -> Mapping[str, ActorArtefacts]:
        """Name to actor."""
        return dict(zip(self.names, self.actors, strict=True))

    def index(self, actor: str) -> int:
        """Place of an actor.

        Raises:
            UsageError: there is no such actor.
        """
        if actor not in self.by_name:
            raise UsageError(
                f"There is no actor '{actor}' in this network.",
                advice=f"Known: {', '.join(self.names)}.",
            )
        return self.names.index(actor)

    def one_hot(self, actor: str) -> Floats:
        """(A,) with a one at the actor. See :meth:`index`."""
        found = np.zeros(len(self.actors), np.float32)
        found[self.index(actor)] = 1
        return found

    def shot_id(self, actor: str, shot: str) -> str:
        """``actor::shot``, or the shot alone where there is one actor."""
        return shot if len(self.actors) == 1 else f"{actor}::{shot}"


def table(rows: Sequence[Floats]) -> Floats:
    """(A, longest, …): arrays with other first lengths under one another, filled with zeros."""
    longest = max(len(row) for row in rows)
    found = np.zeros((len(rows), longest, *rows[0].shape[1:]), np.float32)
    for place, row in zip(found, rows, strict=True):
        place[: len(row)] = row
    return found
