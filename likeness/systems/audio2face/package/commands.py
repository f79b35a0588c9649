"""The verb that judges a package: ``likeness audio2face check-package DIR``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from likeness.systems import Partial


def check_package(
    folder: Annotated[Path, typer.Argument(help="Folder with model.json.")],
) -> dict[str, Any]:
    """Check a package against every rule of the runtime, without a GPU; list all broken ones.

    Exit code 4 when there are any. A network.trt that is not built yet is only a warning.
    """
    from likeness.systems.audio2face.package.checking import check_package as check

    found = check(folder)
    violations = [v.as_document() for v in found if v.severity == "error"]
    warnings = [v.as_document() for v in found if v.severity == "warning"]
    document = {
        "folder": str(folder),
        "valid": not violations,
        "violations": violations,
        "warnings": warnings,
    }
    if not violations:
        return document
    count = "a rule" if len(violations) == 1 else f"{len(violations)} rules"
    told = f"The package {folder} breaks {count} of the runtime."
    return Partial(document, told, advice="'violations' names each.")
