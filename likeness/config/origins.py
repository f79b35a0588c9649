"""Who wrote what: the origin of every part of a configuration while layers are laid over it.

Owns the bookkeeping. What an origin is called is ``overrides.py``; values are ``resolve.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import get_args

from likeness.config.keys import Key
from likeness.config.overrides import Layer, Origin

_RANKS: dict[str, int] = {layer: rank for rank, layer in enumerate(get_args(Layer))}


def strongest(origins: Iterable[Origin]) -> Origin:
    """Of several, the one whose layer wins over the others, of this command before an earlier one;
    the first of equals."""
    return max(origins, key=lambda origin: (_RANKS[origin.layer], not origin.is_earlier))


def origin_in(provenance: Mapping[str, Origin], key: str) -> Origin | None:
    """Of a setting, of what it stood in where it is gone, or the strongest of what a part holds.

    Args:
        provenance: dotted key of each leaf to its origin.
    """
    parts = key.split(".")
    for end in range(len(parts), 0, -1):
        if ".".join(parts[:end]) in provenance:
            return provenance[".".join(parts[:end])]
    inside = [origin for known, origin in provenance.items() if known.startswith(f"{key}.")]
    return strongest(inside) if inside else None


class Origins:
    """Keys in plain data, items of lists by position, to the origin of what was written there.

    A part that was set as a whole has one entry, and others below it for what was written there
    since. What has none, above it neither, is a default.
    """

    def __init__(self, known: Mapping[Key, Origin] | None = None) -> None:
        self._turn = 0
        self._entries = {key: (0, origin) for key, origin in (known or {}).items()}

    def begin_layer(self) -> None:
        """What is written from here on is stronger than what was written before."""
        self._turn += 1

    def write(self, key: Key, origin: Origin, inner: Mapping[Key, Origin] | None = None) -> None:
        """A part was set as a whole.

        Args:
            inner: origins of values in it, relative to the key, that are known more exactly.
        """
        for known in [k for k in self._entries if k[: len(key)] == key]:
            del self._entries[known]
        self._entries[key] = (self._turn, origin)
        for below, own in (inner or {}).items():
            self._entries[(*key, *below)] = (self._turn, own)

    def at(self, key: Key) -> Origin:
        """The origin of a value, or of the last layer that wrote anything in a part.

        A part is nobody's own where a profile gave it and the command line changed one value of
        it: what came last made it what it is.
        """
        around = [self._entries[key[:end]] for end in range(len(key), 0, -1) if key[:end] in self]
        own = around[0] if around else (0, Origin("default"))
        inside = [
            entry
            for known, entry in self._entries.items()
            if len(known) > len(key) and known[: len(key)] == key
        ]
        return max([own, *inside], key=lambda entry: (entry[0], _RANKS[entry[1].layer]))[1]

    def __contains__(self, key: Key) -> bool:
        return key in self._entries
