from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch

from likeness.errors import DataError
from likeness.systems.audio2face.artefacts import ActorArtefacts, Basis, Blendshapes, LipSize, Pairs
from likeness.systems.audio2face.artefacts_state import actor_from_state, fingerprint_of, state_of
from tests.systems.audio2face.random_actor import random_actor


def assert_same(found: object, expected: object, where: str = "actor") -> None:
    if isinstance(expected, ActorArtefacts | Basis | Blendshapes | LipSize | Pairs):
        for field in dataclasses.fields(expected):
            if field.name not in ("coefficients", "jaw", "eyes", "recorded_sizes"):
                a, b = getattr(found, field.name), getattr(expected, field.name)
                assert_same(a, b, f"{where}.{field.name}")
    elif isinstance(expected, np.ndarray):
        assert isinstance(found, np.ndarray), where
        np.testing.assert_array_equal(found, expected, err_msg=where)
    else:
        assert found == expected, where


def test_an_actor_survives_a_checkpoint_without_its_recordings() -> None:
    actor = random_actor()
    state = state_of(actor)
    values = {k: v for k, v in state.items() if not isinstance(v, torch.Tensor)}
    tensors = {k: v for k, v in state.items() if isinstance(v, torch.Tensor)}
    back = actor_from_state({**json.loads(json.dumps(values, allow_nan=False)), **tensors})
    assert_same(back, actor)
    assert back.jaw == {}
    assert back.skin.coefficients == {}
    rows = np.concatenate(list(actor.skin.coefficients.values()))
    np.testing.assert_allclose(back.skin.component_sizes, np.sqrt((rows**2).mean(0)), rtol=1e-6)


def test_an_actor_without_lists_and_blendshapes_survives_too() -> None:
    actor = dataclasses.replace(
        random_actor(), lip_distance=None, lip_size=None, eye_distance=None, blendshapes=None
    )
    assert_same(actor_from_state(state_of(actor)), actor)


def test_changed_arrays_and_missing_ones_are_refused() -> None:
    state = state_of(random_actor())
    with pytest.raises(DataError, match="were changed"):
        actor_from_state({**state, "skin.mean": state["skin.mean"] + 1})
    with pytest.raises(DataError, match="saccades"):
        actor_from_state({k: v for k, v in state.items() if k != "saccades"})


def test_the_fingerprint_is_of_what_a_network_depends_on() -> None:
    actor = random_actor()
    assert fingerprint_of(dataclasses.replace(actor, jaw={})) == fingerprint_of(actor)
    assert fingerprint_of(dataclasses.replace(actor, fps=60.0)) != fingerprint_of(actor)
    assert fingerprint_of(random_actor(seed=1)) != fingerprint_of(actor)
