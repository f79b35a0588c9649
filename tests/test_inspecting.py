"""What is said of data that have errors, and where data lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from likeness.assembly import configure
from likeness.data.inspection import Finding, Inspection
from likeness.errors import DataError
from likeness.inspecting import refuse_errors, with_local_data


def test_a_data_root_written_as_a_file_address_is_its_folder() -> None:
    """A path made of the address itself would lose a slash."""
    words = ["data.root=file:///people/here"]
    config = configure("face-encoder", profile="smoke", overrides=words, environ={}).config
    assert with_local_data(config).data.root == "/people/here"


def test_errors_of_data_stand_apart_and_name_the_dataset_once(tmp_path: Path) -> None:
    data, spaced = tmp_path / "data", tmp_path / "x y"
    data.mkdir()
    spaced.mkdir()
    whole = Finding("error", "layout", "", f"'{data}' fits no layout:\n  a.png", "Prepare it.")
    with pytest.raises(DataError) as caught:
        refuse_errors(Inspection(str(data), {}, (whole,)), "toy")
    assert caught.value.message == (
        f"The data has an error:\n  '{data}' fits no layout:\n    a.png\n      Prepare it."
    )
    files = [Finding("error", "size", f"{n}.png", "Too small.", "") for n in range(7)]
    with pytest.raises(DataError) as caught:
        refuse_errors(Inspection(str(data), {}, (*files,)), "toy")
    listed = "".join(f"\n  {n}.png: Too small." for n in range(5))
    assert caught.value.message == f"The data at {data} has 7 errors:{listed}\n  and 2 more"
    assert caught.value.advice == f"See all findings with: likeness data inspect toy {data}"
    with pytest.raises(DataError) as caught:
        refuse_errors(Inspection(str(spaced), {}, (*files,)), "toy")
    assert caught.value.advice.endswith(f"inspect toy '{spaced}'")
