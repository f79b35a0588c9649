"""The terms against plain loops, on batches of any size, with every actor's own lists."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from likeness.diffusion.process import DiffusionProcess
from likeness.systems.audio2face.diffusion_items import collate_diffusion
from likeness.systems.audio2face.diffusion_terms import (
    DiffusionTerms,
    heard_in_batch,
    predicted,
    upper_face_mask,
)
from likeness.systems.audio2face.geometry_space import build_space
from likeness.systems.audio2face.identities import Identities
from likeness.systems.audio2face.networks.diffusion_settings import (
    DiffusionTermSettings,
    WindowSettings,
)
from likeness.systems.audio2face.streaming_plan import StreamingPlan
from tests.systems.audio2face.diffusion_cases import CountingEncoder, make_actor, make_network

KINDS = ["vertices", "coefficients"]
SETTINGS = DiffusionTermSettings(jaw_weight=0.5)
PLAN = StreamingPlan.of(WindowSettings(), 60)


def _identities(**changes: Any) -> Identities:
    return Identities((make_actor("ada"), make_actor("bob", skin_components=4, **changes)))


def _sample(who: int, frames: int, seed: int, windows: bool = False) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    target = rng.normal(size=(frames, 28)).astype(np.float32)
    target[:, 4:6] *= who == 0
    shape = (-(-(frames + 3) // 30), 16000) if windows else (frames * 16000 // 60,)
    return {
        "id": str(seed),
        "emotion": "neutral",
        "audio": (0.1 * rng.normal(size=shape)).astype(np.float32),
        "target": target,
        "identity": np.eye(2, dtype=np.float32)[who],
        "named": rng.uniform(size=2).astype(np.float32),
        "phase": 3 if windows else 0,
    }


def _batch(*items: tuple[int, int], windows: bool = False) -> dict[str, Any]:
    return collate_diffusion([_sample(w, n, i, windows) for i, (w, n) in enumerate(items)])


def _prediction(space: Any, batch: dict[str, Any]) -> Tensor:
    clean = space.encode(batch["target"], batch["identity"])
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(9))
    return clean + 0.4 * noise * space.used(batch["identity"])


@pytest.mark.parametrize("kind", KINDS)
def test_terms_equal_plain_loops(kind: str) -> None:
    identities = _identities()
    space = build_space(kind, identities)
    batch = _batch((0, 7), (1, 4))
    prediction = _prediction(space, batch)
    found = DiffusionTerms(identities, space, SETTINGS)(prediction, batch)
    clean = space.encode(batch["target"], batch["identity"])
    wanted: dict[str, list[float]] = {name: [] for name in found}
    for item, (actor, frames) in enumerate([(identities.actors[0], 7), (identities.actors[1], 4)]):
        who = batch["identity"][item : item + 1]
        x, y = prediction[item, :frames].double(), clean[item, :frames].double()
        skin, tongue, jaw, eye = space.sizes.each
        total = 0.0
        weights = [1.0] * skin + [0.1] * tongue + [0.5] * jaw + [1.0] * eye
        for t in range(frames):
            for d, weight in enumerate(weights):
                error = abs(float(x[t, d] - y[t, d])) * weight
                total += 0.5 * error**2 if error < 1 else error - 0.5
        wanted["diffusion"].append(total / frames / float(space.used(who).sum()))
        # Everything else is compared on vertices.
        scale = actor.normalisation["skin"].scale
        moved = space.displacements(prediction[item : item + 1, :frames], who)[0, :, :36].double()
        truth = space.displacements(clean[item : item + 1, :frames], who)[0, :, :36].double()
        jumps = ((moved - truth) / scale).diff(dim=0).square()
        wanted["velocity"].append(float(jumps.mean()))
        mask = upper_face_mask(actor, SETTINGS)
        assert mask is not None
        steps = (moved / scale).diff(dim=0).square().reshape(frames - 1, 12, 3).numpy()
        wanted["expression_smooth"].append(float((steps * mask[:, None]).mean()))
        basis = torch.from_numpy(actor.skin.shapes.reshape(-1, 36)).double()
        projected = moved @ basis.T @ basis
        lips, squares = actor.lip_distance, []
        assert lips is not None
        rest = actor.skin.mean.astype(np.float64)
        for t in range(frames):
            for up, low in zip(lips.upper, lips.lower):
                gap = rest[up, 1] - rest[low, 1]
                hat = gap + float(projected[t, 3 * up + 1] - projected[t, 3 * low + 1])
                real = gap + float(truth[t, 3 * up + 1] - truth[t, 3 * low + 1])
                squares.append((math.exp(-10 * max(real, 0)) * (hat - real)) ** 2)
        wanted["lip_distance"].append(float(np.mean(squares)))
    assert set(found) == {"diffusion", "velocity", "expression_smooth", "lip_distance"}
    for name, values in wanted.items():
        assert float(found[name]) == pytest.approx(np.mean(values), rel=1e-3), name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [2, 64])
def test_a_padded_batch_is_the_mean_of_its_items(kind: str, size: int) -> None:
    """Defect 6: the batch size was 1."""
    identities = _identities()
    space = build_space(kind, identities)
    batch = _batch(*[(i % 2, 5 + 7 * (i % 3)) for i in range(size)])
    prediction = _prediction(space, batch)
    # What stands in the padding must not matter.
    for item, frames in enumerate(batch["frames"].tolist()):
        prediction[item, frames:] = 1e6
    terms = DiffusionTerms(identities, space, SETTINGS)
    together = terms(prediction, batch)
    for name, value in together.items():
        alone = []
        for item, frames in enumerate(batch["frames"].tolist()):
            one = {
                key: values[item : item + 1]
                for key, values in batch.items()
                if isinstance(values, Tensor)
            }
            one["target"] = one["target"][:, :frames]
            alone.append(float(terms(prediction[item : item + 1, :frames], one)[name]))
        assert float(value) == pytest.approx(np.mean(alone), rel=1e-4), name


@pytest.mark.parametrize("windows", [False, True])
def test_an_item_hears_the_same_in_a_batch_as_alone(windows: bool) -> None:
    network, _ = make_network(_identities())
    batch = _batch((0, 35), (1, 50), (0, 35), windows=windows)
    with torch.no_grad():
        heard = heard_in_batch(network, batch, PLAN)
        assert heard.shape == (3, 50, 16)
        assert heard[0, 35:].abs().max() == 0
        for item, frames in enumerate([35, 50, 35]):
            alone = _batch(*[(0, 35), (1, 50), (0, 35)][: item + 1], windows=windows)
            one = {
                key: alone[key][item : item + 1]
                for key in ("audio", "sounds", "frames", "target", "phase")
            }
            one["target"] = one["target"][:, :frames]
            found = heard_in_batch(network, one, PLAN)[0]
            assert torch.allclose(found, heard[item, :frames], atol=1e-5)


def test_hearing_in_windows_equals_the_session() -> None:
    """Defect 15: training heard the whole track, run time hears windows."""
    network, _ = make_network(_identities())
    sound = (0.1 * np.random.default_rng(3).normal(size=16000)).astype(np.float32)
    padded = np.pad(sound, 16000)
    # Frame 0 is the sixteenth of its block, as at run time.
    sample = _sample(0, 60, 1)
    starts = [8000, 16000, 24000]
    sample |= {"audio": np.stack([padded[s : s + 16000] for s in starts]), "phase": 15}
    with torch.no_grad():
        found = heard_in_batch(network, collate_diffusion([sample]), PLAN)[0]
        blocks = [network.hear(torch.from_numpy(padded[None, s : s + 16000]), 60) for s in starts]
    wanted = torch.cat([block[0, 15:45] for block in blocks])[15:75]
    assert torch.allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_learning_reaches_every_parameter_once_per_sound(kind: str) -> None:
    encoder = CountingEncoder()
    network, space = make_network(_identities(), kind, encoder=encoder)
    batch = _batch((0, 31), (1, 31))
    generator = torch.Generator().manual_seed(1)
    found = predicted(network, space, DiffusionProcess.of("cosine", 1000), PLAN, batch, generator)
    assert encoder.calls == 1
    terms = DiffusionTerms(_identities(), space, SETTINGS)(found, batch)
    torch.stack(list(terms.values())).sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


def test_defect_12_a_term_that_is_off_is_left_out_and_none_never_crashes() -> None:
    """Defect 12: a weight of None, the documented way to switch a term off, crashed."""
    identities = _identities()
    space = build_space("vertices", identities)
    batch, terms = _batch((0, 7)), DiffusionTerms(identities, space, SETTINGS)
    weights: dict[str, float | None] = {"diffusion": 1.0, "lip_distance": None}
    found = terms(_prediction(space, batch), batch, active=lambda name: bool(weights.get(name)))
    assert set(found) == {"diffusion"}


def test_each_actor_has_its_own_lists() -> None:
    """Defect 20: the vertex lists and masks of the first actor were used for all."""
    with_lists, without = _identities(), _identities(has_lists=False)
    batch = _batch((0, 7), (1, 7))
    for kind in KINDS:
        space = build_space(kind, with_lists)
        prediction = _prediction(space, batch)
        full = DiffusionTerms(with_lists, space, SETTINGS)(prediction, batch)
        part = DiffusionTerms(without, space, SETTINGS)(prediction, batch)
        first = {k: v[:1] for k, v in batch.items() if isinstance(v, Tensor)}
        alone = DiffusionTerms(with_lists, space, SETTINGS)(prediction[:1], first)
        for name in ("lip_distance", "expression_smooth"):
            assert float(part[name]) == pytest.approx(float(alone[name]), rel=1e-5)
            assert abs(float(full[name]) - float(part[name])) > 1e-9
    nobody = Identities((make_actor("ada", has_lists=False),))
    terms = DiffusionTerms(nobody, build_space("vertices", nobody), SETTINGS)
    assert terms.available == {"diffusion", "velocity"}


def test_one_frame_has_no_motion_and_no_crash() -> None:
    identities = _identities()
    space = build_space("vertices", identities)
    batch = _batch((0, 1))
    found = DiffusionTerms(identities, space, SETTINGS)(_prediction(space, batch), batch)
    assert float(found["velocity"]) == 0
    assert float(found["diffusion"]) > 0


def test_the_mask_of_the_upper_face_does_not_depend_on_the_unit() -> None:
    """Defect of the published mask: its steepness had a unit."""
    actor = make_actor("ada")
    mask = upper_face_mask(actor, SETTINGS)
    assert mask is not None
    face, lids = actor.skin.mean.astype(np.float64), actor.skin.mean[[6, 7]].astype(np.float64)
    d = np.linalg.norm(lids[0] - lids[1])
    for vertex in range(12):
        a = 20 / d * (face[vertex, 1] - lids[:, 1].min())
        b = 20 / d * (face[vertex, 2] - (lids[:, 2].mean() - d))
        wanted = 1 / (1 + math.exp(-a)) / (1 + math.exp(-b))
        assert mask[vertex] == pytest.approx(wanted, abs=1e-6)
    actor.skin.mean[:] *= 100
    larger = upper_face_mask(actor, SETTINGS)
    assert larger is not None
    np.testing.assert_allclose(larger, mask, atol=1e-5)


def test_the_unit_of_a_component_changes_no_term() -> None:
    identities = _identities()
    batch = _batch((0, 7), (1, 4))
    wide, own = (build_space("coefficients", identities, s) for s in ("range", "component"))
    # Errors below 1 in both units, where SmoothL1 is a square.
    prediction = _prediction(wide, batch)
    clean = wide.encode(batch["target"], batch["identity"])
    prediction = clean + 0.1 * (prediction - clean)
    same = prediction * (batch["identity"] @ (wide.units / own.units)).unsqueeze(1)
    one = DiffusionTerms(identities, wide, SETTINGS)(prediction, batch)
    other = DiffusionTerms(identities, own, SETTINGS)(same, batch)
    for name, value in one.items():
        assert float(other[name]) == pytest.approx(float(value), rel=1e-3), name


def test_eyes_can_count_less() -> None:
    identities = _identities()
    space, batch = build_space("coefficients", identities), _batch((0, 7))
    clean = space.encode(batch["target"], batch["identity"])
    prediction = clean.clone()
    prediction[..., -4:] += 0.5
    full, tenth = (
        DiffusionTerms(identities, space, DiffusionTermSettings(eye_weight=weight))(
            prediction, batch
        )["diffusion"]
        for weight in (1.0, 0.1)
    )
    assert float(tenth) == pytest.approx(0.01 * float(full), rel=1e-4)


def test_a_share_of_samples_is_nothing_but_noise() -> None:
    identities = _identities()
    network, space = make_network(identities, "coefficients")
    seen: list[Tensor] = []
    denoise = network.denoise
    network.denoise = lambda noisy, time, *rest: seen.append(time) or denoise(noisy, time, *rest)  # type: ignore
    process = DiffusionProcess.of("cosine", 1000)
    plan = StreamingPlan.of(WindowSettings(), 60)
    batch = _batch(*[(0, 5)] * 64)
    for share in (0.0, 0.5, 1.0):
        generator = torch.Generator().manual_seed(1)
        predicted(network, space, process, plan, batch, generator, last_level_share=share)
    counts = [int((time == 999).sum()) for time in seen]
    assert counts[0] <= 2
    assert 20 <= counts[1] <= 44
    assert counts[2] == 64


@pytest.mark.parametrize("balance", [0.0, 0.5, 1.0])
def test_components_count_by_a_power_of_their_size(balance: float) -> None:
    identities = _identities()
    space, batch = build_space("coefficients", identities, "component"), _batch((0, 7))
    clean = space.encode(batch["target"], batch["identity"])
    terms = DiffusionTerms(identities, space, DiffusionTermSettings(component_balance=balance))
    sizes = identities.actors[0].skin.component_sizes
    for component in range(len(sizes)):
        prediction = clean.clone()
        prediction[..., component] += 0.5
        weight = (sizes[component] / sizes.max()) ** balance
        wanted = 0.5 * (0.5 * weight) ** 2 / 28
        assert float(terms(prediction, batch)["diffusion"]) == pytest.approx(wanted, rel=1e-3)
