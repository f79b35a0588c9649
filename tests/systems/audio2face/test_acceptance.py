"""Faults and limits of the Audio2Face-3D training framework, and the tests that keep them out.

``pytest -k defect`` shows all rows and the tests that are named for one.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent

ROWS: dict[int, tuple[str, Sequence[str]]] = {
    1: (
        "needs a GPU, a container and fixed folders",
        (
            "test_whole_way.py::"
            "test_defect_01_all_of_it_runs_without_a_gpu_and_without_fixed_folders",
            "test_system.py::test_a_run_predicts_the_same_when_its_dataset_is_gone",
            "test_reference_import.py::test_the_containers_folder_is_replaced",
        ),
    ),
    2: (
        "configurations are executed, limited in length, and fail without a status",
        (
            "test_reference_import.py::test_defect_02_five_thousand_clips_are_imported",
            "test_reference_config.py::test_defect_02_thousands_of_clips_are_no_command_line",
            "test_faulty_datasets.py::test_a_fault_is_a_finding_and_stops_training",
        ),
    ),
    3: (
        "a file that is called optional is demanded",
        ("test_reference_config.py::test_defect_03_the_inference_file_may_be_missing",),
    ),
    4: (
        "names and clips are copied by hand from stage to stage",
        (
            "test_reference_config.py::test_defect_04_no_run_name_is_copied_by_hand",
            "test_prepare.py::test_bases_are_kept_in_the_prepared_dataset_and_used",
        ),
    ),
    5: (
        "no resume, validation, averages, or several processes",
        (
            "test_whole_way.py::test_defect_05_a_run_that_was_stopped_ends_as_one_that_was_not",
            "test_whole_way.py::test_defect_05_held_out_shots_choose_the_checkpoint",
            "test_whole_way.py::test_defect_05_narrow_numbers_learn_nearly_the_same",
            "../test_conformance.py::test_resume_equals_uninterrupted",
            "../test_conformance.py::test_two_processes_match_one",
            "test_system.py::test_a_run_goes_on_only_with_what_it_began_with",
            "test_evaluate.py::test_scores_stand_beside_the_mean_pose_and_each_shot_has_its_own",
        ),
    ),
    6: (
        "regression predicts nowhere but in the runtime; diffusion has batches of one",
        (
            "test_regression_learner.py::test_defect_06_regression_predicts_in_python_and_on_a_cpu",
            "test_system.py::test_defect_06_batches_of_one_and_of_many",
            "test_system.py::test_regression_takes_the_first_of_several_and_says_so",
        ),
    ),
    7: (
        "one kind of cache, and WAV alone",
        (
            "dataset/test_reading.py::test_defect_07_names_are_no_patterns_and_strays_no_shots",
            "dataset/test_reading.py::test_defect_07_npy_goes_before_maya_and_maya_before_pc2",
            "dataset/test_reading.py::test_defect_07_compressed_sound_of_any_rate_is_taken",
        ),
    ),
    8: (
        "shots and emotions are matched by parts of words",
        (
            "dataset/test_contract.py::test_defect_08_an_emotion_is_a_whole_word_and_the_longest_wins",
            "dataset/test_reading.py::test_defect_08_audio_of_a_shot_is_matched_by_its_whole_stem",
            "dataset/test_findings.py::test_defect_08_emotions_are_whole_words_of_the_name",
        ),
    ),
    9: (
        "poses are chosen twice, by a radius that knows a unit, of all shots alone",
        (
            "preprocessing/test_poses.py::"
            "test_defect_09_several_frames_that_are_not_there_leave_the_others",
            "preprocessing/test_pruning.py::"
            "test_defect_09_the_relative_radius_knows_no_unit_and_no_density",
            "preprocessing/test_pose_selection.py::"
            "test_defect_09_no_pose_is_chosen_twice_and_all_can_be",
            "preprocessing/test_preparation.py::test_defect_09_poses_may_come_of_some_of_the_shots",
        ),
    ),
    10: (
        "settings are ignored, or miss keys later",
        (
            "test_reference_import.py::test_defect_10_what_cannot_be_carried_over_is_told",
            "test_reference_import.py::test_defect_10_channels_missing_of_a_scale_are_one",
            "preprocessing/test_normalisation.py::"
            "test_defect_10_half_ranges_that_are_not_named_are_one",
        ),
    ),
    11: (
        "other frame rates fail, or are changed silently",
        (
            "test_config.py::test_defect_11_usual_frame_rates_are_taken",
            "test_config.py::test_defect_11_other_frame_rates_are_refused_not_rounded",
            "test_regression_session.py::test_a_stream_in_odd_pieces_equals_the_track_in_one",
        ),
    ),
    12: (
        "a term of weight null ends training; some terms do nothing",
        (
            "test_config.py::test_defect_12_a_term_that_is_off_has_no_weight_or_none",
            "test_reference_import.py::test_defect_12_none_is_off_and_a_number_is_on",
            "test_config.py::test_defect_12_terms_diffusion_does_not_have_are_refused_not_ignored",
            "test_diffusion_terms.py::"
            "test_defect_12_a_term_that_is_off_is_left_out_and_none_never_crashes",
            "test_whole_way.py::test_defect_12_diffusion_trains_with_terms_that_are_off",
            "../test_conformance.py::test_declared_terms_appear_when_active",
        ),
    ),
    13: (
        "muted shots know one name of neutral, and have the same names",
        (
            "test_regression_items.py::"
            "test_defect_13_muted_neutral_is_neutral_whatever_neutral_is_called",
            "test_diffusion_items.py::test_defect_13_muted_shots_hold_a_pose_that_is_neutral_where_asked",
            "test_implicit_emotions.py::test_defect_13_muted_shots_of_one_source_do_not_collide",
        ),
    ),
    14: (
        "the warm-up runs backwards, accumulation is wrong, two languages give no number",
        (
            "test_diffusion_learning.py::test_the_warm_up_rises_from_nothing",
            "test_losses.py::test_a_batch_without_one_of_two_languages_is_not_nan",
            "test_faulty_datasets.py::test_defect_14_two_languages_are_trained_on_together",
            "../test_conformance.py::test_two_processes_match_one",
        ),
    ),
    15: (
        "levels, moments and states differ between training and the runtime",
        (
            "test_regression_session.py::test_defect_15_a_frame_hears_the_window_around_its_moment",
            "test_postprocessing.py::test_defect_15_frames_lie_where_training_puts_them",
            "networks/test_diffusion.py::"
            "test_frames_in_two_pieces_with_the_state_carried_equal_one_piece",
            "preprocessing/test_artefact_files.py::"
            "test_defect_15_the_neutral_of_packages_changes_no_normalisation",
        ),
    ),
    16: (
        "sizes follow from each other and are said twice",
        (
            "networks/test_diffusion.py::"
            "test_defect_16_the_width_of_features_follows_from_the_frame_rate",
            "test_streaming.py::test_defect_16_the_number_of_steps_is_said_once",
            "test_export.py::test_defect_16_a_package_at_30_fps_has_the_steps_of_the_one_setting",
            "test_reference_import.py::test_defect_16_steps_that_contradict_each_other_are_told",
        ),
    ),
    17: (
        "differences, names of files, neutral's place and identities go wrong in prediction",
        (
            "test_outputs.py::test_defect_17_the_tongue_and_differences_go_into_caches",
            "test_streaming.py::test_delta_output_is_relative_to_each_items_own_actor",
            "test_streaming_session.py::test_one_identity_decides_both_style_and_face",
            "test_predict.py::test_every_format_is_written_and_named",
        ),
    ),
    18: (
        "packages lack what the runtime demands",
        (
            "package/test_writing.py::test_defect_18_data_keys_are_those_of_the_type",
            "package/test_writing.py::test_defect_18_trt_info_of_regression_has_defaults",
            "package/test_writing.py::test_defect_18_there_is_always_an_emotion",
            "package/test_writing.py::test_defect_18_saccades_are_float32_whatever_was_recorded",
            "package/test_writing.py::test_defect_18_skin_only_blendshapes_get_a_tongue",
            "package/test_writing.py::test_defect_18_files_of_export_scripts_are_rewritten",
            "preprocessing/test_artefact_files.py::test_defect_18_wide_numbers_become_float32",
            "test_export.py::test_a_package_is_accepted_and_knows_its_version",
        ),
    ),
    19: (
        "the encoder runs for every step of denoising",
        (
            "test_streaming.py::test_defect_19_sound_is_encoded_once_per_window",
            "test_streaming.py::test_defect_19_short_cuts_equal_the_naive_order",
        ),
    ),
    20: (
        "actors need the same numbers of components, lists and shots",
        (
            "test_identities.py::test_actors_may_have_other_numbers_of_components",
            "dataset/test_reading.py::test_defect_20_a_shot_missing_from_the_jaw_file_is_still",
            "package/test_writing.py::test_defect_20_actors_of_different_sizes_are_reported",
            "test_diffusion_learner.py::test_every_actor_moves_on_its_own_neutral",
        ),
    ),
    21: (
        "pickles are read",
        (
            "preprocessing/test_artefact_files.py::test_defect_21_pickles_are_refused",
            "dataset/test_reading.py::test_defect_21_arrays_that_hold_objects_are_refused",
            "package/test_writing.py::test_defect_21_no_pickle_is_read",
            "networks/test_published_weights.py::test_a_stored_pickle_is_not_executed",
        ),
    ),
}
"""Number to what is wrong there, and the tests that it is not wrong here."""


def functions_in(path: Path) -> dict[str, ast.FunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {n.name: n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}


def can_fail(function: ast.FunctionDef) -> bool:
    """Whether a test asserts something, or expects something to be raised."""
    called = {
        getattr(node.func, "attr", getattr(node.func, "id", ""))
        for node in ast.walk(function)
        if isinstance(node, ast.Call)
    }
    asserts = any(isinstance(node, ast.Assert) for node in ast.walk(function))
    return asserts or any(name == "raises" or name.startswith("assert_") for name in called)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"defect_{row:02}")
def test_every_row_has_tests_that_are_there(row: int) -> None:
    fault, names = ROWS[row]
    assert fault
    assert names
    for name in names:
        file, function = name.split("::")
        found = functions_in(HERE / file)
        assert function in found, name
        assert can_fail(found[function]), name


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"defect_{row:02}")
def test_every_row_has_a_test_named_for_it(row: int) -> None:
    named = [name for name in ROWS[row][1] if f"::test_defect_{row:02}_" in name]
    assert named, f"row {row}: {ROWS[row][0]}"


def test_no_row_of_a_defect_is_left_out() -> None:
    assert sorted(ROWS) == list(range(1, 22))
    for path in HERE.rglob("test_*.py"):
        for function in functions_in(path):
            if function.startswith("test_defect_"):
                assert int(function.split("_")[2]) in ROWS, function
