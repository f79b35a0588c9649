"""Small configuration directories in the form of the reference, written for the tests."""

from __future__ import annotations

from pathlib import Path

DATASET = '''"""Where the recordings of two made-up actors lie."""
_ROOT = "/data/band"

AUDIO_ROOT = {"ann": _ROOT + "/ann/audio", "bob": _ROOT + "/bob/audio"}
SKIN_CACHE_ROOT = {
    "ann": "/data/band/ann/cache/skin",
    "bob": "/data/band/bob/cache/skin",
}
SKIN_NEUTRAL_FPATH = {"ann": "/data/band/ann/geom/skin/neutral_pose.npy"}
SKIN_LIP_DIST_VERTEX_LIST_FPATH = {"ann": "/data/band/ann/geom/skin/lip_dist_vertex_list.json"}
SHOT_EMOTION_NAMES = ["neutral", "joy", "anger"]
SHOT_EMOTION_MAP = [("ann", "take_7", "joy")]
CACHE_FPS = {"ann": 30.0, "bob": 60 / 2}
ACTOR_NAMES = ["ann", "bob"]
TRANSFORM_SCALE = {"ann": {"skin": 1.0, "tongue": 1.0, "jaw": 2.0, "eye": 1.0}}
'''
PREPROCESSING = """RUN_NAME = "first"
SKIN_PRUNE_SIM_DIST = 4.0 / 2
SKIN_FORCE_COMPONENTS = {"ann": 40}
"""
TRAIN = """NETWORK_TYPE = "diffusion"
NETWORK_VERSION = "3.1"
RATE: int = 16000
PREPROC_RUN_NAME_FULL = {"ann": "XXXXXX_XXXXXX_first"}
AUDIO_PARAMS = {"padding_left": 2 * 8000}
CLIPS = [
    ("ann", "take_1", (0, 99), "ann", "en", "take_1.wav", 0),  # the whole shot
    ("bob", "take_2", (10, 59), "bob", "zh", "take_2.wav", -2),
]
AUG_MUTED_SHOTS = [("ann", ("take_1", 3), 120, "neutral")]
NETWORK_HYPER_PARAMS = {"gru_feature_dim": 2 ** 7}
LOSS_LIP_DIST_ALPHA = 1e-5
LEARNING_RATE = -(-0.001) * 0.2
LOSS_VELOCITY_ALPHA = None
""".replace("RATE: int = 16000\n", "")
INFERENCE = """TIMESTEP_RESPACING = "2"
CONFIG = {"tongue_strength": 1.25}
"""
REGRESSION = """NETWORK_TYPE = "regression"
NETWORK_VERSION = "2.3"
AUDIO_PARAMS = {"buffer_ofs": 8320 // 2}
CLIPS = [("ann", "take_1", (0, 99), "ann", "en", "take_1.wav", 0)]
NUM_EPOCHS = 40
LOSS_LIP_DIST_ALPHA = 1e2
LOSS_PHONEME_ALPHA = None
LOSS_PHONEME_MOTION_ALPHA = None
"""


def write_reference(folder: Path, **files: str) -> Path:
    """A directory with the diffusion configuration; ``train="…"`` replaces a file, "" omits it."""
    texts = {
        "dataset": DATASET,
        "preproc": PREPROCESSING,
        "train": TRAIN,
        "inference": INFERENCE,
        **files,
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        if text:
            (folder / f"config_{name}.py").write_text(text, encoding="utf-8")
    return folder


def write_regression(folder: Path, **files: str) -> Path:
    """The same with one actor and a regression network, without the two optional files."""
    dataset = DATASET.replace('ACTOR_NAMES = ["ann", "bob"]', 'ACTOR_NAMES = ["ann"]')
    texts = {"dataset": dataset, "preproc": "", "train": REGRESSION, "inference": "", **files}
    return write_reference(folder, **texts)
