"""Configuration files: the header each may carry, and the profile that they and the caller mean.

Owns what stands around the settings of a file. The YAML itself is ``text.py``; how the settings
change a configuration is ``resolve.py``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from likeness.config.faults import Fault, brief
from likeness.config.overrides import Origin
from likeness.config.text import YamlText, file_text, read_yaml
from likeness.errors import UsageError

FORMAT = 1
"""Number of the saved form; a file that carries it is complete."""
HEADER = ("format", "system", "profile")
NO_PROFILE = "default"
"""The profile's name when none was asked for: the defaults of the config class."""


@dataclass(frozen=True)
class ConfigFile:
    """A configuration file without its header."""

    name: str
    text: YamlText
    profile: str | None
    is_saved: bool

    def origin(self, key: str) -> Origin:
        """Where a line of the header stands."""
        return Origin("file", f"{self.name}:{self.text.lines.get((key,), 1)}")


def read_config_file(path: Path, system: str) -> tuple[ConfigFile | None, list[Fault]]:
    """A file, as far as it can be understood, and what is wrong with it as a whole.

    Of another system's, or one of a format that nobody here knows, that alone is told, and there is
    no file: whatever else it says means something elsewhere.
    """
    name = str(path)
    try:
        content = file_text(path)
    except OSError as error:
        return None, [Fault("", Origin("file", name), f"cannot be read: {error.strerror}")]
    try:
        document = read_yaml(content, name=name)
    except UsageError as error:
        return None, [Fault("", None, str(error).replace("\n", " "))]
    if not isinstance(document.values, dict):
        message = f"expected settings as 'name: value' lines, found {brief(document.values)}"
        return None, [Fault("", Origin("file", name), message)]
    header = {key: document.values.get(key) for key in HEADER}
    body = {key: value for key, value in document.values.items() if key not in HEADER}
    profile = header["profile"] if isinstance(header["profile"], str) else None
    text = YamlText(body, document.lines)
    file = ConfigFile(name, text, profile, header["format"] is not None)
    if header["system"] not in (None, system):
        message = f"the file is for '{header['system']}', expected '{system}'"
        return None, [Fault("system", file.origin("system"), message)]
    if header["format"] not in (None, FORMAT):
        found = repr(header["format"])
        message = f"expected {FORMAT}, found {found}; this version is too old"
        return None, [Fault("format", file.origin("format"), message)]
    if profile is None and header["profile"] is not None:
        message = f"expected a name, found {header['profile']!r}"
        return file, [Fault("profile", file.origin("profile"), message)]
    return file, []


def chosen_profile(
    asked: str | None, documents: Sequence[ConfigFile], profiles: Collection[str], system: str
) -> tuple[str, list[str], list[Fault]]:
    """The profile's name; which may be meant by one that does not exist, else none; the faults.

    Two that differ are a conflict, one that does not exist is a fault.
    """
    named: list[tuple[str, Origin, bool]] = []
    if asked is not None:
        named.append((asked, Origin("command line", "--profile"), False))
    for document in documents:
        if document.profile is not None:
            named.append((document.profile, document.origin("profile"), document.is_saved))
    if not named:
        return NO_PROFILE, [], []
    name, origin, is_saved = named[0]
    faults = []
    for other, where, _ in named[1:]:
        if other != name:
            message = f"'{name}' ({origin}) conflicts with '{other}' ({where}); keep one of them"
            faults.append(Fault("profile", None, message))
    if name not in profiles and name != NO_PROFILE and not is_saved:
        near = get_close_matches(name, list(profiles), n=1)
        hint = f"Did you mean '{near[0]}'? " if near else ""
        message = f"{system} has no profile '{name}'. {hint}There are: {', '.join(profiles)}"
        faults.append(Fault("profile", origin, message))
        return name, near or [*profiles] or [NO_PROFILE], faults
    return name, [], faults
