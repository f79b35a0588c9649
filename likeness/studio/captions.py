"""Captions: words for labels, and labels from words.

Owns the phrases, the templates and the parser. Every phrase stands for one value of one slot, so
``parse(write(labels)) == labels`` whatever is left out. A caption says nothing that is not in its
labels and has no negations.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TypeVar, get_args

import numpy as np

from likeness.studio.background import Kind
from likeness.studio.colours import BASIC_COLOURS
from likeness.studio.labels import AGES, BEARDS, CaptionLight, Face, Labels, Traits
from likeness.studio.shots import Shot, View
from likeness.studio.traits import ClothingKind

Value = TypeVar("Value", bound=str)

MOST_WORDS = 40

SHOT_WORDS: dict[Shot, str] = {
    "portrait": "close-up portrait",
    "half-length": "half-length photo",
    "wide": "wide shot",
}
VIEW_WORDS: dict[View, str] = {
    "front": "facing the camera",
    "left": "turned to the left of the picture",
    "right": "turned to the right of the picture",
    "profile left": "in profile facing the left of the picture",
    "profile right": "in profile facing the right of the picture",
    "up": "looking up",
    "down": "looking down",
}
FACE_WORDS: dict[Face, str] = {
    "neutral": "a neutral expression",
    "smile": "a smile",
    "amazed": "raised eyebrows and wide eyes",
    "frown": "lowered eyebrows",
    "sad": "a sad look",
    "closed eyes": "closed eyes",
}
BACKGROUND_WORDS: dict[Kind, str] = {
    "plain": "in front of a plain wall",
    "gradient": "in front of a gradient backdrop",
    "mottled": "in front of a mottled backdrop",
    "brick": "in front of a brick wall",
    "wood": "in front of a wooden wall",
    "books": "in front of bookshelves",
    "curtain": "in front of a curtain",
    "window": "in a room with a window",
    "leaves": "in front of leaves",
    "sky": "under the sky",
    "street": "on a street",
    "lights": "with night lights behind",
}
LIGHT_WORDS: dict[CaptionLight, str] = {
    "daylight": "soft daylight",
    "side left": "hard side light from the left",
    "side right": "hard side light from the right",
    "evening": "warm evening light",
    "studio": "studio light",
    "dim": "dim light",
}
_CLOTHES_WORDS = {"v-neck": "v-neck top", "roll-neck": "roll-neck sweater"}
"""Where the kind's own word is no noun."""
_HAIR_LENGTHS = ("shaved", "short", "medium-length", "long", "tied-back", "curly", "afro")
_HAIR_COLOURS = ("dark brown", "black", "brown", "blond", "red", "grey", "white")
_EYE_COLOURS = ("blue", "grey", "green", "hazel", "brown")
_BEARD_WORDS = {
    "stubble": "stubble",
    "moustache": "a moustache",
    "goatee": "a goatee",
    "beard": "a beard",
}
_NUMBERS = ("one person", "two people", "three people", "four people", "five people")

TEMPLATES = 4
_TEMPLATE_ODDS = (0.375, 0.125, 0.375, 0.125)
"""In three of four captions the trigger is the first word."""


@dataclass(frozen=True)
class GroupLabels:
    """The slots of a group's caption, people from left to right."""

    people: tuple[Labels, ...]
    """Their clothes and traits; the rest is empty."""
    background: Kind | None = None
    light: CaptionLight | None = None


def draw_template(rng: np.random.Generator) -> int:
    """The number of a template."""
    return int(rng.choice(TEMPLATES, p=_TEMPLATE_ODDS))


def write(labels: Labels, template: int = 0, *, trigger: str | None = None) -> str:
    """The caption of labels.

    Args:
        labels: with traits for somebody who is described, without for somebody who is named.
        template: 0 .. 3.
        trigger: the name; None describes the person by traits.

    Raises:
        ValueError: a trigger and traits, or more than 40 words; :func:`fitting` leaves words out.
    """
    if trigger is not None and labels.traits is not None:
        raise ValueError("a caption names its person or describes it, not both")
    subject = trigger if trigger is not None else _subject(labels.traits or Traits())
    shot = SHOT_WORDS[labels.shot] if labels.shot else None
    view = VIEW_WORDS[labels.view] if labels.view else None
    face = f"with {FACE_WORDS[labels.face]}" if labels.face else None
    clothes = _clothes(labels)
    behind = BACKGROUND_WORDS[labels.background] if labels.background else None
    light = LIGHT_WORDS[labels.light] if labels.light else None
    wearing = f"wearing {clothes}" if clothes else None
    if template == 0:
        text = _joined(subject, shot, view, face, wearing, behind, light)
    elif template == 1:
        text = _joined(f"{shot or 'photo'} of {subject}", view, face, wearing, behind, light)
    elif template == 2:
        dressed = f"{subject} in {clothes}" if clothes else subject
        how = " ".join(part for part in (shot, face, f"in {light}" if light else None) if part)
        text = "; ".join(part for part in (_joined(dressed, view, behind), how) if part)
    elif template == 3:
        text = _joined(f"a photo of {subject}", shot, view, face, wearing, behind, light)
    else:
        raise ValueError(f"there are templates 0 to {TEMPLATES - 1}, asked for {template}")
    if len(text.split()) > MOST_WORDS:
        raise ValueError(f"a caption has at most {MOST_WORDS} words, this one {len(text.split())}")
    return text


def fitting(labels: Labels, template: int = 0) -> Labels:
    """The labels without as many traits as it takes for 40 words."""
    kept = labels
    for name in ("eyes", "glasses", "beard", "hair"):
        try:
            write(kept, template)
        except ValueError:
            traits = kept.traits or Traits()
            change = {"hair_length": None, "hair_colour": None} if name == "hair" else {name: None}
            kept = replace(kept, traits=replace(traits, **change))
    return kept


def parse(text: str) -> Labels:
    """The labels of a caption written by :func:`write`, by whatever template."""
    traits = _parse_traits(text)
    colour, kind = _parse_clothes(text)
    return Labels(
        shot=_found(text, SHOT_WORDS),
        view=_found(text, VIEW_WORDS),
        face=_found(text, FACE_WORDS),
        clothes_colour=colour,
        clothes_kind=kind,
        background=_found(text, BACKGROUND_WORDS),
        light=_found(text, LIGHT_WORDS),
        traits=None if traits == Traits() else traits,
    )


def write_group(labels: GroupLabels) -> str:
    """The caption of a group of one to five people."""
    people = []
    for person in labels.people:
        clothes = _clothes(person)
        subject = _subject(person.traits or Traits())
        people.append(f"{subject}, in {clothes}" if clothes else subject)
    behind = BACKGROUND_WORDS[labels.background] if labels.background else None
    light = LIGHT_WORDS[labels.light] if labels.light else None
    place = _joined(behind, light)
    listed = "; ".join([*people, place] if place else people)
    if len(people) == 1:
        return f"{_NUMBERS[0]}: {listed}"
    return f"{_NUMBERS[len(people) - 1]}: from left to right, {listed}"


def parse_group(text: str) -> GroupLabels:
    """The labels of a caption written by :func:`write_group`."""
    number, rest = text.split(": ", 1)
    parts = rest.removeprefix("from left to right, ").split("; ")
    count = _NUMBERS.index(number) + 1
    place = "; ".join(parts[count:])
    people = []
    for part in parts[:count]:
        colour, kind = _parse_clothes(part)
        people.append(Labels(clothes_colour=colour, clothes_kind=kind, traits=_parse_traits(part)))
    return GroupLabels(tuple(people), _found(place, BACKGROUND_WORDS), _found(place, LIGHT_WORDS))


def _joined(*parts: str | None) -> str:
    return ", ".join(part for part in parts if part)


def _clothes(labels: Labels) -> str | None:
    if labels.clothes_colour is None or labels.clothes_kind is None:
        return None
    noun = _CLOTHES_WORDS.get(labels.clothes_kind, labels.clothes_kind)
    return f"{_article(labels.clothes_colour)} {labels.clothes_colour} {noun}"


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


def _subject(traits: Traits) -> str:
    """Such as "a young woman with short red hair, green eyes and glasses"."""
    noun = traits.noun or "person"
    age = f"{traits.age} " if traits.age else ""
    subject = f"{_article(age or noun)} {age}{noun}"
    things = []
    if traits.hair_length == "bald":
        things.append("a bald head")
    elif traits.hair_length and traits.hair_colour:
        things.append(f"{traits.hair_length} {traits.hair_colour} hair")
    if traits.eyes:
        things.append(f"{traits.eyes} eyes")
    if traits.beard:
        things.append(_BEARD_WORDS[traits.beard])
    if traits.glasses:
        things.append(traits.glasses)
    if not things:
        return subject
    *first, last = things
    return f"{subject} with {', '.join(first)} and {last}" if first else f"{subject} with {last}"


def _found(text: str, phrases: dict[Value, str]) -> Value | None:
    """The value whose phrase stands in the text; of two, one inside the other, the longer."""
    best: Value | None = None
    for value, phrase in phrases.items():
        inside = re.search(rf"(?<![\w-]){re.escape(phrase)}(?![\w-])", text)
        if inside and (best is None or len(phrase) > len(phrases[best])):
            best = value
    return best


def _parse_clothes(text: str) -> tuple[str | None, str | None]:
    pattern, kinds = _clothes_pattern()
    match = pattern.search(text)
    return (match[1], kinds[match[2]]) if match else (None, None)


@cache
def _clothes_pattern() -> tuple[re.Pattern[str], dict[str, str]]:
    kinds = {_CLOTHES_WORDS.get(kind, kind): kind for kind in get_args(ClothingKind)}
    nouns = "|".join(re.escape(noun) for noun in sorted(kinds, key=len, reverse=True))
    return re.compile(rf"\ban? ({'|'.join(BASIC_COLOURS)}) ({nouns})(?![\w-])"), kinds


def _parse_traits(text: str) -> Traits:
    who = re.search(rf"\ban? (?:({'|'.join(AGES)}) )?(man|woman)\b", text)
    hair = re.search(rf"\b({_any(_HAIR_LENGTHS)}) ({_any(_HAIR_COLOURS)}) hair\b", text)
    eyes = re.search(rf"\b({_any(_EYE_COLOURS)}) eyes\b", text)
    bald = re.search(r"\ba bald head\b", text)
    worn = re.search(r"\b(sunglasses|glasses)\b", text)
    beard = next((name for name in BEARDS if re.search(rf"\b{_BEARD_WORDS[name]}\b", text)), None)
    return Traits(
        noun=who[2] if who else None,  # type: ignore[arg-type]
        age=who[1] if who else None,  # type: ignore[arg-type]
        hair_length="bald" if bald else hair[1] if hair else None,
        hair_colour=hair[2] if hair else None,
        eyes=eyes[1] if eyes else None,
        beard=beard,
        glasses=worn[1] if worn else None,  # type: ignore[arg-type]
    )


def _any(words: Sequence[str]) -> str:
    return "|".join(re.escape(word) for word in words)
