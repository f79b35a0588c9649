"""Who is it, without weights: an identity embedding in closed form, fitted to pictures of people.

Owns the linear recogniser and its fit. Which people it is fitted to is the caller's business.

Aligned 32 x 32 faces are projected on their principal components. There, directions in which
pictures of one person differ are shrunk (within-class covariance normalisation: Hatch, Kajarekar
and Stolcke, "Within-class covariance normalization for SVM-based speaker recognition", 2006), and
each remaining direction counts as much as it says about the person: by the share of people in its
variance, with the weight it has in the likelihood ratio of two pictures (Ioffe, "Probabilistic
linear discriminant analysis", 2006).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn

from likeness.faces.align import align_faces
from likeness.seeds import rng_of

SIDE = 32
"""Pixels of an aligned face."""
DIMENSION = 512
COMPONENTS = 450
_OVAL = (16.0, 18.5, 11.5, 14.5)
"""Centre and half axes in pixels of what is looked at: the face without hair and background."""
_DARKEST = 0.03
"""Brightness that is divided by at least, of the display's range."""
_SHRINKAGE = 0.05
"""Share of the mean variance added to all directions: few people know few of them well."""


class LinearRecogniser(nn.Module):
    """Aligned faces (B, 3, 32, 32), RGB in [0, 1], to embeddings (B, 512) of length 1.

    Differentiable down to the pixels; nothing is trained.

    Args:
        mean: (P,) the mean of :func:`face_values`.
        projection: (K, P) of the weighted components, at most as many as 512.
    """

    mean: Tensor
    projection: Tensor
    padding: Tensor

    def __init__(self, mean: Tensor, projection: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("projection", projection)
        self.register_buffer("padding", torch.from_numpy(_padding(len(projection))))

    def forward(self, faces: Tensor) -> Tensor:
        offset = face_values(faces.float()) - self.mean
        code = offset @ self.projection.T @ self.padding.T
        return nn.functional.normalize(code, dim=1)

    def embed(self, images: Tensor, points5: Tensor) -> Tensor:
        """Embeddings (B, 512) of the faces at points (B, 5, 2) in pictures (B, 3, H, W)."""
        return self(align_faces(images.float(), points5.float(), size=SIDE))


def face_values(faces: Tensor) -> Tensor:
    """Colours (B, P) inside an oval of faces (B, 3, 32, 32), light taken out.

    Each face is divided by the quadratic surface nearest to its brightness, which is what lamps
    from a side do to it; then mean and spread are made the same. Hue and pattern stay.
    """
    inside, surface = _oval()
    inside, surface = inside.to(faces.device), surface.to(faces)
    values = faces[:, :, inside]
    light = values.mean(dim=1) @ torch.linalg.pinv(surface).T @ surface.T
    values = values / light.clamp_min(_DARKEST)[:, None]
    mean = values.mean(dim=(1, 2), keepdim=True)
    spread = values.mean(dim=1, keepdim=True).std(dim=2, keepdim=True)
    return ((values - mean) / spread.clamp_min(1e-3)).flatten(1)


@lru_cache(maxsize=1)
def _oval() -> tuple[Tensor, Tensor]:
    """Which pixels (32, 32) are looked at, and (N, 6) one, x, y and their products there."""
    row, column = torch.meshgrid(torch.arange(SIDE) + 0.5, torch.arange(SIDE) + 0.5, indexing="ij")
    middle_x, middle_y, half_x, half_y = _OVAL
    x, y = (column - middle_x) / half_x, (row - middle_y) / half_y
    inside = x**2 + y**2 < 1.0
    x, y = x[inside], y[inside]
    return inside, torch.stack([torch.ones_like(x), x, y, x * x, x * y, y * y], dim=1)


def fit_linear_recogniser(faces: Tensor, persons: np.ndarray) -> LinearRecogniser:
    """The recogniser of pictures of known people.

    Every face also counts mirrored, as a picture of the same person.

    Args:
        faces: (N, 3, 32, 32) aligned, RGB in [0, 1].
        persons: (N,) who is who; at least two people, of whom some have several pictures.

    Raises:
        ValueError: shapes that do not fit, or nobody with two pictures.
    """
    persons = np.asarray(persons)
    if faces.shape[1:] != (3, SIDE, SIDE) or len(faces) != len(persons):
        raise ValueError(
            f"expected (N, 3, {SIDE}, {SIDE}) faces of N persons, got {tuple(faces.shape)} and "
            f"{persons.shape}"
        )
    names, number = np.unique(persons, return_inverse=True)
    inner = len(persons) - len(names)
    if len(names) < 2 or inner < 1:
        raise ValueError("fitting needs at least two people, one of them in several pictures")
    both = torch.cat([faces, faces.flip(3)]).float()
    values = face_values(both).double().numpy()
    number = np.concatenate([number, number])
    mean = values.mean(axis=0)
    _, _, directions = np.linalg.svd(values - mean, full_matrices=False)
    components = directions[: min(COMPONENTS, len(values) - 1)]
    codes = (values - mean) @ components.T
    centers = np.stack([codes[number == k].mean(axis=0) for k in range(len(names))])
    apart = codes - centers[number]
    within = apart.T @ apart / (2 * inner)
    within += _SHRINKAGE * np.trace(within) / len(within) * np.eye(len(within))
    scale, turn = np.linalg.eigh(within)
    whitening = (turn / np.sqrt(scale)) @ turn.T
    weights = _discriminants(centers @ whitening, len(persons) / len(names))
    projection = weights @ whitening @ components
    return LinearRecogniser(torch.from_numpy(mean).float(), torch.from_numpy(projection).float())


def _discriminants(centers: np.ndarray, pictures: float) -> np.ndarray:
    """Weighted directions (D, K) in which people differ.

    With variance 1 within people and b between them, two pictures x and y of a direction are of one
    person rather than of two by the factor exp(x y b / (1 + 2 b)), times what is said by x and by y
    alone.

    Args:
        centers: (people, K) means of the pictures of each, differences within people white.
        pictures: how many pictures a mean is of; their own scatter is no difference between people.
    """
    apart = centers - centers.mean(axis=0)
    variance, turn = np.linalg.eigh(apart.T @ apart / (len(centers) - 1))
    between = variance - 1.0 / pictures
    kept = between > 0.0
    weight = np.sqrt(between[kept] / (1.0 + 2.0 * between[kept]))
    weighted: np.ndarray = (turn[:, kept] * weight).T
    return weighted


def _padding(count: int) -> np.ndarray:
    """(512, K) fixed orthonormal columns."""
    drawn = rng_of("linear recogniser", "padding").standard_normal((DIMENSION, DIMENSION))
    basis, upper = np.linalg.qr(drawn)
    columns: np.ndarray = (basis * np.sign(np.diag(upper)))[:, :count]
    return columns.astype(np.float32)
