"""Plain data without the words that have a fault, so that what is wrong beside them is found too.

A library that validates looks at the rules between settings only where the settings themselves are
sound, so one slip would hide others until the next try. Owns which words are left out, and what is
put in their place. Finding the faults is ``faults.py``.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from likeness.config.faults import Fault, validation_faults
from likeness.config.keys import Key, canonical, has, known_keys, value_at
from likeness.config.overrides import Origin
from likeness.config.schema import ConfigModel

_ROUNDS = 8
"""Rules may lie behind rules; each round leaves something out."""


def validated(
    config_class: type[ConfigModel],
    tree: dict[str, Any],
    below: dict[str, Any],
    origin_of: Callable[[Key], Origin],
    told: Sequence[Fault] = (),
) -> tuple[ConfigModel | None, list[Fault]]:
    """The configuration of plain data, and every fault of it.

    What is at fault is as it stands below, or left out; a fault that only this may have made, since
    it speaks of such a setting, is not told.

    Args:
        below: the plain data before anybody wrote to it.
        told: faults that are known already, of words that never came into ``tree``.

    Returns:
        What the data say without the words that have a fault, None where that is not valid; and the
        faults in the order they were found.
    """
    tree = copy.deepcopy(tree)
    faults: list[Fault] = []
    for number in range(_ROUNDS):
        try:
            return config_class.model_validate(tree), faults
        except ValidationError as error:
            found = validation_faults(error, tree, origin_of, known_keys(config_class, tree))
        faults += beside([*told, *faults], found) if number else _unnamed(told, found)
        wrong = [_keys_of(fault, tree) for fault in found]  # before any of it changes
        if not [keys for keys in wrong if _undo(tree, below, keys)]:
            return None, faults
    return None, faults


def _unnamed(told: Sequence[Fault], found: Sequence[Fault]) -> list[Fault]:
    """Faults of values, but for those whose name is at fault already: of a name that does not exist
    the value is no fault of its own."""
    names = {fault.key for fault in told if fault.key}
    return [fault for fault in found if fault.key not in names]


def _keys_of(fault: Fault, tree: Any) -> list[Key]:
    """Keys in plain data of the settings that a fault of its validation is about."""
    keys = []
    for name in fault.between or filter(None, [fault.key]):
        with suppress(LookupError):  # a key with a dot in it, as a file may have
            keys.append(canonical(tree, tuple(name.split("."))))
    return keys


def beside(told: Iterable[Fault], found: Iterable[Fault]) -> list[Fault]:
    """Those of the faults found that no setting at fault already has a part in."""
    names = {name for fault in told for name in (*_settings_of(fault), *_meant_by(fault))}
    return [fault for fault in found if not any(_speaks_of(fault, name) for name in names)]


def _settings_of(fault: Fault) -> list[str]:
    """The settings between which a rule is broken, else the one at fault.

    Of those between the ones that somebody wrote: what a profile or a default says has a part in
    many rules, and is no slip in any of them.
    """
    written = [
        name for name, origin in fault.between.items() if origin.layer not in ("default", "profile")
    ]
    return written or list(fault.between) or [name for name in (fault.key,) if name]


def _meant_by(fault: Fault) -> list[str]:
    """Settings that a message names and does not list: what a wrong name was meant to be."""
    named = re.findall(r"'([\w-]+(?:\.[\w-]+)+)'", fault.message)
    return [name for name in named if name not in fault.between]


def _speaks_of(fault: Fault, name: str) -> bool:
    """Whether a setting, a part of it or what it is a part of has a part in a fault."""
    if re.search(rf"(?<![\w.]){re.escape(name)}(?![\w-])", f"{fault.key} {fault.message}"):
        return True
    return any(name.startswith(f"{own}.") for own in _settings_of(fault))


def _undo(tree: dict[str, Any], below: dict[str, Any], wrong: Sequence[Key]) -> bool:
    """Put back, in place, what stood below at the settings of a fault; where all stand as they did,
    leave them out. What neither can be done to, as to an item of a list, goes with what is around.

    Returns:
        Whether there was anything to undo.
    """
    for step in (_put_back, _drop_new, _drop):
        if [key for key in wrong if step(tree, below, key)]:
            return True
    around = sorted({key[:-1] for key in wrong if len(key) > 1})
    return bool(around) and _undo(tree, below, around)


def _put_back(tree: dict[str, Any], below: dict[str, Any], key: Key) -> bool:
    if not (has(tree, key) and has(below, key)) or value_at(below, key) == value_at(tree, key):
        return False
    around = value_at(tree, key[:-1])
    around[int(key[-1]) if isinstance(around, list) else key[-1]] = copy.deepcopy(
        value_at(below, key)
    )
    return True


def _drop_new(tree: dict[str, Any], below: dict[str, Any], key: Key) -> bool:
    return not has(below, key) and _drop(tree, below, key)


def _drop(tree: dict[str, Any], below: dict[str, Any], key: Key) -> bool:
    if not has(tree, key) or not isinstance(value_at(tree, key[:-1]), dict):
        return False
    del value_at(tree, key[:-1])[key[-1]]
    return True
