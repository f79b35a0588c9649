from __future__ import annotations

import torch

from likeness.assembly import build, configure


def test_initial_weights_are_a_function_of_the_seed() -> None:
    """Not of what was drawn before in the same process; and building draws nothing from outside."""

    def weights(seed: int, drawn: int) -> list[torch.Tensor]:
        torch.manual_seed(drawn)
        before = torch.get_rng_state()
        resolved = configure(
            "face-encoder", profile="smoke", overrides=[f"train.seed={seed}"], environ={}
        )
        system = build(resolved, device=torch.device("cpu"), with_data=False)
        assert torch.equal(torch.get_rng_state(), before)
        return [p for module in system.trainable().values() for p in module.parameters()]

    first, again, other = weights(0, 1), weights(0, 2), weights(1, 1)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))
