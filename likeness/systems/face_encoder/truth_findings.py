"""What is wrong with the truth of a dataset as a whole: whose it is, and how long its codes are.

Files that cannot be read are told by ``findings.py``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from likeness.data.inspection import Finding
from likeness.geometry.head_asset import HeadAsset
from likeness.systems.face_encoder.layouts import Folder

CODED = ("shape", "albedo")
"""What the truth tells by coefficients of a basis."""
_ALLOW = "data.allow_model_mismatch=true (of a run: likeness resume RUN with it)"
Lengths = dict[str, dict[str, int]]
"""Place of a file of truth to how many coefficients it has, by what they code."""


def truth_lengths(lengths: Mapping[str, Mapping[str, int]]) -> list[Finding]:
    """Truth with more or fewer coefficients than most: what it lacks would be learned as zeros."""
    findings = []
    for name in CODED:
        having = {place: own[name] for place, own in lengths.items() if name in own}
        counts = Counter(having.values())
        usual = max(counts, key=lambda length: (counts[length], length), default=None)
        findings += [
            Finding(
                "error",
                "truth-length",
                place,
                f"Expected {'an' if name[0] in 'aeiou' else 'a'} {name} of {usual} numbers, as "
                f"{counts[usual]} of {len(having)} files have, found {length}.",
                "Make the dataset again, or remove the file.",
            )
            for place, length in having.items()
            if usual is not None and length != usual
        ]
    return findings


def headless(folder: Folder) -> list[Finding]:
    """The finding that nothing tells which head model the truth belongs to."""
    if not _is_headless(folder):
        return []
    return [
        Finding(
            "warning",
            "head-unknown",
            "head.json",
            "There is truth, and no head.json that says of which head model it is: coefficients "
            "of another one mean other faces.",
            "Restore head.json, which 'likeness data make' writes, or remove truth/.",
        )
    ]


def head_mismatch(folder: Folder, asset: HeadAsset) -> Finding | None:
    """The finding that a dataset's truth is of another head model, or of one that nobody knows;
    None where it fits, and where there is no truth."""
    if folder.head is None:
        if not _is_headless(folder):
            return None
        return Finding(
            "error",
            "head-mismatch",
            "head.json",
            "Without head.json nobody knows which head model the truth was made with, and "
            f"model.head is '{asset.name}' ({asset.fingerprint[:12]}); coefficients of another one "
            "mean other faces.",
            f"Restore head.json, remove truth/, or set {_ALLOW} where you know that it fits.",
        )
    if folder.head["fingerprint"] == asset.fingerprint:
        return None
    return Finding(
        "error",
        "head-mismatch",
        "head.json",
        f"The truth was made with the head model '{folder.head['name']}' "
        f"({folder.head['fingerprint'][:12]}), but model.head is '{asset.name}' "
        f"({asset.fingerprint[:12]}); their coefficients mean different things.",
        f"Make the dataset again, set model.head to that model, or set {_ALLOW}.",
    )


def _is_headless(folder: Folder) -> bool:
    damaged = any(finding.code == "head-unreadable" for finding in folder.findings)
    return folder.head is None and not damaged and any(e.truth for e in folder.entries)
