"""Descriptions of Maya caches: all fields, missing ones, wrong values, hostile documents."""

from __future__ import annotations

import tracemalloc
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from likeness.errors import DataError, MissingError, UnsafeFileError
from likeness.geometry.maya_cache_xml import (
    CacheChannel,
    CacheDescription,
    cache_xml,
    read_cache_xml,
)
from tests.geometry.cache_bytes import cache_xml_text


def read(folder: Path, text: str | bytes) -> CacheDescription:
    path = folder / "a.xml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return read_cache_xml(path)


def test_all_fields(tmp_path: Path) -> None:
    text = cache_xml_text([("a", "positions"), ("b", "")], time_range="-6000-12000", end=12000)
    assert read(tmp_path, text) == CacheDescription(
        "OneFile",
        "mcc",
        200.0,
        (-6000, 12000),
        (CacheChannel("a", "positions", 200.0, 12000.0), CacheChannel("b", None, 200.0, 12000.0)),
    )


def test_ranges_on_both_sides_of_zero(tmp_path: Path) -> None:
    for text, expected in [("-8--3", (-8, -3)), ("0-5", (0, 5)), ("-1-0", (-1, 0))]:
        assert read(tmp_path, cache_xml_text([], time_range=text)).time_range == expected


def test_nothing_is_required_but_the_root(tmp_path: Path) -> None:
    assert read(tmp_path, "<Autodesk_Cache_File/>") == CacheDescription()
    bare = '<Autodesk_Cache_File><cacheType/><Channels><channel0 ChannelName="a"/></Channels>'
    assert read(tmp_path, bare + "</Autodesk_Cache_File>").channels == (CacheChannel("a"),)


def test_what_is_written_is_xml_that_another_parser_reads(tmp_path: Path) -> None:
    name = 'a "b" & <c> é'
    text = cache_xml(
        layout="OneFilePerFrame",
        data_format="mcx",
        channel=name,
        channel_type="FloatVectorArray",
        ticks=(-200, 400),
        ticks_per_frame=200,
    )
    root = ElementTree.fromstring(text)
    assert root.tag == "Autodesk_Cache_File"
    channel = root.find("Channels/channel0")
    assert channel is not None
    assert channel.attrib == {
        "ChannelName": name,
        "ChannelType": "FloatVectorArray",
        "ChannelInterpretation": "positions",
        "SamplingType": "Regular",
        "SamplingRate": "200",
        "StartTime": "-200",
        "EndTime": "400",
    }
    assert root.find("cacheVersion").attrib == {"Version": "2.0"}  # type: ignore[union-attr]
    assert read(tmp_path, text) == CacheDescription(
        "OneFilePerFrame", "mcx", 200, (-200, 400), (CacheChannel(name, "positions", 200, 400),)
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected XML, found a fault: no element found"),
        ("not xml", "expected XML"),
        ("<other/>", "expected the root element Autodesk_Cache_File, found other"),
        ("<Autodesk_Cache_File>", "expected XML"),
        (b"\xff\xfe\x00", "expected XML"),
        ('<?xml version="1.0" encoding="no-such"?><Autodesk_Cache_File/>', "expected XML"),
        ('<?xml version="1.0" encoding="utf-7"?><Autodesk_Cache_File/>', "expected XML"),
        (cache_xml_text([]).replace("200", "0"), "a number of ticks above 0 in TimePerFrame"),
        (cache_xml_text([]).replace("200", "nan"), "in TimePerFrame, found 'nan'"),
        (cache_xml_text([]).replace("0-400", "start"), "time Range=.* found 'start'"),
        (cache_xml_text([]).replace("OneFile", "Two"), "OneFile or OneFilePerFrame, found 'Two'"),
        (cache_xml_text([]).replace("mcc", "mcz"), "mcc or mcx, found 'mcz'"),
    ],
)
def test_faults_name_the_file_and_what_was_found(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    with pytest.raises(DataError, match=rf"a.xml: .*{message}" if message else "a.xml"):
        read(tmp_path, text)


def test_cut_anywhere(tmp_path: Path) -> None:
    text = cache_xml_text([("a", "positions")])
    for length in range(len(text)):
        with pytest.raises(DataError, match=r"a\.xml: expected"):
            read(tmp_path, text[:length])


def test_entities_are_refused_and_never_grow(tmp_path: Path) -> None:
    entities = '<!ENTITY e0 "0123456789">' + "".join(
        f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 12)
    )
    bomb = f"<!DOCTYPE Autodesk_Cache_File [{entities}]><Autodesk_Cache_File>&e11;"
    outside = '<!DOCTYPE a SYSTEM "file:///etc/passwd"><Autodesk_Cache_File/>'
    tracemalloc.start()
    for text in (bomb + "</Autodesk_Cache_File>", outside):
        with pytest.raises(UnsafeFileError, match="without a document type, found one"):
            read(tmp_path, text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_a_long_or_deep_document_stays_small(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    with open(path, "wb") as file:
        file.truncate(2**30)
    tracemalloc.start()
    with pytest.raises(UnsafeFileError, match="at most 1,048,576 bytes"):
        read_cache_xml(path)
    with pytest.raises(DataError, match="expected XML"):
        read(tmp_path, "<Autodesk_Cache_File>" + "<a>" * 300_000)
    many = '<channel0 ChannelName="a"/>' * 38_000
    assert (
        len(read(tmp_path, f"<Autodesk_Cache_File>{many}</Autodesk_Cache_File>").channels) == 38_000
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50_000_000


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="There is no file"):
        read_cache_xml(tmp_path / "a.xml")
