"""The whole differentiable pipeline: a vector is found again from one picture of it."""

from __future__ import annotations

import numpy as np
import torch

from likeness.geometry.flame_assets import load_flame
from likeness.geometry.toy_flame import make_toy_flame
from likeness.losses.face import landmark_l1, masked_l1
from likeness.systems.face_encoder.decode import Decoder
from likeness.systems.face_encoder.network import activate
from likeness.systems.face_encoder.render import Renderer
from tests.systems.face_encoder.toy import NUM_ALBEDO, SMALL_LAYOUT, random_vector

SIZE = 48
STEPS = 200
# How far one step of the optimiser moves an entry, by its unit.
RATES = {
    "face.shape": 0.1, "face.expression": 0.1, "face.eyelid": 0.05, "pose.global": 0.02,
    "pose.neck": 0.01, "pose.jaw": 0.01, "pose.eyes": 0.01, "pose.transl": 0.0, "camera": 0.02,
    "face.albedo": 0.1, "light.sh": 0.02,
}  # fmt: skip


def test_direct_optimisation_recovers_a_rendering(tmp_path):
    """From the mean face: landmarks within 0.3 % of the eye distance, pixels within 0.02."""
    torch.manual_seed(0)
    make_toy_flame(tmp_path, subdivisions=2)
    decoder = Decoder(load_flame(tmp_path), SMALL_LAYOUT, "weak_perspective")
    renderer = Renderer(decoder, "synthetic", NUM_ALBEDO)
    true = random_vector(SMALL_LAYOUT, 11)
    light = SMALL_LAYOUT.slice("light.sh")
    true[:, light.start + 3 : light.start + 12] += torch.linspace(-0.2, 0.25, 9)
    with torch.no_grad():
        picture = renderer(true, SIZE)
        points = decoder.landmarks(true)

    rates = torch.cat([torch.full((s.dim,), RATES[s.name]) for s in SMALL_LAYOUT.segments])
    scale = torch.ones_like(rates)
    camera = SMALL_LAYOUT.slice("camera")
    scale[camera.start + 1 : camera.stop] = 0.02  # metres beside a scale of 7
    raw = torch.zeros(1, SMALL_LAYOUT.dim, requires_grad=True)
    optimizer = torch.optim.Adam([raw], lr=1.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS, eta_min=0.01)
    for step in range(STEPS):
        vector = activate(raw * rates * scale, SMALL_LAYOUT)
        loss = landmark_l1(decoder.landmarks(vector), points, torch.ones(68))
        if step >= STEPS // 4:  # first the place, then the colours
            drawn = renderer(vector, SIZE)
            mask = (drawn.face * picture.face).detach()
            loss = loss + 0.2 * masked_l1(drawn.image, picture.image, mask)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()

    with torch.no_grad():
        vector = activate(raw * rates * scale, SMALL_LAYOUT)
        found, drawn = decoder.landmarks(vector)[0].numpy(), renderer(vector, SIZE)
    goal = points[0].numpy()
    eyes = np.linalg.norm(goal[36] - goal[45])
    assert np.linalg.norm(found - goal, axis=1).mean() / eyes < 0.003
    both = (drawn.face * picture.face)[0, 0].numpy() > 0
    assert both.mean() > 0.2
    gap = np.abs(drawn.image[0].numpy() - picture.image[0].numpy())[:, both]
    assert gap.mean() < 0.02
