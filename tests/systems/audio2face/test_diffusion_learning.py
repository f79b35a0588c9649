"""How the diffusion network is led through training: the rate of learning, and groups of items."""

from __future__ import annotations

import numpy as np
import torch

from likeness.diffusion.process import DiffusionProcess
from likeness.systems.audio2face.diffusion_items import collate_diffusion
from likeness.systems.audio2face.diffusion_terms import DiffusionTerms, predicted
from likeness.systems.audio2face.identities import Identities
from likeness.systems.audio2face.networks.diffusion_settings import (
    DiffusionTermSettings,
    WindowSettings,
)
from likeness.systems.audio2face.streaming_plan import StreamingPlan
from likeness.training.optimizer import schedule_factor
from likeness.training.stage import Schedule
from tests.systems.audio2face.diffusion_cases import make_actor, make_network


def test_the_warm_up_rises_from_nothing() -> None:
    """Defect 14: the warm-up started at twice the rate and fell."""
    schedule = Schedule(kind="cosine", warmup_steps=10, final_factor=0.2)
    factors = [schedule_factor(schedule, step, 400) for step in range(400)]
    assert factors[0] <= 0.1
    assert np.all(np.diff(factors[:10]) > 0)
    assert np.all(np.diff(factors[10:]) <= 0)
    assert max(factors) <= 1


def test_learning_tells_loud_from_silent_poses() -> None:
    identities = Identities((make_actor("ada", tongue=4),))
    network, space = make_network(identities, "coefficients", emotions=1)
    rng = np.random.default_rng(1)
    pose = rng.normal(size=(1, 28)).astype(np.float32)
    samples = [
        {
            "id": str(number),
            "emotion": "neutral",
            # Loud or silent: the encoder does not hear the sign of a sample.
            "audio": (0.3 * (sign > 0) * rng.normal(size=4000)).astype(np.float32),
            "target": np.repeat(sign * pose, 15, 0),
            "identity": np.ones(1, np.float32),
            "named": np.zeros(1, np.float32),
            "phase": 0,
        }
        for number, sign in enumerate((1.0, -1.0))
    ]
    batch = collate_diffusion(samples)
    terms = DiffusionTerms(identities, space, DiffusionTermSettings())
    process = DiffusionProcess.of("cosine", 1000)
    plan = StreamingPlan.of(WindowSettings(), 60)
    optimizer = torch.optim.Adam(network.parameters(), 5e-3)
    generator, history = torch.Generator().manual_seed(1), []
    for _ in range(120):
        found = predicted(network, space, process, plan, batch, generator)
        loss = terms(found, batch, active=lambda name: name == "diffusion")["diffusion"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(float(loss.detach()))
    assert np.mean(history[-10:]) < 0.1 * np.mean(history[:5])
