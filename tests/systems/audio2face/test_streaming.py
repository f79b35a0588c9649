"""The streaming graph against the naive order of computation, and as an ONNX file."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from likeness.diffusion.process import DiffusionProcess
from likeness.systems.audio2face.identities import Identities
from likeness.systems.audio2face.streaming import (
    GRAPH_DYNAMIC,
    GRAPH_OUTPUTS,
    StreamingGraph,
    graph_examples,
)
from tests.systems.audio2face.diffusion_cases import CountingEncoder, make_actor, make_graph


def _two() -> Identities:
    return Identities((make_actor("ada"), make_actor("bob", skin_components=4)))


def naive(graph: StreamingGraph, steps: int, inputs: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """As published: all frames are noised and embedded, and sound is encoded at every level."""
    network, plan, space = graph.network, graph.plan, graph.space
    process = DiffusionProcess.of("cosine", 1000).respaced(steps)
    identity, batch = inputs["identity"], len(inputs["window"])
    noise = space.noise(inputs["noise"], identity)
    block = slice(plan.left, plan.left + plan.centre)
    noisy, states = noise[:, -1], {}
    for level in reversed(range(steps)):
        time = torch.full((batch,), process.times[level])
        heard = network.hear(inputs["window"], plan.num_frames)
        geometry = network.geometry(noisy)
        tokens = network.tokens(
            heard[:, block], geometry[:, block], network.embedded_time(time), identity,
            inputs["emotion"],
        )  # fmt: skip
        features, states[level] = network.gru(tokens, inputs["input_latents"][level].contiguous())
        clean = torch.zeros_like(noisy)
        clean[:, block] = network.heads(features) + network.neutral(identity)
        if level:
            step = process.posterior(level)
            noisy = step.clean * clean + step.noisy * noisy + step.fresh * noise[:, level]
    moved = space.displacements(clean, identity)
    return moved[:, block], torch.stack([states[level] for level in range(steps)])


@pytest.mark.parametrize("kind", ["vertices", "coefficients"])
@pytest.mark.parametrize("steps", [2, 3, 5])
def test_defect_19_short_cuts_equal_the_naive_order(kind: str, steps: int) -> None:
    """Defect 19: sound was encoded at every level, and frames that are cut off were embedded."""
    graph = make_graph(_two(), kind, steps=steps)
    inputs = graph_examples(graph, 3)
    with torch.no_grad():
        prediction, latents = graph(**inputs)
        wanted, states = naive(graph, steps, inputs)
    assert prediction.shape == (3, 60, 3 * 12 + 3 * 5 + 19)
    assert torch.allclose(prediction[:, 15:45], wanted, atol=2e-5)
    assert torch.allclose(latents, states, atol=1e-6)
    assert prediction[:, :15].abs().max() == 0
    assert prediction[:, 45:].abs().max() == 0


def test_short_cuts_hold_with_units_of_components_and_context() -> None:
    graph = make_graph(_two(), "coefficients", steps=3, scale="component", context_layers=3)
    inputs = graph_examples(graph, 3)
    with torch.no_grad():
        prediction, latents = graph(**inputs)
        wanted, states = naive(graph, 3, inputs)
    assert torch.allclose(prediction[:, 15:45], wanted, atol=2e-5)
    assert torch.allclose(latents, states, atol=1e-6)


def test_defect_19_sound_is_encoded_once_per_window() -> None:
    """Defect 19: once per denoising step."""
    encoder = CountingEncoder()
    graph = make_graph(_two(), steps=5, encoder=encoder)
    with torch.no_grad():
        graph(**graph_examples(graph))
    assert encoder.calls == 1


def test_the_first_slice_of_noise_is_never_read() -> None:
    graph = make_graph(_two())
    inputs = graph_examples(graph)
    with torch.no_grad():
        usual, _ = graph(**inputs)
        inputs["noise"][:, 0] = float("nan")
        inputs["noise"][:, :, :15] = float("nan")
        inputs["noise"][:, :, 45:] = float("nan")
        found, _ = graph(**inputs)
        inputs["noise"][:, 2] += 1
        other, _ = graph(**inputs)
    assert torch.equal(found, usual)
    assert (other - usual).abs().max() > 1e-5


def test_delta_output_is_relative_to_each_items_own_actor() -> None:
    """Defect 17: the mean geometry was indexed by the batch, and scales came from another actor."""
    graph = make_graph(_two())
    for layer in graph.network.heads.last:
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    inputs = graph_examples(graph, 2)
    with torch.no_grad():
        prediction, _ = graph(**inputs)
    # The network says the neutral face of either actor, so nothing moves.
    assert prediction.abs().max() < 1e-5


def test_implicit_steps_follow_from_the_first_noise_alone() -> None:
    usual = make_graph(_two(), steps=3)
    process = DiffusionProcess.of("cosine", 1000).respaced(3)
    graph = StreamingGraph(usual.network, usual.space, process, usual.plan, implicit=True)
    inputs = graph_examples(graph)
    with torch.no_grad():
        found, _ = graph(**inputs)
        inputs["noise"][:, :3] += 1
        same, _ = graph(**inputs)
        inputs["noise"][:, 3] += 1
        other, _ = graph(**inputs)
    assert torch.equal(found, same)
    assert (found - other).abs().max() > 1e-5


@pytest.mark.parametrize("steps", [2, 3])
def test_defect_16_the_number_of_steps_is_said_once(steps: int) -> None:
    """Defect 16: it stood in two settings, which could differ."""
    graph = make_graph(_two(), steps=steps)
    inputs = graph_examples(graph)
    assert graph.state_shape[0] == steps
    assert inputs["input_latents"].shape[0] == steps
    assert inputs["noise"].shape[1] == steps + 1


@pytest.mark.skipif(importlib.util.find_spec("onnxruntime") is None, reason="needs onnxruntime")
@pytest.mark.parametrize(
    ("kind", "actors", "layers_of_context"),
    [("vertices", 1, 0), ("coefficients", 2, 0), ("coefficients", 1, 2)],
)
def test_exported_graph_equals_the_module(
    kind: str, actors: int, layers_of_context: int, tmp_path: Path
) -> None:
    """With one actor all five inputs are still there."""
    import onnx
    import onnxruntime

    from likeness.export.onnx import export_module

    graph = make_graph(Identities(_two().actors[:actors]), kind, context_layers=layers_of_context)
    path = export_module(
        graph,
        graph_examples(graph, 2),
        tmp_path / "network.onnx",
        outputs=GRAPH_OUTPUTS,
        dynamic=GRAPH_DYNAMIC,
    )
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    levels, layers, width = graph.state_shape
    assert {i.name: i.shape for i in session.get_inputs()} == {
        "window": ["batch_size", 16000],
        "identity": ["batch_size", actors],
        "emotion": ["batch_size", 30, 2],
        "input_latents": [levels, layers, "batch_size", width],
        "noise": ["batch_size", 3, 60, 70],
    }
    outputs = {o.name: o.shape for o in session.get_outputs()}
    assert outputs == {
        "prediction": ["batch_size", 60, 70],
        "output_latents": [levels, layers, "batch_size", width],
    }
    model = onnx.load(str(path))
    assert model.opset_import[0].version >= 14
    kinds = {node.op_type for node in model.graph.node}
    assert not kinds & {"NonZero", "ScatterND", "ScatterElements", "Loop", "If"}
    for batch in (1, 3):
        inputs = graph_examples(graph, batch)
        with torch.no_grad():
            wanted = graph(**inputs)
        found = session.run(None, {name: value.numpy() for name, value in inputs.items()})
        for one, other in zip(found, wanted, strict=True):
            limit = 1e-4 * float(other.abs().max())
            np.testing.assert_allclose(one, other.numpy(), atol=limit)
