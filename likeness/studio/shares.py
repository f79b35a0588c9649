"""Shares of a dataset's splits: ``.8,.1,.1`` of its people or sentences.

Owns the reading of shares and who falls into which split by them. Splits without shares are those
of ``corpus`` and of each system.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import get_args

from likeness.errors import UsageError
from likeness.seeds import seed_of
from likeness.studio.corpus import Split

SPLITS: tuple[Split, ...] = get_args(Split)
_ADVICE = "Give shares for train, validation and test that add up to 1: split=.8,.1,.1."


@dataclass(frozen=True)
class Shares:
    """Parts of a whole, exact: decimal fractions add up to 1 without a rest.

    Attributes:
        train: above 0.
        validation: 0 for none.
        test: 0 for none.
    """

    train: Decimal
    validation: Decimal
    test: Decimal

    @classmethod
    def read(cls, text: str) -> Shares:
        """Three numbers with commas between, e.g. ``".8,.1,.1"``.

        Raises:
            UsageError: other than three numbers from 0 to 1 that add up to 1, or none to train on.
        """
        try:
            values = [Decimal(word.strip()) for word in text.split(",")]
        except InvalidOperation:
            values = []
        if len(values) != len(SPLITS) or not all(v.is_finite() and 0 <= v <= 1 for v in values):
            raise UsageError(
                f"A split is three numbers from 0 to 1 with commas between, found {text!r}.",
                advice=_ADVICE,
            )
        if sum(values) != 1:
            raise UsageError(
                f"The shares of a split add up to 1; those of {text!r} add up to {sum(values)}.",
                advice=_ADVICE,
            )
        if not values[0]:
            raise UsageError(f"The split {text!r} leaves nothing to train on.", advice=_ADVICE)
        return cls(*values)

    def to_list(self) -> list[float]:
        """In the order of ``SPLITS``, for the record of a dataset."""
        return [float(getattr(self, split)) for split in SPLITS]

    def spread(self, count: int) -> tuple[Split, ...]:
        """The splits of ``count`` things in their order.

        The first things are one for every split that has a share, and each further one makes the
        shares as near as can be: the split of a thing depends on its place alone, so that more
        things change nothing for the first.
        """
        wanted = {split: getattr(self, split) for split in SPLITS}
        splits: list[Split] = [split for split in SPLITS if wanted[split]][:count]
        given = Counter(splits)
        for done in range(len(splits) + 1, count + 1):
            splits.append(max(SPLITS, key=lambda split: wanted[split] * done - given[split]))
            given[splits[-1]] += 1
        return tuple(splits)

    def of_texts(self, texts: Sequence[str]) -> tuple[Split, ...]:
        """The splits of sentences, each different: exact shares, and who hears which by a hash."""
        order = sorted(range(len(texts)), key=lambda place: seed_of("sentence", texts[place]))
        by_place = dict(zip(order, self.spread(len(texts)), strict=True))
        return tuple(by_place[place] for place in range(len(texts)))


def filled(splits: Sequence[Split]) -> tuple[Split, ...]:
    """The same with one thing at least in every split, as far as things go.

    The split with the most gives its last one.
    """
    done = list(splits)
    for missing in SPLITS:
        counts = Counter(done)
        fullest = max(SPLITS, key=lambda split: counts[split])
        if not counts[missing] and counts[fullest] > (missing != "train"):
            done[len(done) - 1 - done[::-1].index(fullest)] = missing
    return tuple(done)
