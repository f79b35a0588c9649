"""What inspection finds in what lies beside pictures: truth, index, persons, sets, provenance."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from likeness.assembly import configure
from likeness.errors import DataError
from likeness.studio.version import STUDIO_VERSION
from likeness.systems.face_encoder.data import CONTRACT
from likeness.systems.face_encoder.findings import inspect_configured
from tests.systems.face_encoder.inspecting import found, only


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"shape": np.zeros(3)}, "lacks ['head_rotation']"),
        ({"shape": np.zeros((3, 1)), "head_rotation": np.eye(3)}, "found (3, 1)"),
        ({"shape": np.full(3, np.nan), "head_rotation": np.eye(3)}, "finite"),
        ({"shape": np.zeros(3), "head_rotation": np.diag([1.0, 1, -1])}, "no rotation"),
    ],
    ids=["incomplete", "shape", "nan", "mirror"],
)
def test_truth_that_is_none(data, arrays, message):
    np.savez(data / "truth" / "p0_0.npz", **arrays)
    finding = only(data, "truth-unusable")
    assert message in finding.message


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ("shape", np.array(["a", "b", "c"])),
        ("shape", np.array("abc")),
        ("shape", np.zeros(0)),
        ("shape", np.zeros(3, np.complex64)),
        ("head_rotation", np.full((3, 3), "x")),
        ("head_rotation", np.full((3, 3), 1e200)),
        ("expression", np.array(["smile"])),
        ("expression", np.array([np.inf])),
    ],
    ids=["text", "one text", "nothing", "complex", "turn", "huge", "other", "infinite"],
)
def test_truth_that_is_text_or_not_finite_is_a_finding(data, entry, value):
    """Text in the shape ended inspection with a TypeError."""
    arrays = {"shape": np.zeros(3), "head_rotation": np.eye(3), entry: value}
    np.savez(data / "truth" / "p0_0.npz", **arrays)
    finding = only(data, "truth-unusable")
    assert finding.path == "truth/p0_0.npz"
    assert entry in finding.message
    with pytest.raises(DataError, match=r"p0_0\.npz"):
        _ = CONTRACT.open(str(data), "all")[0]


def test_truth_of_another_length_than_the_others(data):
    """The coefficients it lacks were taken for zeros."""
    np.savez(data / "truth" / "p1_0.npz", shape=np.zeros(3), head_rotation=np.eye(3))
    finding = only(data, "truth-length")
    assert finding.path == "truth/p1_0.npz"
    with np.load(data / "truth" / "p0_0.npz") as other:
        assert f"a shape of {len(other['shape'])} numbers, as 7 of 8 files" in finding.message
    assert "found 3" in finding.message


def test_albedo_of_another_length_than_the_others(data):
    path = data / "truth" / "p1_0.npz"
    for other in sorted((data / "truth").iterdir()):
        with np.load(other) as truth:
            light = {"albedo": np.zeros(5), "harmonic_light": np.zeros((9, 3))}
            arrays = {**truth, **light}
        np.savez(other, **arrays)
    np.savez(path, **{**arrays, "albedo": np.zeros(3)})
    finding = only(data, "truth-length")
    assert finding.path == "truth/p1_0.npz"
    assert "an albedo of 5 numbers, as 7 of 8 files have, found 3" in finding.message


def test_truth_of_no_known_head(data, toy_folder):
    """It was believed to be of whatever head was configured, and scored in millimetres of it."""
    (data / "head.json").unlink()
    assert "no head.json" in only(data, "head-unknown", "warning").message
    words = [f"model.head={toy_folder}", f"data.root={data}"]
    config = configure("face-encoder", profile="smoke", overrides=words).config
    (finding,) = [f for f in inspect_configured(config).findings if f.severity == "error"]
    assert finding.code == "head-mismatch"
    assert "Without head.json nobody knows" in finding.message
    known = config.replace(data={"allow_model_mismatch": True})
    assert inspect_configured(known).ok
    shutil.rmtree(data / "truth")
    assert inspect_configured(config).ok


def test_truth_that_is_no_archive(data):
    (data / "truth" / "p0_0.npz").write_bytes(b"not an archive")
    assert only(data, "truth-unusable").path == "truth/p0_0.npz"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"id": "p0_0", "split": "train"}', "'p0_0' a second time"),
        ('{"id": "p9", "split": "val"}', "the split 'val'"),
        ('{"person": "x"}', "with an id of its own, found: {'person': 'x'}."),
        ("[1, 2]", "with an id of its own, found: [1, 2]."),
        ('{"id": "p0', "found"),
        ("\udcff\udcfe\x00", "found"),
        ("[" * 100_000, "nested too deeply"),
        ('{"id": ["p9"]}', "the id ['p9']"),
        ('{"id": "p9", "person": {"name": "x"}}', "the person {'name': 'x'}"),
        ('{"id": "p9", "width": "a", "height": 72}', "the width 'a'"),
        ('{"id": "p9", "width": 72}', "the height None"),
        ('{"id": "p9", "width": 72, "height": 0}', "the height 0"),
        ('{"id": "p9", "width": 72.5, "height": 72}', "the width 72.5"),
        ('{"id": "p9", "width": true, "height": 72}', "the width True"),
        ('{"id": "p9", "width": 72, "height": 1' + "0" * 400 + "}", "the height 1000"),
    ],
    ids=[
        *("twice", "split", "no id", "no object", "cut", "bytes", "deep", "id", "person"),
        *("width", "one side", "no height", "fraction", "boolean", "huge"),
    ],
)
def test_lines_of_the_index_that_cannot_be_used(data, line, message):
    with open(data / "index.jsonl", "ab") as file:
        file.write(line.encode("utf-8", "surrogateescape"))
    finding = only(data, "index-line")
    assert finding.path == "index.jsonl:9"
    assert message in finding.message


def test_pictures_the_index_lists_but_nobody_has(data):
    (data / "images" / "p3_1.png").unlink()
    assert only(data, "image-missing").path == "images/p3_1"


def test_people_that_cannot_be_read(data):
    good = (data / "identity.csv").read_text()
    (data / "identity.csv").write_text(good + "p4_0\n")
    assert only(data, "identity-line").path == "identity.csv:10"
    (data / "identity.csv").write_text("photo;who\n")
    assert "photo;who" in only(data, "identity-header").message
    (data / "identity.csv").write_bytes(bytes(range(256)))
    only(data, "identity-encoding")
    (data / "identity.csv").write_bytes(b"x" * 200_000)
    only(data, "identity-header")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("p0_0,anna", "the id 'p0_0' a second time"),
        (",anna", "found ['', 'anna']"),
        ("p9_0,", "found ['p9_0', '']"),
    ],
    ids=["twice", "no id", "no person"],
)
def test_lines_of_the_table_of_persons_that_cannot_be_used(data, line, message):
    """They were taken, or passed by, without a word."""
    with open(data / "identity.csv", "a") as file:
        file.write(line + "\n")
    finding = only(data, "identity-line")
    assert finding.path == "identity.csv:10"
    assert message in finding.message


def test_persons_of_pictures_that_are_not_there(data):
    with open(data / "identity.csv", "a") as file:
        file.write("p9_0,anna\np8_0,carl\n")
    finding = only(data, "identity-unused", "warning")
    assert "2 in all" in finding.message
    assert "'p8_0'" in finding.message


def test_photographs_that_the_table_of_persons_does_not_name(data):
    """Each counted as a person of its own in silence, unless nobody had a name at all."""
    rows = [json.loads(line) for line in (data / "index.jsonl").read_text().splitlines()]
    bare = "".join(json.dumps({"id": row["id"], "split": row["split"]}) + "\n" for row in rows)
    (data / "index.jsonl").write_text(bare)
    assert found(CONTRACT.inspect(str(data)), "persons-missing") == []
    lines = (data / "identity.csv").read_text().splitlines()
    (data / "identity.csv").write_text("\n".join(lines[:6]))  # the header and five of eight
    finding = only(data, "persons-missing", "warning")
    assert "3 of 8 photographs, such as p2_1" in finding.message


def test_an_unreadable_head_description(data):
    (data / "head.json").write_text('{"name": "toy"}')
    assert "head.json" in only(data, "head-unreadable").path


def test_nothing_at_all(tmp_path):
    for make in (lambda p: None, lambda p: p.mkdir(), lambda p: p.write_text("x")):
        path = tmp_path / make.__name__ / str(id(make))
        path.parent.mkdir(exist_ok=True)
        make(path)
        inspection = CONTRACT.inspect(str(path))
        assert [f.code for f in inspection.errors] == ["layout"]
        assert inspection.counts == {"photographs": 0}
    (tmp_path / "d" / "images").mkdir(parents=True)
    inspection = CONTRACT.inspect(str(tmp_path / "d"))
    assert [f.code for f in inspection.findings] == ["empty"]


def test_splits_that_lack_training_or_validation(data):
    rows = [json.loads(line) for line in (data / "index.jsonl").read_text().splitlines()]
    for split, code, severity in (
        ("validation", "no-train", "error"),
        ("train", "no-validation", "warning"),
    ):
        text = "".join(json.dumps({**row, "split": split}) + "\n" for row in rows)
        (data / "index.jsonl").write_text(text)
        only(data, code, severity)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1", "JSON object"),
        ("[1]", "found list"),
        ("[" * 100_000, "nested too deeply"),
        ('{"x": [99]}', "0 to 67 for the set 'x'"),
        ('{"x": [-1]}', "found [-1]"),
        ('{"x": [0, 67], "y": "abc"}', "the set 'y'"),
        ('{"x": [1.5]}', "found [1.5]"),
        ('{"x": [true]}', "found [True]"),
        ('{"x": []}', "found []"),
        ('{"68": [1]}', "found '68'"),
        ('{"nose": [30]}', "found 'nose'"),
        ('{"core/x": [30]}', "found 'core/x'"),
        ("\udcff", "JSON object"),
    ],
)
def test_sets_of_points_that_cannot_be_used(data, text, message):
    (data / "landmark_sets.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    finding = only(data, "sets-unusable")
    assert finding.path == "landmark_sets.json"
    assert message in finding.message
    (data / "landmark_sets.json").write_text('{"x": [0, 67]}')
    assert CONTRACT.inspect(str(data)).ok


def rewrite_index(data: Path, changes: dict[str, dict[str, object]]) -> None:
    """Change lines of index.jsonl by id."""
    rows = [json.loads(line) for line in (data / "index.jsonl").read_text().splitlines()]
    lines = [json.dumps({**row, **changes.get(row["id"], {})}) + "\n" for row in rows]
    (data / "index.jsonl").write_text("".join(lines))


def test_a_person_in_two_splits_is_an_error(data):
    """One changed line put a person into training and test; the scores then flatter."""
    rewrite_index(data, {"p0_1": {"split": "test"}})
    message = only(data, "person-in-two-splits").message
    assert "'p0'" in message
    assert "test: images/p0_1.png" in message
    assert "train: images/p0_0.png" in message
    rewrite_index(data, {"p1_0": {"split": "validation"}})
    inspection = CONTRACT.inspect(str(data))
    named = [finding.message for finding in found(inspection, "person-in-two-splits")]
    assert len(named) == 2
    assert "'p1'" in named[1]


def test_a_person_in_two_splits_names_a_handful_of_files(data):
    changes: dict[str, dict[str, object]] = {
        f"p{number // 2}_{number % 2}": {"person": "anna"} for number in range(8)
    }
    rewrite_index(data, changes)
    (data / "identity.csv").unlink()  # it would count before the index
    message = only(data, "person-in-two-splits").message
    assert "train: images/p0_0.png, images/p0_1.png and 2 others" in message
    assert message.count(".png") == 6


def test_no_provenance_is_advised_against(data):
    (data / "provenance.json").unlink()
    only(data, "no-provenance", "advice")


def test_people_of_an_earlier_studio_are_told(data):
    """Training refuses them, whose truth is of another head; inspection passed them."""
    facts = json.loads((data / "provenance.json").read_text())
    (data / "provenance.json").write_text(json.dumps({**facts, "studio_version": 3}))
    message = only(data, "studio-version", "warning").message
    assert f"of version 3 of the studio; this is version {STUDIO_VERSION}" in message
    (data / "provenance.json").write_text(json.dumps({**facts, "studio_version": STUDIO_VERSION}))
    assert not found(CONTRACT.inspect(str(data)), "studio-version")


def test_an_index_and_a_head_nested_deeply_are_findings(data):
    """They ended inspection with a RecursionError."""
    for name, code in (("index.jsonl", "index-line"), ("head.json", "head-unreadable")):
        (data / name).write_text("[" * 100_000)
        (finding,) = found(CONTRACT.inspect(str(data)), code)
        assert finding.path.startswith(name)
        assert "nested too deeply" in finding.message


def test_names_that_are_no_utf8_are_no_names(data):
    """Müller and Möller would be one person."""
    text = "id,person\np0_0,M\u00fcller\np0_1,M\u00f6ller\n"
    (data / "identity.csv").write_bytes(text.encode("latin-1"))
    assert "UTF-8" in only(data, "identity-encoding").message


def test_the_table_of_persons_counts_before_the_index(data):
    """Blanks around names are none of them; who falls into two splits then is told."""
    ids = [entry.id for entry in CONTRACT.open(str(data), "all", size=32).entries]
    table = "".join(f"{name} , anna \n" for name in ids)
    (data / "identity.csv").write_text("id, person\n" + table)
    entries = CONTRACT.open(str(data), "all", size=32).entries
    assert {entry.person for entry in entries} == {"anna"}
    index = data / "index.jsonl"
    rows = [json.loads(line) for line in index.read_text().splitlines()]
    assert len({row["split"] for row in rows}) > 1
    assert "anna" in only(data, "person-in-two-splits").message


def test_a_name_may_hold_what_parts_lines_elsewhere(data):
    """U+2028 is a letter of a name here, and a quoted line end joins no two of them."""
    (data / "identity.csv").write_text('id,person\np0_0,"an\u2028na"\n"p0\n_1",bob\n', "utf-8")
    entries = {e.id: e.person for e in CONTRACT.open(str(data), "all", size=32).entries}
    assert entries["p0_0"] == "an\u2028na"
    assert entries["p0_1"] != "bob"
