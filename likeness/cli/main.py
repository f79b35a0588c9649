"""The command line: every verb, the systems' own verbs, the exit codes. Heavy imports come later.

Exit codes: 0 done; 1 unforeseen; 2 wrong use or configuration; 3 something is missing; 4 the data
has errors; 130 interrupted by a signal; 141 the reader of the output left early.
"""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from likeness import __version__
from likeness.cli import config, data, demo, doctor, results, studio, systems, train, watch
from likeness.cli.console import (
    INTERRUPTED,
    answering,
    begin,
    has_spoken,
    print_text,
    report_error,
    report_interruption,
    report_usage,
    verb,
)
from likeness.cli.reader import for_reader
from likeness.systems import SystemSpec, all_systems, broken_systems


class _SystemVerbs(TyperGroup):
    """The verbs only one system has; its module is imported when one of them is looked at."""

    def __init__(self, spec: SystemSpec) -> None:
        super().__init__(name=spec.name, help=f"Verbs of {spec.name} alone.", no_args_is_help=True)
        self._spec, self._loaded = spec, False

    def _load(self) -> None:
        if not self._loaded:
            own = typer.Typer(rich_markup_mode=None)
            for name, function in self._spec.load("commands").items():
                own.command(name)(verb(answering(function)))
            group = typer.main.get_group(own)
            self.commands.update(group.commands)
            self._loaded = True

    def list_commands(self, ctx: Any) -> list[str]:
        self._load()
        return super().list_commands(ctx)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        self._load()
        return super().get_command(ctx, cmd_name)


class _Verbs(TyperGroup):
    """All verbs, then the systems that have some of their own."""

    def list_commands(self, ctx: Any) -> list[str]:
        own = [name for name, spec in all_systems().items() if spec.commands is not None]
        return [*super().list_commands(ctx), *own]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        command = super().get_command(ctx, cmd_name)
        if command is None:
            spec = all_systems().get(cmd_name)
            if spec is not None and spec.commands is not None:
                return _SystemVerbs(spec)
            for broken in broken_systems():
                if cmd_name in (broken.entry, broken.system):
                    raise broken.error
        return command


app = typer.Typer(
    cls=_Verbs,
    name="likeness",
    help="Train, measure and ship models of people.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        print_text(__version__)
        raise typer.Exit()


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Train, measure and ship models of people."""


app.command("systems")(systems.systems)
app.add_typer(data.app, name="data")
app.add_typer(config.app, name="config")
app.add_typer(studio.app, name="studio")
app.command("train")(train.train)
app.command("resume")(train.resume)
app.command("watch")(watch.watch)
app.command("evaluate")(results.evaluate)
app.command("predict")(results.predict)
app.command("export")(results.export)
app.command("report")(results.report)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)


def main() -> None:
    """Run the command line and end the process with its exit code."""
    begin(sys.argv[1:])
    try:
        with for_reader():  # of help, which the parser prints itself
            code = app(prog_name="likeness", standalone_mode=False)
        if code == INTERRUPTED and not has_spoken():  # before a verb could answer, in the parser
            code = report_interruption(KeyboardInterrupt())
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(report_interruption(KeyboardInterrupt()))
    except _ParserError as error:
        sys.exit(report_usage(error, _words_meant(error, sys.argv[1:])))
    except Exception as error:
        sys.exit(report_error(error))
    sys.exit(code)


_ParserError: type[Exception] = typer.BadParameter.__mro__[1]
"""What the parser raises for a command line it cannot read. It is click's UsageError, of the click
that typer brings or of the package, depending on the version of typer."""


def _words_meant(error: Any, words: list[str]) -> str:
    """What to write instead of an option that is no flag of the verb, but may be a word of it."""
    option = getattr(error, "option_name", "")
    if error.ctx is None or not option.startswith("--"):
        return ""
    kinds = {parameter.metavar for parameter in error.ctx.command.params}
    if "KEY=VALUE" in kinds:
        return "Settings are words without dashes, as in train.steps=2000."
    if "OPTION=VALUE" not in kinds:
        return ""
    value = "VALUE"
    for word, following in zip(words, [*words[1:], "--"], strict=True):
        if word.startswith(f"{option}="):
            value = word.partition("=")[2]
        elif word == option and not following.startswith("--"):
            value = following
    name = option.removeprefix("--").replace("-", "_")
    return f"Options of a system are words without dashes: write {name}={value}."
