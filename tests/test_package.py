"""The wheel: what it holds, and that it works without the source tree."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import likeness

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of what a release has, so that no build folder stays in the tree."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    files = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "likeness"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE", *files):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    # The tools of this environment build it: nothing is downloaded.
    command += ["--no-build-isolation", "--wheel-dir", str(folder), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("likeness/")}
    wanted = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "likeness").rglob("*")
        if path.suffix in (".py", ".md", ".txt") or path.name == "py.typed"
    }
    assert packed == wanted


def test_installed_wheel_runs_outside_the_source_tree(wheel: Path, tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(installed)

    def python(*words: str) -> str:
        return subprocess.run(
            [sys.executable, *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(installed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    assert python("-m", "likeness", "--version").split()[-1] == likeness.__version__
    systems = json.loads(python("-m", "likeness", "systems", "--json"))
    assert "face-encoder" in {row["name"] for row in systems}
    assert json.loads(python("-m", "likeness", "doctor", "--json"))
    # The tables of the studio are read from the wheel.
    script = "from likeness.studio.template import build_template; import likeness; "
    script += "print(likeness.__file__, build_template().num_skin)"
    output = python("-c", script).split()
    assert output == [str(installed / "likeness" / "__init__.py"), "4957"]


def test_constraints_name_every_package_once() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    names = [line.split("==")[0].lower() for line in lines if line and not line.startswith("#")]
    assert len(names) > 50
    assert sorted({name for name in names if names.count(name) > 1}) == []


def test_a_person_is_found_in_the_studio_too() -> None:
    script = (
        "import sys, likeness.studio as studio; assert 'numpy' not in sys.modules; "
        "import likeness; assert studio.Person is likeness.Person; assert 'Person' in dir(studio); "
        "print(studio.Person.sample(1).seed)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert (done.stdout, done.returncode) == ("1\n", 0), done.stderr
    with pytest.raises(AttributeError, match="has no attribute 'Persom'"):
        importlib.import_module("likeness.studio").Persom  # noqa: B018
