"""The house rules: import directions, file budgets, forbidden names, what start-up may import."""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "likeness"
FILES = sorted(PACKAGE.rglob("*.py"))

# Package to the packages it may import, besides itself and the ground.
_DATA = {"storage", "media", "geometry", "config"}
_TRAINING = {"runs", "data", "config", "storage"}
_NEURAL = {"models", "losses", "diffusion", "geometry", "media"}
ALLOWED: dict[str, set[str]] = {
    "config": set(),
    "storage": {"config"},
    "geometry": set(),
    "media": {"geometry", "storage"},
    "models": set(),
    "diffusion": set(),
    "losses": {"geometry"},
    "faces": {"models", "geometry", "media"},
    "speech": {"models", "geometry", "media"},
    "data": _DATA,
    "runs": {"config", "storage"},
    "studio": {"data", "faces", "speech", "geometry", "media"},
    "training": _TRAINING,
    "evaluation": {"runs", "data", "config", "faces", "models", "losses", "geometry", "media"},
    "export": {"runs", "data", "config", "storage"},
    "report": {"runs", "media", "config"},
    "systems": _DATA
    | _NEURAL
    | _TRAINING
    | {"training", "faces", "speech", "studio", "evaluation", "export"},
}
GROUND = {
    "compiling",
    "errors",
    "extras",
    "notices",
    "plain_torch",
    "replacement",
    "seeds",
    "signals",
    "__version__",
}
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "core"}
# Names whose use the design rules out, wherever they stand in an identifier.
FORBIDDEN_CLASS_ENDINGS = ("Manager", "Handler", "Processor", "V2")
# Standard-library base classes that a name may have to follow.
CLASS_EXCEPTIONS: set[str] = set()


def _package_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else ""


def _taken_from(node: ast.ImportFrom, package: list[str]) -> str:
    """The absolute module that a ``from`` takes names from, in a file of a package."""
    base = package[: len(package) - node.level + 1] if node.level else []
    return ".".join([*base, node.module] if node.module else base)


def _package_path(path: Path) -> list[str]:
    """The dotted path, in parts, of the package that relative imports of a file begin at."""
    return ["likeness", *path.relative_to(PACKAGE).parent.parts]


def _imports(path: Path) -> list[tuple[str, int, bool]]:
    """(absolute module, line, only for type checking) of every import of this project in a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = _package_path(path)
    typing_only: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            typing_only |= {id(child) for body in node.body for child in ast.walk(body)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [_taken_from(node, package)]
            if names == ["likeness"]:
                names = [f"likeness.{alias.name}" for alias in node.names]
        else:
            continue
        found += [
            (n, node.lineno, id(node) in typing_only) for n in names if n.startswith("likeness")
        ]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_down_the_layers(path: Path) -> None:
    package = _package_of(path)
    if package in ("", "cli", "app"):
        return
    allowed = ALLOWED[package] | {package} | GROUND
    for module, line, typing_only in _imports(path):
        parts = module.split(".")
        if len(parts) == 1 or typing_only:
            continue
        assert parts[1] in allowed, f"{path.relative_to(ROOT)}:{line} imports {module}"
        if package == "systems" and parts[1] == "systems" and len(parts) > 2:
            own = path.relative_to(PACKAGE).parts[1]
            assert parts[2] == own, (
                f"{path.relative_to(ROOT)}:{line}: systems share no code directly"
            )


def _file_of(module: str) -> Path | None:
    """The file that holds a module, or the name in it that a dotted path ends with."""
    path = PACKAGE.parent.joinpath(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return _file_of(module.rpartition(".")[0]) if "." in module else None


def _imported_files(path: Path) -> set[Path]:
    """The files of this project that a file imports, wherever in it and whatever for."""
    modules = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            # What is taken from a package may be a module of it.
            source = _taken_from(node, _package_path(path))
            modules |= {f"{source}.{alias.name}" for alias in node.names}
    ours = {_file_of(module) for module in modules if module.split(".")[0] == "likeness"}
    return {file for file in ours if file is not None} - {path}


def test_no_two_files_need_each_other() -> None:
    """Not by an import inside a function or for types only either: those hide a circle, and whoever
    reads one file still needs the other. What both need belongs in a file of its own."""
    graph = {path: _imported_files(path) for path in FILES}
    assert PACKAGE / "storage/s3_store.py" in graph[PACKAGE / "storage/opening.py"]  # in a function
    face_encoder = PACKAGE / "systems/face_encoder"
    assert PACKAGE / "geometry/head_asset.py" in graph[face_encoder / "layout.py"]  # for types
    assert PACKAGE / "runs/selection.py" in graph[face_encoder / "weights.py"]  # of a package
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        names = " -> ".join(str(path.relative_to(ROOT)) for path in reversed(error.args[1]))
        pytest.fail(f"a circle of imports: {names}")


def test_every_package_is_in_the_table() -> None:
    packages = {p.parent.name for p in PACKAGE.glob("*/__init__.py")}
    assert packages - {"cli", "app"} <= set(ALLOWED)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_stay_small_and_say_what_they_own(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400, f"{path.relative_to(ROOT)}: split it by idea"
    assert ast.get_docstring(ast.parse(text)), f"{path.relative_to(ROOT)} has no module docstring"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_name_that_says_nothing(path: Path) -> None:
    for part in path.relative_to(ROOT).with_suffix("").parts:
        assert part not in FORBIDDEN_NAMES
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef) and node.name not in CLASS_EXCEPTIONS:
            assert not node.name.endswith(FORBIDDEN_CLASS_ENDINGS), node.name
            assert not node.name.startswith("Base"), node.name


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_unfinished_or_silenced_code(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for word in ("TODO", "FIXME", "XXX", "NotImplementedError"):
        assert word not in text, f"{path.relative_to(ROOT)} holds {word}"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ExceptHandler):
            silent = len(node.body) == 1 and isinstance(node.body[0], ast.Pass)
            broad = node.type is None or ast.unparse(node.type) in ("Exception", "BaseException")
            assert not (silent and broad), f"{path.relative_to(ROOT)}:{node.lineno} hides errors"


def test_the_loop_knows_nothing_of_what_it_trains() -> None:
    path = PACKAGE / "training" / "trainer.py"
    assert len(path.read_text(encoding="utf-8").splitlines()) < 400
    for file in (PACKAGE / "training").glob("*.py"):
        for module, line, typing_only in _imports(file):
            package = module.split(".")[1] if "." in module else ""
            forbidden = {
                "systems",
                "models",
                "losses",
                "evaluation",
                "diffusion",
                "faces",
                "studio",
            }
            assert typing_only or package not in forbidden, f"{file.name}:{line} imports {module}"


def test_trainer_options_stay_few() -> None:
    from likeness.training.settings import TrainSettings

    assert len(TrainSettings.model_fields) <= 25


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("test_*.py")), ids=lambda p: p.name)
def test_tests_mirror_the_package(path: Path) -> None:
    parts = path.relative_to(ROOT / "tests").parts
    if len(parts) > 1:
        assert (PACKAGE / parts[0]).is_dir(), f"tests/{parts[0]} mirrors no package"


@pytest.mark.parametrize("module", ["likeness", "likeness.cli.main", "likeness.systems"])
def test_start_up_imports_no_heavy_library(module: str) -> None:
    heavy = ["torch", "numba", "scipy", "cv2", "av", "skimage", "transformers", "diffusers"]
    code = f"import sys, {module}; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_torchvision_is_not_needed() -> None:
    for path in FILES:
        assert "import torchvision" not in path.read_text(encoding="utf-8"), path
