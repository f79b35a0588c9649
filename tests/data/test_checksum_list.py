from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from likeness.data.checksum_list import with_checksums
from likeness.data.inspection import Inspection

NAMES = (
    "a.png",
    "images/b c.png",
    "images/back\\slash.png",
    "images/line\nbreak.png",
    "images/page\x0c.png",
)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Five files and the list of them, as GNU coreutils writes it."""
    if shutil.which("sha256sum") is None:
        pytest.skip("needs sha256sum")
    root = tmp_path / "people"
    (root / "images").mkdir(parents=True)
    for name in NAMES:
        (root / name).write_bytes(f"content of {name}".encode())
    with (root / "SHA256SUMS").open("wb") as listed:
        subprocess.run(["sha256sum", *NAMES], cwd=root, check=True, stdout=listed)
    return root


def _found(place: Path) -> list[tuple[str, str, str]]:
    findings = with_checksums(Inspection("x"), place).findings
    return [(finding.severity, finding.code, finding.path) for finding in findings]


def test_files_as_sha256sum_found_them_are_no_finding(dataset: Path) -> None:
    assert _found(dataset) == []
    assert _found(dataset / "a.png") == []  # a dataset that is named by a file in it
    (dataset / "new.png").write_bytes(b"not listed")
    assert _found(dataset) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_bit_that_turned_is_found_though_size_and_time_are_as_before(
    dataset: Path, name: str
) -> None:
    path = dataset / name
    before, content = path.stat(), bytearray(path.read_bytes())
    expected = hashlib.sha256(content).hexdigest()
    content[5] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    now = path.stat()
    assert (now.st_size, now.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert _found(dataset) == [("error", "checksum", name)]
    (finding,) = with_checksums(Inspection("x"), dataset).findings
    found = hashlib.sha256(content).hexdigest()
    assert finding.message == f"Expected the SHA-256 {expected} of SHA256SUMS, found {found}."
    # As the tool that wrote the list says:
    checked = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=dataset)
    assert checked.returncode == 1


def test_a_file_that_is_gone_is_found(dataset: Path) -> None:
    (dataset / "a.png").unlink()
    assert _found(dataset) == [("error", "checksum-missing", "a.png")]


@pytest.mark.parametrize(
    "line", ["nonsense", "0" * 63 + "  a.png", "0" * 64 + "  ../a.png", "0" * 64 + "  /etc/hosts"]
)
def test_a_line_that_lists_no_file_of_the_dataset_is_found(dataset: Path, line: str) -> None:
    with (dataset / "SHA256SUMS").open("a") as listed:
        listed.write(f"{line}\n")
    (finding,) = with_checksums(Inspection("x"), dataset).findings
    assert (finding.severity, finding.code) == ("error", "checksums-unreadable")
    assert finding.message.startswith("Line 6: expected 64 hexadecimal digits")


def test_a_name_that_no_file_can_have_is_found_and_the_others_are_compared(dataset: Path) -> None:
    """A list in which bits have turned too ended in the system's own error."""
    name = "n" * 300
    with (dataset / "SHA256SUMS").open("a") as listed:
        listed.write(f"{'0' * 64}  {name}\n{'0' * 64}  a.png\n")
    assert _found(dataset) == [
        ("error", "checksum-unreadable", name),
        ("error", "checksum", "a.png"),
    ]


def test_a_list_that_is_no_text_is_found(dataset: Path) -> None:
    (dataset / "SHA256SUMS").write_bytes(b"\xff\xfe\x00")
    assert _found(dataset) == [("error", "checksums-unreadable", "SHA256SUMS")]
