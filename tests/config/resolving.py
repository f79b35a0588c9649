"""The example configuration resolved, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from likeness.config.faults import ConfigError
from likeness.config.resolve import Resolved, resolve
from tests.config.example import PROFILES, Example


def resolved(
    *overrides: str,
    profile: str | None = None,
    files: Sequence[str | Path] = (),
    environ: Mapping[str, str] | None = None,
    aliases: Mapping[str, str] | None = None,
) -> Resolved:
    return resolve(
        Example,
        system="example",
        profiles=PROFILES,
        profile=profile,
        files=files,
        overrides=overrides,
        environ=environ or {},
        aliases=aliases,
    )


def written(tmp_path: Path, text: str, name: str = "run.yaml") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def faults_of(*arguments: Any, **options: Any) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        resolved(*arguments, **options)
    assert caught.value.exit_code == 2
    return {fault.key: str(fault) for fault in caught.value.faults}
