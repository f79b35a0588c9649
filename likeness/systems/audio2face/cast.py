"""Who a network is of: its actors, its emotions, and the emotion taken where none is named."""

from __future__ import annotations

from dataclasses import dataclass

from likeness.systems.audio2face.identities import Identities
from likeness.systems.audio2face.regression_items import EmotionLabels


@dataclass(frozen=True, eq=False)
class Cast:
    """Kept in every checkpoint: preprocessing is part of the model.

    Attributes:
        identities: the actors, in their order.
        labels: names of the emotions, and which of them is all zeros.
        default_emotion: of speech without any.
    """

    identities: Identities
    labels: EmotionLabels
    default_emotion: str
