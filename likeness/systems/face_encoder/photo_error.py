"""How far the drawn face is from its photograph, and where the two may be compared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from likeness.data.source import Source
from likeness.evaluation.protocol import Score
from likeness.systems.face_encoder.masks import convex_hull_masks, resized
from likeness.systems.face_encoder.predictor import FacePredictor
from likeness.systems.face_encoder.render import Renderer, Rendering

_BATCH = 16


def comparable_skin(drawn: Rendering, skin: Tensor, landmarks: Tensor, has_mask: Tensor) -> Tensor:
    """Where the drawn face meets visible skin (B, 1, H, W) in 0..1, a constant.

    Args:
        drawn: the pictures of B vectors.
        skin: (B, 1, S, S), 1 where skin is visible; read where ``has_mask`` (B,) is 1.
        landmarks: (B, 68, 2) crop units; their convex hull stands in for a mask that is not there.
    """
    size = drawn.image.shape[-1]
    known = has_mask[:, None, None, None]
    visible = known * resized(skin, size) + (1 - known) * convex_hull_masks(landmarks, size)
    return (drawn.face * drawn.alpha * visible).detach()


@torch.no_grad()
def photo_scores(
    predictor: FacePredictor, renderer: Renderer, source: Source, indices: Sequence[int], size: int
) -> list[Score]:
    """``photo_l1``: mean absolute difference of colours in [0, 1], mean over photographs.

    Measured in the crops that training sees, where the drawn face meets visible skin. The baseline
    is the mean colour of each photograph over the same pixels.
    """
    errors, plain = [], []
    for start in range(0, len(indices), _BATCH):
        samples = [source[index] for index in indices[start : start + _BATCH]]
        batch = {
            name: torch.from_numpy(np.stack([sample[name] for sample in samples])).to(
                predictor.device
            )
            for name in ("image", "skin", "landmarks", "has_mask")
        }
        vectors = torch.from_numpy(predictor(image=batch["image"])["vector"]).to(predictor.device)
        drawn = renderer(vectors, size)
        mask = comparable_skin(drawn, batch["skin"], batch["landmarks"], batch["has_mask"])
        photo = resized(batch["image"], size)
        weight = mask.sum(dim=(2, 3), keepdim=True)
        seen = weight.flatten() > 0
        share = mask / weight.clamp_min(1e-6)
        mean = (share * photo).sum(dim=(2, 3), keepdim=True)
        for rows, picture in ((errors, drawn.image), (plain, mean.expand_as(photo))):
            distance = (share * (picture - photo).abs()).sum(dim=(2, 3)).mean(dim=1)
            rows += distance[seen].tolist()
    if not errors:
        return []
    return [
        Score(
            name="photo_l1",
            value=float(np.mean(errors)),
            unit="of 1",
            direction="lower",
            count=len(errors),
            baseline=float(np.mean(plain)),
            baseline_name="its mean colour",
        )
    ]
