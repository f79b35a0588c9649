"""Many photographs on one sheet: for looking at the studio, and for its documentation.

Owns the arrangement. Writes no file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from likeness.seeds import rng_of
from likeness.studio.person import Person
from likeness.studio.photograph import photograph
from likeness.studio.scene import Scene

Picture = NDArray[np.float32]


def people_sheet(
    seeds: Iterable[int], *, columns: int = 6, size: int = 256, varied: bool = False
) -> Picture:
    """One portrait of each person.

    Args:
        seeds: of the people.
        columns: pictures in a row.
        size: side of each picture in pixels.
        varied: pose, expression, light and background drawn anew for each, instead of the same
            plain portrait with the head turned a little.

    Returns:
        (rows x size, columns x size, 3) sRGB in [0, 1].
    """
    pictures = []
    for seed in seeds:
        rng = rng_of("contact sheet", seed)
        if varied:
            scene = Scene.sample(rng, max_yaw=60.0)
            scene = replace(scene, framing=Scene.portrait().framing)
        else:
            scene = Scene.portrait(seed, yaw=float(rng.uniform(-35.0, 35.0)))
        pictures.append(photograph(Person.sample(seed), scene, size).image)
    return arrange(pictures, columns)


def arrange(pictures: Sequence[Picture], columns: int) -> Picture:
    """Pictures of one size in rows; what is missing in the last row is white.

    Raises:
        ValueError: no pictures, or pictures of different sizes.
    """
    if not pictures:
        raise ValueError("a sheet needs at least one picture")
    shapes = {picture.shape for picture in pictures}
    if len(shapes) > 1:
        raise ValueError(f"pictures of one sheet must have one size, got {sorted(shapes)}")
    height, width, channels = pictures[0].shape
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    sheet = np.ones((rows * height, columns * width, channels), np.float32)
    for number, picture in enumerate(pictures):
        top, left = number // columns * height, number % columns * width
        sheet[top : top + height, left : left + width] = picture
    return sheet
