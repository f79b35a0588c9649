from __future__ import annotations

import json
import subprocess
from importlib.metadata import version
from pathlib import Path

from likeness.runs.environment import code_revision, environment


def test_it_says_what_ran_where() -> None:
    found = environment(command=["likeness", "train", "a b"], device="cpu")
    assert json.loads(json.dumps(found)) == found
    assert found["packages"]["torch"] == version("torch")
    assert found["command"] == "likeness train 'a b'"
    assert found["device"]["type"] == "cpu"
    assert found["device"]["threads"] >= 1
    assert environment()["device"] is None


def test_code_revision_and_changes(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        command = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b.c"]
        done = subprocess.run([*command, *arguments], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    assert code_revision(tmp_path) is None
    git("init", "-q")
    assert code_revision(tmp_path) is None  # nothing committed yet
    (tmp_path / "file.py").write_text("1")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    found = code_revision(tmp_path)
    assert found == {"revision": git("rev-parse", "HEAD"), "dirty": False, "changed_files": []}
    (tmp_path / "file.py").write_text("2")
    (tmp_path / "new.py").write_text("3")
    found = code_revision(tmp_path)
    assert found is not None
    assert found["dirty"]
    assert sorted(found["changed_files"]) == ["file.py", "new.py"]
