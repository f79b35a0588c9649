"""Verbs about configurations: explain, diff, show, schema, reference. None imports a model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from likeness.cli.console import Answer, print_json, print_table, print_text, verb
from likeness.cli.train import ConfigOption, Overrides, ProfileOption

if TYPE_CHECKING:
    from likeness.config.resolve import Resolved

app = typer.Typer(help="Explain, compare and show configurations.", no_args_is_help=True)

_FILES = (".yaml", ".yml")

Subject = Annotated[str, typer.Argument(help="A system, or the directory of a run.")]


@verb
def explain(
    subject: Subject,
    overrides: Overrides = None,
    profile: ProfileOption = None,
    config: ConfigOption = None,
) -> Answer:
    """Every value, where it came from and what it means."""
    from likeness.config.document import explain as rows_of

    rows = rows_of(_resolved(subject, overrides, profile, config))

    def show() -> None:
        table = [(row["key"], _text(row["value"]), row["source"], row["help"]) for row in rows]
        print_table(("setting", "value", "source", "meaning"), table)

    return Answer(rows, show)


@verb
def show(
    subject: Subject,
    overrides: Overrides = None,
    profile: ProfileOption = None,
    config: ConfigOption = None,
) -> Answer:
    """The whole configuration as a YAML file that can be saved and given to --config."""
    from likeness.config.document import to_yaml

    resolved = _resolved(subject, overrides, profile, config)
    text = to_yaml(resolved)
    document = {
        "system": resolved.system,
        "profile": resolved.profile,
        "config": resolved.config.model_dump(mode="json"),
    }
    return Answer(document, lambda: print_text(text.rstrip()))


@verb
def diff(
    left: Annotated[str, typer.Argument(help="A run, or SYSTEM:PROFILE, or a YAML file.")],
    right: Annotated[str, typer.Argument(help="The same.")],
) -> Answer:
    """The settings in which two configurations differ."""
    from likeness.config.document import diff as rows_of

    rows = rows_of(_side(left), _side(right))

    def show() -> None:
        if not rows:
            print_text("The two are equal.")
            return
        table = [
            (
                row["key"],
                _text(row["left"]),
                _text(row["right"]),
                row["left_source"] or "–",
                row["right_source"] or "–",
            )
            for row in rows
        ]
        print_table(("setting", "left", "right", "left from", "right from"), table)

    return Answer(rows, show)


@verb
def schema(system: Annotated[str, typer.Argument(help="The system.")]) -> Answer:
    """JSON Schema of the system's configuration files, for editors."""
    from likeness.checks import known_names
    from likeness.config.json_schema import json_schema
    from likeness.systems import get_system

    spec = get_system(system)
    document = json_schema(
        spec.load("config"),
        system=spec.name,
        profiles=spec.load("profiles"),
        names=known_names(spec),
    )
    return Answer(document, lambda: print_json(document))


@verb
def reference(system: Annotated[str, typer.Argument(help="The system.")]) -> Answer:
    """The reference page of the system's settings, as Markdown."""
    from likeness.config.document import help_rows, markdown_page
    from likeness.systems import get_system

    spec = get_system(system)
    config_class, profiles = spec.load("config"), spec.load("profiles")
    page = markdown_page(config_class, system=spec.name, profiles=profiles)
    return Answer(help_rows(config_class), lambda: print_text(page.rstrip()))


app.command("explain")(explain)
app.command("show")(show)
app.command("diff")(diff)
app.command("schema")(schema)
app.command("reference")(reference)


def _resolved(
    subject: str,
    overrides: list[str] | None,
    profile: str | None,
    config: list[Path] | None,
) -> Resolved:
    """The configuration of a run with overrides on top, or that of a system from its layers."""
    from likeness import assembly
    from likeness.checks import checked, overridden
    from likeness.errors import UsageError

    if subject.endswith(_FILES) and not _means_run(subject):
        raise UsageError(
            f"{subject} is named like a configuration file; expected a system or a run.",
            advice=f"Name the system, and give it the file: --config {subject}",
        )
    if not _means_run(subject):
        return assembly.configure(
            subject, profile=profile, config_files=config or [], overrides=overrides or []
        )
    if profile or config:
        raise UsageError(
            f"{subject} is a run and has its configuration; --profile and --config do not apply.",
            advice="Give only key=value overrides, or name the system instead of the run.",
        )
    resolved = assembly.configuration_of(assembly.open_run(subject))
    return checked(overridden(resolved, overrides)) if overrides else resolved


def _side(text: str) -> Resolved:
    """One side of a comparison: a run, a YAML file that names its system, or SYSTEM[:PROFILE]."""
    from likeness import assembly
    from likeness.config.faults import ConfigError, brief
    from likeness.config.overrides import Origin
    from likeness.config.text import file_text, read_yaml
    from likeness.errors import UsageError

    if _means_run(text):
        return assembly.configuration_of(assembly.open_run(text))
    if text.endswith(_FILES):
        path = Path(text)
        try:
            values = read_yaml(file_text(path), name=text).values
        except FileNotFoundError as error:
            raise UsageError(f"There is no file {text}.") from error
        except OSError as error:
            raise UsageError(f"{text} cannot be read: {error.strerror}.") from error
        if not isinstance(values, dict):
            raise UsageError(
                f"{text} holds no settings: expected 'name: value' lines, found {brief(values)}.",
                advice="Its first line may be 'system: face-encoder'.",
            )
        system = values.get("system")
        if not isinstance(system, str):
            raise UsageError(
                f"{text} does not say which system it configures.",
                advice="Add a line such as 'system: face-encoder'.",
            )
        return assembly.configure(system, config_files=[path])
    system, _, profile = text.partition(":")
    try:
        return assembly.configure(system, profile=profile or None)
    except ConfigError as error:
        place = Origin("command line", text)  # nobody gave a --profile
        faults = [replace(f, origin=place) if f.key == "profile" else f for f in error.faults]
        raise ConfigError(system, faults, advice=error.advice) from error


def _means_run(text: str) -> bool:
    """A path is a run; so is a folder here, unless a system has its name.

    What is named like a configuration file is one, unless it is the folder of a run all the same.
    """
    from likeness.runs.run import is_run
    from likeness.systems import all_systems

    if text.endswith(_FILES):
        return is_run(Path(text))
    return "/" in text or (text not in all_systems() and Path(text).is_dir())


def _text(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if value == "":
        return '""'
    return str(value)
