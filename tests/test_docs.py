"""The pages against the code: links, commands, settings, names and files they speak of.

A page that names something that is not there fails with the line. Commands are parsed, not run; the
example system of ``docs/add-a-system.md`` is run (slow), and the READMEs of systems are run by
``systems/test_conformance.py``.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from likeness.assembly import configure
from likeness.cli.data import parse_options
from likeness.cli.main import app
from likeness.config.keys import annotations_at
from likeness.datasets import inspect_data
from likeness.media.image import save_image
from likeness.systems import all_systems, get_system
from likeness.systems.audio2face.dataset.description import read_description

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "likeness").rglob("README.md"),
    ]
)
EXAMPLE = ROOT / "docs" / "add-a-system.md"
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"(?<!\\)\[[^\]]*\]\(([^)\s]+)\)|<img[^>]*\ssrc=\"([^\"]+)\"")
_CODE = re.compile(r"`([^`\n]+)`")
_SETTING = re.compile(r"([a-z]\w*(?:\.\w+)+)(?:=.*)?")
_NAME = re.compile(r"likeness(?:\.\w+)+")
_FILE = re.compile(r"[\w./-]+\.py")
_PLACEHOLDER = re.compile(r"[<…|]")
_WITHOUT_RUNNING = {"--help", "--version"}


def blocks(page: Path, *languages: str) -> list[str]:
    """The fenced blocks of a page in these languages."""
    found = _FENCE.findall(page.read_text(encoding="utf-8"))
    return [text for language, text in found if language in languages]


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def commands(page: Path) -> Iterator[list[str]]:
    """The arguments of every ``likeness …`` command in the shell blocks of a page."""
    for block in blocks(page, "bash", "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            # A command whose output is taken is a command of its own.
            words = shlex.shlex(line.replace("$(", "\n"), posix=True, punctuation_chars="();<>|&")
            words.whitespace_split = True
            yield from _likeness_calls(list(words))


def _likeness_calls(words: list[str]) -> Iterator[list[str]]:
    for position, word in enumerate(words):
        module = position > 0 and words[position - 1] == "-m" and word == "likeness"
        starts = all("=" in before for before in words[:position])
        if module or ((word == "likeness" or word.endswith("bin/likeness")) and starts):
            rest = words[position + 1 :]
            stops = [i for i, w in enumerate(rest) if set(w) <= set("();<>|&")]
            yield rest[: stops[0]] if stops else rest


@cache
def _group() -> Any:
    return typer.main.get_command(app)


def command_of(words: list[str]) -> tuple[list[str], Any, list[str]]:
    """The verb's path, its command and the arguments left; fails when there is no such verb."""
    command, path = _group(), []
    while hasattr(command, "get_command"):
        if not words or words[0] in _WITHOUT_RUNNING:
            break
        inner = command.get_command(None, words[0])
        assert inner is not None, f"there is no verb 'likeness {' '.join([*path, words[0]])}'"
        command, path, words = inner, [*path, words[0]], words[1:]
    return path, command, words


def parsed(words: list[str]) -> tuple[list[str], dict[str, Any]] | None:
    """The verb's path and its parameters; None for a call that only asks for help."""
    path, command, rest = command_of(words)
    if _WITHOUT_RUNNING & set(rest):
        return None
    assert not hasattr(command, "get_command"), f"'likeness {' '.join(words)}' names no verb"
    return path, command.make_context(path[-1], list(rest)).params


# -- the pages ---------------------------------------------------------------------------------


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    for first, second in _LINK.findall(prose(page)):
        target = first or second
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), f"{target} does not exist"
        if anchor:
            assert anchor in _anchors(path), f"{target}: there is no such heading"


def _anchors(page: Path) -> set[str]:
    """The headings of a page as their addresses."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in plain}


@each_page
def test_commands_parse(page: Path) -> None:
    own = set(re.findall(r'name="([\w-]+)"', page.read_text(encoding="utf-8")))
    for words in commands(page):
        try:
            call = parsed(words)
            if call is not None:
                _check_values(*call, own=own)
        except Exception as error:
            raise AssertionError(f"likeness {' '.join(words)}\n{error}") from error


def _check_values(path: list[str], given: dict[str, Any], *, own: set[str]) -> None:
    """Systems, profiles, settings and options of a call exist.

    Args:
        own: systems that the page itself makes.
    """
    subject = given.get("system", given.get("subject"))
    if subject is not None and subject in own - set(all_systems()):
        return
    overrides = list(given.get("overrides") or [])
    if subject is not None and not _is_run(subject):
        get_system(subject)
        if "profile" in given:
            files = [f for f in given["config"] or () if Path(f).is_file()]
            configure(subject, profile=given["profile"], config_files=files, overrides=overrides)
    elif overrides:
        unknown = [word for word in overrides if not _is_setting(word.partition("=")[0])]
        assert not unknown, f"there are no settings {unknown}"
    part = {"make": "studio", "prepare": "prepare", "predict": "predict"}.get(path[-1])
    if part and given.get("options"):
        specs = [get_system(subject)] if subject else list(all_systems().values())
        known = {name for spec in specs for name in inspect.signature(spec.load(part)).parameters}
        assert set(parse_options(given["options"])) <= known, f"options are {sorted(known)}"


def _is_run(text: str) -> bool:
    return "/" in text or text.startswith("$") or text == "RUN"


def _is_setting(key: str) -> bool:
    """Whether a dotted key leads somewhere in the configuration of some system."""
    parts = tuple(key.split("."))
    return any(annotations_at(spec.load("config"), parts) for spec in all_systems().values())


@each_page
def test_commands_in_the_text_exist(page: Path) -> None:
    """Verbs and options of commands named in a sentence or a table."""
    for code in _CODE.findall(prose(page)):
        words = code.split()
        if words[0] != "likeness" or len(words) < 2 or _PLACEHOLDER.search(words[1]):
            continue
        if _PLACEHOLDER.search(code):
            words = words[: next(i for i, word in enumerate(words) if _PLACEHOLDER.search(word))]
        _, command, rest = command_of(words[1:])
        known = {option for parameter in command.params for option in parameter.opts}
        unknown = {w for w in rest if w.startswith("--")} - known - _WITHOUT_RUNNING
        assert not unknown, f"`{code}`: there is no {sorted(unknown)}"


@each_page
def test_settings_exist(page: Path) -> None:
    sections = {name for s in all_systems().values() for name in s.load("config").model_fields}
    for code in _CODE.findall(prose(page)):
        match = _SETTING.fullmatch(code)
        if match is None or code.endswith((".py", ".md", ".json", ".yaml", ".jsonl")):
            continue
        if match[1].partition(".")[0] in sections:
            assert _is_setting(match[1]), f"`{code}`: there is no such setting"


@each_page
def test_configuration_files_resolve(page: Path, tmp_path: Path) -> None:
    for number, block in enumerate(blocks(page, "yaml")):
        path = tmp_path / f"{number}.yaml"
        path.write_text(block, encoding="utf-8")
        if block.startswith("# dataset.yaml"):
            read_description(path)
            continue
        named = re.search(r"^system: (.+)$", block, re.MULTILINE)
        configure(named[1] if named else "face-encoder", config_files=[path], environ={})


@each_page
def test_python_names_exist(page: Path) -> None:
    for block in blocks(page, "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("likeness"):
                for alias in node.names:
                    _find(f"{node.module}.{alias.name}")
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name.startswith("likeness"):
                        importlib.import_module(alias.name)
            elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "likeness":
                _find(f"likeness.{node.attr}")


@each_page
def test_names_and_files_in_the_text_exist(page: Path) -> None:
    files = [p.as_posix() for p in _python_files()]
    for code in _CODE.findall(prose(page)):
        if match := _NAME.match(code):
            _find(match[0])
        if _FILE.fullmatch(code):
            assert any(f.endswith(f"/{code}") for f in files), f"there is no file `{code}`"


@cache
def _python_files() -> list[Path]:
    folders = ("likeness", "tests", "benchmarks")
    return [path for folder in folders for path in (ROOT / folder).rglob("*.py")]


def _find(name: str) -> None:
    """Import the module, or the attribute of the module, of a dotted name."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            found = getattr(found, part)
        return


def test_commands_of_the_makefile_and_the_editor_parse() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8").replace("$(BIN)/", "")
    calls = [words for line in makefile.splitlines() for words in _likeness_calls(line.split())]
    launches = json.loads((ROOT / ".vscode" / "launch.json").read_text(encoding="utf-8"))
    calls += [c["args"] for c in launches["configurations"] if c["module"] == "likeness"]
    assert len(calls) > 10
    for words in calls:
        try:
            parsed(words)
        except Exception as error:
            raise AssertionError(f"likeness {' '.join(words)}\n{error}") from error


def test_every_verb_has_a_launch_entry() -> None:
    from typer.main import get_command

    from likeness.cli.main import app

    def verbs(command: Any, path: tuple[str, ...]) -> set[tuple[str, ...]]:
        if not hasattr(command, "commands"):
            return {path}
        names = command.list_commands(None)
        return set().union(*(verbs(command.get_command(None, n), (*path, n)) for n in names))

    launches = json.loads((ROOT / ".vscode" / "launch.json").read_text(encoding="utf-8"))
    calls = [c["args"] for c in launches["configurations"] if c["module"] == "likeness"]
    missing = {
        v for v in verbs(get_command(app), ()) if all(tuple(c[: len(v)]) != v for c in calls)
    }
    assert not missing


def test_an_index_names_every_page() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    pages = {
        p.relative_to(ROOT / "docs").as_posix() for p in PAGES if p.is_relative_to(ROOT / "docs")
    }
    missing = [name for name in pages - {"index.md"} if f"({name})" not in index]
    assert not missing


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """A folder for the import path with the system of ``docs/add-a-system.md`` as it stands."""
    site = tmp_path / "site"
    for block in blocks(EXAMPLE, "python"):
        path = site / block.splitlines()[0].removeprefix("# ")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block, encoding="utf-8")
    facts = site / "smile-0.1.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: smile\nVersion: 0.1\n")
    (facts / "entry_points.txt").write_text("[likeness.systems]\nsmile = smile:SPEC\n")
    return site


GOOD_ROW = {"id": "a", "smile": 0.5, "split": "train"}


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ([GOOD_ROW], ""),
        ([], "Expected samples, found none: photographs 0."),
        ([1], "Entry 1: expected an object with id, smile, split, found a number."),
        ([{**GOOD_ROW, "id": 7}], "Entry 1: id: expected text"),
        ([{**GOOD_ROW, "id": "../a"}], "Entry 1: id: expected text that matches"),
        ([{**GOOD_ROW, "smile": "wide"}], "Entry 1: smile: expected a number, found 'wide'."),
        ([{**GOOD_ROW, "split": 1}], "Entry 1: split: expected one of 'train', "),
        ([{**GOOD_ROW, "id": "b"}], "Expected a picture file"),
        ([{**GOOD_ROW, "id": "c"}], "c.png is not a picture"),
        ({}, "Expected a JSON list, found an object."),
        (None, "The file cannot be read: No such file or directory."),
    ],
    ids=str,
)
def test_the_example_contract_finds_what_is_wrong(
    example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, index: Any, message: str
) -> None:
    monkeypatch.syspath_prepend(str(example))
    data = tmp_path / "data"
    data.mkdir()
    save_image(data / "a.png", np.zeros((8, 8, 3), np.float32))
    (data / "c.png").write_bytes(b"no picture")
    if index is not None:
        (data / "index.json").write_text(json.dumps(index))
    try:
        inspection = inspect_data("smile", data)
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "smile"]:
            del sys.modules[name]
    assert len(inspection.errors) == bool(message)
    assert all(message in finding.message for finding in inspection.errors)


@pytest.mark.slow
def test_the_example_system_trains(example: Path, tmp_path: Path) -> None:
    """By the commands of its page, from the first to the last."""
    environment = {**os.environ, "PYTHONPATH": f"{example}{os.pathsep}{ROOT}"}
    placeholder = "runs/smile/first-261121-113802"
    ran = []
    for words in commands(EXAMPLE):
        runs = sorted(tmp_path.glob("runs/smile/*"))
        line = [w.replace(placeholder, str(runs[-1])) if runs else w for w in words]
        done = subprocess.run(
            [sys.executable, "-m", "likeness", *line],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"likeness {' '.join(line)}\n{done.stderr[-2000:]}"
        ran.append(words[0])
    assert ran.count("train") == 1
    assert {"evaluate", "predict", "report"} <= set(ran)
    assert (sorted(tmp_path.glob("runs/smile/*"))[-1] / "report.html").is_file()
