"""The verbs only audio2face has; ``likeness audio2face <verb>`` on the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from likeness.systems.audio2face.package.commands import check_package
from likeness.systems.audio2face.reference_import import import_config

COMMANDS: Mapping[str, Callable[..., Any]] = {
    "check-package": check_package,
    "import-config": import_config,
}
