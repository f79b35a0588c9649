"""What half precision and an INT8 encoder cost and save: size, error and time on the CPU.

The regression network of published size on wav2vec 2.0, with random weights, in ONNX Runtime beside
the same network in torch.

    OMP_NUM_THREADS=1 python -m benchmarks.audio2face_export
"""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

import numpy as np
import torch

from likeness.models.onnx_model import OnnxModel
from likeness.systems.audio2face.exported_graph import Precision, write_graph
from likeness.systems.audio2face.networks.regression import RegressionGraph, RegressionNetwork
from likeness.systems.audio2face.networks.regression_settings import RegressionSettings

EMOTIONS, RUNS = 10, 30


def main() -> None:
    """Print a table."""
    torch.manual_seed(0)
    settings = RegressionSettings(encoder="wav2vec2")
    network = RegressionNetwork(settings, 272, 10, 15, 4, EMOTIONS, with_weights=False)
    graph = RegressionGraph(network.eval())

    def inputs(streams: int) -> dict[str, torch.Tensor]:
        generator = torch.Generator().manual_seed(streams)
        sound = 0.1 * torch.randn(streams, 1, settings.window, generator=generator)
        return {"input": sound, "emotion": torch.rand(streams, 1, 16 + EMOTIONS)}

    batches = [inputs(1), inputs(3)]
    with torch.inference_mode():
        answers = [graph(**batch).numpy() for batch in batches]
    feeds = [{k: v.numpy() for k, v in batch.items()} for batch in batches]
    models, sizes = {}, {}
    for precision in get_args(Precision):
        for int8_encoder in (False, True):
            name = f"{precision}{', INT8 encoder' if int8_encoder else ''}"
            with TemporaryDirectory() as place:
                path = Path(place) / "network.onnx"
                write_graph(
                    graph,
                    inputs(2),
                    path,
                    outputs=["result"],
                    dynamic={"input": {0: "batch_size"}, "emotion": {0: "batch_size"}},
                    precision=precision,
                    int8_encoder=int8_encoder,
                )
                models[name], sizes[name] = OnnxModel(path, threads=1), path.stat().st_size / 1e6
    times: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(RUNS):  # in turn, so that what else the machine does meets all of them
        for name, model in models.items():
            start = time.perf_counter()
            model(**feeds[0])
            times[name].append(1e3 * (time.perf_counter() - start))
    print("| weights | MB | largest error, share of the largest | a window, ms |")
    print("| --- | --- | --- | --- |")
    for name, model in models.items():
        error = max(
            np.abs(model(**feed)["result"] - answer).max() / np.abs(answer).max()
            for feed, answer in zip(feeds, answers, strict=True)
        )
        print(f"| {name} | {sizes[name]:.1f} | {error:.1e} | {np.median(times[name]):.0f} |")


if __name__ == "__main__":
    main()
