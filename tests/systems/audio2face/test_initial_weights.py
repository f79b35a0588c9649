from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

from likeness.assembly import build, configure
from likeness.errors import LikenessError, UsageError
from likeness.runs import selection
from likeness.runs.run import Run
from likeness.systems.audio2face.initial_weights import initial_weights
from tests.systems.audio2face.small_runs import settings_of


def groups_for(root: Path, folder: Path, *overrides: str, profile: str = "smoke") -> dict:
    resolved = configure(
        "audio2face", profile=profile, overrides=settings_of(root, folder, *overrides), environ={}
    )
    system = build(resolved, device=torch.device("cpu"))
    system.sources("train")
    return dict(system.trainable())


def test_all_but_what_is_of_the_actor_is_taken(
    small_dataset: Path, regression_run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    groups = groups_for(small_dataset, tmp_path, "data.actors=[ben]")
    before = {f"{g}.{n}": t.clone() for g, m in groups.items() for n, t in m.state_dict().items()}
    with caplog.at_level(logging.INFO):
        initial_weights(regression_run.path, groups)
    checkpoint = selection.find(regression_run)
    weights = checkpoint.weights(ema=checkpoint.has_ema)
    taken = 0
    for group, module in groups.items():
        for name, tensor in module.state_dict().items():
            full = f"{group}.{name}"
            is_own = full in ("network.output_mean", "network.output_scale", "emotions.weight")
            if is_own or weights[full].shape != tensor.shape:
                assert torch.equal(tensor, before[full]), full
            else:
                assert torch.equal(tensor, weights[full]), full
                taken += 1
    assert taken > 10
    assert f"{taken} of {len(before)} tensors come from" in caplog.text


def test_another_network_fits_nowhere(
    small_dataset: Path, regression_run: Run, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"No weight of model\.initial_run"):
        initial_weights(regression_run.path, {"other": torch.nn.Linear(2, 2)})
    with pytest.raises(LikenessError, match="nowhere"):
        initial_weights(tmp_path / "nowhere", {"other": torch.nn.Linear(2, 2)})
