"""The command line: every verb, the systems' own verbs, the exit codes. Heavy imports come later.

Exit codes: 0 done; 1 unforeseen; 2 wrong use or configuration; 3 something is missing; 4 the data
has errors; 130 interrupted after a clean save.
"""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from likeness import __version__
from likeness.cli import config, data, demo, doctor, results, train, watch
from likeness.cli.console import answering, print_text, report_error, verb
from likeness.systems import SystemSpec, all_systems


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


app.command("systems")(train.systems)
app.add_typer(data.app, name="data")
app.add_typer(config.app, name="config")
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
    try:
        app(prog_name="likeness")
    except Exception as error:
        sys.exit(report_error(error))
