"""Who is it: identity embeddings of aligned faces by a recogniser whose weights the user gives.

Reads ONNX files of the ArcFace family (glintr100.onnx, w600k_r50.onnx and their like) as torch, so
that losses on identity reach the pixels. Metrics are :mod:`likeness.evaluation.identity`.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from likeness.errors import MissingError
from likeness.faces.align import align_faces
from likeness.faces.onnx_graph import OnnxGraph

WEIGHT_FILES = ("glintr100.onnx", "w600k_r50.onnx", "w600k_mbf.onnx")
"""Published file names, best first, as looked for in a folder of weights."""


class Recogniser(nn.Module):
    """A frozen recogniser: aligned faces (B, 3, 112, 112), RGB in [0, 1], to embeddings (B, D).

    Embeddings are as the network gives them, not of length 1. Gradients reach the pixels only.
    """

    def __init__(self, network: OnnxGraph) -> None:
        super().__init__()
        self.network = network
        # Files converted from MXNet subtract the mean themselves and want 0..255.
        first = set(network.operations[:8])
        self._scales_itself = "Sub" in first and "Mul" in first

    def forward(self, faces: Tensor) -> Tensor:
        pixels = faces.float() * 255.0
        return self.network(pixels if self._scales_itself else (pixels - 127.5) / 127.5)

    def embed(self, images: Tensor, points5: Tensor) -> Tensor:
        """Embeddings (B, D) of the faces at points (B, 5, 2) in pictures (B, 3, H, W) in [0, 1].

        Sampled as the published recognisers sample, so that embeddings equal stored ones.
        """
        return self(align_faces(images.float(), points5.float(), antialias=False))


def load_recogniser(weights: str | Path | None) -> Recogniser:
    """The recogniser in a file, or the best published one in a folder.

    Raises:
        MissingError: there is none; names the files looked for.
        DataError: the file is no network that can be read.
    """
    path = Path(weights) if weights is not None else None
    if path is not None and path.is_dir():
        path = next((path / name for name in WEIGHT_FILES if (path / name).is_file()), None)
    if path is None or not path.is_file():
        raise MissingError(
            f"Face recognition needs its weights; looked for {', '.join(WEIGHT_FILES)} in "
            f"{weights or 'no folder, none was given'}.",
            advice="Name the .onnx file of an ArcFace recogniser, or its folder.",
        )
    return Recogniser(OnnxGraph(path))
