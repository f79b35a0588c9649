"""Studio people as face-encoder data: photographs with landmarks, masks and the exact truth.

Owns which pictures are taken and what of their truth is kept; people and photographs are the
studio's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import Field

from likeness.data.inspection import Inspection
from likeness.data.making import Progress, unfinished
from likeness.data.record import is_up_to_date, write_record
from likeness.errors import UsageError
from likeness.geometry.head_asset import HeadAsset
from likeness.seeds import rng_of, seed_of
from likeness.studio.albedo_space import ALBEDO_FINGERPRINT, albedo_code
from likeness.studio.corpus import Split
from likeness.studio.difficulty import (
    BackgroundKnob,
    Difficulty,
    LightKnob,
    PoseKnob,
    SensorKnob,
    own_knobs,
)
from likeness.studio.origin import origin_of
from likeness.studio.person import Person
from likeness.studio.photograph import photograph, sitter_of
from likeness.studio.scene import Scene, head_rotation, sight_rotation
from likeness.studio.shares import Shares
from likeness.studio.spaces import keep_spaces
from likeness.studio.template import build_template
from likeness.systems.face_encoder.data import CONTRACT, write_index, write_photograph
from likeness.systems.face_encoder.heads import open_head
from likeness.systems.face_encoder.studio_faults import check_faults, put_faults
from likeness.systems.face_encoder.studio_light import fit_light

_COMMAND = "'likeness data make face-encoder'"
_MIN_VISIBLE = 40
"""A photograph with fewer visible landmarks is taken again."""
_TRIES = 5
_SMALL = 144
"""Pixels a side up to which a face, five sixths of a picture at most, is under the 120 pixels for
which few strands of hair are enough."""
_FRONT_YAW, _FRONT_PITCH = 12.0, 9.0  # degrees, of the first of several photographs
_ALSO_TRUE = ("arkit", "root", "neck", "jaw", "left_eye", "right_eye", "light", "surroundings")
"""Further parameters of a photograph kept as they are: a kilobyte, for whoever measures an encoder.
Vertices are not: the person of the record's seed, posed with these, has them exactly."""

Scale = Literal["smoke", "fast", "full"]
SCALES: dict[Scale | None, tuple[int, int]] = {
    None: (4, 192),
    "smoke": (25, 128),
    "fast": (10, 128),
    "full": (20, 256),
}
"""Photographs of each person and their side in pixels."""


def make(
    out: str,
    *,
    people: int,
    seed: int = 0,
    scale: Scale | None = None,
    photos: Annotated[int, Field(ge=1)] | None = None,
    size: Annotated[int, Field(ge=64)] | None = None,
    split: Annotated[str, Field(coerce_numbers_to_str=True)] | None = None,
    difficulty: Annotated[int, Field(ge=0, le=3)] = 1,
    background: BackgroundKnob | None = None,
    light: LightKnob | None = None,
    pose: PoseKnob | None = None,
    occlusion: Annotated[float, Field(ge=0, le=1)] | None = None,
    sensor: SensorKnob | None = None,
    max_yaw: Annotated[float, Field(ge=0, le=90)] = 50.0,
    faults: str = "",
    workers: Annotated[int, Field(ge=0)] = 0,
    progress: Progress | None = None,
) -> Inspection:
    """Photograph studio people in the layout of the contract; called again, it goes on.

    Args:
        out: folder to write; new, empty, or what an earlier call left unfinished. A finished set
            of the same settings is left as it is.
        people: how many different people; one in ten is for validation, one in ten for testing.
        seed: decides who they are and how they are photographed.
        scale: how many photographs of which size: smoke 25 of 128 pixels, fast 10 of 128, full 20
            of 256; without it 4 of 192.
        photos: of each person, instead of the scale's. The first of several is from the front and
            neutral.
        size: side of the pictures in pixels, instead of the scale's.
        split: shares of the people for training, validation and testing, such as ".8,.1,.1".
        difficulty: of background, light, pose, occlusion and sensor, 0 to 3.
        background, light, pose, occlusion, sensor: single knobs, instead of the difficulty's; see
            :class:`.Difficulty`.
        max_yaw: degrees; more than half of the pictures are within 20 in any case.
        faults: codes of :data:`.studio_faults.FAULTS` to put into photographs for training, with
            commas between.
        workers: processes; 0 takes one for each core. Changes no result.
        progress: is told how many people are done.

    Raises:
        UsageError: options that do not fit, or another set in the folder.
    """
    usual_photos, usual_size = SCALES[scale]
    photos = usual_photos if photos is None else photos
    size = usual_size if size is None else size
    for name, value, low in (("people", people, 1), ("photos", photos, 1), ("size", size, 64)):
        if value < low:
            raise UsageError(f"{name} must be at least {low}, found {value}.")
    codes = [code for code in faults.split(",") if code]
    knobs = own_knobs(
        difficulty,
        background=background,
        light=light,
        pose=pose,
        occlusion=occlusion,
        sensor=sensor,
    )
    shares = None if split is None else Shares.read(split)
    splits = _splits(people) if shares is None else shares.spread(people)
    check_faults(codes, splits.count("train") * photos)
    keep_spaces(workers)
    head = open_head("studio")
    asked: dict[str, Any] = {
        **origin_of(),
        "people": people,
        "seed": seed,
        "photos": photos,
        "difficulty": difficulty,
        "max_yaw": max_yaw,
        "faults": codes,
    }
    chosen = {"split": shares and shares.to_list(), "knobs": knobs}
    asked |= {name: value for name, value in chosen.items() if value}
    notes = {
        "source": "studio",
        "consent": "These people do not exist; every picture is made by code.",
        **asked,
    }
    tasks = [
        tuple(_Task(seed, number, part, photos, size, max_yaw, difficulty, tuple(knobs.items())))
        for number, part in enumerate(splits)
    ]
    settings = {**asked, "size": size, "head": head.fingerprint}
    if is_up_to_date(out, command=_COMMAND, settings=settings):
        return replace(CONTRACT.inspect(out), is_up_to_date=True)
    with unfinished(
        out,
        command=_COMMAND,
        settings=settings,
        files={},
        notes=notes,
        pieces=people,
    ) as journal:
        journal.make(partial(_make_person, Path(out)), tasks, workers=workers, progress=progress)
        rows = [row for value in journal.values for row in value]
        described = {"name": head.name, "fingerprint": head.fingerprint}
        described["albedo"] = ALBEDO_FINGERPRINT
        provenance = {"made": journal.begun, **journal.notes}
        write_index(Path(out), rows, head=described, provenance=provenance)
        if codes:
            put_faults(Path(out), [r["id"] for r in rows if r["split"] == "train"], codes)
        counts = {"people": people, "photographs": len(rows)}
        write_record(out, command=_COMMAND, settings=settings, begun=journal.begun, counts=counts)
    return CONTRACT.inspect(out)


class _Task(NamedTuple):
    """Everything that decides the photographs of a person, as it is sent to a process."""

    seed: int
    number: int
    split: Split
    photos: int
    size: int
    max_yaw: float
    difficulty: int = 1
    knobs: tuple[tuple[str, str | float], ...] = ()


def _make_person(root: Path, values: tuple[Any, ...]) -> list[dict[str, Any]]:
    """Write the photographs of a person; returns their lines of the index."""
    return [write_photograph(root, sample) for sample in _person_samples(_Task(*values))]


def _person_samples(task: _Task) -> Iterator[dict[str, Any]]:
    person = _person(task.seed, task.number)
    sitter = sitter_of(person, strands="low" if task.size <= _SMALL else None)
    shape, albedo = true_shape(person), albedo_code(person.appearance)
    for index in range(task.photos):
        for scene in islice(_scenes(task, index), _TRIES):
            picture = photograph(sitter, scene, task.size)
            if picture.visible.sum() >= _MIN_VISIBLE:
                break
        truth = {
            "shape": shape,
            "albedo": albedo,
            "expression": picture.parameters["expression"].astype(np.float32),
            "head_rotation": apparent_rotation(scene, picture.parameters["translation"]),
            "translation": picture.parameters["translation"].astype(np.float32),
            "camera": picture.parameters["camera"].astype(np.float32),
            **{name: picture.parameters[name].astype(np.float32) for name in _ALSO_TRUE},
            "landmarks3d": picture.landmarks3d,
            "visible": picture.visible,
            "box": np.array(picture.box, np.float32),
        }
        sight = sight_rotation(picture.parameters["translation"])
        yield {
            "id": f"{task.number:05d}_{index:02d}",
            "image": picture.image,
            "landmarks": picture.landmarks68,
            "mask": picture.mask,
            "person": f"{task.number:05d}",
            "split": task.split,
            "truth": {**truth, "harmonic_light": fit_light(picture, sight, albedo)},
            "record": {
                "name": person.name,
                "seed": person.seed,
                "light": scene.light_name,
                "yaw": round(math.degrees(scene.yaw), 1),
                "difficulty": task.difficulty,
                **({"knobs": dict(task.knobs)} if task.knobs else {}),
            },
        }


def _person(seed: int, number: int) -> Person:
    return Person.sample(seed_of("face-encoder person", seed, number) % 2**31)


def _scenes(task: _Task, index: int) -> Iterator[Scene]:
    """Scenes for one photograph, one after the other, until one shows enough of the face."""
    rng = rng_of("face-encoder photograph", task.seed, task.number, index)
    difficulty = Difficulty.level(task.difficulty, **dict(task.knobs))
    while index > 0 or task.photos == 1:
        yield Scene.sample(rng, difficulty=difficulty, max_yaw=task.max_yaw)
    most = min(_FRONT_YAW, task.max_yaw)
    while True:
        scene = Scene.sample(rng, difficulty=difficulty, max_yaw=most, expressive=False)
        if abs(math.degrees(scene.pitch)) <= _FRONT_PITCH:
            yield scene


def true_shape(person: Person) -> np.ndarray:
    """Coefficients (S,) of the studio head nearest to the person at rest."""
    head, columns, solver = _shape_solver()
    rest = 0.001 * np.asarray(person.rest_vertices(build_template()), np.float64)
    code: np.ndarray = solver @ (columns.T @ (rest - head.template).ravel())
    return code.astype(np.float32)


@lru_cache(maxsize=1)
def _shape_solver() -> tuple[HeadAsset, np.ndarray, np.ndarray]:
    head = open_head("studio")
    columns = head.shape_basis.reshape(-1, head.num_shape).astype(np.float64)
    used = np.linalg.norm(columns, axis=0) > 0
    solver = np.zeros((head.num_shape, head.num_shape))
    solver[np.ix_(used, used)] = np.linalg.inv(columns[:, used].T @ columns[:, used])
    return head, columns, solver


def apparent_rotation(scene: Scene, translation: np.ndarray) -> np.ndarray:
    """Rotation (3, 3) of the head against the line of sight to it.

    A crop around a head beside the optical axis, read by a weak-perspective camera, sees exactly
    that turn.
    """
    seen = sight_rotation(translation) @ head_rotation(scene.yaw, scene.pitch, scene.roll)
    return seen.astype(np.float32)


def _splits(people: int) -> tuple[Split, ...]:
    """Every tenth person validates and every tenth tests; few people still give all three."""
    every = min(10, max(3, people))
    ends: dict[int, Split] = {every - 1: "test", every - 2: "validation"}
    return tuple(ends.get(number % every, "train") for number in range(people))
