"""Settings of what is done to a predicted face before it is shown, with the runtime's ranges.

Names, defaults and ranges are those of the ``config`` of a package's ``model_config.json``
(NVIDIA Audio2Face-3D SDK). Imports no torch.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from likeness.config.schema import ConfigModel

Strength = Annotated[float, Field(ge=0.0, le=2.0)]
HalfLife = Annotated[float, Field(ge=0.0, le=0.1)]
Offset = Annotated[float, Field(ge=-3.0, le=3.0)]
Degrees = Annotated[float, Field(ge=-10.0, le=10.0)]


class PostprocessingSettings(ConfigModel):
    """The defaults are the reference's for regression; lengths are centimetres."""

    input_strength: float = 1.3
    """Factor of the sound before the network. The runtime applies it for regression only."""
    upper_face_smoothing: HalfLife = 0.001
    """Half-life in seconds of the low-pass on the upper face; 0 is off."""
    lower_face_smoothing: HalfLife = 0.0023
    """The same of the lower face."""
    upper_face_strength: Strength = 1.0
    """Factor of the motion of the upper face."""
    lower_face_strength: Strength = 1.7
    """Factor of the motion of the lower face."""
    face_mask_level: Annotated[float, Field(ge=0.0, le=1.0)] = 0.6
    """Height at which upper and lower face meet: 0 the lowest vertex, 1 the highest."""
    face_mask_softness: Annotated[float, Field(ge=0.001, le=0.5)] = 0.0085
    """Width of the passage between them, in the same measure."""
    skin_strength: Strength = 1.1
    """Factor of the motion of the skin."""
    blink_strength: Strength = 1.0
    """Factor of blinks that are added."""
    eyelid_open_offset: Annotated[float, Field(ge=-1.0, le=1.0)] = 0.06
    """Share of the closed-eyes pose that is taken away."""
    lip_open_offset: Annotated[float, Field(ge=-0.2, le=0.2)] = -0.05
    """Share of the lips-open pose that is added."""
    lower_teeth_strength: Strength = 1.3
    """Factor of the motion of the jaw's key points."""
    lower_teeth_height_offset: Offset = -0.1
    """Upward."""
    lower_teeth_depth_offset: Offset = 0.25
    """Forward."""
    tongue_strength: Annotated[float, Field(ge=0.0, le=3.0)] = 1.5
    """Factor of the motion of the tongue."""
    tongue_height_offset: Offset = 0.2
    """Upward."""
    tongue_depth_offset: Offset = -0.3
    """Forward."""
    eyeballs_strength: Strength = 1.0
    """Factor of the predicted rotation of the eyes."""
    saccade_strength: Strength = 0.9
    """Factor of the recorded jumps of the gaze."""
    right_eye_rot_x_offset: Degrees = 0.0
    """Added to the pitch of the right eye."""
    right_eye_rot_y_offset: Degrees = -2.0
    """Added to the yaw of the right eye."""
    left_eye_rot_x_offset: Degrees = 0.0
    """Added to the pitch of the left eye."""
    left_eye_rot_y_offset: Degrees = 2.0
    """Added to the yaw of the left eye."""
    eye_saccade_seed: Annotated[int, Field(ge=0, le=4999)] = 0
    """Row of the recorded jumps to begin with."""
    source_shot: str | None = None
    """Shot whose row of the emotion data base is used (regression); None chooses one."""
    source_frame: Annotated[int, Field(ge=0)] | None = None
    """Frame of that shot."""


POSTPROCESSING_KEYS = tuple(
    name for name in PostprocessingSettings.model_fields if not name.startswith("source_")
)
"""The 24 keys that every package has."""

REGRESSION_DEFAULTS = PostprocessingSettings()
"""Of the reference's regression models."""

REFERENCE_DIFFUSION_DEFAULTS = PostprocessingSettings(upper_face_smoothing=0.003)
"""Of the reference's configuration for diffusion, tuned for regression."""

DIFFUSION_DEFAULTS = PostprocessingSettings(
    input_strength=1.0,
    upper_face_smoothing=0.001,
    lower_face_smoothing=0.006,
    lower_face_strength=1.0,
    skin_strength=1.0,
    eyelid_open_offset=0.0,
    lip_open_offset=0.0,
    lower_teeth_strength=1.0,
    lower_teeth_height_offset=0.0,
    lower_teeth_depth_offset=0.0,
    tongue_strength=1.3,
    tongue_height_offset=0.0,
    tongue_depth_offset=0.0,
    saccade_strength=0.6,
    right_eye_rot_y_offset=0.0,
    left_eye_rot_y_offset=0.0,
)
"""Of diffusion models trained here: the gentler values of the released diffusion model."""


def default_postprocessing(network_type: str) -> PostprocessingSettings:
    """The defaults of a network type, ``"regression"`` or ``"diffusion"``."""
    return DIFFUSION_DEFAULTS if network_type == "diffusion" else REGRESSION_DEFAULTS


def setting_range(key: str) -> tuple[float, float] | None:
    """Least and greatest value the runtime takes of a setting; None where it takes any."""
    low = high = None
    field = PostprocessingSettings.model_fields[key]
    for limit in field.metadata:
        low = getattr(limit, "ge", low)
        high = getattr(limit, "le", high)
    return None if low is None or high is None else (float(low), float(high))


def plain_postprocessing() -> PostprocessingSettings:
    """What leaves a network's own motion as it is: no strengths, offsets, smoothing or saccades."""
    return DIFFUSION_DEFAULTS.replace(
        upper_face_smoothing=0.0,
        lower_face_smoothing=0.0,
        tongue_strength=1.0,
        saccade_strength=0.0,
    )
