"""What the studio computes once on a machine: where the copies are kept, and until when they hold.

The folder is ``likeness`` in the user's cache folder (``XDG_CACHE_HOME``, else ``~/.cache``). A
copy's name carries a hash over all it is computed by, so a changed studio never reads an old one.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import logging
import os
import tempfile
from collections.abc import Callable
from importlib import resources
from pathlib import Path

from likeness.studio.version import STUDIO_VERSION

log = logging.getLogger(__name__)

_TABLES = ("cage.txt", "detail.txt", "displacements.txt")


def kept_path(name: str, module: str) -> Path:
    """Where the copy called ``name`` of what a module of the studio computes is kept."""
    return cache_folder() / f"{name}-{source_hash(module)[:20]}.safetensors"


def cache_folder() -> Path:
    """Where computed heads and spaces are kept."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "likeness"


def is_wanted(path: Path) -> bool:
    """Whether a copy is not there yet and could be kept."""
    if path.is_file():
        return False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent):
            return True
    except OSError:
        return False


def keep(path: Path, save: Callable[[Path], None]) -> None:
    """Writes a copy whole or not at all; a folder that cannot be written is no error.

    Args:
        path: of the copy.
        save: writes it to the path it is given.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            temporary = Path(folder) / path.name
            save(temporary)
            os.replace(temporary, path)
    except OSError as error:
        log.info("What the studio computed could not be kept as %s: %s", path, error)


def tables_hash() -> str:
    """Hash over the measured tables. With the version it says which head this is."""
    tables = resources.files("likeness.studio").joinpath("tables")
    return hashlib.sha256(b"".join(tables.joinpath(n).read_bytes() for n in _TABLES)).hexdigest()


@functools.cache
def source_hash(module: str) -> str:
    """Hash over the version, the tables and the source of everything a module computes by."""
    package = resources.files("likeness.studio")
    digest = hashlib.sha256(f"{STUDIO_VERSION} {tables_hash()}".encode())
    pending, found = [module], set()
    while pending:
        name = pending.pop()
        if name in found:
            continue
        found.add(name)
        for node in ast.walk(ast.parse(package.joinpath(f"{name}.py").read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("likeness.studio"):
                inner = str(node.module).removeprefix("likeness.studio").lstrip(".")
                pending += [inner] if inner else [alias.name for alias in node.names]
    for name in sorted(found):
        digest.update(package.joinpath(f"{name}.py").read_bytes())
    return digest.hexdigest()
