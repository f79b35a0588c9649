from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from likeness.errors import DataError, UsageError
from likeness.geometry.animation import VertexAnimation
from likeness.geometry.frames import ArrayFrames
from likeness.systems.audio2face.artefacts import Pairs
from likeness.systems.audio2face.preprocessing import poses
from likeness.systems.audio2face.preprocessing.artefact_files import read_artefacts
from likeness.systems.audio2face.preprocessing.preparation import preprocess, preprocess_together
from likeness.systems.audio2face.preprocessing.settings import ActorChoices, PreprocessingSettings
from likeness.systems.audio2face.shots import Shot
from tests.systems.audio2face.preprocessing.recorded import (
    LENGTHS,
    NUM_TONGUE,
    NUM_VERTICES,
    animations,
    complete,
    minimal,
    skin_arrays,
    tongue_arrays,
)

SETTINGS = PreprocessingSettings(similarity_radius=0.5, tongue_radius=0.5)


def choosing(**choices: object) -> PreprocessingSettings:
    return SETTINGS.replace(actors={"bo": ActorChoices.model_validate(choices)})


def test_coefficients_show_every_frame_again(tmp_path: Path) -> None:
    actor = complete()
    found = preprocess(actor, SETTINGS.replace(variance_threshold=1.0), tmp_path / "bo")
    _, arrays = skin_arrays()
    neutral, _, still = tongue_arrays()
    np.testing.assert_array_equal(found.skin.mean, actor.skin_neutral)
    np.testing.assert_array_equal(found.tongue.mean, neutral)
    for basis, frames in ((found.skin, arrays), (found.tongue, still)):
        assert not basis.is_placeholder
        for name, array in frames.items():
            shown = np.einsum("fk,kvc->fvc", basis.coefficients[name], basis.shapes) + basis.mean
            tolerance = 1e-4 if basis is found.skin else 0.05 * np.abs(array).max()
            np.testing.assert_allclose(shown, array, atol=tolerance)


def test_layout_names_keys_and_shapes_are_the_reference_s(tmp_path: Path) -> None:
    found = preprocess(complete(), SETTINGS, tmp_path / "bo")
    k, kt = len(found.skin.shapes), len(found.tongue.shapes)
    v, vt = NUM_VERTICES, NUM_TONGUE
    shots = {f"shot{i}": n for i, n in enumerate(LENGTHS)}
    expected = {
        "pca/skin/skin_pca_shapes.npz": {"shapes_matrix": (k, v, 3), "shapes_mean": (v, 3)},
        "pca/skin/skin_pca_coeffs_all.npz": {name: (n, k) for name, n in shots.items()},
        "pca/tongue/tongue_pca_shapes.npz": {"shapes_matrix": (kt, vt, 3), "shapes_mean": (vt, 3)},
        "pca/tongue/tongue_pca_coeffs_all.npz": {name: (n, kt) for name, n in shots.items()},
        "pca/skin/intermediate/skin_pca_shapes_inter.npz": {
            "evecs_t": (3 * v, k),
            "evals_t": (k,),
            "mean": (3 * v,),
            "variance_threshold": (),
        },
        "pca/tongue/intermediate/tongue_pca_shapes_inter.npz": {
            "evecs": (3 * vt, kt),
            "evals": (kt,),
            "mean": (3 * vt,),
        },
        "deploy/network_data.npz": {
            "shapes_matrix_skin": (k, v, 3),
            "shapes_mean_skin": (v, 3),
            "neutral_skin": (v, 3),
            "lip_open_pose_delta": (v, 3),
            "eye_close_pose_delta": (v, 3),
            "shapes_matrix_tongue": (kt, vt, 3),
            "shapes_mean_tongue": (vt, 3),
            "neutral_tongue": (vt, 3),
            "neutral_jaw": (5, 3),
            "blink_keys": (12,),
            "saccade_rot_matrix": (5000, 2),
        },
    }
    for name, shapes in expected.items():
        with np.load(tmp_path / "bo" / name) as arrays:
            assert {key: arrays[key].shape for key in arrays} == shapes, name
            assert {arrays[key].dtype for key in arrays} == {np.dtype("<f4")}
            assert all(arrays[key].flags.c_contiguous for key in arrays)
        with zipfile.ZipFile(tmp_path / "bo" / name) as archive:
            assert {item.compress_type for item in archive.infolist()} == {zipfile.ZIP_STORED}
    mean = np.load(tmp_path / "bo/deploy/mean_geometry.npy")
    assert mean.dtype == np.float32
    assert mean.shape == (3 * v + 3 * vt + 15 + 4,)
    info = json.loads((tmp_path / "bo/deploy/data_info.json").read_text())
    channels = ("skin", "tongue", "jaw", "eye")
    assert info.keys() == {
        "num_shapes_skin",
        "num_verts_skin",
        "num_shapes_tongue",
        "num_verts_tongue",
        "num_keypoints_jaw",
        "num_angles_eye",
        *(f"{kind}_{channel}" for kind in ("translate", "scale") for channel in channels),
    }
    for name in (
        "deploy/shots.json",
        "deploy/clips_template.py",
        "deploy/bs_skin_bo.npz",
        "deploy/bs_skin_config_bo.json",
        "deploy/bs_tongue_bo.npz",
        "deploy/bs_tongue_config_bo.json",
        "configs/state.json",
        "configs/VERSION.md",
        "configs/info.txt",
        "configs/actor_info.json",
    ):
        assert (tmp_path / "bo" / name).is_file(), name


def test_the_files_are_those_the_documentation_names(tmp_path: Path) -> None:
    """All of the reference's but the four that the page says are not written, and ours."""
    folder = tmp_path / "bo"
    preprocess(complete(), SETTINGS, folder)
    written = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    page = Path(__file__).parents[4] / "docs" / "audio2face.md"
    _, _, rest = page.read_text().partition("<!-- files of a prepared actor -->\n```\n")
    block, _, _ = rest.partition("```")
    named = {line.split()[0].replace("ACTOR", "bo") for line in block.splitlines()}
    assert named == written | {"pca/tongue/tongue_rigid_transforms.npz"}
    absent = {"log.log", "configs/config_dataset_modifier.json", "configs/config_dataset_full.json"}
    assert not written & absent
    assert not list(folder.rglob("tongue_cache_stab"))


def test_chosen_poses_are_written_and_are_the_cached_frames(tmp_path: Path) -> None:
    actor = minimal()
    preprocess(actor, SETTINGS, tmp_path / "bo")
    folder = tmp_path / "bo/pca/skin/intermediate"
    pruned = json.loads((folder / "skin_pruned_poses_sim.json").read_text())
    chosen = json.loads((folder / "skin_pruned_poses_pca_final.json").read_text())
    assert list(pruned) == sorted(pruned)
    assert all(set(frames) <= set(pruned[shot]) for shot, frames in chosen.items())
    assert all(frames == sorted(set(frames)) for frames in chosen.values())
    _, arrays = skin_arrays()
    expected = np.concatenate(
        [arrays[s][chosen[s]] for s in (f"shot{i}" for i in range(3)) if s in chosen]
    )
    cached = np.load(folder / "skin_cache_all.npy")
    np.testing.assert_array_equal(cached, expected.reshape(len(expected), -1))
    # Without a neutral the mean of the chosen poses takes its place.
    found = read_artefacts(tmp_path / "bo")
    np.testing.assert_allclose(found.skin.mean, expected.mean(axis=0), atol=1e-5)
    np.testing.assert_array_equal(found.neutral_skin, found.skin.mean)


def test_missing_parts_are_the_documented_zeros(tmp_path: Path) -> None:
    found = preprocess(minimal(), SETTINGS, tmp_path / "bo")
    assert found.tongue.is_placeholder
    assert found.tongue.coefficients == {}
    zeros = {
        "tongue shapes": (found.tongue.shapes, (10, 520, 3)),
        "tongue mean": (found.tongue.mean, (520, 3)),
        "tongue neutral": (found.neutral_tongue, (520, 3)),
        "jaw": (found.jaw_neutral, (5, 3)),
        "blink": (found.blink_keys, (10,)),
        "saccades": (found.saccades, (5000, 2)),
        "lips": (found.lip_open_delta, (NUM_VERTICES, 3)),
        "lids": (found.eye_close_delta, (NUM_VERTICES, 3)),
    }
    for name, (array, shape) in zeros.items():
        assert array.shape == shape, name
        assert not array.any(), name
    assert found.jaw == found.eyes == {}
    assert found.lip_distance is found.lip_size is found.eye_distance is found.blendshapes is None
    with np.load(tmp_path / "bo/pca/tongue/tongue_pca_coeffs_all.npz") as arrays:
        assert {name: arrays[name].shape for name in arrays} == {"placeholder": (1, 10)}


def test_a_tongue_needs_cache_neutral_and_rigid_vertices(tmp_path: Path) -> None:
    for number, lacking in enumerate(
        ({"tongue": {}}, {"tongue_neutral": None}, {"tongue_rigid": None})
    ):
        actor = complete(tongue_blendshapes=None, **lacking)
        assert preprocess(actor, SETTINGS, tmp_path / f"{number}").tongue.is_placeholder


def test_a_shot_of_one_frame_is_no_placeholder(tmp_path: Path) -> None:
    neutral, arrays = skin_arrays()
    arrays["placeholder"] = arrays["shot0"][:1]
    shots = (*minimal().shots, Shot("bo", "placeholder", 1, 30.0, "neutral"))
    actor = minimal(skin=animations(arrays), shots=shots, skin_neutral=neutral)
    found = preprocess(actor, SETTINGS, tmp_path / "bo")
    assert found.skin.coefficients["placeholder"].shape == (1, len(found.skin.shapes))
    only = choosing(shots=["placeholder"])
    alone = preprocess(actor, only, tmp_path / "alone")
    assert not alone.skin.is_placeholder
    assert alone.skin.coefficients["placeholder"].any()


def test_choices_of_shots_and_components(tmp_path: Path) -> None:
    settings = choosing(
        shots=["shot2", "shot0"],
        prune_shots=["shot0"],
        components=3,
        tongue_shots=["shot2"],
        tongue_components=2,
    )
    found = preprocess(complete(), settings, tmp_path / "bo")
    assert [shot.name for shot in found.shots] == ["shot2", "shot0"]
    assert {name: c.shape for name, c in found.skin.coefficients.items()} == {
        "shot2": (52, 3),
        "shot0": (40, 3),
    }
    assert {name: c.shape for name, c in found.tongue.coefficients.items()} == {"shot2": (52, 2)}
    report = json.loads((tmp_path / "bo/report.json").read_text())
    assert report["skin"]["shots"].keys() == {"shot0", "shot2"}
    chosen = tmp_path / "bo/pca/skin/intermediate/skin_pruned_poses_pca_final.json"
    assert json.loads(chosen.read_text()).keys() == {"shot0"}
    for wrong in ({"shots": ["shot7"]}, {"prune_shots": ["shot7"]}, {"tongue_shots": ["shot7"]}):
        with pytest.raises(UsageError, match="not there: shot7"):
            preprocess(complete(), choosing(**wrong), tmp_path / "wrong")
    assert not list(tmp_path.glob("*wrong*"))


def test_defect_09_poses_may_come_of_some_of_the_shots(tmp_path: Path) -> None:
    found = preprocess(minimal(), choosing(prune_shots=["shot1"]), tmp_path / "bo")
    assert found.skin.coefficients.keys() == {"shot0", "shot1", "shot2"}
    folder = tmp_path / "bo/pca/skin/intermediate"
    pruned = json.loads((folder / "skin_pruned_poses_sim.json").read_text())
    assert pruned.keys() == {"shot1"}


def test_poses_are_chosen_on_separate_caches_and_a_mask(tmp_path: Path) -> None:
    _, arrays = skin_arrays()
    part = {name: np.ascontiguousarray(array[:, ::2]) for name, array in arrays.items()}
    for name, array in part.items():
        (tmp_path / "low" / name).mkdir(parents=True)
        # A cache may be longer than the shot; the frames that are too many are not there to choose.
        longer = np.concatenate([array, 50 + array[-3:]]) / 10
        np.save(tmp_path / "low" / name / f"{name}.npy", longer.astype(np.float32))
    np.save(tmp_path / "mask.npy", np.array([0, 3, 5, 6, 9, 11, 12]))
    settings = choosing(
        prune_caches=str(tmp_path / "low"),
        prune_centimetres_per_unit=10.0,
        prune_mask=str(tmp_path / "mask.npy"),
    )
    preprocess(minimal(), settings, tmp_path / "low_choice")
    np.save(tmp_path / "same.npy", np.array([0, 3, 5, 6, 9, 11, 12]) * 2)
    preprocess(minimal(), choosing(prune_mask=str(tmp_path / "same.npy")), tmp_path / "full")
    name = "pca/skin/intermediate/skin_pruned_poses_sim.json"
    chosen = [json.loads((tmp_path / f / name).read_text()) for f in ("low_choice", "full")]
    assert chosen[0] == chosen[1]
    np.save(tmp_path / "mask.npy", np.array([0, 15]))
    with pytest.raises(DataError, match="vertex numbers from 0 to 14"):
        preprocess(minimal(), settings, tmp_path / "no")


def test_the_report_says_what_was_lost(tmp_path: Path) -> None:
    found = preprocess(complete(), choosing(components=2), tmp_path / "bo")
    report = json.loads((tmp_path / "bo/report.json").read_text())
    _, arrays = skin_arrays()
    for name, array in arrays.items():
        basis = found.skin
        shown = np.einsum("fk,kvc->fvc", basis.coefficients[name], basis.shapes) + basis.mean
        distances = np.linalg.norm(array - shown, axis=2)
        row = report["skin"]["shots"][name]
        assert row["rmse_cm"] == pytest.approx(np.sqrt((distances**2).mean()), rel=1e-3)
        assert row["max_vertex_cm"] == pytest.approx(distances.max(), rel=1e-3)
    assert report["skin"]["frames"] == sum(LENGTHS)
    assert report["skin"]["ended_by"] == "tolerance"
    curve = report["skin"]["error_curve_cm"]
    assert curve == sorted(curve, reverse=True)
    assert curve[-1] <= SETTINGS.tolerance
    assert report["tongue"]["components"] == len(found.tongue.shapes)


def test_the_rigid_motion_of_the_tongue_can_be_kept(tmp_path: Path) -> None:
    found = preprocess(complete(), SETTINGS.replace(keep_tongue_transforms=True), tmp_path / "bo")
    _, frames, still = tongue_arrays()
    for name, moves in found.tongue_transforms.items():
        again = np.einsum("fij,fvj->fvi", moves[..., :3], frames[name]) + moves[:, None, :, 3]
        np.testing.assert_allclose(again, still[name], atol=1e-5)
    assert found.tongue_transforms.keys() == still.keys()


def test_a_frame_that_is_no_number_is_an_error_that_names_it(tmp_path: Path) -> None:
    for part in ("skin", "tongue"):
        arrays = skin_arrays()[1] if part == "skin" else tongue_arrays()[1]
        arrays["shot1"][7, 2, 1] = np.nan
        with pytest.raises(DataError, match="Frame 7 of shot 'shot1'"):
            preprocess(complete(**{part: animations(arrays)}), SETTINGS, tmp_path / "bo")
        assert list(tmp_path.iterdir()) == []


def test_recordings_that_do_not_fit_are_named(tmp_path: Path) -> None:
    _, arrays = skin_arrays()
    short = {**arrays, "shot1": arrays["shot1"][:20]}
    few = {**arrays, "shot1": arrays["shot1"][:, :20]}
    faults = {
        "its skin only 20": {"skin": animations(short)},
        "found 30 in 'shot0', 20 in 'shot1'": {"skin": animations(few)},
        "has no cache of the skin": {"skin": animations({"shot0": arrays["shot0"]})},
        "neutral skin: expected shape": {"skin_neutral": np.zeros((31, 3))},
        "jaw of shot 'shot0': expected 40 frames, found 1": {"jaw": {"shot0": np.zeros((1, 5, 3))}},
        "eyes of shot 'shot2': expected shape": {"eyes": {"shot2": np.zeros((52, 4))}},
        "saccades: expected shape": {"saccades": np.zeros((10, 3))},
        "lip distance: expected pairs of vertices from 0 to 29": {
            "lip_distance": Pairs(np.array([1]), np.array([30]))
        },
        "eye distance: expected pairs": {"eye_distance": Pairs(np.array([1, 2]), np.array([3]))},
        "blink has numbers that are not finite": {"blink_keys": np.full(10, np.nan)},
    }
    for message, change in faults.items():
        with pytest.raises(DataError, match=message):
            preprocess(complete(**change), SETTINGS, tmp_path / "bo")
    assert list(tmp_path.iterdir()) == []


def test_longer_channels_are_cut_to_the_shot(tmp_path: Path) -> None:
    actor = complete()
    shots = tuple(replace(shot, num_frames=shot.num_frames - 5) for shot in actor.shots)
    found = preprocess(replace(actor, shots=shots), SETTINGS, tmp_path / "bo")
    for shot in shots:
        for channel in (found.skin.coefficients, found.tongue.coefficients, found.jaw, found.eyes):
            assert len(channel[shot.name]) == shot.num_frames


def test_several_actors_share_one_basis(tmp_path: Path) -> None:
    first = complete()
    neutral, arrays = skin_arrays(seed=9)
    shots = tuple(replace(shot, actor="ada") for shot in first.shots)
    second = minimal(
        name="ada", shots=shots, clips=(), skin=animations(arrays), skin_neutral=neutral
    )
    settings = SETTINGS.replace(variance_threshold=1.0)
    found = preprocess_together([first, second], settings, tmp_path)
    np.testing.assert_array_equal(found["bo"].skin.shapes, found["ada"].skin.shapes)
    flat = found["bo"].skin.shapes.reshape(len(found["bo"].skin.shapes), -1)
    np.testing.assert_allclose(flat @ flat.T, np.eye(len(flat)), atol=1e-5)
    np.testing.assert_array_equal(found["ada"].skin.mean, neutral)
    for name, frames in arrays.items():
        basis = found["ada"].skin
        shown = np.einsum("fk,kvc->fvc", basis.coefficients[name], basis.shapes) + basis.mean
        np.testing.assert_allclose(shown, frames, atol=1e-3)
    assert found["ada"].tongue.is_placeholder
    assert not found["bo"].tongue.is_placeholder
    calls: list[int] = []
    preprocess_together([first, second], settings, tmp_path, progress=lambda *c: calls.append(1))
    assert calls == []
    with pytest.raises(UsageError, match="was made of other"):
        preprocess(first, settings, tmp_path / "bo")


def test_defect_20_actors_of_different_sizes_say_so(tmp_path: Path) -> None:
    _, arrays = skin_arrays()
    fewer = {name: np.ascontiguousarray(a[:, :25]) for name, a in arrays.items()}
    shots = tuple(replace(shot, actor="ada") for shot in minimal().shots)
    other = minimal(name="ada", shots=shots, clips=(), skin=animations(fewer))
    with pytest.raises(DataError, match="same vertices in the same order"):
        preprocess_together([minimal(), other], SETTINGS, tmp_path)
    settings = SETTINGS.replace(
        actors={"bo": ActorChoices(components=2), "ada": ActorChoices(components=3)}
    )
    ada = minimal(name="ada", shots=shots, clips=())
    with pytest.raises(UsageError, match="one number of 'components', found 2, 3"):
        preprocess_together([minimal(), ada], settings, tmp_path)


def test_only_blocks_of_shots_are_read_and_give_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    longest = 0

    class Watched(ArrayFrames):
        def read(self, first: int, last: int) -> np.ndarray:
            nonlocal longest
            longest = max(longest, last - first)
            return super().read(first, last)

    _, arrays = skin_arrays()
    skin = {name: VertexAnimation(Watched(array), 30.0) for name, array in arrays.items()}
    expected = preprocess(minimal(skin=skin), SETTINGS, tmp_path / "whole")
    assert longest == max(LENGTHS)
    longest = 0
    monkeypatch.setattr(poses, "BLOCK_BYTES", 5 * NUM_VERTICES * 12)
    found = preprocess(minimal(skin=skin), SETTINGS, tmp_path / "blocks")
    assert longest == 5
    np.testing.assert_allclose(found.skin.shapes, expected.skin.shapes, atol=1e-5)
    for name, coefficients in expected.skin.coefficients.items():
        np.testing.assert_allclose(found.skin.coefficients[name], coefficients, atol=1e-4)
