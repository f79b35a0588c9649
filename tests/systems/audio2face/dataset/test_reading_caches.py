"""Caches of a dataset as they are opened: rates, the meshes in them, and how little is read."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from likeness.errors import DataError, LikenessError
from likeness.systems.audio2face.dataset.findings import inspect_dataset
from likeness.systems.audio2face.dataset.reading import open_dataset
from tests.geometry.cache_bytes import cache_xml_text, mc_block, mc_channel, mc_header
from tests.systems.audio2face.dataset.recordings import (
    FRAMES,
    write_recordings,
)


def test_a_cache_that_knows_no_frame_rate_asks_for_it(tmp_path: Path) -> None:
    root = write_recordings(tmp_path / "set", ("anna",))
    (root / "dataset.yaml").unlink()
    with pytest.raises(DataError, match="how many frames a second") as error:
        open_dataset(root)
    assert "fps" in error.value.advice


def test_skin_and_tongue_lie_in_one_maya_cache(tmp_path: Path) -> None:
    """Two meshes exported together: the actor's names of channels tell them apart."""
    root = write_recordings(tmp_path / "set", ("anna",), ("mc",))
    folder, text = root / "data/anna/cache", (root / "dataset.yaml").read_text()
    parts = {"headShape": "skin", "tongueShape": "tongue"}
    actor = open_dataset(root)["anna"]
    wanted = {part: getattr(actor, part)["joy_001"].read() for part in parts.values()}
    data = mc_header()
    for frame, tick in enumerate(range(0, 200 * FRAMES, 200)):
        moved = [mc_channel(name, wanted[part][frame]) for name, part in parts.items()]
        data += mc_block(tick, moved)
    for shot in ("joy_001", "joy_002", "neutral_000"):
        (folder / f"skin/{shot}/{shot}.mc").write_bytes(data)
        described = cache_xml_text([(n, "positions") for n in parts], end=200 * (FRAMES - 1))
        (folder / f"skin/{shot}/{shot}.xml").write_text(described)
    found = {f.code: f for f in inspect_dataset(root).findings if f.severity == "error"}
    assert found["cache-damaged"].message.endswith("found headShape, tongueShape.")
    assert "skin_channel" in str(found["cache-damaged"].advice)
    named = text.replace(
        "skin_caches:", "skin_channel: headShape\n    tongue_channel: tongueShape\n    skin_caches:"
    ).replace("tongue_caches: data/anna/cache/tongue", "tongue_caches: data/anna/cache/skin")
    assert named.count("cache/skin") == 2
    (root / "dataset.yaml").write_text(named)
    assert not [f for f in inspect_dataset(root).findings if f.severity == "error"]
    both = open_dataset(root)["anna"]
    for part in parts.values():
        np.testing.assert_array_equal(getattr(both, part)["joy_001"].read(), wanted[part])


def test_a_maya_cache_of_another_rate_than_said_is_refused(tmp_path: Path) -> None:
    root = write_recordings(tmp_path / "set", ("anna",), ("mc",))
    text = (root / "dataset.yaml").read_text()
    (root / "dataset.yaml").write_text(text.replace("fps: 30.0", "fps: 24.0"))
    with pytest.raises(LikenessError, match="24"):
        open_dataset(root)
    found = [f for f in inspect_dataset(root).findings if f.severity == "error"]
    assert {f.code for f in found} == {"frame-rates"}


def test_opening_reads_no_frames_of_large_caches(tmp_path: Path) -> None:
    root = write_recordings(tmp_path / "set", ("anna",))
    folder = root / "data/anna/cache/skin"
    for number in range(20):  # 20 x 288 MB, none of it on the disk
        path = folder / f"joy_{100 + number}.npy"
        shape = "{'descr': '<f4', 'fortran_order': False, 'shape': (400, 60000, 3), }"
        header = shape.ljust(117) + "\n"
        with open(path, "wb") as file:
            file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
            file.truncate(file.tell() + 400 * 60000 * 12)
    tracemalloc.start()
    actor = open_dataset(root)["anna"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(shot.num_frames for shot in actor.shots) == 20 * 400 + 3 * FRAMES
    assert peak < 5e6
