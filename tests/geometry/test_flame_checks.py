"""What the checks of a FLAME folder find, and that they never raise for bad files."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.errors import MissingError
from likeness.geometry.flame_assets import load_flame
from likeness.geometry.flame_checks import check_assets, contour_gaps


def codes(folder) -> dict[str, str]:
    return {finding.code: finding.severity for finding in check_assets(folder)}


def test_checks_of_a_sound_folder(original) -> None:
    assert codes(original) == {
        "model-sizes-differ": "advice",
        "no-mediapipe": "advice",
        "texture-found": "advice",
    }


def test_checks_find_triangle_numbers_off_by_one(folder) -> None:
    content = np.load(folder / "landmark_embedding.npy", allow_pickle=True).item()
    for key in ("static", "full"):
        name = f"{key}_lmk_faces_idx"
        content[name] = np.maximum(np.asarray(content[name]) - 1, 0)
    np.save(folder / "landmark_embedding.npy", content, allow_pickle=True)
    assert codes(folder)["embedding-not-symmetric"] == "warning"


def test_checks_find_a_negated_contour(folder) -> None:
    toy = load_flame(folder)
    assert contour_gaps(toy, 39, 39).mean() < 2e-3
    assert contour_gaps(toy, 39, 78).mean() > 10e-3
    content = np.load(folder / "landmark_embedding.npy", allow_pickle=True).item()
    order = np.concatenate([[0], np.arange(40, 79), np.arange(1, 40)])
    for part in ("faces_idx", "bary_coords"):
        content[f"dynamic_lmk_{part}"] = content[f"dynamic_lmk_{part}"][order]
    np.save(folder / "landmark_embedding.npy", content, allow_pickle=True)
    assert codes(folder)["contour-sign"] == "warning"


def test_checks_find_exchanged_eyelids_and_bad_textures(folder) -> None:
    left, right = folder / "l_eyelid.npy", folder / "r_eyelid.npy"
    data = left.read_bytes()
    left.write_bytes(right.read_bytes())
    right.write_bytes(data)
    np.savez(folder / "FLAME_texture.npz", mean=np.zeros((4, 4, 3)))
    found = codes(folder)
    assert found["eyelid-sides"] == "warning"
    assert found["texture-unusable"] == "error"


def test_checks_report_an_unusable_model_without_raising(folder, tmp_path) -> None:
    (folder / "generic_model.pkl").write_bytes(b"damaged")
    assert codes(folder) == {"model-unusable": "error"}
    with pytest.raises(MissingError, match=r"There is no folder .*generic_model"):
        check_assets(tmp_path / "nowhere")
