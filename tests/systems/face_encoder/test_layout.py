"""The layout of the vector: published sizes and offsets, exact splitting, refused mistakes."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from likeness.errors import UsageError
from likeness.systems.face_encoder.layout import (
    PRESETS,
    Segment,
    VectorLayout,
    deca236,
    eidolon227,
    head_v1,
    smirk361,
)


def offsets(layout: VectorLayout) -> list[int]:
    return [layout.slice(name).start for name in layout.names]


def test_head_v1_has_503_entries_at_the_published_offsets():
    layout = head_v1()
    assert layout.dim == 503
    assert offsets(layout) == [0, 300, 400, 402, 408, 411, 414, 420, 423, 426, 476]
    assert layout.names == (
        "face.shape", "face.expression", "face.eyelid", "pose.global", "pose.neck", "pose.jaw",
        "pose.eyes", "pose.transl", "camera", "face.albedo", "light.sh",
    )  # fmt: skip
    assert layout.slice("light.sh").stop == 503
    averaged = [s.name for s in layout.segments if s.group == "who"]
    assert averaged == ["face.shape", "face.albedo"]


def test_presets_have_the_sizes_in_their_names():
    assert eidolon227().dim == 227
    assert [s.dim for s in eidolon227().segments] == [100, 50, 6, 3, 6, 3, 3, 56]
    without = eidolon227(with_expression=False)
    assert [s.dim for s in without.segments] == [100, 0, 6, 3, 6, 3, 3, 106]
    assert without.dim == 227
    assert PRESETS["eidolon227_noexp"]().fingerprint == without.fingerprint
    assert deca236().dim == 236
    assert [s.dim for s in deca236().segments] == [100, 50, 50, 3, 3, 3, 27]
    assert smirk361().dim == 361
    assert [s.dim for s in smirk361().segments] == [3, 3, 300, 50, 2, 3]


def test_biases_come_from_the_layout_and_not_from_fixed_offsets():
    """The ancestor wrote the rotation's bias where a layout without expression has it."""
    for layout in (head_v1(), head_v1(shape=7, expression=0, albedo=0), eidolon227()):
        start = np.concatenate([s.bias or (0.0,) * s.dim for s in layout.segments])
        parts = layout.split(start)
        assert parts["pose.global"].tolist() == [1, 0, 0, 0, 1, 0]
        assert np.abs(parts["face.expression"]).sum() == 0
        if "camera" in layout:
            assert parts["camera"].tolist() == [7, 0, 0]
            light = parts["light.sh"].reshape(9, 3)
            assert light[0] == pytest.approx(1 / 0.282095)  # unit ambient: 1 / (1 / sqrt(4 pi))
            assert not light[1:].any()


@pytest.mark.parametrize("make", PRESETS.values(), ids=PRESETS)
def test_split_and_join_are_exact_inverses(make):
    layout = make()
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2**31, (4, layout.dim), dtype=np.int32)
    array = bits.view(np.float32)  # every pattern of bits, some not numbers
    joined = layout.join(layout.split(array))
    assert joined.dtype == np.float32
    assert joined.tobytes() == array.tobytes()
    tensor = torch.from_numpy(array)
    again = layout.join(layout.split(tensor))
    assert isinstance(again, torch.Tensor)
    assert again.numpy().tobytes() == array.tobytes()
    assert layout.split(tensor)[layout.names[0]].data_ptr() == tensor.data_ptr()  # views


def test_segments_cover_every_entry_once():
    for layout in (make() for make in PRESETS.values()):
        ends = [0, *(layout.slice(name).stop for name in layout.names)]
        assert all(layout.slice(name).start == end for name, end in zip(layout.names, ends))
        assert ends[-1] == layout.dim
        assert all(a <= b for a, b in itertools.pairwise(ends))


def test_wrong_lengths_and_names_are_refused():
    layout = head_v1()
    with pytest.raises(ValueError, match="503 entries, found 502"):
        layout.split(np.zeros((2, 502)))
    parts = layout.split(np.zeros((2, 503)))
    with pytest.raises(ValueError, match=r"unknown segments \['face.nose'\]"):
        layout.join({**parts, "face.nose": np.zeros((2, 1))})
    with pytest.raises(ValueError, match=r"missing \['camera'\]"):
        layout.join({name: part for name, part in parts.items() if name != "camera"})
    with pytest.raises(ValueError, match="'camera' has 3 entries, found 4"):
        layout.join({**parts, "camera": np.zeros((2, 4))})
    for question in (layout.slice, layout.segment):
        with pytest.raises(UsageError, match=r"no segment 'face\.nose'"):
            question("face.nose")


def test_impossible_layouts_are_refused():
    shape = Segment("face.shape", 3, "sigma", "who", ("geometry",))
    with pytest.raises(UsageError, match=r"twice: \['face.shape'\]"):
        VectorLayout("bad", 1, (shape, shape))
    with pytest.raises(UsageError, match="3 entries but 2 biases"):
        VectorLayout("bad", 1, (Segment("a", 3, "m", "view", ("camera",), bias=(1.0, 2.0)),))
    with pytest.raises(UsageError, match="negative size -1"):
        VectorLayout("bad", 1, (Segment("a", -1, "m", "view", ("camera",)),))


def test_a_segment_nobody_reads_is_refused():
    """56 outputs of the ancestor were regularised and never used."""
    used = Segment("face.shape", 3, "sigma", "who", ("geometry",))
    idle = Segment("detail", 56, "coefficient", "who", ("body",))
    layout = VectorLayout("test", 1, (used, idle))
    with pytest.raises(UsageError, match=r"Nobody reads \['detail'\]"):
        layout.check_consumers(("geometry", "camera"))
    layout.check_consumers(("geometry", "body"))
    allowed = Segment("detail", 56, "coefficient", "who", (), unused_ok=True)
    VectorLayout("test", 1, (used, allowed)).check_consumers(("geometry",))
    empty = Segment("detail", 0, "coefficient", "who", ())
    VectorLayout("test", 1, (used, empty)).check_consumers(("geometry",))


@pytest.mark.parametrize("make", PRESETS.values(), ids=PRESETS)
def test_json_round_trip(make):
    layout = make()
    again = VectorLayout.from_json(layout.to_json())
    assert again == layout
    assert again.fingerprint == layout.fingerprint
    assert [row["offset"] for row in again.describe()] == offsets(layout)
    json.loads(layout.to_json())


def test_the_fingerprint_changes_with_every_fact():
    base = head_v1()
    others = [head_v1(shape=299), head_v1(expression=99), head_v1(albedo=49), deca236()]
    changed = json.loads(base.to_json())
    changed["segments"][4]["limit"] = 0.8
    others.append(VectorLayout.from_json(json.dumps(changed)))
    fingerprints = {layout.fingerprint for layout in (base, *others)}
    assert len(fingerprints) == 1 + len(others)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"name": "a", "version": 1, "segments": [{}]}'])
def test_what_is_no_layout_is_refused(text):
    with pytest.raises(UsageError, match="Expected a vector layout in JSON"):
        VectorLayout.from_json(text)


def test_layouts_need_no_torch():
    code = (
        "import sys; from likeness.systems.face_encoder.layout import head_v1; import numpy; "
        "layout = head_v1(); layout.join(layout.split(numpy.zeros(503))); "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
