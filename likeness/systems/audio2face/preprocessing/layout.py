"""Where the files of a preprocessed actor lie: the layout of the Audio2Face-3D training framework.

Files it does not have are marked with "ours"; they carry what its training reads from the dataset
once more.
"""

from __future__ import annotations

SKIN_SHAPES = "pca/skin/skin_pca_shapes.npz"
SKIN_COEFFICIENTS = "pca/skin/skin_pca_coeffs_all.npz"
SKIN_PRUNED = "pca/skin/intermediate/skin_pruned_poses_sim.json"
SKIN_CHOSEN = "pca/skin/intermediate/skin_pruned_poses_pca_final.json"
SKIN_POSES = "pca/skin/intermediate/skin_cache_all.npy"
SKIN_INTERMEDIATE = "pca/skin/intermediate/skin_pca_shapes_inter.npz"
TONGUE_SHAPES = "pca/tongue/tongue_pca_shapes.npz"
TONGUE_COEFFICIENTS = "pca/tongue/tongue_pca_coeffs_all.npz"
TONGUE_INTERMEDIATE = "pca/tongue/intermediate/tongue_pca_shapes_inter.npz"
TONGUE_TRANSFORMS = "pca/tongue/tongue_rigid_transforms.npz"
"""Ours: shot to (F, 3, 4), rotation and translation that were applied to every frame."""
NETWORK_DATA = "deploy/network_data.npz"
DATA_INFO = "deploy/data_info.json"
SHOTS = "deploy/shots.json"
CLIPS_TEMPLATE = "deploy/clips_template.py"
CLIPS = "deploy/clips.csv"
"""Ours: the same clips, as a table."""
MEAN_GEOMETRY = "deploy/mean_geometry.npy"
VERTEX_LISTS = "deploy/vertex_lists.json"
"""Ours: the vertex lists of losses."""
JAW = "xform/jaw_keypoints_cache_all.npz"
"""Ours: shot to (F, N, 3), as in a dataset."""
EYES = "xform/eye_rotations_all.npz"
"""Ours: shot to (F, 2, 2), as in a dataset."""
ACTOR_INFO = "configs/actor_info.json"
STATE = "configs/state.json"
VERSION = "configs/VERSION.md"
RUN_INFO = "configs/info.txt"
SETTINGS = "configs/config_preproc_full.json"
SETTINGS_CHANGED = "configs/config_preproc_modifier.json"
REPORT = "report.json"
"""Ours: what was left out, the error curve of the choice and what the bases cannot show."""
FINISHED = "configs/preparation.json"
"""Ours: written last; fingerprint of what the folder was made of, and which parts are zeros."""

PLACEHOLDER = "placeholder"
"""The only array in the file of coefficients of a part that the actor lacks."""

REPLACEABLE = {
    "skin_shapes": SKIN_SHAPES,
    "skin_coefficients": SKIN_COEFFICIENTS,
    "tongue_shapes": TONGUE_SHAPES,
    "tongue_coefficients": TONGUE_COEFFICIENTS,
    "data_info": DATA_INFO,
    "shots": SHOTS,
}
"""What may be read from elsewhere (SKIN_PCA_SHAPES_FPATH, …): name to its usual place."""


def blendshape_files(part: str, actor: str) -> tuple[str, str]:
    """Shapes and settings of the solver of a part, "skin" or "tongue"."""
    return f"deploy/bs_{part}_{actor}.npz", f"deploy/bs_{part}_config_{actor}.json"
