"""Grows the hair of a head: a cap next to the scalp and thousands of ribbons over it.

Owns roots, growth and the cap. Styles are recipes of ``hair_shapes``, colour is laid on by
``strands``; beard and lashes come from ``beard`` and ``lashes``.

A cap alone is a helmet. Here it only keeps the scalp from shining through; what is seen, and all of
the outline, are ribbons of a millimetre or two that start thin at the hairline, gather into locks
and end at different lengths.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from likeness.seeds import rng_of
from likeness.studio import beard, lashes
from likeness.studio.appearance import Appearance
from likeness.studio.attached import AttachedMesh, join
from likeness.studio.drawn_back import are_wisps, at_temple, reach_of_knot, wisps_of
from likeness.studio.hair_growth import (
    band_height,
    clear_shoulders,
    gather,
    grow,
    join_strays,
    path_points,
    wave,
)
from likeness.studio.hair_shapes import (
    Recipe,
    fringe_of,
    has_inside,
    loose_of,
    lowest_point,
    recession_of,
    recipe_of,
    smooth,
    strand_lengths,
)
from likeness.studio.hairline import density_of, heights_of
from likeness.studio.knots import beyond_the_knot
from likeness.studio.noise import fbm
from likeness.studio.ribbons import Roots, ribbons, scatter_roots
from likeness.studio.scalp import HeadSpace
from likeness.studio.surface_points import HAIR, HAIR_CAP
from likeness.studio.template import Template

Detail = Literal["low", "standard", "high"]

NUM_STRANDS = {"low": 2200, "standard": 6000, "high": 14000}
HAIRLINE_SEED = 229
"""Added to the texture seed: painted scalp and rooted strands share one hairline."""


def build(
    appearance: Appearance,
    template: Template,
    rest_vertices: np.ndarray,
    detail: Detail = "standard",
) -> AttachedMesh:
    """Hair, beard and lashes of a person.

    Args:
        appearance: the person's traits.
        template: whose order ``rest_vertices`` has.
        rest_vertices: (V, 3) the person at rest, mm.
        detail: how many strands: ``low`` for faces under about 120 pixels, ``high`` for portraits
            above 600.
    """
    frame = skull_vertices(template)
    parts = [lashes.build(appearance, template, rest_vertices, frame, detail)]
    if appearance.beard.length > 2.0:
        parts.append(beard.build(appearance, template, rest_vertices, frame, detail))
    if appearance.hair.style != "bald":
        parts += _scalp_hair(appearance, template, rest_vertices, frame, detail)
    return join(parts)


def skull_vertices(template: Template) -> np.ndarray:
    """Skin vertices no expression moves: the rigid frame of hair is fitted to them."""
    rest = template.vertices[: template.num_skin]
    still = (rest[:, 1] > 20.0) & (rest[:, 2] < 20.0) & (template.ear[: template.num_skin] < 0.02)
    still |= rest[:, 1] > 115.0
    return np.flatnonzero(still)[::3]


def _scalp_hair(
    appearance: Appearance,
    template: Template,
    rest_vertices: np.ndarray,
    frame: np.ndarray,
    detail: Detail,
) -> list[AttachedMesh]:
    hair = appearance.hair
    recipe = recipe_of(hair)
    rng = rng_of(appearance.texture_seed, "hair")
    num_skin = template.num_skin
    skin = np.asarray(rest_vertices[:num_skin], dtype=np.float64)
    on_template = template.vertices[:num_skin]
    seed = appearance.texture_seed + HAIRLINE_SEED
    recession = recession_of(hair)
    density = density_of(
        on_template,
        template.ear[:num_skin],
        recession=recession,
        thinning=hair.thinning,
        seed=seed,
    )
    faces = template.skin_faces
    faces = faces[density[faces].mean(axis=1) > 0.12]
    if len(faces) == 0:
        return []
    space = HeadSpace(template, skin, recipe.ear_cover)
    count = int(NUM_STRANDS[detail] * recipe.density)
    # The outermost hairs are fine, so there are more of them.
    heights = heights_of(on_template, recession=recession, seed=seed)
    rooted = density * (1.0 + 2.0 * smooth(16.0, 6.0, heights))
    roots = scatter_roots(rng, faces, skin, rooted, count)
    above_line = heights_of(roots.on(on_template), recession=recession, seed=seed)
    # Triangles reach over the line.
    grows = above_line > -3.0
    roots, above_line = Roots(roots.anchors[grows], roots.weights[grows]), above_line[grows]
    count = len(above_line)
    rank = rng.random(count)
    rest_roots = roots.on(on_template)
    start = roots.on(skin)
    length = strand_lengths(hair, rest_roots, above_line) * rng.uniform(0.72, 1.08, count)
    length *= 0.3 + 0.7 * smooth(-2.0, 14.0, above_line)
    ragged = fbm(start, 14.0, seed + 3) * 0.7 + 0.5 * rng.standard_normal(count)
    floor = lowest_point(hair, rest_roots, ragged)
    taper = edge_taper(recipe, above_line)
    groups = [(recipe, np.ones(count, dtype=bool))]
    wisps = np.zeros(count, dtype=bool)
    if hair.style == "tied":
        wisps = are_wisps(above_line, rng.random(count))
        left_out = at_temple(rest_roots, above_line) & (rng.random(count) < hair.fringe)
        left_out &= ~wisps
        floor[left_out] = -48.0 + 14.0 * ragged[left_out]
        drawn_back = ~left_out & ~wisps
        # Where it is tied, what lies there already hides the rest of a strand.
        length[drawn_back] = np.minimum(length, reach_of_knot(rest_roots))[drawn_back]
        length[wisps] = rng.uniform(5.0, 15.0, int(wisps.sum()))
        groups = [
            (recipe, drawn_back),
            (loose_of(recipe, hair), left_out),
            (wisps_of(recipe), wisps),
        ]
    if hair.fringe > 0.0 and hair.style in ("bob", "long"):
        over_brow = (rest_roots[:, 2] > 55.0) & (np.abs(rest_roots[:, 0]) < 46.0)
        over_brow &= rng.random(count) < hair.fringe
        floor[over_brow] = 71.0 + 5.0 * ragged[over_brow]
        groups = [(recipe, ~over_brow), (fringe_of(recipe, hair), over_brow)]
    paths = np.empty((count, path_points(recipe, length), 3))
    for shape, own in groups:
        paths[own] = grow(
            shape,
            space,
            start[own],
            length[own],
            floor[own],
            rank[own],
            taper[own],
            rng,
            seed,
            points=paths.shape[1],
        )
    paths = gather(paths, start, rng, recipe.clumping)
    if hair.style in ("bob", "long"):
        paths = join_strays(clear_shoulders(paths), space)
    paths = wave(paths, recipe, space, start, rng, seed)
    facing = space.outward(paths.reshape(-1, 3)).reshape(paths.shape)
    share = (NUM_STRANDS["standard"] * recipe.density / count) ** 0.6
    t = np.linspace(0.0, 1.0, paths.shape[1])
    thin, reach = recipe.thickens
    profile = (thin + (1.0 - thin) * smooth(0.0, reach, t)) * (1.0 - 0.82 * smooth(0.55, 1.0, t))
    fine = 0.25 + 0.75 * smooth(0.1, 0.8, roots.on(density)) * smooth(-3.0, recipe.fine, above_line)
    fine[wisps] *= 0.6
    widths = (recipe.width * share * fine * rng.uniform(0.6, 1.25, count))[:, None] * profile
    strands = ribbons(
        roots,
        paths,
        facing,
        widths,
        skin,
        frame,
        part=HAIR,
        layer=(0.15 + 0.85 * rank) * out_of_scalp(length),
        numbers=np.arange(count),
        local=False,
    )
    parts = [strands]
    if has_inside(hair) and recipe.inside > 0.0:
        parts.insert(0, _cap(recipe, template, skin, density, heights, frame))
    if hair.style == "tied":
        parts.append(
            beyond_the_knot(
                hair,
                recipe,
                space,
                template,
                skin,
                frame,
                rng,
                seed,
                NUM_STRANDS[detail] // 7,
                2.3 * (NUM_STRANDS["standard"] / NUM_STRANDS[detail]) ** 0.6,
            )
        )
    return parts


def edge_taper(recipe: Recipe, above_line: np.ndarray) -> np.ndarray:
    """Share of the full height hair has at a root so far above the hairline in mm."""
    low, reach = recipe.edge
    return low + (1.0 - low) * smooth(2.0, reach, above_line)


def out_of_scalp(length: np.ndarray) -> np.ndarray:
    """Share of the openness of outermost hair that strands so long in mm have: clipped ones stand
    in the shade between their neighbours."""
    return 0.5 + 0.5 * smooth(2.0, 14.0, length)


def _cap(
    recipe: Recipe,
    template: Template,
    skin: np.ndarray,
    density: np.ndarray,
    heights: np.ndarray,
    frame: np.ndarray,
) -> AttachedMesh:
    """The dense inside of the hair: the scalp pushed out, sinking under the skin at its rim."""
    faces = template.skin_faces
    faces = faces[((density > 0.25) & (heights > 13.0))[faces].all(axis=1)]
    used, faces = np.unique(faces, return_inverse=True)
    faces = faces.reshape(-1, 3)
    corners = skin[used][faces]
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros((len(used), 3))
    for corner in range(3):
        np.add.at(normals, faces[:, corner], flat)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    above_line = heights[used]
    height = recipe.inside * band_height(recipe, skin[used]) * smooth(0.45, 1.0, density[used])
    height *= edge_taper(recipe, above_line)
    if recipe.part is not None:
        # Nothing stands over a parting: strands leave it on either side.
        in_front = smooth(-65.0, -35.0, skin[used][:, 2])
        beside = np.abs(skin[used][:, 0] - recipe.part)
        height *= 1.0 - in_front * (1.0 - smooth(1.0, 16.0, beside))
        # The cap is one even colour: what shows there are the scalp's roots and the skin.
        height -= 1.5 * in_front * (1.0 - smooth(6.0, 11.0, beside))
    if recipe.start > 0.0:
        lumps = fbm(skin[used], 16.0, len(used), octaves=2)
        height = height * 1.95 * (1.0 + 0.05 * lumps)
    height -= 1.5 * (1.0 - smooth(0.3, 0.6, density[used]))
    edge = np.bincount(_rim(faces), minlength=len(used)) > 0
    height[edge] = -1.5
    return AttachedMesh(
        faces=faces.astype(np.int32),
        part=np.full(len(used), HAIR_CAP, dtype=np.uint8),
        layer=np.zeros(len(used), dtype=np.float32),
        rest=template.vertices[used].astype(np.float32),
        anchors=np.repeat(used[:, None], 3, axis=1).astype(np.int32),
        weights=np.tile(np.array([1.0, 0.0, 0.0], np.float32), (len(used), 1)),
        offsets=(height[:, None] * normals).astype(np.float32),
        normals=normals.astype(np.float32),
        local=np.zeros(len(used), dtype=bool),
        frame_vertices=frame.astype(np.int32),
        frame_rest=skin[frame],
    )


def _rim(faces: np.ndarray) -> np.ndarray:
    """Vertices on edges that belong to one triangle only."""
    edges = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    unique, counts = np.unique(edges, axis=0, return_counts=True)
    return unique[counts == 1].ravel()
