"""Optional parts: the one way to import them, and the record of what a machine has.

Does not install anything and never downloads.
"""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from types import ModuleType

from likeness.errors import MissingError


@dataclass(frozen=True)
class Requirement:
    """Something a system can use: an extra, a weight file, an asset or a device."""

    name: str
    kind: str  # "extra" | "weights" | "asset" | "device"
    present: bool
    enables: str
    """What becomes possible with it, one phrase."""
    advice: str
    """How to get it: the extra to install, the file names looked for, where they come from."""
    required: bool = False
    """True when the system cannot train without it."""


def require(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import an optional dependency.

    Args:
        module: dotted module name, e.g. ``"onnxruntime"``.
        extra: the extra of this package that installs it, e.g. ``"onnx"``.
        purpose: what it is needed for, completing "… is needed to <purpose>".

    Raises:
        MissingError: the package is not installed; the message names the extra.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingError(
            f"The package '{module}' is needed to {purpose}, but it cannot be imported: {error}.",
            advice=f"Install it with: pip install 'likeness[{extra}]'",
        ) from error


def is_installed(module: str) -> bool:
    """Whether ``module`` can be found, without importing it."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False
