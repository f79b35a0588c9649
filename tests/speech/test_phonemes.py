"""Names of sounds taken apart into units."""

from __future__ import annotations

import warnings

import pytest

from likeness.speech.phonemes import CONSONANTS, UNITS, VOWELS, manner_of, units_of


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_is_itself(unit: str) -> None:
    assert units_of(unit) == (unit,)


@pytest.mark.parametrize(
    ("ipa", "units"),
    [
        ("eɪ", "e ɪ"),
        ("aɪ", "a ɪ"),
        ("aʊ", "a ʊ"),
        ("ɔɪ", "ɔː ɪ"),
        ("oʊ", "o ʊ"),
        ("iə", "i ə"),
        ("aɪə", "a ɪ ə"),
        ("ɔːɹ", "ɔː ɹ"),
        ("ɑːɹ", "ɑː ɹ"),
        ("əl", "ə l"),
        ("ts", "t s"),
        ("dz", "d z"),
        ("t͡s", "t s"),
        ("t͡ʃ", "tʃ"),
        ("tɕ", "tʃ"),
        ("dʑ", "dʒ"),
        ("ʈʂʰ", "tʃ"),
        ("tʃʲ", "tʃ"),
        ("iː", "iː"),
        ("i", "i"),
        ("u", "uː"),
        ("uːː", "uː"),
        ("ɑ", "ɑː"),
        ("ɑː", "ɑː"),
        ("ɒː", "ɔː"),
        ("aː", "a"),
        ("ä", "a"),
        ("ɛ̃", "ɛ"),
        ("ɔ̃ː", "ɔː"),
        ("n̩", "n"),
        ("ç", "j"),
        ("c\u0327", "j"),
        ("c", "k"),
        ("x", "k"),
        ("ɟ", "k"),
        ("g", "ɡ"),
        ("a5", "a"),
        ("ɑu5", "ɑː uː"),
        ("t-", "t"),
        ("ʲ", ""),
        ("(fr)", ""),
        ("(en-gb-x", ""),
        ("ˈa", "a"),
        ("", ""),
    ],
)
def test_names_come_apart(ipa: str, units: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert units_of(ipa) == tuple(units.split())


@pytest.mark.parametrize(("symbol", "unit"), [("ꜵ", "ʔ"), ("ʘ", "ʔ"), ("ᴇ", "ə"), ("😀", "ʔ")])
def test_unknown_symbols_warn_and_act(symbol: str, unit: str) -> None:
    with pytest.warns(UserWarning, match=symbol):
        assert units_of(symbol) == (unit,)


def test_the_inventory_has_no_double() -> None:
    assert len(set(UNITS)) == len(UNITS) == len(VOWELS) + len(CONSONANTS) + 1


@pytest.mark.parametrize(
    ("ipa", "manner"),
    [
        ("p", "unvoiced stop"),
        ("tʃ", "unvoiced stop"),
        ("ts", "unvoiced stop"),
        ("q", "unvoiced stop"),
        ("ɖ", "voiced stop"),
        ("dʒ", "voiced stop"),
        ("ŋ", "nasal"),
        ("n̩", "nasal"),
        ("x", None),
        ("ç", None),
        ("ɱ", None),
        ("ʃ", None),
        ("aɪ", None),
        ("(ko)", None),
        ("(pt-br)", None),
        ("", None),
    ],
)
def test_manner_follows_the_name(ipa: str, manner: str | None) -> None:
    assert manner_of(ipa) == manner
