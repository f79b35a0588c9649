"""Who falls into which split by shares."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import pytest

from likeness.errors import UsageError
from likeness.studio.shares import Shares, filled

USUAL = Shares.read(".8,.1,.1")


def test_shares_are_read_exactly():
    assert Shares.read("0.6, .3 ,1e-1") == Shares(Decimal("0.6"), Decimal("0.3"), Decimal("0.1"))
    assert Shares.read("1,0,0").to_list() == [1.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "three numbers from 0 to 1 with commas between, found ''"),
        (".8,.2", "three numbers"),
        (".8;.1;.1", "three numbers"),
        ("80,10,10", "three numbers from 0 to 1"),
        ("1.1,-.1,0", "three numbers from 0 to 1"),
        ("nan,.5,.5", "three numbers"),
        (".8,.1,.2", "add up to 1; those of '.8,.1,.2' add up to 1.1"),
        ("0,.5,.5", "leaves nothing to train on"),
    ],
)
def test_what_is_no_split_is_refused_with_what_is(text, message):
    with pytest.raises(UsageError, match=message) as caught:
        Shares.read(text)
    assert "split=.8,.1,.1" in caught.value.advice


@pytest.mark.parametrize("text", [".8,.1,.1", ".5,.25,.25", ".34,.33,.33", ".7,0,.3", "1,0,0"])
def test_every_beginning_has_the_shares_as_nearly_as_can_be(text):
    shares = Shares.read(text)
    whole = shares.spread(400)
    for count in range(1, 30):  # a person or a sentence more changes nothing for the first
        assert shares.spread(count) == whole[:count]
    for count in (20, 50, 399):
        counts = Counter(whole[:count])
        for split, share in zip(("train", "validation", "test"), shares.to_list(), strict=True):
            assert abs(counts[split] - share * count) <= 1
    assert [Counter(whole)[s] for s in ("train", "validation", "test")] == [
        round(400 * share) for share in shares.to_list()
    ]


def test_few_things_fill_every_split_that_has_a_share():
    assert USUAL.spread(5) == ("train", "validation", "test", "train", "train")
    assert USUAL.spread(3) == ("train", "validation", "test")
    assert USUAL.spread(2) == ("train", "validation")
    assert USUAL.spread(1) == ("train",)
    assert set(Shares.read(".9,0,.1").spread(4)) == {"train", "test"}
    assert filled(["test"]) == ("train",)
    assert filled(["test", "test", "test"]) == ("test", "validation", "train")
    assert filled(["train", "test", "validation"]) == ("train", "test", "validation")


def test_a_sentence_is_heard_by_its_text_and_not_by_its_place():
    texts = [f"Sentence {number}." for number in range(50)]
    splits = dict(zip(texts, USUAL.of_texts(texts), strict=True))
    assert Counter(splits.values()) == {"train": 40, "validation": 5, "test": 5}
    assert dict(zip(texts[::-1], USUAL.of_texts(texts[::-1]), strict=True)) == splits
    assert USUAL.of_texts(texts) != USUAL.spread(50)
