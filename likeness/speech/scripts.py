"""Which words of a text a voice of eSpeak NG cannot read.

Owns which letters go with which language. What is said in their place is the library's: it names
every such letter and picture, "Chinese letter" or "grinning face", which is no sentence.
"""

from __future__ import annotations

import unicodedata

_OWN = {
    "CYRILLIC": "ba be bg cv kk ky mk nog ru sr tt uk",
    "ARABIC": "ar fa sd ug ur",
    "DEVANAGARI": "hi kok mr ne",
    "BENGALI": "as bn bpy",
    "ETHIOPIC": "am ti",
    "MYANMAR": "my shn",
    "GREEK": "el grc",
    "CJK": "cmn hak yue",
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "HEBREW": "he",
    "ARMENIAN": "hy hyw",
    "CHEROKEE": "chr",
    "ORIYA": "or",
    "THAI": "th",
    "SHAVIAN": "en-shaw",
}
"""Scripts by the first word of their letters' names, and the languages that are written in them."""
_PASSED_ON = frozenset(
    (
        "LATIN", "HANGUL", "ARMENIAN", "GEORGIAN", "DEVANAGARI", "BENGALI", "GUJARATI", "GURMUKHI",
        "KANNADA", "MALAYALAM", "SINHALA", "TAMIL", "TELUGU", "FULLWIDTH", "HALFWIDTH", "MODIFIER",
    )
)  # fmt: skip
"""Scripts that every voice reads, because the library gives words in them to another of its voices;
and what letters of known scripts are called that are wide, narrow or raised."""
_FIRST_PICTURE = "\u2600"
"""Symbols from here on are pictures; those before, such as a degree sign, are read in sentences."""
_LETTERS = ("LETTER", "IDEOGRAPH", "SYLLAB")
"""Parts of the names of what is written in a script, unlike the micro sign and the ordinal ª."""
_MARKS = ".,;:!?()\"'“”„«»…。、！？"


def unread_words(text: str, language: str) -> list[str]:
    """Words of a text that a voice names sign by sign instead of reading them, each once.

    Args:
        text: plain.
        language: tag of the voice's language, e.g. ``"en-us"``, ``"ru"`` or ``"yue"``.
    """
    tag = language.lower()
    tags = {tag, tag.partition("-")[0]}
    own = {script for script, languages in _OWN.items() if tags & set(languages.split())}
    readable = _PASSED_ON | own
    words = (word.strip(_MARKS) for word in text.split())
    return list(dict.fromkeys(w for w in words if any(_is_unread(sign, readable) for sign in w)))


def _is_unread(sign: str, readable: frozenset[str]) -> bool:
    category, name = unicodedata.category(sign), unicodedata.name(sign, "")
    if category == "So":
        return sign >= _FIRST_PICTURE
    if category[0] != "L" or not any(part in name for part in _LETTERS):
        return False
    return name.partition(" ")[0] not in readable
