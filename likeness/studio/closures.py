"""Closures: in p, b and m the lips of this very head meet, whatever the face does besides.

Owns the seal over time, what gives way to it, and how far ``mouthClose`` has to go: the gap between
the lips is known from the head's own shapes and identity, so the closing is computed, not tuned.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import distance_transform_edt

from likeness.errors import DataError
from likeness.geometry.head_asset import HeadAsset
from likeness.speech.phonemes import units_of
from likeness.speech.timeline import Span, Timeline
from likeness.studio import lips, reach
from likeness.studio.articulation import ARTICULATOR, Gains, targets
from likeness.studio.asset_sitter import arkit_columns
from likeness.studio.coarticulation import smooth
from likeness.studio.curves import RATE, grid_length
from likeness.studio.deform import clamp_weights
from likeness.studio.expressions import INDEX, build_expressions
from likeness.studio.template import Template

Array = NDArray[np.float64]

_TAU = 0.024
_INSIDE, _OUTSIDE, _BUSY = 20.0, 0.35, 3.0
"""Importance of being shut inside a contact, of being free of it elsewhere, and where the lip is
busy with something else."""
_CHANGEOVER = 0.035
"""Seconds a lip needs from the teeth to the other lip."""
_PARTING = ((0.030, 0.055, 0.250, 0.350), (0.0, 1.0, 1.0, 0.0))
"""Seconds between two contacts, and how far lips part there whatever the smoother says. Left to it
they stay sealed through 0.1 s; contacts far apart need no help."""
_RELEASE = 0.045
"""Seconds from a contact until lips are free of it, before the next."""
_WIDE, _NEAR, _WIDE_PARTING = (0.20, 0.30), 0.100, 0.170
"""Target of the jaw from which a sound opens the mouth too far for that, and seconds it may be away
from the contact. There lips take half of the time between both contacts, and are free halfway from
0.17 s; faster, a jaw that opens widest would exceed 45 cm a second."""
_FULL = 0.9
"""Value of the smooth seal from which it counts as whole."""
_SEALED_JAW, _JAW_SPEED = 0.10, 6.0
"""Largest opening of the jaw in a contact, and how fast per second it may open away from one: that
of stressed vowels. Faded by the seal instead, a jaw would move half as fast again."""
_CORNER_TAU = 0.010
"""Seconds; rounds the corners where one limit takes over from another."""
_LABIODENTAL_MARGIN = 0.010
"""Seconds by which lip and teeth meet after the sound starts and part before it ends."""
_TOUCH = 0.1
"""Gap in mm left where lips meet: half of what counts as contact, for what rounding adds."""
_ROUNDS = 4
"""Heads that are not quite linear are asked again; two rounds are enough for all but thin lips."""
_INNER_LIPS = ((61, 67), (62, 66), (63, 65))
"""Upper and lower points of the 68 that face each other on the inner lips."""

_OPENERS = [
    INDEX[name]
    for name in (
        "mouthFunnel", "mouthUpperUpLeft", "mouthUpperUpRight", "mouthLowerDownLeft",
        "mouthLowerDownRight", "mouthShrugUpper", "tongueOut",
    )
]  # fmt: skip
_LIFTERS = [INDEX[name] for name in ("mouthLowerDownLeft", "mouthLowerDownRight", "mouthFunnel")]
_HALF_GIVING = [INDEX[name] for name in ("noseSneerLeft", "noseSneerRight", "mouthShrugLower")]
"""A sneer parts the lips, a shrug pushes them through each other; both show in the face as well."""
_JAW, _CLOSE = INDEX["jawOpen"], INDEX["mouthClose"]
_ROLL, _PUCKER = INDEX["mouthRollLower"], INDEX["mouthPucker"]
_BITTEN_ROLL, _BITTEN_UNROUNDS = 0.55, 0.7
"""What rounded neighbours must leave of f and v, or the lip stays 4 mm in front of the teeth."""


class Lips(Protocol):
    """What has to be known of a head to close its mouth."""

    touching: Array
    """(P,) mm between two facing points at which they still touch"""
    closing: Array
    """(P,) mm by which ``mouthClose`` at 1 brings them together, positive"""
    rolling: float
    """share of ``mouthRollLower`` the head carries out; thin lips roll less"""

    def gaps(self, weights: Array) -> Array:
        """Heights (N, P) in mm of upper over lower lip, below 0 where they overlap.

        Args:
            weights: (N, 52).
        """
        ...


class StudioLips:
    """The lips of a head of the studio's topology: all pairs of the seam but the corners."""

    def __init__(self, template: Template, rest: NDArray[np.floating]) -> None:
        """``rest`` is the head at rest (V, 3) in mm."""
        self._template, self._rest = template, np.asarray(rest, np.float64)
        upper, lower = template.lip_pairs
        rows = build_expressions(template)
        self._neutral = self._rest[upper, 1] - self._rest[lower, 1]
        self._rows = rows[:, upper, 1] - rows[:, lower, 1]
        self.closing = -self._rows[_CLOSE]
        rolled = np.eye(len(rows))[_ROLL]
        self.rolling = float(reach.fit_weights(template, self._rest, rolled)[_ROLL])
        touching, _ = lips.touching_gaps(template)
        # Lips cling together, toward the corners from further away; the middle shall really touch.
        self.touching = touching - touching.min() + _TOUCH

    def gaps(self, weights: Array) -> Array:
        """See :meth:`Lips.gaps`."""
        fitted = reach.fit_weights(self._template, self._rest, clamp_weights(weights))
        return self._neutral + fitted @ self._rows


class ShapeLips:
    """Lips that follow the shapes of their head and nothing else.

    Args:
        name: of the head, for messages.
        neutral: (P,) heights in mm of upper over lower points at rest.
        rows: (52, P) what each shape adds.

    Raises:
        DataError: no shape closes the mouth.
    """

    def __init__(self, name: str, neutral: Array, rows: Array) -> None:
        self._neutral, self._rows = neutral, rows
        self.closing = -self._rows[_CLOSE]
        if self.closing.min() <= 0.0:
            raise DataError(
                f"The shape mouthClose of the head '{name}' does not bring its lips together."
            )
        self.touching = np.full(len(neutral), _TOUCH)
        self.rolling = 1.0

    def gaps(self, weights: Array) -> Array:
        """See :meth:`Lips.gaps`."""
        return self._neutral + weights @ self._rows


class AssetLips(ShapeLips):
    """The lips of any head with ARKit shapes and 68 landmarks: three pairs of the inner lips."""

    def __init__(self, asset: HeadAsset, shape: Sequence[float] = ()) -> None:
        """``shape`` holds identity coefficients, as many as wanted.

        Raises:
            DataError: the head has no landmarks, or no shape that closes the mouth.
        """
        if asset.landmarks68 is None:
            raise DataError(
                f"The head '{asset.name}' has no 68 landmarks to find its lips by.",
                advice="Load it together with its landmark embedding.",
            )
        coefficients = np.asarray(shape, np.float64)
        mean = asset.template + asset.shape_basis[:, :, : len(coefficients)] @ coefficients
        basis = asset.expression_basis @ arkit_columns(asset)  # (V, 3, 52)
        upper, lower = (
            asset.landmarks68[np.array([pair[k] for pair in _INNER_LIPS])] for k in (0, 1)
        )
        height = np.concatenate([mean[:, 1:2], basis[:, 1]], axis=1)  # (V, 1 + 52) metres
        apart = 1000.0 * (upper.points(height, asset.faces) - lower.points(height, asset.faces))
        super().__init__(asset.name, apart[:, 0], apart[:, 1:].T)


@dataclass(frozen=True, eq=False)
class Contact:
    """Something that is held shut for some stretches of an utterance.

    Attributes:
        held: (N,) how far it is on the way, exactly 1 all through every stretch.
        jaw: (N,) largest opening of the jaw that lets it be reached in time.
    """

    held: Array
    jaw: Array


def seal(timeline: Timeline) -> Contact:
    """Upper and lower lip, in p, b and m. An f or v beside one holds the lip at the teeth first."""
    contacts = [s.contact for s in timeline.segments if s.contact]
    return _contact(contacts, timeline, elsewhere=_bites(timeline))


def labiodental(timeline: Timeline) -> Contact:
    """The lower lip and the upper teeth, in f and v."""
    return _contact(_bites(timeline), timeline)


def _bites(timeline: Timeline) -> list[Span]:
    spans = []
    for segment in timeline.segments:
        if any(unit in ("f", "v") for unit in units_of(segment.ipa)):
            middle = 0.5 * (segment.start + segment.end)
            first = min(segment.start + _LABIODENTAL_MARGIN, middle)
            spans.append((first, max(segment.end - _LABIODENTAL_MARGIN, middle)))
    return spans


def _contact(spans: Sequence[Span], timeline: Timeline, elsewhere: Sequence[Span] = ()) -> Contact:
    inside = _rows_of(spans, timeline.duration)
    if not inside.any():
        return Contact(np.zeros(len(inside)), np.ones(len(inside)))
    away = distance_transform_edt(~inside) / RATE
    busy = _rows_of(elsewhere, timeline.duration) & (away > _CHANGEOVER)
    free = np.where(busy, _BUSY, _OUTSIDE)
    curve = smooth(
        inside.astype(np.float64),
        np.where(inside, _INSIDE, free),
        _TAU,
        1.0 / RATE,
        rest_importance=0.0,
    )
    jaw = targets(timeline, Gains())[0][:, ARTICULATOR["jaw"]]
    curve = np.minimum(np.clip(curve / _FULL, 0.0, 1.0), _parted(inside, jaw))
    curve[inside] = 1.0
    return Contact(curve, np.minimum(_SEALED_JAW + _JAW_SPEED * away, 1.0))


def _parted(inside: NDArray[np.bool_], jaw: Array) -> Array:
    """(N,) the most of a seal between two contacts, so that what is said there is seen: raised
    cosines down to 0 and up again. ``jaw`` (N,) holds its targets."""
    most = np.ones(len(inside))
    near = round(_NEAR * RATE)
    for last, first in itertools.pairwise(np.flatnonzero(inside)):
        between, since = (first - last) / RATE, np.arange(first - last) / RATE
        depth = np.interp(between, *_PARTING)
        if depth > 0.0:
            wide = np.interp(jaw[last:first], _WIDE, (0.0, 1.0))
            depth *= 1.0 - wide.max() * max(1.0 - between / _WIDE_PARTING, 0.0)
            for away, beside in ((since, wide[:near]), (between - since, wide[-near:])):
                release = min(_RELEASE, 0.5 * between)
                release += beside.max() * (0.5 * between - release)
                depth = depth * np.sin(0.5 * np.pi * np.minimum(away / release, 1.0)) ** 2
            most[last:first] -= depth
    return most


def _rows_of(spans: Sequence[Span], duration: float) -> NDArray[np.bool_]:
    """(N,) the grid points in and around spans, so that whatever lies between them is held too."""
    inside = np.zeros(grid_length(duration), bool)
    for start, end in spans:
        inside[int(np.floor(start * RATE + 1e-6)) : int(np.ceil(end * RATE - 1e-6)) + 1] = True
    return inside


def make_room(weights: Array, sealed: Contact, bitten: Contact, head: Lips) -> None:
    """Lets everything that parts the lips give way to the contacts, in place.

    Args:
        weights: (N, 52) speech and emotion together.
        sealed: of :func:`seal`.
        bitten: of :func:`labiodental`.
        head: whose lower lip rolls in to its teeth.
    """
    jaw = np.minimum(weights[:, _JAW], np.minimum(sealed.jaw, bitten.jaw))
    weights[:, _JAW] = _rounded(jaw)
    weights[:, _OPENERS] *= (1.0 - sealed.held)[:, None]
    weights[:, _LIFTERS] *= (1.0 - 0.9 * bitten.held)[:, None]
    weights[:, _HALF_GIVING] *= (1.0 - 0.5 * sealed.held)[:, None]
    weights[:, _PUCKER] *= 1.0 - _BITTEN_UNROUNDS * bitten.held
    rolled = min(_BITTEN_ROLL / max(head.rolling, 1e-6), 1.0)
    weights[:, _ROLL] = _rounded(np.maximum(rolled * bitten.held, weights[:, _ROLL]))


def _rounded(curve: Array) -> Array:
    """A curve (N,) whose corners are 10 ms wide."""
    even = np.ones(len(curve))
    return smooth(curve, even, _CORNER_TAU, 1.0 / RATE, rest_importance=0.0)


def close_lips(weights: Array, sealed: Contact, head: Lips) -> None:
    """Adds to ``mouthClose`` what makes the lips of a head meet where they are sealed, in place.

    Args:
        weights: (N, 52) after :func:`make_room`, clipped to 0..1.
        sealed: of :func:`seal`.
        head: whose lips.
    """
    rows = np.flatnonzero(sealed.held > 0.0)
    if not len(rows):
        return
    full = weights[rows].copy()
    for _ in range(_ROUNDS):
        need = ((head.gaps(full) - head.touching) / head.closing).max(axis=1)
        if need.max() <= 0.0:
            break
        full[:, _CLOSE] = np.minimum(full[:, _CLOSE] + np.maximum(need, 0.0), 1.0)
    weights[rows, _CLOSE] += sealed.held[rows] * (full[:, _CLOSE] - weights[rows, _CLOSE])


def linear_gap(head: Lips, weights: ArrayLike) -> Array:
    """(N,) the widest gap of a head's facing lips, mm, by its shapes alone."""
    return head.gaps(np.asarray(weights, np.float64)).max(axis=1)
