"""The parameters of the reference's configurations with their defaults, as data.

Facts of the public NVIDIA Audio2Face-3D Training Framework 1.0.1: its six base modules. A
configuration directory of a user holds what differs from them; :mod:`.reference_config` merges.
Tuples are lists here, as they are after the reference has passed them on as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Base = Mapping[str, Any]

ACTOR_PATHS = (
    "AUDIO_ROOT",
    "SKIN_CACHE_ROOT",
    "SKIN_NEUTRAL_FPATH",
    "SKIN_NEUTRAL_INFERENCE_FPATH",
    "SKIN_LIP_OPEN_POSE_DELTA_FPATH",
    "SKIN_EYE_CLOSE_POSE_DELTA_FPATH",
    "SKIN_LIP_DIST_VERTEX_LIST_FPATH",
    "SKIN_LIP_SIZE_VERTEX_LIST_FPATH",
    "SKIN_EYE_DIST_VERTEX_LIST_FPATH",
    "TONGUE_CACHE_ROOT",
    "TONGUE_NEUTRAL_FPATH",
    "TONGUE_NEUTRAL_INFERENCE_FPATH",
    "TONGUE_RIGID_VERTEX_LIST_FPATH",
    "JAW_KEYPOINTS_NEUTRAL_FPATH",
    "JAW_ANIM_DATA_FPATH",
    "EYE_ANIM_DATA_FPATH",
    "EYE_BLINK_KEYS_FPATH",
    "EYE_SACCADE_ROTATIONS_FPATH",
    "BLENDSHAPE_SKIN_FPATH",
    "BLENDSHAPE_SKIN_CONFIG_FPATH",
    "BLENDSHAPE_TONGUE_FPATH",
    "BLENDSHAPE_TONGUE_CONFIG_FPATH",
)
"""Parameters of ``config_dataset`` that map an actor to a path."""

ARTEFACT_PATHS = (
    "SKIN_PCA_COEFFS_FPATH",
    "SKIN_PCA_SHAPES_FPATH",
    "TONGUE_PCA_COEFFS_FPATH",
    "TONGUE_PCA_SHAPES_FPATH",
    "DATA_INFO_FPATH",
    "SHOT_LIST_FPATH",
)
"""Parameters of ``config_train`` that map an actor to one artefact of preprocessing."""

DATASET: Base = {
    **{name: {} for name in ACTOR_PATHS},
    "SHOT_EMOTION_NAMES": ["neutral"],
    "SHOT_EMOTION_MAP": [],
    "CACHE_FPS": {},
    "ACTOR_NAMES": [],
    "TRANSFORM_SCALE": {},
}

PREPROCESSING: Base = {
    "RUN_NAME": "default",
    "RUN_INFO": "",
    "SKIN_PRUNE_CACHE_ROOT": {},
    "SKIN_PRUNE_MESH_MASK_FPATH": {},
    "SKIN_CACHE_SHOTS": {},
    "SKIN_PRUNE_CACHE_SHOTS": {},
    "SKIN_FORCE_COMPONENTS": {},
    "SKIN_PRUNE_SIM_DIST": 4.0,
    "SKIN_SELECT_DISTINCT_MAX_ITER": 787,
    "SKIN_PCA_VARIANCE_THRESHOLD": 0.9995,
    "TONGUE_CACHE_SHOTS": {},
    "TONGUE_FORCE_COMPONENTS": {},
    "TONGUE_PCA_VARIANCE_THRESHOLD": 0.9995,
    "DEFAULT_JAW_KEYPOINTS_SHAPE": [5, 3],
    "DEFAULT_EYE_BLINK_KEYS_SHAPE": [10],
    "DEFAULT_EYE_SACCADE_ROT_SHAPE": [5000, 2],
    "DEFAULT_TONGUE_PCA_SHAPE": [10, 520, 3],
    "PREPROC_OUTPUT_ROOT": "/workspace/output_preproc",
    "VERBOSE": False,
}

_TRAIN: Base = {
    "RUN_NAME": "default",
    "RUN_INFO": "",
    "NETWORK_VERSION": "0.1",
    "PREPROC_ROOT": "/workspace/output_preproc",
    "PREPROC_RUN_NAME_FULL": {},
    **{name: {} for name in ARTEFACT_PATHS},
    "AUDIO_PREPROC_METHOD": "w2v",
    "CLIPS": [],
    "AUG_MUTED_SHOTS": [],
    "AUG_MUTED_SKIN_IS_NEUTRAL_FOR_NEUTRAL_EMO": True,
    "AUG_MUTED_TONGUE_IS_NEUTRAL": False,
    "AUG_MUTED_AUDIO_NOISE_TYPE": "mic",
    "AUG_MUTED_AUDIO_NOISE_SCALE": 0.1,
    "AUG_MUTED_AUDIO_NOISE_LOCAL_SCALE_RANGE": [0.0, 1.0],
    "PRETRAINED_NET_FPATH": None,
    "LOSS_LIP_DIST_EMO_WEIGHTS": None,
    "TRAIN_OUTPUT_ROOT": "/workspace/output_train",
    "FINAL_DEPLOY_ROOT": "/workspace/output_deploy",
    "TORCH_CACHE_ROOT": "/workspace/torch_cache",
    "SHOT_EMOTION_NAME_FOR_ALL_ZEROS": "neutral",
    "DEFAULT_SHOT_EMOTION_NAME": "neutral",
    "REPRODUCIBLE": True,
    "RNG_SEED_TORCH": 42,
    "RNG_SEED_DATASET": 43,
    "AUDIO_DATA_CACHING": True,
    "PHONEME_DATA_CACHING": True,
    "TARGET_OBJECTS_TO_CUDA": True,
}

TRAIN_REGRESSION: Base = {
    **_TRAIN,
    "NETWORK_TYPE": "regression",
    "TARGET_CHANNELS": ["skin_coeffs", "tongue_coeffs", "jaw", "eye"],
    "TARGET_FPS": 30.0,
    "RESCALE_TARGET_CHANNEL_DATA": False,
    "AUDIO_PARAMS": {"buffer_len": 8320, "buffer_ofs": 4160, "samplerate": 16000},
    "SEQ_LEN": 2,
    "SEQ_STRIDE": 1,
    "REMOVE_CLOSING_EYE": True,
    "EYE_DIST_THRESHOLD": 0.35,
    "PHONEME_FORCING_LANGS": ["en"],
    "PHONEME_PROB_TEMPERATURE": 1.0,
    "AUGMENT": {"timeshift": 1.0},
    "NETWORK_NAME": "conv_w2v_autocorr",
    "NETWORK_HYPER_PARAMS": {
        "use_w2v_features": True,
        "use_autocorr_features": True,
        "w2v_freeze": True,
        "w2v_num_layers": 1,
        "autocorr_params": {
            "num_autocorr": 32,
            "num_windows": 25,
            "win_len": 640,
            "win_stride": 320,
            "preemph": 0.0,
            "remove_dc": True,
            "win_func": "hanning",
        },
        "implicit_emotion_len": 16,
        "explicit_emo_emb_len": 8,
    },
    "EMO_INIT_SIGMA": 0.01,
    "BATCH_SIZE": 32,
    "NUM_EPOCHS": 50,
    "LEARNING_RATE": 2e-4,
    "EMO_LR_MULT": 1.0,
    "LR_STEP_GAMMA": 0.994,
    "LOSS_MSE_ALPHA": 1.0,
    "LOSS_MOTION_ALPHA": 10.0,
    "LOSS_EMO_REG_ALPHA": 1.0,
    "LOSS_LIP_DIST_ALPHA": 100.0,
    "LOSS_LIP_DIST_EXP": 1.0,
    "LOSS_LIP_SIZE_ALPHA": None,
    "LOSS_LIP_SIZE_EMO_WEIGHTS": None,
    "LOSS_VOL_STAB_REG_ALPHA": 100.0,
    "LOSS_VOL_STAB_REG_EXP": 5000.0,
    "LOSS_PHONEME_ALPHA": 0.1,
    "LOSS_PHONEME_SIL_WEIGHT": 1.0,
    "LOSS_PHONEME_MOTION_ALPHA": 0.05,
    "COMPACTIFY_IMPLICIT_EMO_DB": False,
    "LOG_PERIOD": 50,
    "TARGET_DATA_CACHING": True,
}

_STREAMING: Base = {
    "audio_pad_left": 16000,
    "audio_pad_right": 16000,
    "window_size": 16000,
}

TRAIN_DIFFUSION: Base = {
    **_TRAIN,
    "NETWORK_TYPE": "diffusion",
    "MEAN_GEOMETRY_FPATH": {},
    "TARGET_CHANNELS": ["skin_pose", "tongue_pose", "jaw", "eye"],
    "TARGET_FPS": 60.0,
    "RESCALE_TARGET_CHANNEL_DATA": True,
    "TRAIN_ON_RANDOM_SUBSEGMENT": True,
    "SUBSEGMENT_MIN_FRAME": 30,
    "SUBSEGMENT_MAX_FRAME": 600,
    "AUDIO_PARAMS": {
        "buffer_len": 16000,
        "padding_left": 16000,
        "padding_right": 16000,
        "samplerate": 16000,
    },
    "NO_STANDARDIZE_AUDIO": True,
    "AUGMENT": {
        "timeshift": 0.0,
        "pitch_shift": {"min_semitones": -2, "max_semitones": 2, "p": 0.2},
    },
    "NETWORK_NAME": "diffusion_rnn",
    "NETWORK_HYPER_PARAMS": {
        "feature_dim": 256,
        "jaw_latent_dim": 15,
        "tongue_latent_dim": 10,
        "eye_latent_dim": 4,
        "gru_feature_dim": 256,
        "num_gru_layers": 2,
        "emo_embedding_dim": 32,
        "actor_embedding_dim": 32,
        "hubert_feature_dim": 768,
    },
    "DIFFUSION_STEPS": 1000,
    "DIFFUSION_NOISE_SCHEDULE": "cosine",
    "TIMESTEP_RESPACING": "",
    "STREAMING_CFG": {
        "60": {**_STREAMING, "left_truncate": 15, "right_truncate": 15, "block_frame_size": 30},
        "30": {**_STREAMING, "left_truncate": 7, "right_truncate": 8, "block_frame_size": 15},
    },
    "BATCH_SIZE": 1,
    "NUM_EPOCHS": 400,
    "LEARNING_RATE": 5e-5,
    "GRADIENT_ACCUMULATION_STEPS": 4,
    "LOSS_MOTION_ALPHA": 0.0,
    "LOSS_LIP_DIST_ALPHA": 1e-5,
    "LOSS_VELOCITY_ALPHA": 0.0,
    "LOSS_EXP_SMOOTH_ALPHA": 25.0,
    "LOSS_LIP_DIST_EXP": 10.0,
    "TONGUE_WEIGHT": 0.1,
    "JAW_WEIGHT": 1.0,
    "LOG_PERIOD": 10,
    "TARGET_DATA_CACHING": False,
}

_POSTPROCESSING: Base = {
    "input_strength": 1.3,
    "upper_face_smoothing": 0.001,
    "lower_face_smoothing": 0.0023,
    "upper_face_strength": 1.0,
    "lower_face_strength": 1.7,
    "face_mask_level": 0.6,
    "face_mask_softness": 0.0085,
    "skin_strength": 1.1,
    "blink_strength": 1.0,
    "lower_teeth_strength": 1.3,
    "lower_teeth_height_offset": -0.1,
    "lower_teeth_depth_offset": 0.25,
    "lip_open_offset": -0.05,
    "tongue_strength": 1.5,
    "tongue_height_offset": 0.2,
    "tongue_depth_offset": -0.3,
    "eyeballs_strength": 1.0,
    "saccade_strength": 0.9,
    "right_eye_rot_x_offset": 0.0,
    "right_eye_rot_y_offset": -2.0,
    "left_eye_rot_x_offset": 0.0,
    "left_eye_rot_y_offset": 2.0,
    "eyelid_open_offset": 0.06,
    "eye_saccade_seed": 0,
}

INFERENCE_REGRESSION: Base = {
    "CONFIG": {**_POSTPROCESSING, "source_shot": None, "source_frame": None},
}

INFERENCE_DIFFUSION: Base = {
    "CONFIG": {**_POSTPROCESSING, "upper_face_smoothing": 0.003},
    "CONDITION": None,
    "ACTOR_NAME": None,
    "EMOTION_LABEL": None,
    "TIMESTEP_RESPACING": None,
    "AUDIO_PATH": None,
    "NUM_DIFFUSION_STEPS": 2,
    "SKIP_STEPS": 0,
    "USE_DDIM": False,
    "INFERENCE_MODE": None,
    "DETERMINISTIC_NOISE_PATH": None,
    "INFERENCE_OUTPUT_ROOT": "/workspace/output_inference",
    "OUTPUT_MAYA_CACHE": True,
    "OUTPUT_NPY_FILE": False,
    "USE_PER_FRAME_EMO_LABEL": True,
    "USE_EXTERNAL_NOISE_INPUT": True,
    "USE_DELTA_OUTPUT": True,
}

BASES: Mapping[str, Mapping[str, Base]] = {
    "regression": {
        "dataset": DATASET,
        "preproc": PREPROCESSING,
        "train": TRAIN_REGRESSION,
        "inference": INFERENCE_REGRESSION,
    },
    "diffusion": {
        "dataset": DATASET,
        "preproc": PREPROCESSING,
        "train": TRAIN_DIFFUSION,
        "inference": INFERENCE_DIFFUSION,
    },
}
"""Network type to file (``config_<file>.py``) to its base."""
