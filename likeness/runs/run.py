"""Run: the directory of one training run and its files.

Owns names and places. The content of checkpoints is ``checkpoint.py``; of metrics, ``record.py``;
of ``status.json``, ``status.py``.
"""

from __future__ import annotations

import logging
import re
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, get_args

from likeness.errors import UsageError
from likeness.storage.files import disk_errors, made_folder
from likeness.storage.lock import locked

from .descriptions import place_of, replace_together, settle
from .files import json_text, read_json, read_text, write_json, write_text
from .status import State, Status, read_status

logger = logging.getLogger(__name__)

CONFIG_FILE = "config.yaml"
"""Without it a folder cannot be opened as a run."""
STATUS_FILE = "status.json"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_STEP = re.compile(r"step-(\d{8,})")


def is_run(folder: Path) -> bool:
    """Whether a folder is what :meth:`Run.create` makes; others may hold a configuration too."""
    return (folder / CONFIG_FILE).is_file() and (folder / STATUS_FILE).is_file()


class Run:
    """An existing run directory ``runs/<system>/<name>-<yymmdd-hhmmss>``.

    Args:
        path: the directory.

    Raises:
        UsageError: there is no such directory, or it is not a run.
    """

    _is_held = False

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_dir():
            raise UsageError(
                f"There is no run at {self.path}.", advice=_neighbours(self.path.parent)
            )
        if not self.config_path.is_file():
            if self.status_path.is_file():
                raise UsageError(
                    f"{self.path} is no whole run: it was killed while it was being made, before "
                    "anything was trained.",
                    advice="Delete the folder, and begin again.",
                )
            raise UsageError(
                f"{self.path} is not a run: looked for {self.config_path.name} in it.",
                advice=_neighbours(self.path),
            )

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @classmethod
    def create(
        cls,
        root: str | Path,
        system: str,
        name: str,
        config_yaml: str,
        *,
        provenance: Mapping[str, Any] | None = None,
        plan: Mapping[str, Any] | None = None,
        environment: Mapping[str, Any] | None = None,
        inspection: Mapping[str, Any] | None = None,
    ) -> Run:
        """Make a new run directory with its descriptions and status ``planned``.

        When it cannot be completed, what was made of it goes, with the folders made for it.

        Raises:
            UsageError: the name cannot be a folder name, the directory exists already, or the place
                cannot be written.
        """
        check_name(name)
        check_name(system, what="system name")
        path = Path(root) / system / f"{name}-{time.strftime('%y%m%d-%H%M%S')}"
        with disk_errors(path, "create the run"), made_folder(path.parent):
            try:
                path.mkdir()
            except FileExistsError as error:
                raise UsageError(
                    f"The run directory {path} exists already; a run is never overwritten.",
                    advice="Choose another --name, or continue it with 'likeness resume'.",
                ) from error
            run = object.__new__(cls)
            run.path = path
            try:
                run.set_status("planned")
                run.write("provenance", provenance or {})
                run.write("plan", plan or {})
                run.write("environment", environment or {})
                run.write("inspection", inspection or {})
                # Last, since this file makes the folder a run: a kill before it leaves none.
                write_text(run.config_path, config_yaml)
            except BaseException:
                shutil.rmtree(path, ignore_errors=True)
                raise
        return cls(path)

    # -- files and folders ---------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The folder's name, ``<name>-<yymmdd-hhmmss>``, also where it is called ``.``."""
        return self.path.resolve().name

    @property
    def config_path(self) -> Path:
        return place_of(self.path, CONFIG_FILE)

    @property
    def status_path(self) -> Path:
        return self.path / STATUS_FILE

    @property
    def metrics_path(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def log_path(self) -> Path:
        return self.path / "log.txt"

    @property
    def report_path(self) -> Path:
        return self.path / "report.html"

    @property
    def checkpoints_path(self) -> Path:
        return self.path / "checkpoints"

    @property
    def predictions_path(self) -> Path:
        return self.path / "predictions"

    def preview_folder(self, step: int) -> Path:
        """Where the previews of a step lie; not created here."""
        return self.path / "previews" / step_name(step)

    def evaluation_folder(self, step: int) -> Path:
        """Where ``scores.json`` and pictures of an evaluation lie; not created here."""
        return self.path / "evaluation" / step_name(step)

    def checkpoint_folder(self, step: int) -> Path:
        return self.checkpoints_path / step_name(step)

    def export_folder(self, target: str) -> Path:
        """Where the bundle of an export target lies; not created here."""
        return self.path / "exports" / target

    def preview_steps(self) -> list[int]:
        """The steps that have previews, ascending."""
        return steps_in(self.path / "previews")

    def evaluation_steps(self) -> list[int]:
        """The steps that have complete scores, ascending."""
        folder = self.path / "evaluation"
        return [s for s in steps_in(folder) if (folder / step_name(s) / "scores.json").is_file()]

    def forget_after(self, step: int) -> None:
        """Remove previews and scores of later steps: training goes on from this one, and what was
        seen of the weights that followed it the last time says nothing of those that follow now."""
        for kind in ("previews", "evaluation"):
            folder = self.path / kind
            with disk_errors(folder, "remove what is out of date"):
                for later in steps_in(folder):
                    if later > step:
                        shutil.rmtree(folder / step_name(later))

    # -- descriptions --------------------------------------------------------------------------

    @property
    def config_yaml(self) -> str:
        """The resolved configuration, as written at the start."""
        return read_text(self.config_path, purpose="the configuration of the run")

    def read(self, document: Document) -> dict[str, Any]:
        """One of the JSON descriptions written beside the configuration.

        Raises:
            MissingError: the file is not there.
            DataError: it is not JSON.
        """
        path = place_of(self.path, f"{document}.json")
        return read_json(path, purpose=f"the {document} of the run")

    def write(self, document: Document, value: Mapping[str, Any]) -> None:
        """Replace one of the JSON descriptions."""
        write_json(self.path / f"{document}.json", dict(value))

    def describe_anew(
        self, config_yaml: str, documents: Mapping[Document, Mapping[str, Any]]
    ) -> None:
        """Replace the configuration and JSON descriptions together, in a run that is held.

        After a kill the run shows all the old ones, or all the new.
        """
        texts = {f"{name}.json": json_text(dict(value)) for name, value in documents.items()}
        replace_together(self.path, {**texts, CONFIG_FILE: config_yaml})

    def descriptions(self) -> dict[str, str]:
        """File name to text of those descriptions that there are and that are text."""
        found = {}
        for name in DESCRIPTIONS:
            with suppress(OSError, ValueError):
                found[name] = place_of(self.path, name).read_text(encoding="utf-8")
        return found

    def put_back(self, descriptions: Mapping[str, str]) -> None:
        """Take back what :meth:`descriptions` gave, in a run that is held."""
        replace_together(self.path, descriptions)

    # -- status --------------------------------------------------------------------------------

    @property
    def status(self) -> Status:
        return read_status(self.status_path)

    def set_status(
        self,
        status: State,
        *,
        step: int = 0,
        total_steps: int = 0,
        error: str = "",
        reason: str = "",
    ) -> None:
        """Write ``status.json`` atomically, with the process that wrote it; an error is logged."""
        if error:
            logger.info("The run %s at step %d: %s", status, step, error)
        saved = max(steps_in(self.checkpoints_path), default=0)
        now = Status.of_this_process(
            status, step=step, saved=saved, total_steps=total_steps, error=error, reason=reason
        )
        write_json(self.status_path, asdict(now))

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes of this machine from training in this directory meanwhile.

        The lock goes with the process, however that ends. Held already by this object, it is not
        taken twice. What describes the run and was left by a kill takes its place.

        Raises:
            UsageError: another process holds it.
        """
        if self._is_held:
            yield
            return
        with ExitStack() as stack:
            try:
                stack.enter_context(locked(self.path))
            except BlockingIOError as error:
                status = self.status
                raise UsageError(
                    f"{self.path} is being trained by process {status.pid} on this machine "
                    f"(step {status.step}).",
                    advice="Wait for it to end, or stop it with Ctrl-C, then resume.",
                ) from error
            self._is_held = True
            try:
                settle(self.path)
                yield
            finally:
                self._is_held = False

    @contextmanager
    def log_to_file(self) -> Iterator[None]:
        """Append what the package logs (from INFO up) to ``log.txt`` while inside."""
        with disk_errors(self.log_path, "open the log"):
            handler = _LogFile(self.log_path, encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        handler.setLevel(logging.INFO)
        package = logging.getLogger("likeness")
        before = package.level
        if package.getEffectiveLevel() > logging.INFO:
            package.setLevel(logging.INFO)
        package.addHandler(handler)
        try:
            yield
        finally:
            package.removeHandler(handler)
            package.setLevel(before)
            with suppress(OSError):  # of lines that a full disk did not take
                handler.close()


class _LogFile(logging.FileHandler):
    """Leaves out what a full disk does not take: the work that is logged may well go on."""

    def handleError(self, record: logging.LogRecord) -> None:  # the library's name
        if not isinstance(sys.exception(), OSError):
            super().handleError(record)


Document = Literal["provenance", "plan", "environment", "inspection"]
DESCRIPTIONS = (CONFIG_FILE, *(f"{document}.json" for document in get_args(Document)))
RECORDS = (*DESCRIPTIONS, STATUS_FILE)
"""Without these a run cannot be opened, or cannot be resumed."""


def check_name(name: str, *, what: str = "run name") -> None:
    """Raises UsageError where a name cannot be part of the folder of a run."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"The {what} '{name}' cannot be a folder name.",
            advice="Use letters, digits, '.', '_' and '-'; start with a letter or digit.",
        )


def step_name(step: int) -> str:
    """``step-00001000``: sorts by step."""
    return f"step-{step:08d}"


def steps_in(folder: Path) -> list[int]:
    """The steps of the ``step-…`` folders in a folder, ascending; none when it does not exist."""
    if not folder.is_dir():
        return []
    matches = (_STEP.fullmatch(child.name) for child in folder.iterdir() if child.is_dir())
    return sorted(int(match.group(1)) for match in matches if match)


def _neighbours(folder: Path) -> str:
    """Advice listing the runs in or one level below ``folder``, newest first."""
    runs = [p.parent for depth in ("", "*/", "*/*/") for p in folder.glob(depth + CONFIG_FILE)]
    if not runs:
        return "Give the path of a run folder, e.g. runs/<system>/<name>-<yymmdd-hhmmss>."
    newest = sorted(set(runs), key=lambda path: path.stat().st_mtime, reverse=True)[:5]
    return "There are: " + ", ".join(str(path) for path in newest) + "."
