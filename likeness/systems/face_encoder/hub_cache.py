"""Photographs in the cache of a data hub: which snapshot is meant, and what in it may be read.

Layout (huggingface_hub, "Understand caching"): ``datasets--ORG--NAME`` with ``refs/BRANCH``, a file
that holds a revision, and ``snapshots/REVISION/…``, links into ``blobs``. Links are followed only
to places in the folder of the repository. Nothing is downloaded.
"""

from __future__ import annotations

from pathlib import Path

from likeness.errors import DataError, UsageError
from likeness.storage.files import disk_errors
from likeness.systems.face_encoder.photographs import stays_in

_KINDS = ("datasets--", "models--")


def snapshot_of(cache: Path, *, repository: str = "", revision: str = "") -> tuple[Path, Path]:
    """A snapshot in a cache, and the folder of its repository, which links may not leave.

    Args:
        cache: the cache, or the folder of one repository in it.
        repository: ``ORG/NAME``; may be empty where there is only one.
        revision: a branch, a tag or a revision; by default ``main``, or the only snapshot.

    Raises:
        DataError: nothing of the kind is there.
        UsageError: several are, and none is named.
    """
    with disk_errors(cache, "look into the cache"):
        home = cache if (cache / "snapshots").is_dir() else _repository(cache, repository)
        snapshots = home / "snapshots"
        there = sorted(path.name for path in snapshots.iterdir() if path.is_dir())
        wanted = _revision(home, revision, there)
    if wanted not in there:
        found = ", ".join(there) or "none"
        raise DataError(
            f"Expected the snapshot '{wanted or revision or 'main'}' in '{home}', found {found}.",
            advice="Name one that is there with revision=NAME; nothing is downloaded.",
        )
    snapshot = snapshots / wanted
    if not stays_in(snapshot, home):
        raise DataError(f"The snapshot '{snapshot}' is a link out of '{home}'; it is not followed.")
    return snapshot, home


def _repository(cache: Path, name: str) -> Path:
    found = {
        path.name: path
        for path in sorted(cache.iterdir())
        if path.name.startswith(_KINDS) and (path / "snapshots").is_dir()
    }
    if name:
        meant = [f"{kind}{name.replace('/', '--')}" for kind in _KINDS]
        chosen = [found[each] for each in meant if each in found]
    else:
        chosen = list(found.values())
    shown = ", ".join(_spoken(each) for each in found)
    if not chosen:
        what = f"the repository '{name}'" if name else "datasets--ORG--NAME/snapshots"
        raise DataError(
            f"Expected {what} in '{cache}', found {shown or 'none'}.",
            advice="Name the folder of the cache; nothing is downloaded.",
        )
    if len(chosen) > 1 and not name:
        raise UsageError(
            f"'{cache}' holds several repositories: {shown}.",
            advice=f"Say which: repository={_spoken(next(iter(found)))}",
        )
    if not stays_in(chosen[0], cache):
        raise DataError(f"'{chosen[0]}' is a link out of '{cache}'; it is not followed.")
    return chosen[0]


def _spoken(folder: str) -> str:
    return folder.partition("--")[2].replace("--", "/")


def _revision(home: Path, asked: str, there: list[str]) -> str:
    """The name of the snapshot that is meant, which may not be there."""
    if asked in there:
        return asked
    reference = home / "refs" / (asked or "main")
    if stays_in(reference, home / "refs") and reference.is_file():
        with open(reference, encoding="utf-8", errors="replace") as file:
            return file.read(200).strip()
    return there[0] if not asked and len(there) == 1 else asked
