"""What every parameter of the reference is called here, or why it has no counterpart.

Owns the vocabulary of the import; :mod:`.reference_import` carries values over. A path such as
``train/AUDIO_PARAMS/buffer_len`` names a file, a parameter and the keys below it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from likeness.systems.audio2face.reference_bases import ACTOR_PATHS, ARTEFACT_PATHS, BASES

DATASET = "dataset:"
"""Begins keys of the dataset's own description, ``dataset.yaml``; others are of the run's
configuration. ``*`` stands for an actor."""
STAGE = "stages.train"
"""The one stage an imported configuration has."""


@dataclass(frozen=True)
class Counterpart:
    """A key of ours, or the reason why there is none."""

    key: str | None
    reason: str = ""


ACTOR_FIELDS = dict(
    zip(
        ACTOR_PATHS,
        (
            "audio",
            "skin_caches",
            "skin_neutral",
            "skin_neutral_inference",
            "lip_open_delta",
            "eye_close_delta",
            "lip_distance_list",
            "lip_size_list",
            "eye_distance_list",
            "tongue_caches",
            "tongue_neutral",
            "tongue_neutral_inference",
            "tongue_rigid_list",
            "jaw_neutral",
            "jaw_animation",
            "eye_animation",
            "blink_keys",
            "saccades",
            "blendshapes",
            "blendshape_settings",
            "tongue_blendshapes",
            "tongue_blendshape_settings",
        ),
        strict=True,
    )
)
"""Parameter that maps an actor to a path, to the field of the actor in ``dataset.yaml``."""

_ARTEFACT = "preprocessed actors lie together and are found by 'data.prepared'"
_ROOTS = "runs, packages and downloads have places of their own; nothing is fixed"
_ONE_STREAM = "'train.seed' decides every draw"
_FEATURES = "follows from the encoder and 'learning.segments.fps'"
_PREDICT = "is said to 'likeness predict', beside the files"
_EXPORT = (
    "packages give differences from the neutral, with an emotion for each frame and an input for "
    "the noise: the runtime takes no others"
)
_CACHING = "what is kept in memory is decided by its size; it changes no result"

_WEIGHTS_REGRESSION = {
    "LOSS_MSE_ALPHA": "mse",
    "LOSS_MOTION_ALPHA": "motion",
    "LOSS_EMO_REG_ALPHA": "emotion_regularisation",
    "LOSS_LIP_DIST_ALPHA": "lip_distance",
    "LOSS_LIP_SIZE_ALPHA": "lip_size",
    "LOSS_VOL_STAB_REG_ALPHA": "volume_stability",
    "LOSS_PHONEME_ALPHA": "phoneme",
    "LOSS_PHONEME_MOTION_ALPHA": "phoneme_motion",
}
_WEIGHTS_DIFFUSION = {
    "LOSS_LIP_DIST_ALPHA": "lip_distance",
    "LOSS_VELOCITY_ALPHA": "velocity",
    "LOSS_EXP_SMOOTH_ALPHA": "expression_smooth",
}
WEIGHTS: Mapping[str, Mapping[str, str]] = {
    "regression": _WEIGHTS_REGRESSION,
    "diffusion": _WEIGHTS_DIFFUSION,
}
"""Network type to parameter to the loss term it weighs; None there is 0 here."""

_KEYS: dict[str, str] = {
    **{f"dataset/{name}": f"{DATASET}actors.*.{field}" for name, field in ACTOR_FIELDS.items()},
    "dataset/SHOT_EMOTION_NAMES": f"{DATASET}emotions",
    "dataset/SHOT_EMOTION_MAP": f"{DATASET}shot_emotions.*",
    "dataset/CACHE_FPS": f"{DATASET}actors.*.fps",
    "dataset/TRANSFORM_SCALE": f"{DATASET}actors.*.transform_scale",
    "dataset/ACTOR_NAMES": "data.actors",
    "preproc/RUN_INFO": "preprocessing.run_info",
    "preproc/SKIN_PRUNE_CACHE_ROOT": "preprocessing.actors.*.prune_caches",
    "preproc/SKIN_PRUNE_MESH_MASK_FPATH": "preprocessing.actors.*.prune_mask",
    "preproc/SKIN_CACHE_SHOTS": "preprocessing.actors.*.shots",
    "preproc/SKIN_PRUNE_CACHE_SHOTS": "preprocessing.actors.*.prune_shots",
    "preproc/SKIN_FORCE_COMPONENTS": "preprocessing.actors.*.components",
    "preproc/SKIN_PRUNE_SIM_DIST": "preprocessing.similarity_radius",
    "preproc/SKIN_SELECT_DISTINCT_MAX_ITER": "preprocessing.max_added_poses",
    "preproc/SKIN_PCA_VARIANCE_THRESHOLD": "preprocessing.variance_threshold",
    "preproc/TONGUE_CACHE_SHOTS": "preprocessing.actors.*.tongue_shots",
    "preproc/TONGUE_FORCE_COMPONENTS": "preprocessing.actors.*.tongue_components",
    "preproc/TONGUE_PCA_VARIANCE_THRESHOLD": "preprocessing.tongue_variance_threshold",
    "preproc/DEFAULT_JAW_KEYPOINTS_SHAPE": "preprocessing.placeholders.jaw_points",
    "preproc/DEFAULT_EYE_BLINK_KEYS_SHAPE": "preprocessing.placeholders.blink_keys",
    "preproc/DEFAULT_EYE_SACCADE_ROT_SHAPE": "preprocessing.placeholders.saccades",
    "preproc/DEFAULT_TONGUE_PCA_SHAPE": "preprocessing.placeholders.tongue",
    "train/NETWORK_VERSION": "model.version",
    "train/NETWORK_TYPE": "model.network",
    "train/AUDIO_PREPROC_METHOD": "audio.method",
    "train/CLIPS": f"{DATASET}clips",
    "train/AUG_MUTED_SHOTS": "data.muted_shots",
    "train/AUG_MUTED_SKIN_IS_NEUTRAL_FOR_NEUTRAL_EMO": "muted.skin_is_neutral",
    "train/AUG_MUTED_TONGUE_IS_NEUTRAL": "muted.tongue_is_neutral",
    "train/AUG_MUTED_AUDIO_NOISE_TYPE": "muted.noise",
    "train/AUG_MUTED_AUDIO_NOISE_SCALE": "muted.noise_scale",
    "train/AUG_MUTED_AUDIO_NOISE_LOCAL_SCALE_RANGE": "muted.noise_local_range",
    "train/BATCH_SIZE": "train.batch_size",
    "train/NUM_EPOCHS": f"{STAGE}.epochs",
    "train/LEARNING_RATE": "train.learning_rate",
    "train/SHOT_EMOTION_NAME_FOR_ALL_ZEROS": "data.zero_emotion",
    "train/DEFAULT_SHOT_EMOTION_NAME": f"{DATASET}default_emotion",
    "train/LOG_PERIOD": "train.log_every",
    "train/RNG_SEED_TORCH": "train.seed",
    "train/PRETRAINED_NET_FPATH": "model.published_weights",
    "train/AUDIO_DATA_CACHING": "audio.keeps_decoded",
}

_REASONS: dict[str, str] = {
    "preproc/PREPROC_OUTPUT_ROOT": _ROOTS,
    "preproc/VERBOSE": "'likeness COMMAND --debug' logs more",
    "train/RUN_NAME": "begins the name of the run's folder: 'likeness train audio2face --name'",
    "train/RUN_INFO": "the run's folder tells what was done; a note may lie in it as a file",
    "train/PREPROC_ROOT": _ARTEFACT,
    "train/PREPROC_RUN_NAME_FULL": _ARTEFACT,
    **{f"train/{name}": _ARTEFACT for name in (*ARTEFACT_PATHS, "MEAN_GEOMETRY_FPATH")},
    "train/TARGET_CHANNELS": "every network predicts skin, tongue, jaw and eyes",
    "train/RESCALE_TARGET_CHANNEL_DATA": "follows from 'model.network'",
    "train/NETWORK_NAME": "follows from 'model.network'",
    "train/TRAIN_OUTPUT_ROOT": _ROOTS,
    "train/FINAL_DEPLOY_ROOT": _ROOTS,
    "train/TORCH_CACHE_ROOT": "nothing is downloaded; weights lie where 'encoder_path' says",
    "train/REPRODUCIBLE": "every run is, on a CPU bit for bit",
    "train/RNG_SEED_DATASET": _ONE_STREAM,
    "train/PHONEME_DATA_CACHING": _CACHING,
    "train/TARGET_DATA_CACHING": _CACHING,
    "train/TARGET_OBJECTS_TO_CUDA": _CACHING,
    "train/AUDIO_PARAMS/samplerate": "networks hear 16 kHz",
    "preproc/RUN_NAME": "a prepared actor lies in a folder of its own name, which is found again",
}

_AUTOCORRELATION = "train/NETWORK_HYPER_PARAMS/autocorr_params"
_REGRESSION_KEYS: dict[str, str] = {
    "train/AUDIO_PARAMS/buffer_len": "model.regression.window",
    "train/SEQ_LEN": "learning.sampling.sequence_length",
    "train/SEQ_STRIDE": "learning.sampling.sequence_stride",
    "train/REMOVE_CLOSING_EYE": "learning.terms.removes_closed_eyes",
    "train/EYE_DIST_THRESHOLD": "learning.terms.eye_threshold",
    "train/PHONEME_FORCING_LANGS": "learning.phonemes.languages",
    "train/PHONEME_PROB_TEMPERATURE": "learning.phonemes.temperature",
    "train/AUGMENT/timeshift": "learning.sampling.timeshift",
    "train/NETWORK_HYPER_PARAMS/use_w2v_features": "model.regression.uses_encoder",
    "train/NETWORK_HYPER_PARAMS/use_autocorr_features": "model.regression.uses_autocorrelation",
    "train/NETWORK_HYPER_PARAMS/w2v_freeze": "model.regression.freezes_encoder",
    "train/NETWORK_HYPER_PARAMS/w2v_num_layers": "model.regression.encoder_layers",
    f"{_AUTOCORRELATION}/num_autocorr": "model.regression.autocorrelation.num_lags",
    f"{_AUTOCORRELATION}/win_len": "model.regression.autocorrelation.window",
    f"{_AUTOCORRELATION}/win_stride": "model.regression.autocorrelation.stride",
    f"{_AUTOCORRELATION}/preemph": "model.regression.autocorrelation.preemphasis",
    f"{_AUTOCORRELATION}/remove_dc": "model.regression.autocorrelation.removes_mean",
    f"{_AUTOCORRELATION}/win_func": "model.regression.autocorrelation.window_shape",
    "train/NETWORK_HYPER_PARAMS/implicit_emotion_len": "model.regression.implicit_emotion_len",
    "train/NETWORK_HYPER_PARAMS/explicit_emo_emb_len": (
        "model.regression.explicit_emotion_embedding"
    ),
    "train/EMO_INIT_SIGMA": "learning.emotion_sigma",
    "train/EMO_LR_MULT": f"{STAGE}.groups.emotions",
    "train/LR_STEP_GAMMA": f"{STAGE}.schedule.final_factor",
    **{f"train/{name}": f"{STAGE}.weights.{term}" for name, term in _WEIGHTS_REGRESSION.items()},
    "train/LOSS_LIP_DIST_EXP": "learning.terms.lip_exponent",
    "train/LOSS_LIP_DIST_EMO_WEIGHTS": "learning.terms.lip_distance_weights",
    "train/LOSS_LIP_SIZE_EMO_WEIGHTS": "learning.terms.lip_size_weights",
    "train/LOSS_VOL_STAB_REG_EXP": "learning.terms.volume_exponent",
    "train/LOSS_PHONEME_SIL_WEIGHT": "learning.terms.silence_weight",
    "train/COMPACTIFY_IMPLICIT_EMO_DB": "learning.compact_emotions",
}
_REGRESSION_REASONS: dict[str, str] = {
    "train/AUDIO_PARAMS/buffer_ofs": "a pose belongs to the middle of its window",
    "train/TARGET_FPS": "a pose is predicted for any time; training takes the frames there are",
    f"{_AUTOCORRELATION}/num_windows": "follows from window, its length and its stride",
}

_STREAMING = "follows from 'learning.segments.fps'; 'model.windows' can say otherwise"
_DIFFUSION_KEYS: dict[str, str] = {
    "train/AUDIO_PARAMS/buffer_len": "model.windows.window",
    "train/AUDIO_PARAMS/padding_left": "model.windows.padding_left",
    "train/AUDIO_PARAMS/padding_right": "model.windows.padding_right",
    "train/NO_STANDARDIZE_AUDIO": "model.diffusion.standardises_audio",
    "train/NETWORK_HYPER_PARAMS/jaw_latent_dim": "model.diffusion.jaw_latent",
    "train/NETWORK_HYPER_PARAMS/tongue_latent_dim": "model.diffusion.tongue_latent",
    "train/NETWORK_HYPER_PARAMS/eye_latent_dim": "model.diffusion.eye_latent",
    "train/TARGET_FPS": "learning.segments.fps",
    "train/TRAIN_ON_RANDOM_SUBSEGMENT": "learning.segments.subsegment",
    "train/SUBSEGMENT_MIN_FRAME": "learning.segments.shortest",
    "train/SUBSEGMENT_MAX_FRAME": "learning.segments.longest",
    "train/AUGMENT/pitch_shift/min_semitones": "learning.segments.pitch_semitones",
    "train/AUGMENT/pitch_shift/max_semitones": "learning.segments.pitch_semitones",
    "train/AUGMENT/pitch_shift/p": "learning.segments.pitch_chance",
    "train/NETWORK_HYPER_PARAMS/feature_dim": "model.diffusion.features",
    "train/NETWORK_HYPER_PARAMS/gru_feature_dim": "model.diffusion.gru_features",
    "train/NETWORK_HYPER_PARAMS/num_gru_layers": "model.diffusion.gru_layers",
    "train/NETWORK_HYPER_PARAMS/emo_embedding_dim": "model.diffusion.emotion_embedding",
    "train/NETWORK_HYPER_PARAMS/actor_embedding_dim": "model.diffusion.identity_embedding",
    "train/DIFFUSION_STEPS": "model.process.steps",
    "train/DIFFUSION_NOISE_SCHEDULE": "model.process.schedule",
    "train/GRADIENT_ACCUMULATION_STEPS": "train.accumulation",
    **{f"train/{name}": f"{STAGE}.weights.{term}" for name, term in _WEIGHTS_DIFFUSION.items()},
    "train/LOSS_LIP_DIST_EXP": "learning.diffusion_terms.lip_exponent",
    "train/TONGUE_WEIGHT": "learning.diffusion_terms.tongue_weight",
    "train/JAW_WEIGHT": "learning.diffusion_terms.jaw_weight",
    "inference/TIMESTEP_RESPACING": "model.process.inference_steps",
}
_DIFFUSION_REASONS: dict[str, str] = {
    "train/AUGMENT/timeshift": "moving the sound against the face is refused by the reference too",
    "train/NETWORK_HYPER_PARAMS/hubert_feature_dim": _FEATURES,
    "train/TIMESTEP_RESPACING": "training takes every step",
    **{
        f"train/STREAMING_CFG/{rate}/{name}": _STREAMING
        for rate, settings in BASES["diffusion"]["train"]["STREAMING_CFG"].items()
        for name in settings
    },
    "train/LOSS_MOTION_ALPHA": "has no effect on diffusion in the reference; 'velocity' is that",
    "train/LOSS_LIP_DIST_EMO_WEIGHTS": "has no effect on diffusion in the reference",
    "inference/CONDITION": _PREDICT,
    "inference/ACTOR_NAME": _PREDICT,
    "inference/EMOTION_LABEL": _PREDICT,
    "inference/AUDIO_PATH": _PREDICT,
    "inference/NUM_DIFFUSION_STEPS": "follows from the steps of TIMESTEP_RESPACING",
    "inference/SKIP_STEPS": "no step is left out: denoising begins with noise, and packages say "
    "how many steps they make",
    "inference/USE_DDIM": "is refused by the reference's exporter",
    "inference/INFERENCE_MODE": _PREDICT,
    "inference/DETERMINISTIC_NOISE_PATH": "noise follows from 'likeness predict RUN seed=0'",
    "inference/INFERENCE_OUTPUT_ROOT": _PREDICT,
    "inference/OUTPUT_MAYA_CACHE": _PREDICT,
    "inference/OUTPUT_NPY_FILE": _PREDICT,
    "inference/USE_PER_FRAME_EMO_LABEL": _EXPORT,
    "inference/USE_EXTERNAL_NOISE_INPUT": _EXPORT,
    "inference/USE_DELTA_OUTPUT": _EXPORT,
}


def counterpart(network_type: str, path: str) -> Counterpart:
    """What a leaf of a base is here.

    Raises:
        KeyError: nothing is known of it, neither a key nor a reason.
    """
    name = path.removeprefix("inference/CONFIG/")
    if name != path:
        return Counterpart(f"postprocessing.{name}")
    keys, reasons = {
        "regression": (_REGRESSION_KEYS, _REGRESSION_REASONS),
        "diffusion": (_DIFFUSION_KEYS, _DIFFUSION_REASONS),
    }[network_type]
    for key in (keys.get(path), _KEYS.get(path)):
        if key is not None:
            return Counterpart(key)
    reason = reasons.get(path) or _REASONS.get(path)
    if reason is None:
        raise KeyError(path)
    return Counterpart(None, reason)


def base_leaves(network_type: str) -> Iterator[tuple[str, Any]]:
    """Path and value of every leaf of the bases of a network type."""

    def below(path: str, value: Any) -> Iterator[tuple[str, Any]]:
        if isinstance(value, Mapping) and value:
            for key, inner in value.items():
                yield from below(f"{path}/{key}", inner)
        else:
            yield path, value

    for file, base in BASES[network_type].items():
        for name, value in base.items():
            yield from below(f"{file}/{name}", value)
