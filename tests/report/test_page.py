"""The page: complete, self-contained, valid, safe, built from whatever a directory still holds."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest

from likeness.errors import UsageError
from likeness.media.image import load_image, save_image
from likeness.report.gallery import Embedder
from likeness.report.markup import duration, number, table, text
from likeness.report.page import build_index, build_report
from likeness.runs.run import Run
from tests.report.example_run import example_run, picture

VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Parses strictly: every element is closed in order; collects what the tests ask about."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.words: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()
        assert self.open == [], f"not closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        names = [name for name, _ in attributes]
        assert len(names) == len(set(names)), f"{tag} repeats an attribute"
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def content(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    return example_run(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def page(run) -> Page:
    return Page(build_report(run).read_text(encoding="utf-8"))


def test_the_page_tells_the_whole_run(run, page):
    words = page.content
    for expected in (
        run.name, "face-encoder", "finished", "profile fast",
        "nme_68_eyes", "4.4 % of eye distance", "mean face",
        "grid.png step 2000", "3 earlier steps", "worst",
        "Loss, each term times its weight", "landmark, unweighted",
        "Learning rate", "Gradient norm",
        "0 – 800", "photometric 0 → 2", "cosine, warm-up 100",
        "images 480", "The face is 41 pixels wide", "Leave it out.",
        "7.10e-07", "within", "12.35 MB", "batch × 3 × 128 × 128",
        "data.root", "command line", "mine.yaml, line 4", "stages.landmarks.name",
        "likeness train face-encoder --profile fast", "0123456789ab", "torch 2.13.0",
        "Steps skipped because a loss or gradient was not finite: 1 (500).",
    ):  # fmt: skip
        assert expected in words, expected
    assert "What could not be read" not in words


def test_scores_say_better_or_worse_than_their_baseline(page):
    words = page.content
    assert "4.4 % of eye distance 7.9 mean face -44 % better" in words
    assert "0.61 0.65 mean face -6 % worse" in words
    assert "4 % of eye distance 7.9 mean face -49 % better" in words  # the last one while training
    assert words.count("lower is better") == 0  # only a hint under the pointer
    assert {"lower is better", "higher is better"} <= {a.get("title") for a in page.all("span")}


def test_many_scores_are_folded_and_units_of_one_left_out(tmp_path):
    run = example_run(tmp_path)
    rows = [
        {"name": f"score_{i}", "value": 1.0, "unit": "1", "direction": "lower", "count": 3,
         "baseline": 1.0, "baseline_name": "mean"}
        for i in range(20)
    ]  # fmt: skip
    (run.evaluation_folder(2000) / "scores.json").write_text(json.dumps(rows), encoding="utf-8")
    words = Page(build_report(run).read_text(encoding="utf-8")).content
    assert "8 more scores" in words
    assert "score_19 ↓ 1 1 mean equal 3" in words


def test_the_page_needs_nothing_else(page):
    assert page.all("script") == []
    assert page.all("link") == []
    assert page.all("iframe") == []
    for _, attributes in page.elements:
        for name, value in attributes.items():
            assert not name.startswith("on"), name
            if name == "src":
                assert value.startswith("data:"), value[:60]
            if name == "href":
                assert value.startswith("#"), value


def test_links_lead_to_sections(page):
    identifiers = {attributes["id"] for attributes in page.all("section")}
    assert {attributes["href"][1:] for attributes in page.all("a")} == identifiers
    assert len(identifiers) == 8


def test_pictures_are_scaled_and_inside(page):
    import base64

    sources = [attributes["src"] for attributes in page.all("img")]
    assert len(sources) == 1 + 2 * 4  # one of the evaluation, two previews at four steps
    assert sum(source.startswith("data:image/gif") for source in sources) == 4
    widths = [
        load_image(base64.b64decode(source.split(",", 1)[1])).shape[1]
        for source in sources
        if source.startswith("data:image/webp")
    ]
    assert sorted(widths) == [360, 400, 400, 400, 960]


def test_everything_from_outside_is_escaped(tmp_path):
    run = example_run(tmp_path)
    evil = '<script>alert("x")</script>'
    run.set_status("failed", step=7, total_steps=9, error=f"ValueError: {evil}")
    run.log_path.write_text(f"INFO {evil}", encoding="utf-8")
    finding = dict.fromkeys(("severity", "code", "path", "message", "advice"), evil)
    run.write("inspection", {"uri": evil, "counts": {evil: 1}, "findings": [finding]})
    run.write("environment", {"command": evil, evil: evil, "packages": {evil: evil}})
    save_image(run.preview_folder(2000) / "a\"'<b>.png", picture(0, 20, 20))
    scores = run.evaluation_folder(2000) / "scores.json"
    row = {"name": evil, "value": 1.0, "unit": evil, "direction": evil, "count": 1,
           "baseline": 2.0, "baseline_name": evil}  # fmt: skip
    scores.write_text(json.dumps([row]), encoding="utf-8")
    with run.metrics_path.open("a") as file:
        file.write(json.dumps({"step": 2000, "time": 1.0, f"loss/{evil}": 1.0, evil: 2.0}) + "\n")
    page = Page(build_report(run).read_text(encoding="utf-8"))
    assert page.all("script") == []
    assert page.all("b") != []
    assert page.content.count('alert("x")') > 10
    assert "a\"'<b>.png" in page.content
    assert f"ValueError: {evil}" in page.content


def test_a_run_that_did_nothing_still_has_a_page(tmp_path):
    run = Run.create(tmp_path, "toy", "empty", "format: 1\nsystem: toy\nprofile: smoke\n")
    page = Page(build_report(run).read_text(encoding="utf-8"))
    assert "planned" in page.content
    assert "empty-" in page.content


def test_damage_becomes_a_note_and_the_rest_is_shown(tmp_path):
    run = example_run(tmp_path)
    (run.path / "plan.json").write_text("{", encoding="utf-8")
    (run.path / "inspection.json").unlink()
    run.status_path.write_text('{"status": "finished", "colour": 1}', encoding="utf-8")
    (run.evaluation_folder(500) / "scores.json").write_text("[1, 2", encoding="utf-8")
    (run.export_folder("onnx") / "parity.json").write_text(
        '{"outputs": [{"output": "y", "largest_absolute": "much"}]}', encoding="utf-8"
    )
    (run.preview_folder(2000) / "grid.png").write_bytes(b"no picture")
    with run.metrics_path.open("a") as file:
        file.write('{"step": 2010, "loss/total": 0.0')  # torn by a kill
    page = Page(build_report(run).read_text(encoding="utf-8"))
    words = page.content
    assert "What could not be read" in words
    for name in ("plan.json", "inspection.json", "status.json", "scores.json", "Exports: "):
        assert name in words, name
    assert "grid.png is not a picture" in words
    assert "Learning rate" in words
    assert "command line" in words


def test_an_abandoned_run_says_so(tmp_path):
    run = example_run(tmp_path)
    run.set_status("running", step=20, total_steps=100)
    status = json.loads(run.status_path.read_text())
    run.status_path.write_text(json.dumps({**status, "pid": 2**22 + 1}), encoding="utf-8")
    assert "ended without a word" in Page(build_report(run).read_text("utf-8")).content


def test_a_run_that_ended_early_says_why(tmp_path):
    run = example_run(tmp_path)
    run.set_status("finished", step=20, total_steps=100, reason="error < 3 was no better")
    content = Page(build_report(run).read_text("utf-8")).content
    assert "step 20 of 100" in content
    assert "ended early: error < 3 was no better" in content


def test_the_report_goes_where_it_is_asked(tmp_path):
    run = example_run(tmp_path / "runs")
    before = sorted(run.path.rglob("*"))
    path = build_report(str(run.path), output=tmp_path / "elsewhere" / "r.html")
    assert path == tmp_path / "elsewhere" / "r.html"
    assert path.is_file()
    assert sorted(run.path.rglob("*")) == before
    moved = tmp_path / "moved"
    shutil.copytree(run.path, moved)
    assert build_report(moved) == moved / "report.html"
    with pytest.raises(UsageError, match="no run at"):
        build_report(tmp_path / "nowhere")


def test_index_leads_to_reports_that_exist(tmp_path):
    first, second = example_run(tmp_path / "runs", "one"), example_run(tmp_path / "runs", "two")
    build_report(first)
    path = build_index([first, str(second.path)], tmp_path / "pages" / "index.html")
    page = Page(path.read_text(encoding="utf-8"))
    (link,) = page.all("a")
    assert (path.parent / link["href"]).resolve() == first.report_path.resolve()
    assert "2 runs" in page.content
    assert second.name in page.content
    assert "4.4 % of eye distance" in page.content
    assert len(page.all("img")) == 2


def test_a_full_page_names_what_it_leaves_out(tmp_path):
    path = save_image(tmp_path / "noise.png", np.random.default_rng(0).random((200, 200, 3)))
    embedder = Embedder(max_bytes=60_000)
    assert "data:image/webp" in embedder.figure(path, "first", width=400)
    shown = [embedder.figure(path, "next", width=400) for _ in range(5)]
    assert "noise.png" in shown[-1]
    assert "the page is full" in shown[-1]
    assert sum(len(figure) for figure in shown) < 4 / 3 * 60_000 + 2000


def test_other_kinds_of_files(tmp_path):
    embedder = Embedder()
    (tmp_path / "mesh.obj").write_text("v 0 0 0\n")
    assert "mesh.obj" in embedder.figure(tmp_path / "mesh.obj", "", width=10)
    (tmp_path / "s.wav").write_bytes(b"RIFF" + bytes(40))
    assert '<audio controls preload="none" src="data:audio/wav;base64,UklGR' in embedder.figure(
        tmp_path / "s.wav", "", width=10
    )
    (tmp_path / "v.mp4").write_bytes(bytes(5_000_000))
    assert "5.0 MB" in embedder.figure(tmp_path / "v.mp4", "", width=10)
    (tmp_path / "long.txt").write_text("x" * 9000)
    assert "…" in embedder.figure(tmp_path / "long.txt", "", width=10)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(3, "3"), (12345, "12\u202f345"), (0.123456, "0.1235"), (1.5e-7, "1.5e-7"), (2.0, "2"),
     (1234.5, "1234"), (98765.4, "98\u202f765"), (None, "–"), ("<a>", "&lt;a&gt;"), (0.0, "0"),
     (2e9, "2\u202f000\u202f000\u202f000"), (float("nan"), "nan"), (True, "True")],
)  # fmt: skip
def test_numbers_are_for_people(value, expected):
    assert number(value) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.42, "0.4 s"),
        (42, "42 s"),
        (200, "3 min 20 s"),
        (18720, "5 h 12 min"),
        (183600, "2 d 3 h"),
    ],
)
def test_durations_are_for_people(seconds, expected):
    assert duration(seconds) == expected


def test_markup_escapes_headers_and_aligns_numbers():
    html = table(["<a>", "n#"], [("x", "1")])
    assert "<th>&lt;a&gt;</th><th class=n>n</th>" in html
    assert "<td>x</td><td class=n>1</td>" in html
    assert text("\"'&<") == "&quot;&#x27;&amp;&lt;"
    assert re.fullmatch(r"<div.*</div>", html)


def test_predictions_in_the_run_are_shown(tmp_path):
    run = example_run(tmp_path)
    assert ">Predictions</h2>" not in build_report(run).read_text(encoding="utf-8")
    folder = run.predictions_path
    save_image(folder / "ada.overlay.png", picture(1, 300, 1800))
    save_image(folder / "by" / "bob.png", picture(2, 60, 80))
    (folder / "ada.person.npz").write_bytes(b"not a picture")
    html = build_report(run).read_text(encoding="utf-8")
    page = Page(html)
    assert "Predictions" in page.content
    assert "Also in the run's folder: ada.person.npz." in page.content
    assert "ada.overlay.png" in page.content
    assert "by/bob.png" in page.content
    shown = {i["alt"]: i["src"] for i in page.all("img") if i["alt"] in ("ada.overlay", "bob")}
    assert set(shown) == {"ada.overlay", "bob"}
    assert shown["bob"].startswith("data:image/webp;base64,")


def test_many_predictions_leave_previews_their_room(tmp_path):
    """Sounds of 24 MB in all: a third of the page for them, the preview is still there."""
    run = example_run(tmp_path)
    run.predictions_path.mkdir()
    for index in range(30):
        (run.predictions_path / f"{index:02d}.wav").write_bytes(bytes(1_000_000))
    page = Page(build_report(run).read_text(encoding="utf-8"))
    assert len(page.all("audio")) == 8
    assert "grid" in {image["alt"] for image in page.all("img")}
    assert "24.wav" in page.content  # named, as are all beyond the ones shown
