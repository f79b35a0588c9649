"""What is done to a predicted face before it is shown, frame by frame, as the runtime does it.

Skin, tongue, jaw and eyes of NVIDIA's Audio2Face-3D SDK. Each channel is an object without memory;
what must be kept from one frame to the next is a state that goes in and comes out. A whole take is
the same frames in a row, so both ways give the same numbers. Lengths are centimetres, angles
degrees.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likeness.errors import DataError
from likeness.geometry.alignment import fit_similarity
from likeness.systems.audio2face.artefacts import ActorArtefacts, Floats
from likeness.systems.audio2face.postprocessing_settings import PostprocessingSettings

KEYS_PER_SECOND = 30.0
"""Rate of the recorded jumps of the gaze and of the keys of a blink."""


def smoothing_share(dt: float, half_life: float) -> float:
    """Share of the way to a new value that a low-pass goes in ``dt`` seconds; 1 passes it by."""
    return 1.0 - 0.5 ** (dt / half_life) if half_life > 0 else 1.0


def face_mask(neutral: NDArray[np.floating], level: float, softness: float) -> Floats:
    """How much each vertex belongs to the lower face: (V,) in 0..1.

    Args:
        neutral: (V, 3), +y up.
        level: height between the lowest (0) and the highest vertex (1) at which it is a half.
        softness: width of the passage in that measure.

    Raises:
        DataError: a face without height.
    """
    y = neutral[:, 1].astype(np.float64)
    extent = np.ptp(y)
    if extent == 0:
        raise DataError("A face needs vertices at different heights to have an upper and a lower.")
    exponent = np.clip(((y - y.min()) / extent - level) / softness, -700, 700)
    return (1.0 / (1.0 + np.exp(exponent))).astype(np.float32)


def expand(coefficients: NDArray[np.floating], shapes: Floats) -> Floats:
    """Differences from the neutral (F, V, 3) of coefficients (F, K) over shapes (K, V, 3)."""
    flat = np.asarray(coefficients, np.float32) @ shapes.reshape(len(shapes), -1)
    return flat.reshape(*flat.shape[:-1], *shapes.shape[1:])


@dataclass(frozen=True, eq=False)
class SkinState:
    """Two low-passes in a row, for the upper and the lower face: (2, 2, V, 3)."""

    values: Floats


class SkinMotion:
    """Smoothing, strengths and masks of the skin."""

    def __init__(self, actor: ActorArtefacts, settings: PostprocessingSettings, fps: float) -> None:
        self._neutral = actor.neutral_skin
        self._settings = settings
        self._eye_close, self._lip_open = actor.eye_close_delta, actor.lip_open_delta
        halves = (settings.upper_face_smoothing, settings.lower_face_smoothing)
        self._shares = [np.float32(smoothing_share(1.0 / fps, half)) for half in halves]
        mask = face_mask(actor.neutral_skin, settings.face_mask_level, settings.face_mask_softness)
        self._upper = ((1 - mask) * np.float32(settings.upper_face_strength))[:, None]
        self._lower = (mask * np.float32(settings.lower_face_strength))[:, None]

    def step(
        self, state: SkinState | None, delta: Floats, blink: float = 0.0
    ) -> tuple[SkinState, Floats]:
        """The next state and the vertices (V, 3).

        Args:
            state: of the frame before; None for the first.
            delta: (V, 3) predicted differences from the neutral.
            blink: 0 nothing is added, 1 a closed eye.
        """
        settings = self._settings
        lids = np.float32(-settings.eyelid_open_offset + blink * settings.blink_strength)
        pose = np.float32(settings.skin_strength) * np.asarray(delta, np.float32)
        pose += self._eye_close * lids
        pose += self._lip_open * np.float32(settings.lip_open_offset)
        if state is None:
            values = np.broadcast_to(pose, (2, 2, *pose.shape)).astype(np.float32)
        else:
            values = state.values.copy()
            for region, share in zip(values, self._shares):
                region[0] += (pose - region[0]) * share
                region[1] += (region[0] - region[1]) * share
        # Where smoothing is off the pose itself passes, without rounding on the way.
        upper, lower = (
            pose if share == 1 else region[1] for region, share in zip(values, self._shares)
        )
        return SkinState(values), self._neutral + upper * self._upper + lower * self._lower

    def run(self, deltas: Floats, blinks: NDArray[np.floating] | None = None) -> Floats:
        """Vertices (F, V, 3) of a whole take; see :meth:`step`."""
        out = np.empty(deltas.shape, np.float32)
        state = None
        for frame, delta in enumerate(deltas):
            blink = 0.0 if blinks is None else float(blinks[frame])
            state, out[frame] = self.step(state, delta, blink)
        return out


def move_tongue(neutral: Floats, deltas: Floats, settings: PostprocessingSettings) -> Floats:
    """Vertices (…, Vt, 3) of predicted differences of the tongue."""
    offset = (0.0, settings.tongue_height_offset, settings.tongue_depth_offset)
    strength = np.float32(settings.tongue_strength)
    return neutral + strength * np.asarray(deltas, np.float32) + np.array(offset, np.float32)


def move_jaw(neutral: Floats, deltas: Floats, settings: PostprocessingSettings) -> Floats:
    """Key points (…, N, 3) of predicted differences of the jaw."""
    offset = (0.0, settings.lower_teeth_height_offset, settings.lower_teeth_depth_offset)
    strength = np.float32(settings.lower_teeth_strength)
    return neutral + strength * np.asarray(deltas, np.float32) + np.array(offset, np.float32)


def jaw_transform(neutral: Floats, points: Floats) -> NDArray[np.float64]:
    """The rigid motion (4, 4) that moves the key points of the jaw onto ``points`` (Kabsch 1976).

    Column vectors: ``moved = transform @ [x, y, z, 1]``. The runtime stores its transpose.
    Key points that all coincide, as without recordings, are only moved.
    """
    transform = np.eye(4)
    if np.ptp(neutral, axis=0).max() == 0:
        transform[:3, 3] = points.mean(axis=0) - neutral.mean(axis=0)
        return transform
    fitted = fit_similarity(neutral, points, scale=1.0)
    transform[:3, :3], transform[:3, 3] = fitted.rotation, fitted.translation
    return transform


def saccade_row(seed: int, frame: int, fps: float, num_rows: int) -> int:
    """Row of the recorded jumps that a frame shows: 30 a second from the seed on, over and over."""
    return math.floor(seed + KEYS_PER_SECOND * frame / fps) % num_rows


def move_eyes(
    angles: NDArray[np.floating],
    saccades: NDArray[np.floating],
    settings: PostprocessingSettings,
    fps: float,
    first_frame: int = 0,
) -> Floats:
    """Rotations (F, 2, 2) of right and left eye about x and y, degrees; about z there is none.

    Args:
        angles: (F, 2, 2) predicted.
        saccades: (M, 2) recorded; both eyes jump alike.
        first_frame: number of the first of these frames in the take.
    """
    offsets = np.array(
        [
            [settings.right_eye_rot_x_offset, settings.right_eye_rot_y_offset],
            [settings.left_eye_rot_x_offset, settings.left_eye_rot_y_offset],
        ],
        np.float32,
    )
    frames = range(first_frame, first_frame + len(angles))
    rows = [saccade_row(settings.eye_saccade_seed, f, fps, len(saccades)) for f in frames]
    jumps = np.asarray(saccades, np.float32)[rows][:, None] * np.float32(settings.saccade_strength)
    return offsets + np.asarray(angles, np.float32) * np.float32(settings.eyeballs_strength) + jumps


def blink_offsets(
    keys: NDArray[np.floating], starts: Sequence[float], num_frames: int, fps: float
) -> Floats:
    """How closed added blinks make the eyes: (F,) in 0..1, for :class:`SkinMotion`.

    Args:
        keys: (P,) of one blink at 30 a second, 0 open, 1 closed.
        starts: seconds at which blinks begin; where two overlap the more closed one counts.
    """
    times = np.arange(num_frames) / fps
    offsets = np.zeros(num_frames, np.float32)
    for start in starts:
        place = (times - start) * KEYS_PER_SECOND
        value = np.interp(place, np.arange(len(keys)), keys, left=0.0, right=0.0)
        offsets = np.maximum(offsets, np.clip(value, 0.0, 1.0).astype(np.float32))
    return offsets


@dataclass(frozen=True, eq=False)
class PosedFrame:
    """A frame as it is shown.

    Attributes:
        skin: (V, 3). tongue: (Vt, 3).
        jaw: (N, 3) key points. jaw_transform: (4, 4), see :func:`jaw_transform`.
        eyes: (2, 2) degrees.
    """

    skin: Floats
    tongue: Floats
    jaw: Floats
    jaw_transform: NDArray[np.float64]
    eyes: Floats


@dataclass(frozen=True, eq=False)
class FaceState:
    """What is kept between frames: the number of the next one, and the skin's low-passes."""

    frame: int = 0
    skin: SkinState | None = None


class FaceMotion:
    """All channels of one actor."""

    def __init__(self, actor: ActorArtefacts, settings: PostprocessingSettings, fps: float) -> None:
        self._actor, self._settings, self._fps = actor, settings, fps
        self._skin = SkinMotion(actor, settings, fps)

    def step(
        self,
        state: FaceState,
        skin: Floats,
        tongue: Floats,
        jaw: Floats,
        eyes: Floats,
        blink: float = 0.0,
    ) -> tuple[FaceState, PosedFrame]:
        """The next state and the frame of predicted differences.

        Args:
            state: ``FaceState()`` at first.
            skin: (V, 3). tongue: (Vt, 3). jaw: (N, 3). eyes: (2, 2) degrees.
            blink: 0..1, see :func:`blink_offsets`.
        """
        actor, settings = self._actor, self._settings
        kept, vertices = self._skin.step(state.skin, skin, blink)
        points = move_jaw(actor.jaw_neutral, jaw, settings)
        rotations = move_eyes(eyes[None], actor.saccades, settings, self._fps, state.frame)
        posed = PosedFrame(
            vertices,
            move_tongue(actor.neutral_tongue, tongue, settings),
            points,
            jaw_transform(actor.jaw_neutral, points),
            rotations[0],
        )
        return FaceState(state.frame + 1, kept), posed

    def run(
        self,
        skin: Floats,
        tongue: Floats,
        jaw: Floats,
        eyes: Floats,
        blinks: NDArray[np.floating] | None = None,
    ) -> Iterator[PosedFrame]:
        """The frames of a whole take (F, …), one after the other."""
        state = FaceState()
        for frame in range(len(skin)):
            blink = 0.0 if blinks is None else float(blinks[frame])
            state, posed = self.step(
                state, skin[frame], tongue[frame], jaw[frame], eyes[frame], blink
            )
            yield posed
