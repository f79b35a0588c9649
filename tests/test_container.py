"""What the Dockerfile copies, installs and runs is there; nothing here builds an image."""

from __future__ import annotations

import fnmatch
import json
import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
INSTRUCTIONS = re.sub(r"\\\n\s*", " ", DOCKERFILE)
"""The Dockerfile with a line for each instruction."""


def instructions(name: str) -> list[str]:
    return re.findall(rf"(?m)^{name} (.+)$", INSTRUCTIONS)


def test_what_is_copied_is_part_of_the_project() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    ignored = [
        line.removeprefix("**/")
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    ]
    copied = [word for words in instructions("COPY") for word in words.split()[:-1]]
    assert {"pyproject.toml", "constraints.txt", "likeness"} <= set(copied)
    for word in copied:
        assert any(name == word or name.startswith(f"{word}/") for name in tracked), word
        assert not any(fnmatch.fnmatch(word, pattern) for pattern in ignored), word


def test_every_target_copies_what_its_installation_reads() -> None:
    """The description of the package names its page and its licences."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {"pyproject.toml", "constraints.txt", project["readme"], *project["license-files"]}
    targets = re.split(r"(?m)^FROM ", INSTRUCTIONS)[1:]
    assert [target.splitlines()[0].split()[-1] for target in targets] == ["cpu", "cuda"]
    for target in targets:
        copied = {
            word for words in re.findall(r"(?m)^COPY (.+)$", target) for word in words.split()[:-1]
        }
        assert needed <= copied
        for extras in re.findall(r'"\.\[([\w,-]+)\]"', target):
            assert set(extras.split(",")) <= set(project["optional-dependencies"])
        assert re.search(r'(?m)^ENTRYPOINT \["(\w+)"\]$', target)
    for entry in instructions("ENTRYPOINT"):
        assert set(json.loads(entry)) <= set(project["scripts"])
    oldest = project["requires-python"].removeprefix(">=")
    assert {words.split()[0] for words in instructions("FROM")} == {f"python:{oldest}-slim"}


def test_the_targets_that_tools_make_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"(?m)^([a-z][\w-]*):", makefile))
    asked = set()
    for path in (ROOT / ".devcontainer" / "devcontainer.json", ROOT / ".ci" / "run"):
        asked |= set(re.findall(r"\bmake ([a-z][\w-]*)", path.read_text(encoding="utf-8")))
    assert {"install", "lint", "test"} <= asked <= targets
    (phony,) = re.findall(r"(?m)^\.PHONY: (.+)$", makefile)
    assert set(phony.split()) == targets
