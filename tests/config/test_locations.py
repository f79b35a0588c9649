from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import pytest

from likeness.config.keys import dotted
from likeness.config.locations import Location, Place, locations, with_locations
from likeness.config.schema import ConfigModel
from likeness.systems import get_system


class Part(ConfigModel):
    """Some places and some that are none."""

    root: Location = "a"
    other: Location | None = None
    head: Annotated[str, Place(("studio", "none"))] = "studio"
    files: Mapping[str, Location] = {}
    made: Annotated[str, Place(is_written=True)] = ""
    word: str = "a"


class Whole(ConfigModel):
    """With parts by name."""

    part: Part = Part()
    parts: Mapping[str, Part] = {}


def test_what_is_marked_is_found_wherever_it_stands() -> None:
    whole = Whole(
        part=Part(other="b", head="c", files={"one": "d"}),
        parts={"x": Part(head="none", made="e")},
    )
    read = {
        ("part", "root"): "a",
        ("part", "other"): "b",
        ("part", "head"): "c",
        ("part", "files", "one"): "d",
        ("parts", "x", "root"): "a",
    }
    written = {("part", "made"): "", ("parts", "x", "made"): "e"}
    assert locations(whole) == read | written
    assert locations(whole, written=False) == read
    moved = with_locations(whole, {("part", "files", "one"): "/d", ("parts", "x", "root"): "/a"})
    assert (moved.part.files, moved.parts["x"].root) == ({"one": "/d"}, "/a")
    assert (moved.part.root, moved.parts["x"].head) == ("a", "none")


@pytest.mark.parametrize(
    ("system", "words", "names"),
    [
        (
            "face-encoder",
            {
                "data": {"root": "p", "landmarks": "p"},
                "model": {"head": "p", "albedo": "p", "pretrained": "p", "initial_run": "p"},
                "storage": {"mirror": "p", "cache_folder": "p"},
            },
            {
                *("data.root", "data.landmarks", "model.head", "model.albedo"),
                *("model.pretrained", "model.initial_run"),
                *("storage.mirror", "storage.cache_folder"),
            },
        ),
        (
            "audio2face",
            {
                "data": {"root": "p", "prepared": "p"},
                "model": {
                    "published_weights": "p",
                    "regression": {"encoder": "wav2vec2", "encoder_path": "p"},
                    "diffusion": {"encoder_path": "p"},
                },
                "learning": {"phonemes": {"models": {"en": "p"}}},
                "preprocessing": {"actors": {"ada": {"prune_caches": "p", "prune_mask": "p"}}},
            },
            {
                *("data.root", "data.prepared", "model.published_weights", "storage.cache_folder"),
                *("model.regression.encoder_path", "model.diffusion.encoder_path"),
                "learning.phonemes.models.en",
                *("preprocessing.actors.ada.prune_caches", "preprocessing.actors.ada.prune_mask"),
            },
        ),
    ],
)
def test_the_systems_mark_all_their_places(
    system: str, words: dict[str, dict[str, object]], names: set[str]
) -> None:
    config = get_system(system).load("profiles")["smoke"]()
    assert names >= {dotted(key) for key in locations(config)}
    found = locations(config.replace(**words))
    assert {dotted(key) for key in found} == names
