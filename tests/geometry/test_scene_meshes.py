from __future__ import annotations

from pathlib import Path

import pytest

from likeness.errors import DataError
from likeness.geometry.scene_meshes import moving_mesh

SCENE = {"/scene/hair": 1, "/scene/head": 48, "/scene/other/head": 1, "/scene/teeth": 0}


def chosen(samples: dict[str, int], mesh: str | None = None) -> str:
    return moving_mesh(samples, mesh, Path("a.usd"), what="points")


def test_the_only_one_that_moves_or_is_named_is_meant() -> None:
    assert chosen(SCENE) == "/scene/head"
    assert chosen(SCENE, "head") == "/scene/head"  # of two of the name the one that moves
    assert chosen(SCENE, "/scene/other/head") == "/scene/other/head"
    assert chosen({"/still": 1}) == "/still"


@pytest.mark.parametrize(
    ("samples", "mesh", "found"),
    [
        (SCENE, "chin", "none"),
        ({}, None, "none"),
        ({**SCENE, "/scene/tongue": 48}, None, "/scene/head, /scene/tongue"),
        ({"/a": 1, "/b": 1}, None, "/a, /b"),
    ],
)
def test_none_and_several_are_refused_by_name(
    samples: dict[str, int], mesh: str | None, found: str
) -> None:
    with pytest.raises(DataError, match=r"a\.usd: expected one mesh with points") as error:
        chosen(samples, mesh)
    assert error.value.message.endswith(f"found {found}.")
    assert error.value.advice == ("" if found == "none" else "Name one of them.")
