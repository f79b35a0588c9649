"""``provenance.json`` of a dataset: where it comes from, and that the people in it agreed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from likeness.data.inspection import Finding
from likeness.errors import DataError
from likeness.storage.json_files import read_object

PROVENANCE = "provenance.json"
_ADVICE = "Write provenance.json with at least 'source' and 'consent'."


def look_at_provenance(
    root: Path, *, material: str, people: str
) -> tuple[Mapping[str, Any], list[Finding]]:
    """What a dataset says of its origin and of its people's consent, and what it leaves unsaid.

    Args:
        root: folder of the dataset.
        material, people: what it holds and who is on it, as messages call them: ``photographs``
            and ``subjects``.

    Returns:
        The facts of the file, none where it is not there or damaged; the findings.
    """
    path = root / PROVENANCE
    if not path.is_file():
        message = f"Nothing says where the {material} come from and that their {people} agreed."
        return {}, [Finding("advice", "no-provenance", path.name, message, _ADVICE)]
    try:
        facts = read_object(path)
    except DataError as error:
        advice = error.advice or _ADVICE
        return {}, [Finding("error", "provenance-unreadable", path.name, error.message, advice)]
    missing = [name for name in ("source", "consent") if not str(facts.get(name) or "").strip()]
    if not missing:
        return facts, []
    message = (
        f"Expected where the {material} come from and that their {people} agreed, found no "
        f"{' and no '.join(missing)}."
    )
    return facts, [Finding("advice", "no-consent", path.name, message, _ADVICE)]
