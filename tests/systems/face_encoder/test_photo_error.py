"""The distance of drawn faces from photographs against plain loops, and a drawing of itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from likeness.systems.face_encoder.masks import resized
from likeness.systems.face_encoder.photo_error import comparable_skin, photo_scores
from tests.systems.face_encoder.toy import build_system, random_vector


def test_the_score_is_the_mean_difference_where_skin_is_seen(toy_folder, dataset):
    system = build_system(toy_folder, dataset)
    source = system.sources("train")["photographs"]
    vectors = random_vector(system.layout, 3, len(source))
    size = system.render_size
    calls = iter(torch.split(vectors, 16))

    class Fixed:
        device = torch.device("cpu")

        def __call__(self, **inputs):
            return {"vector": next(calls).numpy()}

    (score,) = photo_scores(Fixed(), system.renderer, source, range(len(source)), size)
    expected, plain = [], []
    for index in range(len(source)):
        sample = {k: torch.from_numpy(np.asarray(v)[None]) for k, v in source[index].items()
                  if k in ("image", "skin", "landmarks", "has_mask")}  # fmt: skip
        drawn = system.renderer(vectors[index : index + 1], size)
        mask = comparable_skin(drawn, sample["skin"], sample["landmarks"], sample["has_mask"])
        photo = resized(sample["image"], size)[0].numpy().astype(np.float64)
        image, mask = drawn.image[0].detach().numpy().astype(np.float64), mask[0, 0].numpy()
        total = far = 0.0
        means = [(photo[c] * mask).sum() / mask.sum() for c in range(3)]
        for y in range(size):
            for x in range(size):
                for c in range(3):
                    total += mask[y, x] * abs(image[c, y, x] - photo[c, y, x])
                    far += mask[y, x] * abs(means[c] - photo[c, y, x])
        expected.append(total / (3 * mask.sum()))
        plain.append(far / (3 * mask.sum()))
    assert (score.name, score.count, score.direction) == ("photo_l1", len(source), "lower")
    assert score.value == pytest.approx(np.mean(expected), rel=1e-4)
    assert score.baseline == pytest.approx(np.mean(plain), rel=1e-4)


def test_a_drawing_is_no_distance_from_itself(toy_folder, dataset):
    system = build_system(toy_folder, dataset)
    size = system.render_size
    vectors = random_vector(system.layout, 5, 2)
    with torch.no_grad():
        drawn = system.renderer(vectors, size)
        points = system.decoder.landmarks(vectors)
    source = [
        {
            "image": drawn.image[i].numpy(),
            "skin": np.ones((1, size, size), np.float32),
            "landmarks": points[i].numpy(),
            "has_mask": np.float32(i),
        }
        for i in range(2)
    ]

    class Exact:
        device = torch.device("cpu")

        def __call__(self, **inputs):
            return {"vector": vectors.numpy()}

    (score,) = photo_scores(Exact(), system.renderer, source, [0, 1], size)
    assert score.value == pytest.approx(0, abs=1e-6)
    assert score.baseline > 0.005
