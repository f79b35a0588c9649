"""Texture coordinates of the template (first form: cylinder for everything)."""

from __future__ import annotations

import numpy as np


def unwrap(vertices, faces, face_part, mirror, *, neck_loop, part_ranges):
    turn = np.arctan2(vertices[:, 0], vertices[:, 2] - 5) / np.pi
    return np.stack([0.5 + turn / 2, (vertices[:, 1] + 150) / 306], axis=1), faces
