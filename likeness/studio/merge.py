"""Puts a picture together: solid samples, strands over them, the background behind all.

Owns the composition of colours and of the truth that goes with them, label and depth, so that both
agree on what a pixel shows.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def merge(
    place,
    point,
    color,
    label,
    depth,
    strand_pixel,
    strand_color,
    strand_label,
    strand_depth,
    strand_coverage,
    n,
    num_labels,
    picture,
    coverage,
    mask,
    out_depth,
):
    """Composes a picture in place.

    Args:
        place: (N,) ascending places of solid samples; see ``pixels.Samples``.
        point: (N,) the point each shows.
        color: (M, 3) display-linear, of points.
        label: (M,) theirs; 0 is background.
        depth: (N,) metres.
        strand_pixel: (M,) ascending pixels of strands, nearest first within a pixel.
        strand_color: (M, 3).
        strand_label: (M,).
        strand_depth: (M,).
        strand_coverage: (M,) 0..1.
        n: samples per pixel along each side.
        num_labels: labels there are, background included.
        picture: (H, W, 3), the background on entry.
        coverage: (H, W) becomes the share of a pixel that is not background.
        mask: (H, W) becomes the label with the greatest share; a tie goes to what is not
            background.
        out_depth: (H, W) becomes the depth of the nearest thing with that label, or infinite.
    """
    height, width = mask.shape
    samples = n * n
    votes = np.zeros(num_labels)
    nearest = np.zeros(num_labels)
    total = np.zeros(3)
    first, solid_last = 0, 0
    for pixel in range(height * width):
        row, column = pixel // width, pixel % width
        last = first
        while last < len(strand_pixel) and strand_pixel[last] == pixel:
            last += 1
        solid_first = solid_last
        while solid_last < len(place) and place[solid_last] < (pixel + 1) * samples:
            solid_last += 1
        members = solid_last - solid_first
        out_depth[row, column] = np.inf
        mask[row, column] = 0
        coverage[row, column] = 0.0
        if members == 0 and first == last:
            continue
        if first == last and members == samples:
            # As most pixels of a figure are: no strand, no background, a single label.
            kind = label[point[solid_first]]
            is_alone, closest = True, depth[solid_first]
            for solid in range(solid_first + 1, solid_last):
                is_alone &= label[point[solid]] == kind
                closest = min(closest, depth[solid])
            if is_alone:
                mask[row, column], out_depth[row, column] = kind, closest
                coverage[row, column] = 1.0
                for channel in range(3):
                    value = 0.0
                    for solid in range(solid_first, solid_last):
                        value += color[point[solid], channel]
                    picture[row, column, channel] = value / samples
                continue
        votes[:] = 0.0
        nearest[:] = np.inf
        total[:] = 0.0
        for sample in range(samples):
            shown = sample < members
            solid = solid_first + sample
            behind = depth[solid] if shown else np.inf
            through = 1.0
            for k in range(first, last):
                if strand_depth[k] >= behind:
                    break
                share = through * strand_coverage[k]
                through -= share
                for channel in range(3):
                    total[channel] += share * strand_color[k, channel]
                votes[strand_label[k]] += share
                nearest[strand_label[k]] = min(nearest[strand_label[k]], strand_depth[k])
            for channel in range(3):
                if shown:
                    total[channel] += through * color[point[solid], channel]
                else:
                    total[channel] += through * picture[row, column, channel]
            if shown:
                kind = label[point[solid]]
                votes[kind] += through
                nearest[kind] = min(nearest[kind], behind)
            else:
                votes[0] += through
        coverage[row, column] = 1.0 - votes[0] / samples
        best = 1
        for k in range(2, num_labels):
            if votes[k] > votes[best]:
                best = k
        if votes[best] >= votes[0] * 0.999999 and votes[best] > 0.0:
            mask[row, column] = best
            out_depth[row, column] = nearest[best]
        for channel in range(3):
            picture[row, column, channel] = total[channel] / samples
        first = last
