"""The verb that lists the systems, and what this machine lacks of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from likeness.cli.console import Answer, print_text, verb

if TYPE_CHECKING:
    from likeness.extras import Requirement


@dataclass(frozen=True)
class Listed:
    """A system of this machine, also one that cannot be used."""

    name: str
    summary: str = ""
    profiles: list[str] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    requirements: list[Requirement] = field(default_factory=list)
    reason: str = ""
    """Why it cannot be used at all."""

    @property
    def missing(self) -> list[str]:
        """What keeps it from training: requirements by name, or the reason."""
        needed = [item.name for item in self.requirements if item.required and not item.present]
        return [self.reason] if self.reason else needed


def listed_systems() -> list[Listed]:
    """Every installed system, then what is installed as one but is none."""
    from likeness.systems import SystemSpec, all_systems, broken_systems

    def listed(spec: SystemSpec) -> Listed:
        needed = spec.load("requirements")() if spec.requirements is not None else []
        profiles, targets = list(spec.load("profiles")), list(spec.exporters)
        return Listed(spec.name, spec.summary, profiles, targets, needed)

    rows = []
    for spec in all_systems().values():
        try:
            rows.append(listed(spec))
        except Exception as error:  # of any kind: the parts of a system are anybody's code
            reason = getattr(error, "message", f"{type(error).__name__}: {error}")
            rows.append(Listed(spec.name, spec.summary, reason=reason))
    return rows + [Listed(item.entry, reason=item.error.message) for item in broken_systems()]


@verb
def systems() -> Answer:
    """What can be trained."""
    found = listed_systems()
    rows: list[dict[str, Any]] = [
        {
            "name": system.name,
            "summary": system.summary,
            "profiles": system.profiles,
            "targets": system.targets,
            "ready": not system.missing,
            "missing": system.missing,
        }
        for system in found
    ]

    def show() -> None:
        for system in found:
            if system.reason:
                print_text(f"{system.name}  (cannot be used)")
                print_text(f"  {system.reason}")
                continue
            state = f"missing: {', '.join(system.missing)}" if system.missing else "ready"
            print_text(f"{system.name}  ({state})")
            print_text(f"  {system.summary}")
            print_text(f"  profiles: {', '.join(system.profiles)}")
            print_text(f"  exports to: {', '.join(system.targets) or '–'}")

    return Answer(rows, show)
