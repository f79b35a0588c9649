from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from likeness.systems.audio2face.preprocessing.settings import ActorChoices, PreprocessingSettings


def test_defaults_are_the_reference_s() -> None:
    found = PreprocessingSettings()
    assert found.similarity_radius == 4.0
    assert found.max_added_poses == 787
    assert found.variance_threshold == found.tongue_variance_threshold == 0.9995
    assert found.tongue_radius == 10.0
    zeros = found.placeholders
    assert (zeros.jaw_points, zeros.blink_keys, zeros.saccades) == (5, 10, 5000)
    assert zeros.tongue == (10, 520)


def test_an_actor_without_choices_has_the_usual_ones() -> None:
    settings = PreprocessingSettings(actors={"bo": ActorChoices(components=7)})
    assert settings.of("bo").components == 7
    assert settings.of("eve") == ActorChoices()


@pytest.mark.parametrize(
    "values",
    [
        {"similarity_radius": -1},
        {"variance_threshold": 0},
        {"actors": {"bo": {"components": 0}}},
        {"actors": {"bo": {"shots": []}}},
        {"placeholders": {"jaw_points": True}},
        {"verbose": True},
    ],
)
def test_values_that_cannot_be_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        PreprocessingSettings.model_validate(values)


def test_reading_settings_imports_no_torch() -> None:
    code = (
        "import sys, likeness.systems.audio2face.preprocessing.settings; "
        "print([m for m in ('torch', 'scipy', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
