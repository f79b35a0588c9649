"""Maya geometry caches read from bytes put together by hand: all forms, channels, times, faults."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from likeness.errors import DataError, MissingError
from likeness.geometry.animation import FrameRateError
from likeness.geometry.maya_cache import read_maya_cache
from likeness.geometry.maya_cache_chunks import TruncatedCacheError
from tests.geometry.cache_bytes import (
    cache_xml_text,
    mc_block,
    mc_bytes,
    mc_channel,
    mc_header,
    mcx_bytes,
    small_frames,
    wide_chunk,
)

FRAMES = small_frames(3, 7)
NAME = "head_meshShape"
BARE = "<Autodesk_Cache_File/>"


def put(folder: Path, xml: str, data: bytes, suffix: str = ".mc") -> Path:
    (folder / f"shot{suffix}").write_bytes(data)
    path = folder / "shot.xml"
    path.write_text(xml, encoding="utf-8")
    return path


def test_one_file_of_known_size(tmp_path: Path) -> None:
    data = mc_bytes(FRAMES, [0, 200, 400], NAME)
    assert len(data) == 504 == 48 + 3 * (8 + 60 + 84)
    moving = read_maya_cache(put(tmp_path, cache_xml_text([(NAME, "positions")]), data))
    np.testing.assert_array_equal(moving.read(), np.array(FRAMES))
    np.testing.assert_array_equal(moving.read(1, 2), np.array(FRAMES)[1:2])
    np.testing.assert_array_equal(moving.part(1, 3).read(), np.array(FRAMES)[1:])
    assert (moving.fps, moving.start) == (30, 0)
    assert moving.read().dtype == np.float32


@pytest.mark.parametrize("vertices", [1, 2, 7])
@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("form", ["mc", "mcx", "mcx filled"])
def test_both_sizes_and_both_types(tmp_path: Path, vertices: int, double: bool, form: str) -> None:
    frames, ticks = small_frames(3, vertices), [-200, 0, 200]
    if form == "mc":
        data = mc_bytes(frames, ticks, NAME, double=double)
    else:
        data = mcx_bytes(frames, ticks, NAME, double=double, fill=form == "mcx filled")
    suffix = ".mc" if form == "mc" else ".mcx"
    xml = cache_xml_text(
        [(NAME, "positions")], data_format=suffix[1:] if form != "mc" else "mcc",
        time_range="-200-200", end=200,
    )  # fmt: skip
    moving = read_maya_cache(put(tmp_path, xml, data, suffix))
    np.testing.assert_array_equal(moving.read(), np.array(frames))
    assert moving.start == pytest.approx(-1 / 30)


def test_what_the_xml_leaves_out_follows_from_the_data(tmp_path: Path) -> None:
    moving = read_maya_cache(put(tmp_path, BARE, mc_bytes(FRAMES, [0, 250, 500], NAME)))
    np.testing.assert_array_equal(moving.read(), np.array(FRAMES))
    assert moving.fps == 24


def test_channels_are_not_mixed(tmp_path: Path) -> None:
    other = small_frames(3, 2)
    data = mc_header()
    for tick, frame, second in zip([0, 200, 400], FRAMES, other):
        data += mc_block(tick, [mc_channel("a", second), mc_channel(NAME, frame)])
    names = [("a", "colors"), (NAME, "positions")]
    path = put(tmp_path, cache_xml_text(names), data)
    np.testing.assert_array_equal(read_maya_cache(path).read(), np.array(FRAMES))
    np.testing.assert_array_equal(read_maya_cache(path, channel="a").read(), np.array(other))
    put(tmp_path, cache_xml_text([("a", "positions"), (NAME, "positions")]), data)
    with pytest.raises(DataError, match="one channel of positions, found a, head_meshShape"):
        read_maya_cache(path)
    put(tmp_path, BARE, data)
    with pytest.raises(DataError, match="one channel in the block at byte 48, found a, head_mesh"):
        read_maya_cache(path)
    with pytest.raises(DataError, match="channel 'b' in the block at byte 48, found a, head_mesh"):
        read_maya_cache(path, channel="b")


def test_a_channel_of_other_data_is_passed_over_or_refused(tmp_path: Path) -> None:
    weights = b"CHNM" + struct.pack(">i", 2) + b"w\0\0\0" + b"SIZE" + struct.pack(">ii", 4, 2)
    weights += b"FBCA" + struct.pack(">iff", 8, 0.5, 0.25)
    data = mc_header() + mc_block(0, [weights, mc_channel(NAME, FRAMES[0])])
    path = put(tmp_path, cache_xml_text([(NAME, "positions")], end=0), data)
    np.testing.assert_array_equal(read_maya_cache(path).read(), np.array(FRAMES[:1]))
    with pytest.raises(DataError, match="expected FVCA or DVCA for channel 'w'"):
        read_maya_cache(path, channel="w")


def per_frame(folder: Path, names: list[str], frames: list, *, wide: bool = False) -> None:
    for name, frame in zip(names, frames):
        if wide:
            data = mcx_bytes([frame], [0], NAME)
            time = wide_chunk(b"TIME", struct.pack(">i", 0))
            body = data.index(b"FOR8", 4)
            size = struct.unpack(">q", data[body + 8 : body + 16])[0] - len(time)
            data = data.replace(time, b"")
            data = data[: body + 8] + struct.pack(">q", size) + data[body + 16 :]
        else:
            data = mc_header() + mc_block(None, [mc_channel(NAME, frame)])
        (folder / name).write_bytes(data)


@pytest.mark.parametrize("wide", [False, True])
def test_one_file_per_frame_by_number(tmp_path: Path, wide: bool) -> None:
    frames, suffix = small_frames(12, 3), ".mcx" if wide else ".mc"
    per_frame(tmp_path, [f"shotFrame{k}{suffix}" for k in range(-1, 11)], frames, wide=wide)
    for stray in ("shotFrame.mc", "shotFrame3.txt", "shotFrameX.mc", "shot2Frame1.mc", ".shot.mc"):
        (tmp_path / stray).write_bytes(b"stray")
    xml = cache_xml_text([(NAME, "positions")], layout="OneFilePerFrame", end=2000,
                         data_format=suffix[1:] if wide else "mcc")  # fmt: skip
    (tmp_path / "shot.xml").write_text(xml)
    moving = read_maya_cache(tmp_path / "shot.xml")
    np.testing.assert_array_equal(moving.read(), np.array(frames))
    assert (moving.fps, moving.start) == (30, pytest.approx(-1 / 30))


def test_one_file_per_frame_between_frames(tmp_path: Path) -> None:
    frames = small_frames(4, 3)
    names = ["shotFrame0.mc", "shotFrame0Tick100.mc", "shotFrame1.mc", "shotFrame1Tick100.mc"]
    per_frame(tmp_path, names, frames)
    xml = cache_xml_text([(NAME, "positions")], layout="OneFilePerFrame", end=300)
    (tmp_path / "shot.xml").write_text(xml.replace('SamplingRate="200"', 'SamplingRate="100"'))
    moving = read_maya_cache(tmp_path / "shot.xml")
    np.testing.assert_array_equal(moving.read(), np.array(frames))
    assert moving.fps == 60


def test_one_file_per_frame_with_a_gap_or_without_any(tmp_path: Path) -> None:
    xml = cache_xml_text([(NAME, "positions")], layout="OneFilePerFrame", end=None)
    (tmp_path / "shot.xml").write_text(xml)
    with pytest.raises(DataError, match=r"shot.xml: expected a frame at least, found none"):
        read_maya_cache(tmp_path / "shot.xml")
    per_frame(tmp_path, [f"shotFrame{k}.mc" for k in (1, 2, 3, 5)], small_frames(4, 3))
    message = r"shotFrame5.mc: expected a sample every 200 ticks, found none between tick 600"
    with pytest.raises(TruncatedCacheError, match=message):
        read_maya_cache(tmp_path / "shot.xml")
    (tmp_path / "shotFrame5.mc").unlink()
    per_frame(tmp_path, ["shotFrame2Tick90.mc"], small_frames(1, 3))
    with pytest.raises(DataError, match=r"expected samples at even times.* found frame \d at tick"):
        read_maya_cache(tmp_path / "shot.xml")


def test_one_file_per_frame_without_its_first_file(tmp_path: Path) -> None:
    """What is left would be read as if it began a frame earlier."""
    xml = cache_xml_text(
        [(NAME, "positions")], layout="OneFilePerFrame", time_range="0-600", end=600
    )
    (tmp_path / "shot.xml").write_text(xml)
    names = [f"shotFrame{k}.mc" for k in range(4)]
    per_frame(tmp_path, names, small_frames(4, 3))
    assert read_maya_cache(tmp_path / "shot.xml").num_frames == 4
    (tmp_path / names[0]).unlink()
    with pytest.raises(TruncatedCacheError, match=r"a first frame at tick 0.* of 3 at tick 200"):
        read_maya_cache(tmp_path / "shot.xml")


def test_one_file_per_frame_with_its_time_inside(tmp_path: Path) -> None:
    (tmp_path / "shot.xml").write_text('<Autodesk_Cache_File><cacheType Type="OneFilePerFrame"/>'
                                       "</Autodesk_Cache_File>")  # fmt: skip
    for number, tick, frame in zip((1, 2, 10), (500, 750, 1000), FRAMES):
        (tmp_path / f"shotFrame{number}.mc").write_bytes(mc_bytes([frame], [tick], NAME))
    moving = read_maya_cache(tmp_path / "shot.xml")
    np.testing.assert_array_equal(moving.read(), np.array(FRAMES))
    assert (moving.fps, moving.start) == (24, 500 / 6000)
    per_frame(tmp_path, ["shotFrame10.mc"], FRAMES[2:])
    with pytest.raises(DataError, match="a TIME in all frames or in none, found both"):
        read_maya_cache(tmp_path / "shot.xml")
    (tmp_path / "shotFrame2.mc").write_bytes(mc_bytes(FRAMES, [0, 200, 400], NAME))
    with pytest.raises(DataError, match=r"shotFrame2\.mc: expected one block .* found 3"):
        read_maya_cache(tmp_path / "shot.xml")


@pytest.mark.parametrize(("count", "is_told"), [(5, False), (6, True)])
def test_six_frames_tell_30_from_29_97(tmp_path: Path, count: int, is_told: bool) -> None:
    ticks = [200 * i for i in range(count)]
    path = put(tmp_path, BARE, mc_bytes(small_frames(count, 1), ticks, NAME))
    if is_told:
        with pytest.raises(FrameRateError, match=r"expected 29\.97 frames .* found 30"):
            read_maya_cache(path, declared_fps=29.97)
    else:
        assert read_maya_cache(path, declared_fps=29.97).fps == 29.97


def test_rates_that_contradict_each_other(tmp_path: Path) -> None:
    data = mc_bytes(FRAMES, [0, 200, 400], NAME)
    path = put(tmp_path, cache_xml_text([(NAME, "positions")]), data)
    assert read_maya_cache(path, declared_fps=30).fps == 30
    with pytest.raises(
        FrameRateError, match=r"expected 60 frames per second as declared, found 30"
    ):
        read_maya_cache(path, declared_fps=60)
    put(tmp_path, cache_xml_text([(NAME, "positions")], ticks_per_frame=100), data)
    with pytest.raises(FrameRateError, match=r"expected 200 ticks per frame.* SamplingRate 100"):
        read_maya_cache(path)


def test_rates_that_ticks_do_not_hold_exactly(tmp_path: Path) -> None:
    frames = small_frames(100, 1)
    ticks = [round(6000 / 29.97 * i) for i in range(100)]
    assert ticks[:4] == [0, 200, 400, 601]
    xml = cache_xml_text([(NAME, "positions")], end=ticks[-1])
    path = put(tmp_path, xml, mc_bytes(frames, ticks, NAME))
    assert read_maya_cache(path).fps == pytest.approx(29.97, rel=1e-4)
    assert read_maya_cache(path, declared_fps=29.97).fps == 29.97
    with pytest.raises(FrameRateError, match="expected 30 frames per second"):
        read_maya_cache(path, declared_fps=30)


def test_one_frame_has_the_rate_of_the_xml_or_the_declared_one(tmp_path: Path) -> None:
    data = mc_bytes(FRAMES[:1], [0], NAME)
    path = put(tmp_path, cache_xml_text([(NAME, "positions")], end=0), data)
    assert read_maya_cache(path).fps == 30
    with pytest.raises(FrameRateError, match="expected 24 frames"):
        read_maya_cache(path, declared_fps=24)
    put(tmp_path, BARE, data)
    assert read_maya_cache(path, declared_fps=24).fps == 24
    with pytest.raises(DataError, match="TimePerFrame or the times of two frames, found neither"):
        read_maya_cache(path)


@pytest.mark.parametrize("ticks", [[0, 200, 600], [0, 0, 0], [400, 200, 0]])
def test_uneven_times(tmp_path: Path, ticks: list[int]) -> None:
    path = put(tmp_path, BARE, mc_bytes(FRAMES, ticks, NAME))
    with pytest.raises(DataError, match="expected samples at even times"):
        read_maya_cache(path)


def test_another_number_of_vertices_in_a_frame(tmp_path: Path) -> None:
    frames = [FRAMES[0], FRAMES[1], FRAMES[2][:5]]
    path = put(tmp_path, BARE, mc_bytes(frames, [0, 200, 400], NAME))
    with pytest.raises(DataError, match=r"shot.mc: expected 7 vertices.* frame 2 at .* found 5"):
        read_maya_cache(path)


@pytest.mark.parametrize("wide", [False, True])
def test_cut_anywhere_is_a_fault_or_gives_the_whole_frames_when_asked(
    tmp_path: Path, wide: bool
) -> None:
    make, suffix = (mcx_bytes, ".mcx") if wide else (mc_bytes, ".mc")
    frames = small_frames(3, 2)
    whole = make(frames, [0, 200, 400], NAME)
    xml = cache_xml_text([(NAME, "positions")], data_format="mcx" if wide else "mcc")
    ends = [len(make(frames[:count], [0, 200, 400], NAME)) for count in (1, 2, 3)]
    assert ends[2] == len(whole)
    for length in range(len(whole)):
        path = put(tmp_path, xml, whole[:length], suffix)
        with pytest.raises(DataError, match=rf"shot{suffix}: expected .*found"):
            read_maya_cache(path)
        complete = sum(end <= length for end in ends)
        if complete == 0:
            with pytest.raises(DataError, match="expected"):
                read_maya_cache(path, allow_truncated=True)
        else:
            moving = read_maya_cache(path, allow_truncated=True)
            np.testing.assert_array_equal(moving.read(), np.array(frames[:complete]))


def test_a_cut_says_where(tmp_path: Path) -> None:
    whole = mc_bytes(FRAMES, [0, 200, 400], NAME)
    path = put(tmp_path, cache_xml_text([(NAME, "positions")]), whole[:-10])
    with pytest.raises(TruncatedCacheError, match=r"144 bytes of chunk b'FOR4' at byte 360, found"):
        read_maya_cache(path)
    put(tmp_path, cache_xml_text([(NAME, "positions")]), whole[: 48 + 152 * 2])
    with pytest.raises(TruncatedCacheError, match=r"until tick 400, .* last of 2 at tick 200"):
        read_maya_cache(path)


def _read_or_fault(path: Path) -> tuple[tuple[int, ...], str]:
    try:
        return read_maya_cache(path).read().shape, ""
    except DataError as error:
        return (), error.message


def test_the_range_of_the_cache_may_end_after_its_last_frame(tmp_path: Path) -> None:
    data = mc_bytes(FRAMES, [0, 200, 400], NAME)
    for end in (400, 600):
        xml = cache_xml_text([(NAME, "positions")], time_range=f"0-{end}", end=None)
        assert read_maya_cache(put(tmp_path, xml, data)).num_frames == 3
    xml = cache_xml_text([(NAME, "positions")], time_range="0-800", end=None)
    with pytest.raises(TruncatedCacheError, match="until tick 800"):
        read_maya_cache(put(tmp_path, xml, data))


def test_any_damaged_byte_is_a_fault_or_leaves_an_animation(tmp_path: Path) -> None:
    whole = mc_bytes(small_frames(2, 2), [0, 200], NAME)
    path = put(tmp_path, cache_xml_text([(NAME, "positions")], end=200), whole)
    for place in range(len(whole)):
        for value in (0x00, 0x7F, 0x80, 0xFF):
            data = bytearray(whole)
            data[place] = value
            (tmp_path / "shot.mc").write_bytes(data)
            shape, fault = _read_or_fault(path)
            assert shape == (2, 2, 3) or "shot" in fault


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "expected 4 bytes at byte 0, found 0"),
        (b"RIFF" + bytes(40), "expected FOR4 or FOR8, a Maya cache at byte 0, found b'RIFF'"),
        (mc_header(), "expected a frame at least, found none"),
        (mc_header() + mc_header(), "expected b'MYCH' at byte 56, found b'CACH'"),
        (mc_header() + b"FOR4" + struct.pack(">i", -4), "a size of chunk b'FOR4' at .* found -4"),
        (mc_header() + b"FOR4" + struct.pack(">i", 2**31 - 1), "2,147,483,647 bytes of chunk"),
        (mc_header() + mc_block(0, [b"FVCA" + struct.pack(">i", 0)]), "CHNM and SIZE before a"),
        (mc_header() + mc_block(0, [mc_channel("a", [])]), "a vertex at least, found none"),
        (mc_header() + mc_block(0, []), "expected one channel .* found none"),
        (mc_header() + mc_block(0, [mc_channel("a", FRAMES[0])] * 2), "'a' twice"),
        (
            mc_header() + mc_block(0, [b"CHNM" + struct.pack(">i", 2**30)]),
            "1,073,741,824 bytes of chunk b'CHNM'",
        ),
        (
            mc_header() + mc_block(0, [mc_channel("a", FRAMES[0])[:24] + b"FVCA\0\0\0\0"]),
            "expected 84 bytes .7 elements of FVCA. at byte .* found 0",
        ),
        (
            mc_header()
            + mc_block(0, [b"CHNM\0\0\0\2a\0\0\0" + b"SIZE\0\0\0\4\xff\xff\xff\xfe"]),
            "a number of elements at .*, found -2",
        ),
    ],
)  # fmt: skip
def test_data_that_is_none(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_maya_cache(put(tmp_path, BARE, data))


def test_sizes_that_claim_much_take_no_memory(tmp_path: Path) -> None:
    count = 2**31 - 1
    body = b"MYCH" + wide_chunk(b"TIME", bytes(4)) + wide_chunk(b"CHNM", b"a\0")
    body += wide_chunk(b"SIZE", struct.pack(">i", count))
    body += b"FVCA\0\0\0\0" + struct.pack(">q", count * 12)
    data = mcx_bytes([], [0, 0], NAME)
    data += b"FOR8\0\0\0\0" + struct.pack(">q", len(body) + count * 12) + body
    path = put(tmp_path, BARE, data, ".mcx")
    with open(tmp_path / "shot.mcx", "r+b") as file:
        file.truncate(2**30)
    tracemalloc.start()
    with pytest.raises(TruncatedCacheError, match="bytes of chunk b'FOR8'"):
        read_maya_cache(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_no_data_beside_the_description(tmp_path: Path) -> None:
    (tmp_path / "shot.xml").write_text(cache_xml_text([(NAME, "positions")]))
    with pytest.raises(DataError, match=r"expected the data in shot.mc|found no such file"):
        read_maya_cache(tmp_path / "shot.xml")
    with pytest.raises(MissingError, match="There is no file"):
        read_maya_cache(tmp_path / "other.xml")
