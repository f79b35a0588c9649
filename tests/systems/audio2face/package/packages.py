"""Random actors and good packages of them, small enough to write often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from likeness.systems.audio2face.artefacts import (
    ActorArtefacts,
    Basis,
    Blendshapes,
    Normalisation,
)
from likeness.systems.audio2face.package.emotion_database import EmotionDatabase
from likeness.systems.audio2face.package.network_info import (
    DiffusionShape,
    RegressionShape,
    network_inputs,
    network_outputs,
)
from likeness.systems.audio2face.package.writing import network_shape, write_package
from likeness.systems.audio2face.postprocessing_settings import default_postprocessing
from likeness.systems.audio2face.shots import Shot

V, VT, K, KT = 30, 11, 4, 2


def shape_settings(num_poses: int, **changes: object) -> dict[str, object]:
    """Settings of a solver in the released rigs' values, all active, nothing paired."""
    return {
        "strengthL2regularization": 0.5,
        "strengthL1regularization": 0.5,
        "strengthTemporalSmoothing": 0.3,
        "strengthSymmetry": 100.0,
        "numPoses": num_poses,
        "bsSolveActivePoses": [1] * num_poses,
        "bsSolveCancelPoses": [-1] * num_poses,
        "bsSolveSymmetryPoses": [-1] * num_poses,
        "bsWeightMultipliers": [1.0] * num_poses,
        "bsWeightOffsets": [0.0] * num_poses,
        "templateBBSize": 20.0,
        **changes,
    }


def random_shapes(
    num_vertices: int, num_poses: int, seed: int = 0, *, mask: bool = False
) -> Blendshapes:
    rng = np.random.default_rng(seed)
    return Blendshapes(
        tuple(f"pose{i}" for i in range(num_poses)),
        rng.normal(0, 5, (num_vertices, 3)).astype(np.float32),
        rng.normal(0, 1, (num_poses, num_vertices, 3)).astype(np.float32),
        shape_settings(num_poses),
        np.arange(0, num_vertices, 2, dtype=np.int32) if mask else None,
    )


def random_actor(name: str = "ada", seed: int = 0, *, shapes: bool = True) -> ActorArtefacts:
    """An actor of V and VT vertices with three shots, one of them neutral."""
    rng = np.random.default_rng(seed)

    def draw(*shape: int) -> np.ndarray:
        return rng.normal(0, 1, shape).astype(np.float32)

    emotions = {"a_neutral": "neutral", "b_joy": "joy", "c_neutral": "neutral"}
    shots = tuple(Shot(name, shot, 6, 30.0, emotion) for shot, emotion in emotions.items())
    skin, tongue = draw(V, 3) * 8, draw(VT, 3)
    return ActorArtefacts(
        actor=name,
        fps=30.0,
        shots=shots,
        skin=Basis(draw(K, V, 3), skin, {s.name: draw(6, K) for s in shots}),
        tongue=Basis(draw(KT, VT, 3), tongue, {s.name: draw(6, KT) for s in shots}),
        jaw_neutral=draw(5, 3),
        jaw={s.name: draw(6, 5, 3) for s in shots},
        eyes={s.name: draw(6, 2, 2) for s in shots},
        neutral_skin=skin,
        neutral_tongue=tongue,
        lip_open_delta=draw(V, 3),
        eye_close_delta=draw(V, 3),
        blink_keys=np.array([0, 0.5, 1, 0.5, 0], np.float32),
        saccades=rng.normal(0, 1, (5000, 2)),  # float64, as recordings are
        normalisation={c: Normalisation((0, 0, 0), 1.0) for c in ("skin", "tongue", "jaw", "eye")},
        blendshapes=replace(random_shapes(V, 5, mask=True), neutral=skin) if shapes else None,
        tongue_blendshapes=replace(random_shapes(VT, 3), neutral=tongue) if shapes else None,
    )


def random_database(length: int = 16) -> EmotionDatabase:
    vectors = np.random.default_rng(3).normal(0, 0.01, (18, length)).astype(np.float32)
    names = ("a_neutral", "b_joy", "c_neutral")
    return EmotionDatabase(vectors, names, np.array([0, 6, 12]), np.array([6, 6, 6]))


def write_graph(
    path: Path,
    inputs: dict[str, Sequence[int | str | None]],
    outputs: dict[str, Sequence[int | str | None]],
    *,
    opset: int = 14,
    kind: int = TensorProto.FLOAT,
) -> Path:
    """A graph with these inputs and outputs (None is the batch) that gives the mean of the first
    input everywhere."""
    axes = {
        name: ["batch_size" if size is None else size for size in sizes]
        for name, sizes in {**inputs, **outputs}.items()
    }
    first = next(iter(inputs))
    nodes = [
        helper.make_node("ReduceMean", [first], ["mean"], keepdims=0),
        helper.make_node("Shape", [first], ["sizes"]),
        helper.make_node("Gather", ["sizes", "zero"], ["batch"]),
    ]
    constants = [helper.make_tensor("zero", TensorProto.INT64, [1], [0])]
    for name, sizes in outputs.items():
        parts = []
        for axis, size in enumerate(sizes):
            parts.append(f"{name}_{axis}" if isinstance(size, int) else "batch")
            if isinstance(size, int):
                constants.append(helper.make_tensor(parts[-1], TensorProto.INT64, [1], [size]))
        nodes.append(helper.make_node("Concat", parts, [f"{name}_sizes"], axis=0))
        nodes.append(helper.make_node("Expand", ["mean", f"{name}_sizes"], [name]))
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info(name, kind, axes[name]) for name in inputs],
        [helper.make_tensor_value_info(name, kind, axes[name]) for name in outputs],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    onnx.save(model, str(path))
    return path


def graph_of(
    path: Path, shape: RegressionShape | DiffusionShape, identities: int, emotions: int
) -> Path:
    return write_graph(path, network_inputs(shape, identities, emotions), network_outputs(shape))


def good_package(folder: Path, network_type: str = "regression", **changes: object) -> Path:
    """A package of one (regression) or two (diffusion) actors that breaks no rule."""
    names = ["ada"] if network_type == "regression" else ["ada", "bo"]
    artefacts = [random_actor(name, seed) for seed, name in enumerate(names)]
    artefacts = changes.pop("artefacts", artefacts)  # type: ignore[assignment]
    shape = network_shape(network_type, artefacts)  # type: ignore[arg-type]
    folder.parent.mkdir(parents=True, exist_ok=True)
    graph = graph_of(folder.parent / f"{folder.name}.onnx", shape, len(artefacts), 2)
    options: dict[str, object] = {
        "network_type": network_type,
        "artefacts": artefacts,
        "emotions": ["joy", "anger"],
        "default_emotion": [0.0, 0.0],
        "post": default_postprocessing(network_type),
        "onnx_path": graph,
        "emotion_database": random_database() if network_type == "regression" else None,
        "source": ("c_neutral", 2) if network_type == "regression" else None,
    }
    write_package(folder, **{**options, **changes})  # type: ignore[arg-type]
    return folder
