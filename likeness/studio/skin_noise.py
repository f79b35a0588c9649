"""The noise of skin that points everywhere have, for a block of points at once.

Owns which fields there are and how they are laid out: computed point by point they would cost the
paint of skin four times as much. What they do to colour and relief is told by ``skin``,
``skin_zones`` and ``relief``.
"""

from __future__ import annotations

from numba import njit

from likeness.studio.noise import fade, fbm_of, gradient_of, noise_of, rarest_of

BLOCK = 512
"""Points of a block, whose fields fit into the cache of a core."""

PIGMENT, BLOOD, VEINS, FINE, BROKEN, GRAIN = 3, 4, 5, 6, 7, 8
"""Rows of a block; 0 to 2 are the position, from ``GRAIN`` on come value and gradient of each of
``GRAIN_WAVES``."""
AGE_SPOT, MOLE, _FOOTPRINT, ROWS = 20, 21, 22, 23
AGE_SPOT_CELL, MOLE_CELL = 17.0, 26.0
"""mm; see ``noise.spot_at``. Their rows are of ``noise.rarest_of``."""
MOLE_WIDTH = 1.6
"""mm of the pattern that fades where a pixel is too large for moles."""

GRAIN_WAVES = (2.6, 0.95, 0.5)
"""Wavelengths in mm of unevenness, pores and grain."""
BROKEN_WAVE = 1.4
"""Of what breaks up the shine, mm."""


@njit(cache=True, nogil=True, error_model="numpy")
def fill_block(rest, footprints, first, count, seed, age_spots, moles, block):
    """Fields of ``count`` points from number ``first`` on into columns of ``block`` (ROWS, BLOCK).

    What is too fine for every pixel of the block is left out; whoever reads it has to ask
    :func:`likeness.studio.noise.fade` first.

    Args:
        rest: (N, 3) template positions, mm.
        footprints: (N,) mm a pixel covers.
        first: number of the first point.
        count: points, at most ``BLOCK``.
        seed: of the person's texture.
        age_spots: whether there are any.
        moles: likewise.
        block: written.
    """
    x, y, z = block[0, :count], block[1, :count], block[2, :count]
    footprint = block[_FOOTPRINT, :count]
    finest = float(footprints[first])
    for index in range(count):
        x[index], y[index], z[index] = (
            rest[first + index, 0],
            rest[first + index, 1],
            rest[first + index, 2],
        )
        footprint[index] = footprints[first + index]
        finest = min(finest, footprint[index])
    fbm_of(x, y, z, 22.0, 3, seed, footprint, block[PIGMENT, :count])
    fbm_of(x, y, z, 16.0, 3, seed + 11, footprint, block[BLOOD, :count])
    fbm_of(x, y, z, 2.4, 2, seed + 17, footprint, block[VEINS, :count])
    fbm_of(x, y, z, 1.0, 2, seed + 3, footprint, block[FINE, :count])
    if age_spots:
        rarest_of(x, y, z, AGE_SPOT_CELL, seed + 131, block[AGE_SPOT, :count])
    if moles and fade(MOLE_WIDTH, finest) > 0.0:
        rarest_of(x, y, z, MOLE_CELL, seed + 149, block[MOLE, :count])
    if fade(BROKEN_WAVE, finest) > 0.0:
        noise_of(x, y, z, BROKEN_WAVE, seed + 239, block[BROKEN, :count])
    for octave in range(3):
        if fade(GRAIN_WAVES[octave], finest) > 0.0:
            row = GRAIN + 4 * octave
            gradient_of(
                x,
                y,
                z,
                GRAIN_WAVES[octave],
                seed + 61 + octave,
                block[row, :count],
                block[row + 1, :count],
                block[row + 2, :count],
                block[row + 3, :count],
            )
