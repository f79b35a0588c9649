"""Batches of a system, its terms by name, and a network that answers what a test wants."""

from __future__ import annotations

from torch import Tensor, nn

from likeness.systems.face_encoder.system import FaceBatch, FaceEncoder
from tests.systems.face_encoder.toy import context_with


class Answer(nn.Module):
    """In place of the network: gives the vectors it is told to, with a gradient."""

    def __init__(self, vector: Tensor) -> None:
        super().__init__()
        self.vector = nn.Parameter(vector.clone())

    def forward(self, image: Tensor, freeze_backbone: bool = False) -> Tensor:
        self.image = image
        return self.vector


def batch_of(system: FaceEncoder, count: int = 4) -> FaceBatch:
    source = system.sources("train")["photographs"]
    return system.collate([source[i] for i in range(count)])


def answering(system: FaceEncoder, vector: Tensor) -> Answer:
    system.network = Answer(vector)
    return system.network


def losses(system: FaceEncoder, batch: FaceBatch, *names: str) -> dict[str, float]:
    terms = system.losses(batch, context_with(system, dict.fromkeys(names, 1.0)))
    assert set(terms) == set(names)
    return {name: value.item() for name, value in terms.items()}
