"""Which files of a checkpoint its copy in a store lacks, by what it was when it was written.

Owns the note of that, ``.mirror.json``. What is copied when is ``mirror.py``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Literal

from likeness.storage.files import sha256_of
from likeness.storage.store import LocalStore, Store

from .checkpoint import PROGRESS_FILE, Checkpoint
from .files import write_json
from .run import Run

_NOTE = ".mirror.json"

Fault = Literal["missing", "different", "unverified"]
"""Why a file is to be copied; ``unverified``: the store cannot tell whether it is as it was."""


class MirrorNote:
    """What is known of the copies of a run's checkpoints.

    A copy counts while the store has the version of it that it had when it was written. Where
    nobody noted that, as on a machine to which the run was brought, its checksum decides, and in a
    folder also where the version is another one, as after the copies were moved. A server's version
    tells of the content, and its checksum only of what was once written. So nothing is read back
    that nobody touched, and what changed on the server is noticed by the listing alone.

    Args:
        prefix: of the run in the store.
    """

    def __init__(self, run: Run, store: Store, prefix: str) -> None:
        self._store, self._prefix = store, prefix
        self._path, self._place = run.path / _NOTE, f"{store.uri}/{prefix}"
        self._known: dict[str, tuple[str, str]] = {}
        """By key: SHA-256 and version."""
        try:
            note = json.loads(self._path.read_text(encoding="utf-8"))
            if note["place"] == self._place:
                self._known = {key: (sha, version) for key, (sha, version) in note["files"].items()}
        except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
            return  # it is written anew

    def lacking(self, checkpoint: Checkpoint, there: Mapping[str, str]) -> dict[str, Fault]:
        """The files to copy by name: none, or those at fault and ``progress.json`` behind them.

        Args:
            there: key to version of what the store has.
        """
        own = sha256_of(checkpoint.path / PROGRESS_FILE)
        lacking: dict[str, Fault] = {}
        for name, sha256 in {**checkpoint.progress.sha256, PROGRESS_FILE: own}.items():
            fault = self._fault(self._key(checkpoint, name), sha256, there)
            if fault is not None:
                lacking[name] = fault
        if lacking:
            lacking.setdefault(PROGRESS_FILE, "different")
        return lacking

    def note(self, saved: Sequence[Checkpoint]) -> None:
        """Remember the copies of these checkpoints, which are as they should be."""
        there = self._store.versions(f"{self._prefix}/checkpoints/")
        files = {}
        for checkpoint in saved:
            own = sha256_of(checkpoint.path / PROGRESS_FILE)
            for name, sha256 in {**checkpoint.progress.sha256, PROGRESS_FILE: own}.items():
                key = self._key(checkpoint, name)
                if key in there:
                    files[key] = (sha256, there[key])
        if files != self._known:
            write_json(self._path, {"place": self._place, "files": files})

    def _fault(self, key: str, sha256: str, there: Mapping[str, str]) -> Fault | None:
        if key not in there:
            return "missing"
        known = self._known.get(key)
        if known == (sha256, there[key]):
            return None
        if known is not None and known[0] == sha256 and not isinstance(self._store, LocalStore):
            return "different"
        found = self._store.checksum(key)
        if found is None:
            return "unverified"
        return None if found == sha256 else "different"

    def _key(self, checkpoint: Checkpoint, name: str) -> str:
        return f"{self._prefix}/checkpoints/{checkpoint.path.name}/{name}"
