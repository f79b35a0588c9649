"""The record of a finished dataset: what was asked is compared, not guessed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from likeness import __version__
from likeness.data.making import UNFINISHED
from likeness.data.record import RECORD, is_recorded, is_up_to_date, write_record
from likeness.errors import DataError, UsageError

COMMAND = "'likeness data make toy'"
SETTINGS = {"studio_version": 6, "speech": "espeak 1.52.0", "faults": ["a"], "people": 3}


def _recorded(root: Path) -> Path:
    write_record(root, command=COMMAND, settings=SETTINGS, begun="2026-01-02", counts={"rows": 9})
    return root


def test_the_same_request_is_up_to_date_and_the_order_of_settings_is_nothing(tmp_path: Path):
    assert not is_up_to_date(tmp_path, command=COMMAND, settings=SETTINGS)
    _recorded(tmp_path)
    turned = dict(reversed(SETTINGS.items()))
    assert is_up_to_date(tmp_path, command=COMMAND, settings=turned)


def test_a_record_says_what_was_asked_with_a_fingerprint_over_it(tmp_path: Path):
    found = json.loads((_recorded(tmp_path) / RECORD).read_text())
    assert found["settings"] == {"likeness": __version__, **SETTINGS}
    assert (found["begun"], found["counts"]) == ("2026-01-02", {"rows": 9})
    written = (
        '{"command":"\'likeness data make toy\'","settings":{"faults":["a"],'
        f'"likeness":"{__version__}","people":3,"speech":"espeak 1.52.0","studio_version":6}}}}'
    )
    assert found["fingerprint"] == hashlib.blake2b(written.encode(), digest_size=16).hexdigest()


def test_a_set_that_another_version_spoke_is_refused_with_what_differs(tmp_path: Path):
    now = {**SETTINGS, "speech": "espeak 1.53", "people": 4}
    with pytest.raises(UsageError, match="not empty") as caught:
        is_up_to_date(_recorded(tmp_path), command=COMMAND, settings=now)
    message = str(caught.value)
    assert "speech was 'espeak 1.52.0' and is 'espeak 1.53'; people was 3 and is 4" in message
    with pytest.raises(UsageError, match="it was 'likeness data make toy'"):
        is_up_to_date(tmp_path, command="another", settings=SETTINGS)


def test_an_unfinished_set_is_not_up_to_date(tmp_path: Path):
    (_recorded(tmp_path) / UNFINISHED).touch()
    assert not is_recorded(tmp_path)
    assert not is_up_to_date(tmp_path, command=COMMAND, settings=SETTINGS)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"command": "a", "settings": 3}', None])
def test_a_record_that_was_changed_is_an_error(tmp_path: Path, text: str | None):
    path = _recorded(tmp_path) / RECORD
    path.write_text(path.read_text().replace("1.52", "1.51") if text is None else text)
    with pytest.raises(DataError, match=r"record of a finished dataset in '.*studio\.json'"):
        is_up_to_date(tmp_path, command=COMMAND, settings=SETTINGS)
