"""A head reduced to some vertices gives there exactly what the whole head gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from likeness.geometry.head import MorphableHead
from likeness.geometry.head_asset import HeadAsset
from likeness.geometry.head_subset import reduced_head


@pytest.fixture(scope="module")
def head(toy: HeadAsset) -> HeadAsset:
    # The toy's eyelids move hardly a landmark; large ones show whether they are carried along.
    lids = np.random.default_rng(0).normal(0, 0.01, toy.eyelids.shape)
    return replace(toy, eyelids=lids)


def parameters(head: HeadAsset, count: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)

    def draw(*shape: int, scale: float = 1.0) -> torch.Tensor:
        return scale * torch.randn(count, *shape, generator=generator, dtype=torch.float64)

    return {
        "shape": draw(head.num_shape),
        "expression": draw(head.num_expression),
        "eyelid": draw(2).abs(),
        "root": draw(3, scale=0.6),
        "neck": draw(3, scale=0.4),
        "jaw": draw(3, scale=0.2),
        "eyes": draw(6, scale=0.3),
        "translation": draw(3),
    }


def test_landmarks_joints_and_asked_vertices_are_those_of_the_whole_head(head):
    asked = np.array([200, 3, 77, 3, 0])  # in any order, twice, beside the landmarks
    small, places = reduced_head(head, asked)
    assert small.num_vertices < head.num_vertices
    values = parameters(head, 5)
    whole = MorphableHead(head, dtype=torch.float64)(values)
    part = MorphableHead(small, dtype=torch.float64)(values)
    close = {"rtol": 0, "atol": 1e-12}
    torch.testing.assert_close(part.vertices[:, places], whole.vertices[:, asked], **close)
    torch.testing.assert_close(part.shaped[:, places], whole.shaped[:, asked], **close)
    torch.testing.assert_close(part.landmarks68, whole.landmarks68, **close)
    torch.testing.assert_close(part.landmarks51, whole.landmarks51, **close)
    torch.testing.assert_close(part.joints, whole.joints, **close)
    # Contour rows of several yaws were compared, not one only.
    assert len(set(whole.yaw.round().tolist())) > 3


def test_without_asked_vertices_the_landmarks_remain(head):
    small, places = reduced_head(head)
    assert len(places) == 0
    values = parameters(head, 2)
    whole = MorphableHead(head, dtype=torch.float64)(values).landmarks68
    part = MorphableHead(small, dtype=torch.float64)(values).landmarks68
    torch.testing.assert_close(part, whole, rtol=0, atol=1e-12)


def test_a_head_without_landmarks_keeps_what_is_asked(head):
    bare = replace(head, landmarks68=None, landmarks51=None, contour=None, masks={})
    small, places = reduced_head(bare, np.array([5, 9]))
    assert small.num_vertices == 2 + head.num_joints
    values = parameters(head, 2)
    whole = MorphableHead(bare, dtype=torch.float64)(values).vertices
    part = MorphableHead(small, dtype=torch.float64)(values).vertices
    torch.testing.assert_close(part[:, places], whole[:, [5, 9]], rtol=0, atol=1e-12)


def test_a_reduced_head_is_not_taken_for_the_whole(head):
    assert reduced_head(head)[0].fingerprint != head.fingerprint
