"""Faces of studio people that no data set holds: what the linear recogniser is fitted to.

Owns the people, who are nobody's but this file's, and how they are photographed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from likeness.faces.align import align_face
from likeness.faces.linear import SIDE, LinearRecogniser, fit_linear_recogniser
from likeness.geometry.landmarks import five_points
from likeness.media.image import to_tensor
from likeness.seeds import rng_of, seed_of
from likeness.studio.camera import Framing
from likeness.studio.difficulty import Difficulty
from likeness.studio.person import Person
from likeness.studio.photograph import photograph, sitter_of
from likeness.studio.scene import Scene, turn_head

PEOPLE, PICTURES, TURNED = 100, 8, 4
NEAR_FRONT, FARTHER = (0.0, 20.0), (20.0, 45.0)
"""Degrees of yaw to either side of the pictures of each person."""
_SIZE = 96
_MAX_YAW = 20.0
_FRAMING = Framing(distance=1.4, margin=1.9, offset=(0.0, 0.06))


def known_person(number: int) -> Person:
    """A person of this file."""
    return Person.sample(seed_of("known face", number) % 2**31)


def aligned_faces(
    people: Iterable[Person],
    pictures: int,
    *key: int | str,
    yaw: tuple[float, float] = NEAR_FRONT,
) -> Tensor:
    """(people x pictures, 3, 32, 32) aligned faces as of portraits.

    They turn to either side, nod and tilt a little, in any light, with any expression.

    Args:
        people: one after the other.
        pictures: of each.
        key: seeds the scenes.
        yaw: least and most degrees of the turn.
    """
    usual = Difficulty(occlusion=0.0)
    found = []
    for person in people:
        sitter = sitter_of(person)
        for number in range(pictures):
            rng = rng_of("known face", *key, person.seed, number)
            scene = Scene.sample(rng, difficulty=usual, max_yaw=_MAX_YAW)
            share = abs(scene.yaw) / math.radians(_MAX_YAW)
            turn = math.radians(yaw[0] + (yaw[1] - yaw[0]) * share)
            turn = math.copysign(turn, scene.yaw)
            pitch, roll = math.radians(rng.normal(0.0, 5.0)), math.radians(rng.normal(0.0, 3.0))
            scene = replace(
                scene,
                yaw=turn,
                framing=replace(_FRAMING, distance=float(rng.uniform(0.8, 2.5))),
                pitch=pitch,
                roll=roll,
                pose=turn_head(turn, pitch, roll, body_share=0.5),
            )
            picture = photograph(sitter, scene, _SIZE)
            points = five_points(picture.landmarks68.astype(np.float64))
            found.append(to_tensor(align_face(picture.image, points, size=SIDE)))
    return torch.stack(found)


@lru_cache(maxsize=1)
def studio_recogniser() -> LinearRecogniser:
    """The recogniser "studio-linear", fitted to 100 people in 12 pictures each; takes minutes.

    Four of the twelve are turned 20 to 45 degrees, as faces of groups are.
    """
    faces = []
    for person in map(known_person, range(PEOPLE)):
        faces.append(aligned_faces([person], PICTURES))
        faces.append(aligned_faces([person], TURNED, "turned", yaw=FARTHER))
    return fit_linear_recogniser(torch.cat(faces), np.repeat(np.arange(PEOPLE), PICTURES + TURNED))
