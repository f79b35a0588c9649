"""What a rule of the package format says when it is broken."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Violation:
    """One broken rule.

    Attributes:
        code: stable name of the rule, such as ``npz.deflated``.
        path: the file, as the package names it.
        message: what was expected and what was found.
        severity: a warning leaves the package valid.
    """

    code: str
    path: str
    message: str
    severity: Literal["error", "warning"] = "error"

    def as_document(self) -> dict[str, str]:
        """The fields by name."""
        return asdict(self)


@dataclass
class Report:
    """Violations as they are found, in the order of the checks."""

    folder: Path
    found: list[Violation] = field(default_factory=list)

    def error(self, code: str, path: Path | str, message: str) -> None:
        """Add what makes the package invalid."""
        self.found.append(Violation(code, self.named(path), message))

    def warn(self, code: str, path: Path | str, message: str) -> None:
        """Add what the runtime bears."""
        self.found.append(Violation(code, self.named(path), message, "warning"))

    def named(self, path: Path | str) -> str:
        """The path as the package names it."""
        path = Path(path)
        return str(path.relative_to(self.folder) if path.is_relative_to(self.folder) else path)
