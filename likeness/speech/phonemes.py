"""From IPA to the sounds the studio knows how to articulate.

Owns the inventory of units, the way any IPA name is taken apart into them, and which names are
stops and nasals. How a unit moves a mouth is told elsewhere.
"""

from __future__ import annotations

import unicodedata
import warnings
from typing import Literal

from likeness.speech.timeline import SILENCE

_VOWELS = "iː i ɪ ᵻ e ɛ æ a ɑː ʌ ə ɐ ɔː ɔ o ʊ uː ɜː ɚ y ø œ"
_CONSONANTS = "p b m f v θ ð t d n l ɾ r s z ʃ ʒ tʃ dʒ ɹ w j ɥ k ɡ ŋ h ʔ"
VOWELS = tuple(_VOWELS.split())
CONSONANTS = tuple(_CONSONANTS.split())
UNITS = (*VOWELS, *CONSONANTS, SILENCE)

_LONGEST = max(len(unit) for unit in UNITS)

_ALIASES: dict[str, str] = {
    symbol: unit
    for symbols, unit in (
        ("ɨ", "ᵻ"),
        ("ʉu", "uː"),
        ("ɯ", "ɪ"),
        ("ʏ", "y"),
        ("ɘ", "ə"),
        ("ɵ", "ø"),
        ("ɤ", "ʌ"),
        ("ɒ", "ɔː"),
        ("ɶɞ", "œ"),
        ("ɑ", "ɑː"),
        ("ɜ", "ɜː"),
        ("ɝ", "ɚ"),
        ("ɸɱ", "f"),
        ("βʋⱱ", "v"),
        ("ʙɓ", "b"),
        ("ʈ", "t"),
        ("ɖɗ", "d"),
        ("ɳ", "n"),
        ("ɲʎçʝ", "j"),
        ("ɴ", "ŋ"),
        ("ɕʂɧ", "ʃ"),
        ("ʑʐ", "ʒ"),
        ("xɣχʁʀɰqɢcɟʟ", "k"),
        ("ħʕɦ", "h"),
        ("ɬɮɫɭ", "l"),
        ("ɽɺ", "ɾ"),
        ("ɻ", "ɹ"),
        ("ʍ", "w"),
        ("gɠ", "ɡ"),
    )
    for symbol in symbols
}
# Taken before their parts lose what makes them one sound, or part of this diphthong.
_TOGETHER = {"ɔɪ": "ɔːɪ", "tɕ": "tʃ", "tʂ": "tʃ", "ʈʂ": "tʃ", "dʑ": "dʒ", "dʐ": "dʒ", "ɖʐ": "dʒ"}

Manner = Literal["unvoiced stop", "voiced stop", "nasal"]
_MANNERS: dict[str, Manner] = {
    **dict.fromkeys("ptkʈqc", "unvoiced stop"),
    **dict.fromkeys("bdɡgɖɟɢɓɗɠ", "voiced stop"),
    **dict.fromkeys("mnŋɳɲɴ", "nasal"),
}


def units_of(ipa: str) -> tuple[str, ...]:
    """The units of an IPA name, in order of time.

    Marks of tone, place, release and syllable are dropped; the length mark counts where two units
    differ by it. Diphthongs and names of several sounds come apart: ``"oʊ"`` is ``("o", "ʊ")``,
    ``"ɔːɹ"`` is ``("ɔː", "ɹ")``; affricates stay one unit. A lone modifier has no units, nor has a
    mark of language.

    A symbol nobody knows is a ``UserWarning`` and acts as ``"ə"`` when it is a kind of vowel
    letter, as ``"ʔ"`` otherwise. Never raises.
    """
    if is_language_mark(ipa):
        return ()
    plain = _plain(ipa)
    if plain in UNITS:
        return (plain,)
    for name, unit in _TOGETHER.items():
        plain = plain.replace(name, unit)
    found = []
    at = 0
    while at < len(plain):
        for length in range(min(_LONGEST, len(plain) - at), 0, -1):
            if plain[at : at + length] in UNITS:
                found.append(plain[at : at + length])
                at += length
                break
        else:
            symbol = plain[at]
            at += 1
            if symbol == "ː":
                continue
            found.append(_ALIASES.get(symbol) or _stand_in(symbol, ipa))
            if found[-1].endswith("ː") and plain[at : at + 1] == "ː":
                at += 1
    return tuple(found)


def manner_of(ipa: str) -> Manner | None:
    """How the first sound of an IPA name shuts the mouth off, None where it does not.

    Affricates count as stops. The unit is not enough to know: fricatives of the soft palate are
    articulated like ``"k"`` but shut nothing off.
    """
    return None if is_language_mark(ipa) else _MANNERS.get(_plain(ipa)[:1])


def is_language_mark(ipa: str) -> bool:
    """Whether a name says that another language goes on, as eSpeak NG's ``"(en-us)"`` does.

    Long tags reach us cut off, without their last bracket.
    """
    return ipa.startswith("(")


def _plain(ipa: str) -> str:
    """Letters and length marks alone; ``ç`` stays itself, since without its mark it is a stop."""
    kept = []
    for letter in unicodedata.normalize("NFC", ipa):
        for part in [letter] if letter == "ç" else unicodedata.normalize("NFD", letter):
            category = unicodedata.category(part)
            if part == "ː" or part == SILENCE or category in ("Ll", "Lo", "Lu", "Lt", "So"):
                kept.append(part)
    return "".join(kept)


def _stand_in(symbol: str, ipa: str) -> str:
    name = unicodedata.name(symbol, "")
    unit = "ə" if name.rpartition(" ")[2] in ("A", "E", "I", "O", "U", "Y") else "ʔ"
    warnings.warn(
        f"The symbol {symbol!r} of the sound {ipa!r} is unknown; it is articulated as {unit!r}.",
        stacklevel=3,
    )
    return unit
