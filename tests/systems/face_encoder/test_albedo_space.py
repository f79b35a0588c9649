"""Which albedo space a name opens, what it is told apart by, and which head it fits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from likeness.errors import UsageError
from likeness.studio.albedo_space import NUM_ALBEDO
from likeness.studio.version import STUDIO_VERSION
from likeness.systems.face_encoder.albedo_space import (
    albedo_fingerprint,
    open_albedo_space,
    reads_albedo,
    unfit_reason,
)
from likeness.systems.face_encoder.heads import open_head
from tests.systems.face_encoder.toy import SMALL_LAYOUT


def test_the_studio_s_space_opens_by_name_and_has_so_many_columns():
    space = open_albedo_space("studio", 7)
    assert (space.kind, space.num_components, space.is_linear) == ("studio", 7, False)
    with pytest.raises(
        UsageError, match=f"has {NUM_ALBEDO} components; 51 were asked for"
    ) as caught:
        open_albedo_space("studio", 51)
    assert "model.num_albedo" in caught.value.advice


def test_spaces_are_told_apart(tmp_path):
    assert albedo_fingerprint("studio") == f"studio-albedo-1-{STUDIO_VERSION}"
    assert albedo_fingerprint("synthetic") == "synthetic-1"
    assert albedo_fingerprint(str(tmp_path / "absent.npz")) == ""


def test_the_studio_s_space_fits_the_studio_s_head_alone(toy_head):
    studio = open_head("studio")
    assert reads_albedo(SMALL_LAYOUT, studio, "studio")
    assert "another chart" in unfit_reason("studio", toy_head)
    assert not reads_albedo(SMALL_LAYOUT, toy_head, "studio")
    assert reads_albedo(SMALL_LAYOUT, toy_head, "synthetic")
    bare = replace(studio, uv=None, uv_faces=None)
    assert "no texture coordinates" in unfit_reason("studio", bare)
