"""Runs the command line in this process or in one of its own, with the toy system installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

GOOD = """
from dataclasses import replace
from tests.cli.toy_spec import SPEC as TOY
SPEC = replace(TOY, name="{name}")
"""
HALF = (
    GOOD
    + """
PARTS = {{n: p.replace("tests.cli.toy:", "half_parts:") for n, p in TOY.paths().items()}}
SPEC = replace(SPEC, **{{n: p for n, p in PARTS.items() if "." not in n}})
"""
)

ROOT = Path(__file__).resolve().parents[2]
LONGER = ("train.steps=null", "stages.both.steps=6", "stages.head.steps=8")
"""Settings that give the finished run of ``trained`` more to do."""


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)


Command = Callable[..., Result]


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the import path, in which a package that brings the toy system is installed."""
    folder = tmp_path_factory.mktemp("site")
    facts = folder / "toy_likeness-0.1.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-likeness\nVersion: 0.1\n")
    (facts / "entry_points.txt").write_text("[likeness.systems]\ntoy = tests.cli.toy_spec:SPEC\n")
    return folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: Path) -> Path:
    """An empty working directory in which the toy system is known."""
    monkeypatch.syspath_prepend(str(installed))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def plug_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Installs a package with an entry point and the module it names."""
    site = folder / "site"
    monkeypatch.syspath_prepend(str(site))

    def install(package: str, entry: str, text: str | None) -> None:
        facts = site / f"{package}-0.1.dist-info"
        facts.mkdir(parents=True)
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 0.1\n")
        (facts / "entry_points.txt").write_text(f"[likeness.systems]\n{entry}\n")
        if text is not None:
            module = entry.partition("= ")[2].partition(":")[0]
            (site / f"{module}.py").write_text(text)

    return install


@pytest.fixture
def likeness(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Runs a command in this process."""

    from likeness.cli.main import main  # now, before a test replaces what it imports

    def run(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["likeness", *map(str, arguments)])
        capsys.readouterr()
        code: Any = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        captured = capsys.readouterr()
        return Result(int(code or 0), captured.out, captured.err)

    return run


@pytest.fixture
def process(folder: Path, installed: Path) -> Command:
    """Runs a command in a process of its own."""

    def run(*arguments: object, **environ: str) -> Result:
        done = subprocess.run(
            [sys.executable, "-m", "likeness", *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=folder,
            env=environment(installed, **environ),
            timeout=120,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    return run


def environment(installed: Path, **more: str) -> dict[str, str]:
    """The environment of a process that knows the toy system."""
    path = os.pathsep.join([str(installed), str(ROOT)])
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **more}


@pytest.fixture
def data(likeness: Command, folder: Path) -> Path:
    """Toy studio data."""
    assert likeness("data", "make", "toy", "data", "--people", 10).code == 0
    return folder / "data"


@pytest.fixture
def trained(likeness: Command, data: Path) -> Path:
    """A toy run of the smoke profile."""
    result = likeness("train", "toy", "--profile", "smoke", "data.root=data", "--json")
    assert result.code == 0, result.err
    return Path(result.document["run"])
