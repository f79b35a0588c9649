"""Configuration of the face encoder: its sections, its stages and its named profiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from likeness.config.locations import Location, Place
from likeness.config.schema import ConfigModel
from likeness.runs.record import TrackingSettings
from likeness.storage.store import StorageSettings
from likeness.training.settings import TrainSettings
from likeness.training.stage import Ramp, Schedule, Stage

Backbone = Literal["tiny", "small", "resnet18", "resnet34", "resnet50"]
Camera = Literal["weak_perspective", "fov12", "fov30"]
Fraction = Annotated[float, Field(ge=0, le=1)]
NonNegative = Annotated[float, Field(ge=0)]


class DataSettings(ConfigModel):
    """Where photographs come from and how they are cropped."""

    root: Location | None = None
    """Folder or URI of the dataset."""
    landmarks: Location | None = None
    """Folder of landmark files when they do not lie beside the images (legacy layouts)."""
    crop: Literal["landmarks", "none"] = "landmarks"
    """Crop around the landmarks, or keep the whole frame of pre-cropped data."""
    crop_scale: tuple[float, float] = (1.4, 1.8)
    """Crop size over the mean of width and height of the landmark box; drawn uniformly."""
    test_crop_scale: Annotated[float, Field(gt=0)] = 1.6
    """The same at evaluation and prediction."""
    crop_shift: Fraction = 0.05
    """Largest shift of the crop's centre, as a fraction of its size."""
    crop_rotation: NonNegative = 10.0
    """Largest rotation of the crop, degrees."""
    flip: Fraction = 0.5
    """Chance of a mirrored picture; pictures with exact truth are never mirrored."""
    jitter: Fraction = 0.3
    """Strength of brightness, contrast, saturation and tint changes."""
    blur: Fraction = 0.2
    """Chance of a blurred or noisy picture."""
    occlusion: Fraction = 0.15
    """Chance of a rectangle pasted over part of the face."""
    repeat: Annotated[int, Field(ge=1)] = 1
    """How often an epoch shows each picture, each time cropped anew."""
    photos_per_person: Annotated[int, Field(ge=1)] = 1
    """Photographs of one person that come together in training, for shape_consistency. With more
    than 1, batch_size counts persons: a batch holds batch_size times this many photographs."""
    cache_megabytes: Annotated[int, Field(ge=0)] = 1024
    """Memory for decoded pictures; 0 decodes anew every time."""
    allow_model_mismatch: bool = False
    """Train on truth made with another head model than the one configured, and go on from weights
    made with another head model or albedo space."""


class ModelSettings(ConfigModel):
    """The encoder and the head model it drives."""

    head: Annotated[str, Place(("studio",))] = "studio"
    """"studio", or a path: FLAME (.pkl, .npz, folder), ICT-FaceKit, a head saved by this code."""
    layout: Literal["head_v1", "eidolon227", "eidolon227_noexp", "deca236", "smirk361"] = "head_v1"
    """Named layout of the vector; head_v1 shrinks to the columns the head model has."""
    num_shape: Annotated[int, Field(ge=1, le=300)] | None = None
    """Identity columns used by head_v1; null takes all, at most 300."""
    num_expression: Annotated[int, Field(ge=0, le=100)] | None = None
    """Expression columns used by head_v1; null takes all, at most 100."""
    num_albedo: Annotated[int, Field(ge=0)] = 50
    """Albedo columns used by head_v1."""
    image_size: Annotated[int, Field(ge=32, le=512)] = 224
    """Side of the square crop, pixels."""
    backbone: Backbone = "resnet50"
    """Convolutional trunk; parameter names equal the common checkpoints'."""
    pretrained: Location | None = None
    """State dict for the trunk (.safetensors or .pth), or null. Nothing is ever downloaded."""
    initial_run: Location | None = None
    """Run whose weights training starts from."""
    freeze: Literal["none", "backbone", "batch_norm"] = "none"
    """Parts that neither learn nor move their running statistics, in all stages; for one stage
    there is its freeze_backbone."""
    pooling: Literal["average", "keypoint"] = "average"
    """Global average, or average plus expected position of every feature."""
    hidden: Annotated[int, Field(ge=8)] = 1024
    """Width of the layer between pooling and output."""
    dropout: Fraction = 0.0
    """Dropout before the output layer."""
    camera: Camera = "weak_perspective"
    """Camera of the crop; fov12 and fov30 stand 2.7 m away and read pose.transl."""
    albedo: Annotated[str, Place(("studio", "synthetic"))] = "studio"
    """"studio" (baked studio people, for the studio's head; another head is then drawn grey),
    "synthetic" (smooth waves, for any head with texture coordinates), or FLAME_texture.npz,
    FLAME_albedo_from_BFM.npz or albedoModel2020*.npz."""
    render_size: Annotated[int, Field(ge=32, le=1024)] | None = None
    """Side of the rendered picture in appearance terms; null: the crop's, at most 112."""
    landmark_offsets: bool = False
    """Learn a fixed 3D correction per landmark, for annotations placed by another convention."""


class EncoderStage(Stage):
    """A stage with what only this system sets per stage."""

    use_pose_correctives: bool = True
    """Apply the head model's pose-corrective offsets."""
    freeze_backbone: bool = False
    """Keep the trunk as it is during this stage, weights and running statistics, e.g. until a new
    head has settled on pretrained weights."""


class EvaluationSettings(ConfigModel):
    """What is measured and shown."""

    num_preview: Annotated[int, Field(ge=1, le=64)] = 6
    """Held-out pictures in every preview grid."""
    max_samples: Annotated[int, Field(ge=1)] | None = None
    """Evaluate at most this many pictures; null takes all."""
    framing: Literal["landmarks", "detector"] = "landmarks"
    """First crop of an evaluated photograph: around its true points, or the detector's box; a face
    the detector misses then counts as a failure."""
    refinements: Annotated[int, Field(ge=0, le=4)] = 1
    """How often prediction crops again around its own landmarks."""
    flip_average: bool = False
    """Average landmarks over the picture and its mirror image. The vector is not averaged."""
    crop_average: Annotated[float, Field(ge=0, le=0.25)] = 0.0
    """Average landmarks over the crop and four more, moved by this share of its side to the left
    and the right, up and down. 0: one crop."""


class ExportSettings(ConfigModel):
    """Bundles."""

    tolerance: Annotated[float, Field(gt=0)] = 1e-3
    """Largest difference of exported and trained outputs, as a fraction of the output's largest."""


class FaceEncoderConfig(ConfigModel):
    """Everything a face-encoder run is made of."""

    data: DataSettings = DataSettings()
    model: ModelSettings = ModelSettings()
    stages: Annotated[tuple[EncoderStage, ...], Field(min_length=1)]
    """Training stages in order."""
    train: TrainSettings = TrainSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    export: ExportSettings = ExportSettings()
    tracking: TrackingSettings = TrackingSettings()
    storage: StorageSettings = StorageSettings()

    @model_validator(mode="after")
    def _agree(self) -> FaceEncoderConfig:
        low, high = self.data.crop_scale
        if not 0 < low <= high:
            raise ValueError(
                f"'data.crop_scale' must be two rising positive numbers, found {low}, {high}"
            )
        return self


_REGULARISERS: dict[str, float | Ramp] = {
    "reg_shape": 3e-3,
    "reg_expression": 3e-3,
    "reg_jaw": 1.0,
    "reg_neck": 0.1,
    "reg_eye_pose": 0.1,
}
_LANDMARKS: dict[str, float | Ramp] = {"landmark": 1.0, "eye_closure": 1.0, "lip_closure": 0.5}
_APPEARANCE: dict[str, float | Ramp] = {"photometric": 0.7, "reg_albedo": 3e-3, "reg_light": 1.0}
# Studio pictures carry the truth; where there is none the terms are empty and cost nothing. The
# millimetres of "supervised_shape" are what teaches who somebody is: beside rotation and landmarks
# the vertices inside "supervised" are too quiet to be heard in a short training. Colours and light
# are learned from the truth too: a step that draws pictures costs twice as much.
_SUPERVISED: dict[str, float | Ramp] = {
    "supervised": 1.0,
    "supervised_shape": 0.2,
    "supervised_albedo": 0.005,
    "supervised_light": 0.25,
}


def default() -> FaceEncoderConfig:
    """Real training at 224 pixels with a ResNet-50: landmarks, then appearance, then outlines."""
    return FaceEncoderConfig(
        stages=(
            EncoderStage(
                name="lmk",
                epochs=2,
                batch_size=64,
                learning_rate=1e-4,
                weights={**_LANDMARKS, **_REGULARISERS, **_SUPERVISED},
                schedule=Schedule(kind="constant", warmup_steps=200),
            ),
            EncoderStage(
                name="photo",
                epochs=2,
                batch_size=32,
                learning_rate=1e-4,
                weights={**_LANDMARKS, **_REGULARISERS, **_SUPERVISED, **_APPEARANCE},
            ),
            EncoderStage(
                name="outline",
                epochs=1,
                batch_size=32,
                learning_rate=5e-5,
                weights={
                    **_LANDMARKS,
                    **_REGULARISERS,
                    **_SUPERVISED,
                    **_APPEARANCE,
                    "silhouette": Ramp(start=0.0, end=0.5),
                },
                schedule=Schedule(kind="cosine"),
            ),
        ),
        train=TrainSettings(
            batch_size=64, learning_rate=1e-4, optimizer="adamw", clip_norm=1.0, ema_decay=0.999
        ),
    )


def fast() -> FaceEncoderConfig:
    """A small network at 96 pixels that learns in minutes on a CPU."""
    base = default()
    return base.replace(
        model={
            "backbone": "small",
            "image_size": 96,
            "pooling": "keypoint",
            "hidden": 512,
            "dropout": 0.1,
        },
        train={
            "batch_size": 64,
            "learning_rate": 2e-3,
            "log_every": 25,
            "ema_decay": 0.998,
            "preview_every": 1000,
            "evaluate_every": 0,
            "workers": 1,
        },
        stages=(
            EncoderStage(
                name="lmk",
                steps=1800,
                weights={**_LANDMARKS, **_REGULARISERS, **_SUPERVISED},
                schedule=Schedule(kind="cosine", warmup_steps=100, final_factor=0.02),
            ),
        ),
    )


def real() -> FaceEncoderConfig:
    """Continue a studio-trained encoder on real photographs with landmarks (model.initial_run)."""
    base = fast()
    return base.replace(
        data={"repeat": 8, "crop_scale": (1.3, 2.0), "crop_shift": 0.1, "crop_rotation": 15.0},
        model={"landmark_offsets": True},
        evaluation={"framing": "detector", "flip_average": True, "crop_average": 0.03},
        train={"learning_rate": 5e-4},
        stages=(
            EncoderStage(
                name="adapt",
                steps=900,
                weights={**_LANDMARKS, **_REGULARISERS},
                # Another convention of brows is 6 mm away; the network must not bend to it first.
                groups={"encoder": 1.0, "landmark_offsets": 10.0},
                schedule=Schedule(kind="cosine", warmup_steps=50, final_factor=0.02),
            ),
        ),
    )


def smoke() -> FaceEncoderConfig:
    """Seconds to minutes on a CPU: every stage and every term runs."""
    base = fast()
    return base.replace(
        # A few hundred people are soon known by heart; disturbed more they last longer,
        # and photographs of real people are read better.
        data={"crop_shift": 0.1, "jitter": 0.5, "blur": 0.5, "occlusion": 0.3},
        model={"image_size": 64, "hidden": 256, "dropout": 0.0},
        train={
            "batch_size": 16,
            "log_every": 5,
            "preview_every": 100,
            "save_every": 100,
            "ema_decay": 0.98,
            "workers": 0,
        },
        stages=(
            EncoderStage(
                name="lmk",
                steps=1100,
                batch_size=32,
                learning_rate=2e-3,
                # So few people have the variance of their shapes learned with them: four times the
                # prior of the other profiles is worth 3 % of the vertices on people never seen.
                weights={**_LANDMARKS, **_REGULARISERS, **_SUPERVISED, "reg_shape": 0.012},
                schedule=Schedule(kind="cosine", warmup_steps=20, final_factor=0.05),
            ),
            EncoderStage(
                name="photo",
                steps=30,
                batch_size=8,
                learning_rate=3e-4,
                weights={**_LANDMARKS, **_REGULARISERS, **_SUPERVISED, **_APPEARANCE},
            ),
            EncoderStage(
                name="outline",
                steps=10,
                batch_size=8,
                learning_rate=3e-4,
                weights={
                    **_LANDMARKS,
                    **_REGULARISERS,
                    **_SUPERVISED,
                    **_APPEARANCE,
                    "silhouette": Ramp(start=0.0, end=0.5),
                },
            ),
        ),
    )


def eidolon() -> FaceEncoderConfig:
    """The documented two-stage schedule of the Eidolon project, with its term weights."""
    base = default()
    stabilise = {
        "photometric": 1.0,
        "landmark": 1.0,
        "reg_shape": 0.5,
        "reg_transl": 0.5,
        "reg_global_pose": 1.0,
        "reg_jaw": 1.0,
        "reg_neck": 0.5,
        "reg_eye_pose": 0.5,
    }
    relaxed = {
        **stabilise,
        "landmark": 0.1,
        "reg_shape": 0.1,
        "reg_transl": 0.1,
        "reg_global_pose": 0.1,
        "reg_jaw": 0.1,
        "reg_neck": 0.1,
        "reg_eye_pose": 0.1,
    }
    return base.replace(
        model={"layout": "eidolon227", "camera": "fov12"},
        train={"optimizer": "adam", "batch_size": 190, "learning_rate": 1e-4},
        stages=(
            EncoderStage(name="Stage1_StabilizePose", epochs=20, weights=stabilise),
            EncoderStage(name="Stage2_FinetuneDetails", epochs=30, weights=relaxed),
        ),
    )


PROFILES: Mapping[str, Callable[[], FaceEncoderConfig]] = {
    "default": default,
    "smoke": smoke,
    "fast": fast,
    "real": real,
    "eidolon": eidolon,
}
