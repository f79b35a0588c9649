"""What every verb shares: --json and --debug, tables, messages, exit codes. Only this file prints.

Documents and tables go to standard output; progress, log lines and errors to standard error.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import json as json_module
import logging
import os
import re
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePath
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from likeness.cli.log_lines import log_to_stderr
from likeness.cli.reader import for_reader, read_or_not
from likeness.errors import DataError, LikenessError
from likeness.systems import Partial

if TYPE_CHECKING:
    from rich.console import Console

INTERRUPTED = 130


@dataclass
class _Mode:
    """How the verb that runs now was called."""

    json: bool = False
    debug: bool = False
    has_spoken: bool = False
    """An answer or an error is being shown; there is one document at most."""
    is_shared: bool = False
    """The verb may run in several processes at once, of which the first one answers."""


_mode = _Mode()


@dataclass(frozen=True)
class Failure:
    """Why a verb that has something to show did not end well, as an error would say it."""

    message: str
    advice: str
    exit_code: int


@dataclass(frozen=True)
class Answer:
    """What a verb has to say: a document for programs, and the same shown to people.

    The document has ``error`` exactly where there is a failure, as that of a verb that ended with
    an error has: {message, advice, exit_code}.
    """

    document: Any
    show: Callable[[], None]
    failure: Failure | None = None

    @property
    def whole_document(self) -> Any:
        """The document with its error."""
        if self.failure is None:
            return self.document
        return {**self.document, "error": asdict(self.failure)}


def begin(words: Sequence[str]) -> None:
    """Note how a command line asks to be answered, before it is parsed: it may have faults itself.

    Args:
        words: the command line without the program's name.
    """
    own = list(words[: words.index("--")] if "--" in words else words)
    _mode.json, _mode.debug, _mode.has_spoken = "--json" in own, "--debug" in own, False
    _mode.is_shared = own[:1] in (["train"], ["resume"])


def has_spoken() -> bool:
    """Whether the command line has been answered, be it with an error."""
    return _mode.has_spoken


def verb(function: Callable[..., Answer]) -> Callable[..., None]:
    """Make a command of a function: adds --json and --debug, prints its answer, sets the exit code.

    With --json exactly one document goes to standard output; whatever a library prints meanwhile is
    sent to standard error.
    """

    def run(*args: Any, json: bool = False, debug: bool = False, **options: Any) -> None:
        _mode.json, _mode.debug = json, debug
        log_to_stderr(logging.DEBUG if debug else logging.WARNING, for_programs=json)
        try:
            with contextlib.redirect_stdout(sys.stderr), _ended_by_signals():
                answer = function(*args, **options)
        except KeyboardInterrupt as interruption:
            raise typer.Exit(report_interruption(interruption)) from None
        except BrokenPipeError as error:  # of a connection; the parser takes it for standard output
            raise typer.Exit(report_error(error)) from None
        _mode.has_spoken = True
        if _speaks():
            print_json(answer.whole_document) if json else answer.show()
        if answer.failure is not None:
            raise typer.Exit(answer.failure.exit_code)

    hints = get_type_hints(function, include_extras=True)
    hints.pop("return", None)
    hints["json"] = Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else.")
    ]
    hints["debug"] = Annotated[
        bool, typer.Option("--debug", help="Log more, and show the traceback of an error.")
    ]
    own = [
        parameter.replace(annotation=hints[parameter.name])
        for parameter in inspect.signature(function).parameters.values()
    ]
    added = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=hints[name]
        )
        for name in ("json", "debug")
    ]
    functools.update_wrapper(run, function)
    del run.__wrapped__  # type: ignore[attr-defined]  # typer would look at the inner signature
    run.__annotations__ = hints
    run.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]
    return run


def answering(function: Callable[..., Any]) -> Callable[..., Answer]:
    """A function that returns a document, as one that returns an answer: systems' own verbs."""

    @functools.wraps(function)
    def answer(*args: Any, **options: Any) -> Answer:
        document = function(*args, **options)
        failure = None
        if isinstance(document, Partial):
            failure = Failure(document.message, document.advice, DataError.exit_code)
        return Answer(document, lambda: _show_document(document), failure)

    # What a caller in Python must know, arguments and errors, says nothing to a reader of --help.
    answer.__doc__ = re.split(r"\n\s*(?:Args|Returns|Raises):\n", function.__doc__ or "")[0]
    return answer


def _show_document(document: Any) -> None:
    """A dictionary as lines; lists of dictionaries in it as tables."""
    for key, value in document.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            columns = list(value[0])
            print_table(columns, [[row.get(name) for name in columns] for row in value])
        else:
            shown = list(map(str, value)) if isinstance(value, list) else [_cell(value)]
            if any(" " in item for item in shown) and len(shown) > 1:  # sentences, or paths
                print_text(f"{key}:")
                for item in shown:
                    print_text(f"  {item}")
            else:
                print_text(f"{key}: {', '.join(shown)}")


def _speaks() -> bool:
    """Where several processes train together, only the first one answers.

    The variables of a launcher alone do not make a verb one of several: a shell in a pod has them.
    """
    is_later = os.environ.get("RANK", "0") != "0" and "WORLD_SIZE" in os.environ
    return not (_mode.is_shared and is_later)


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM ends a verb as Ctrl-C does, so that what it has half written is removed.

    A second SIGTERM ends the process at once. Training has an answer of its own while it runs.
    Whatever is raised after a signal is the interruption: torch swallows a KeyboardInterrupt in
    places, and fails later over what was left undone.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Python allows signal handlers nowhere else
        return
    owner, came = os.getpid(), False

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal came
        came = True
        if number == signal.SIGTERM:
            signal.signal(number, signal.SIG_DFL)
            if os.getpid() != owner:  # a forked worker has nothing of the verb's to tidy up
                os.kill(os.getpid(), number)
        raise KeyboardInterrupt

    before = {signal.SIGTERM: signal.signal(signal.SIGTERM, end)}
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # in the background: ignored
        before[signal.SIGINT] = signal.signal(signal.SIGINT, end)
    try:
        yield
    except Exception as error:
        if came:
            raise KeyboardInterrupt from error
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)


def report_error(error: BaseException) -> int:
    """Show an error and give its exit code. A traceback comes with --debug and for defects."""
    known = error if isinstance(error, LikenessError) else _refusal(error)
    if _mode.debug or known is None:
        sys.stderr.write("".join(traceback.format_exception(error)))
    if known is not None:
        return _report(known.message, known.advice, known.exit_code, known.facts)
    return _report(
        f"{type(error).__name__}: {error}",
        "This is a defect of the program; please report it with the lines above.",
        1,
    )


def _refusal(error: BaseException) -> LikenessError | None:
    """What a disk refused to a verb of a system's own, which need not know how to say so."""
    from likeness.storage.files import explained, refusal_in

    refused = refusal_in(error)
    return None if refused is None else explained(refused, None, "use the disk")


def report_interruption(interruption: KeyboardInterrupt) -> int:
    """Say that Ctrl-C or SIGTERM ended a verb before it was done, and how to go on.

    Args:
        interruption: carries the advice where the verb has one of its own.
    """
    # Python ends by the signal, whatever the exit code, if it hit text that a library executes (as
    # dataclasses do) and none was since.
    eval("None")
    advice = str(interruption) or "Run the same command again."
    return _report("Interrupted before it was done.", advice, INTERRUPTED)


def report_usage(error: Any, advice: str) -> int:
    """Show a command line that cannot be parsed, in the parser's own words, and what to write.

    Args:
        error: the parser's UsageError.
    """
    with read_or_not():
        error.show()
        if advice:
            stderr_console().print(advice, soft_wrap=True)
    message = " ".join(error.format_message().split())
    if not advice and error.ctx is not None:
        advice = f"See: {error.ctx.command_path} --help"
    _answer_error(message, advice, error.exit_code)
    return int(error.exit_code)


def _report(message: str, advice: str, code: int, facts: Mapping[str, Any] | None = None) -> int:
    _answer_error(message, advice, code, facts)
    with read_or_not():
        stderr_console().print(f"error: {message}", style="red", soft_wrap=True)
        if advice:
            stderr_console().print(advice, soft_wrap=True)
    return code


def _answer_error(
    message: str, advice: str, code: int, facts: Mapping[str, Any] | None = None
) -> None:
    is_first, _mode.has_spoken = not _mode.has_spoken, True
    if is_first and _mode.json and _speaks():
        with contextlib.suppress(SystemExit):  # a reader that left takes no exit code along
            print_json({**(facts or {}), "error": asdict(Failure(message, advice, code))})


def print_json(document: Any) -> None:
    """One JSON document on standard output."""
    text = json_module.dumps(document, indent=2, ensure_ascii=False, default=_plain)
    print_text(text)


def print_text(text: str) -> None:
    """Text as it is, on standard output."""
    with for_reader():
        print(text)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, title: str = "") -> None:
    """A table on standard output; numbers stand to the right."""
    from rich.table import Table

    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    for position, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[position], (int, float)) for row in rows)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    with for_reader():
        stdout_console().print(table)


def stdout_console() -> Console:
    """Output for people; wide when it does not go to a terminal, so that nothing is cut."""
    from rich.console import Console

    is_terminal = sys.stdout.isatty()
    return Console(width=None if is_terminal else 160, highlight=False, markup=False)


def stderr_console() -> Console:
    """Progress, log lines and errors."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False)


def is_quiet() -> bool:
    """Whether output is for a program: no progress bars then."""
    return _mode.json


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"cannot write {type(value).__name__} as JSON")
