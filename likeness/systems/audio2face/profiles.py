"""Named configurations of audio2face.

``regression`` and ``diffusion`` are the published settings of the reference; the others fit them to
studio actors and to a CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from likeness.systems.audio2face.config import AudioToFaceConfig
from likeness.systems.audio2face.postprocessing_settings import (
    default_postprocessing,
    plain_postprocessing,
)
from likeness.training.settings import TrainSettings
from likeness.training.stage import Ramp, Schedule, Stage

REGRESSION_WEIGHTS: Mapping[str, float | Ramp] = {
    "mse": 1.0,
    "motion": 10.0,
    "emotion_regularisation": 1.0,
    "lip_distance": 100.0,
    "volume_stability": 100.0,
}
"""As published. Phonemes, whose targets need an aligner's weights, are off in every published
example as well."""

DIFFUSION_WEIGHTS: Mapping[str, float | Ramp] = {
    "diffusion": 1.0,
    "lip_distance": 1e-5,
    "expression_smooth": 25.0,
}

_DECAY = 0.994
"""Of the learning rate of regression, an epoch."""

ADAPT = "adapt"
"""The stage of the profile adapt, which needs an earlier run."""


def regression() -> AudioToFaceConfig:
    """One actor, a window of sound to a pose: the published settings. Give the path of wav2vec 2.0
    as model.regression.encoder_path, with encoder wav2vec2, to hear through it."""
    epochs = 50
    return AudioToFaceConfig(
        stages=(
            Stage(
                name="train",
                epochs=epochs,
                weights=REGRESSION_WEIGHTS,
                groups={"network": 1.0, "emotions": 1.0},
                schedule=Schedule(kind="exponential", final_factor=round(_DECAY**epochs, 4)),
            ),
        ),
        train=TrainSettings(
            seed=42,
            optimizer="adam",
            learning_rate=2e-4,
            weight_decay=0.0,
            batch_size=32,
            clip_norm=0.0,
            log_every=50,
            best_score="lip_vertex_error",
        ),
    )


def diffusion() -> AudioToFaceConfig:
    """Several actors, a second of sound to thirty frames: the published settings. Give the path of
    HuBERT as model.diffusion.encoder_path, with encoder hubert, to hear through it."""
    return AudioToFaceConfig(
        model={"network": "diffusion"},  # type: ignore[arg-type]
        learning={"sampling": {"timeshift": 0.0}},  # type: ignore[arg-type]
        postprocessing=default_postprocessing("diffusion"),
        stages=(
            Stage(
                name="train",
                epochs=400,
                weights=DIFFUSION_WEIGHTS,
                groups={"network": 1.0},
                schedule=Schedule(kind="cosine", warmup_steps=100, final_factor=0.2),
            ),
        ),
        train=TrainSettings(
            seed=42,
            optimizer="adam",
            learning_rate=5e-5,
            weight_decay=0.0,
            batch_size=1,
            accumulation=4,
            log_every=10,
            ema_decay=0.999,
            best_score="lip_vertex_error",
        ),
    )


CPU_REGRESSION_WEIGHTS: Mapping[str, float | Ramp] = {
    "mse": 1.0,
    "motion": 1.0,
    "emotion_regularisation": 1.0,
    "lip_distance": 10.0,
    "volume_stability": 100.0,
}
"""Motion and lips at a tenth of what is published: on a small basis they would drown the rest."""


def studio() -> AudioToFaceConfig:
    """Regression of one studio actor in twenty minutes of one core.

    Hears through log-mel alone: the autocorrelation costs more than half of a step and follows the
    square of the level. Eyes, which no sound moves, count a tenth. The emotion data base stays as
    it was drawn: emotions of studio actors all have names, and vectors that learn take over what
    sound tells of the lips, to be missed on unseen sentences.
    """
    return regression().replace(
        model={"regression": {"uses_autocorrelation": False, "features": 128, "noise": 1.2}},
        learning={"terms": {"channel_weights": {"eye": 0.1}}},
        postprocessing=plain_postprocessing(),
        stages=(
            Stage(
                name="train",
                steps=6000,
                weights=CPU_REGRESSION_WEIGHTS,
                groups={"network": 1.0},
                schedule=Schedule(kind="cosine", warmup_steps=50, final_factor=0.02),
            ),
        ),
        train={"learning_rate": 2e-3, "clip_norm": 5.0, "ema_decay": 0.999, **_CPU},
    )


def adapt() -> AudioToFaceConfig:
    """Another face from seconds of it, in a minute: goes on from a run of the profile studio,
    which is to be given as model.initial_run.

    Heads are fitted before the first step; the steps then let all of the network settle, slowly.
    Learned emotions stay near the one of that run: a vector for each of so few frames would take
    over what sound tells.
    """
    return studio().replace(
        stages=(
            Stage(
                name=ADAPT,
                steps=300,
                weights=CPU_REGRESSION_WEIGHTS,
                groups={"network": 1.0},
                schedule=Schedule(kind="cosine", warmup_steps=50, final_factor=0.02),
            ),
        ),
        train={"learning_rate": 1e-4, "ema_decay": 0.98, "preview_every": 0},
    )


def studio_diffusion() -> AudioToFaceConfig:
    """Diffusion of studio actors in twenty minutes of one core, at thirty frames a second.

    Hears 0.3 s either way through log-mel. Coefficients have units of their own, eyes count little,
    and nothing smooths the upper face, which would be still otherwise.
    """
    return diffusion().replace(
        model={
            "diffusion": {
                "space": "coefficients",
                "coefficient_scale": "component",
                "context_layers": 4,
                "context_dropout": 0.1,
                "features": 128,
                "gru_features": 192,
            },
            "process": {"last_level_share": 0.3},
        },
        postprocessing=plain_postprocessing(),
        learning={
            # Recordings come in several voices: pitch need not be changed.
            "segments": {"fps": 30.0, "shortest": 60, "longest": 60, "pitch_chance": 0.0},
            "diffusion_terms": {"eye_weight": 0.1, "component_balance": 0.5},
        },
        stages=(
            Stage(
                name="train",
                steps=7000,
                weights={"diffusion": 10.0, "lip_distance": 3.0},
                groups={"network": 1.0},
                schedule=Schedule(kind="cosine", warmup_steps=50, final_factor=0.02),
            ),
        ),
        train={
            "learning_rate": 2e-3,
            "clip_norm": 1.0,
            "batch_size": 16,
            "accumulation": 1,
            "ema_decay": 0.998,
            **_CPU,
        },
    )


_CPU = {"log_every": 25, "preview_every": 1000, "evaluate_every": 0, "save_every": 1000}


def smoke() -> AudioToFaceConfig:
    """Seconds to minutes on a CPU: a small network on the smallest studio set."""
    return studio().replace(
        preprocessing={"max_added_poses": 60},
        model={"regression": {"features": 64}},
        stages=(
            Stage(
                name="train",
                steps=1200,
                weights=CPU_REGRESSION_WEIGHTS,
                groups={"network": 1.0},
                schedule=Schedule(kind="cosine", warmup_steps=50, final_factor=0.02),
            ),
        ),
        train={
            "batch_size": 16,
            "log_every": 20,
            "preview_every": 600,
            "save_every": 600,
            "ema_decay": 0.99,
        },
    )


PROFILES: Mapping[str, Callable[[], AudioToFaceConfig]] = {
    "default": regression,
    "regression": regression,
    "diffusion": diffusion,
    "studio": studio,
    "adapt": adapt,
    "studio-diffusion": studio_diffusion,
    "smoke": smoke,
}
