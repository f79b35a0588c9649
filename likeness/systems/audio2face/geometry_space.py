"""The spaces in which the face is denoised, and the ways in and out of them.

Targets come in as PCA coefficients, jaw and eyes (``channel_layout.py``); displacements go out in
cm and degrees. Between them lie normalised vertices, D = 3V + 3Vt + jaw + eye, or scaled
coefficients, D = K + Kt + jaw + eye. Every actor has a row in each table, chosen by the identity
one-hot (B, A).
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import torch
from torch import Tensor, nn

from likeness.systems.audio2face.artefacts import Basis, Floats
from likeness.systems.audio2face.identities import Identities, table
from likeness.systems.audio2face.networks.diffusion_parts import ChannelSizes


class GeometrySpace(nn.Module, ABC):
    """Tables shared by both spaces. All are facts about the actors and in no checkpoint.

    Columns of coefficients are those of the actor with the most; others are filled with zeros.

    Attributes:
        sizes: of the channels in this space.
        coefficient_sizes: of the channels of targets.
        vertex_sizes: of the channels of displacements.
        mean_geometry: (A, D) of the neutral faces in this space.
    """

    sizes: ChannelSizes
    skin_bases: Tensor
    tongue_bases: Tensor
    scales: Tensor
    mean_geometry: Tensor

    def __init__(self, identities: Identities) -> None:
        super().__init__()
        actors = identities.actors
        skin = table([_flat(actor.skin) for actor in actors])
        tongue = table([_flat(actor.tongue) for actor in actors])
        jaw, eye = actors[0].jaw_size, actors[0].num_angles
        self.coefficient_sizes = ChannelSizes(skin.shape[1], tongue.shape[1], jaw, eye)
        self.vertex_sizes = ChannelSizes(skin.shape[2], tongue.shape[2], jaw, eye)
        scales = np.array(
            [
                [actor.normalisation[name].scale for name in ("skin", "tongue", "jaw", "eye")]
                for actor in actors
            ]
        )
        for name, values in (("skin_bases", skin), ("tongue_bases", tongue), ("scales", scales)):
            self._fact(name, values)

    def _fact(self, name: str, values: Floats) -> None:
        tensor = torch.from_numpy(np.ascontiguousarray(values, np.float32))
        self.register_buffer(name, tensor, persistent=False)

    def _per_value(self, per_channel: Tensor, sizes: ChannelSizes) -> Tensor:
        """(B, 4) numbers of the channels to (B, 1, D)."""
        parts = zip(per_channel.unsqueeze(1).split(1, dim=-1), sizes.each, strict=True)
        return torch.cat([part.expand(-1, -1, size) for part, size in parts], -1)

    @abstractmethod
    def encode(self, coefficients: Tensor, identity: Tensor) -> Tensor:
        """x0 (B, T, D) of targets (B, T, K + Kt + jaw + eye)."""

    @abstractmethod
    def skin_coefficients(self, values: Tensor, identity: Tensor) -> Tensor:
        """(B, T, K) of the skin in x0 (B, T, D), projected on the basis."""

    @abstractmethod
    def displacements(self, values: Tensor, identity: Tensor) -> Tensor:
        """(B, T, 3V + 3Vt + jaw + eye) of x0, cm and degrees: differences from the neutral face."""

    @abstractmethod
    def noise(self, vertex_noise: Tensor, identity: Tensor) -> Tensor:
        """Unit normal noise (B, …, D) of this space from that of the vertices."""

    @abstractmethod
    def used(self, identity: Tensor) -> Tensor:
        """(B, 1, D) 1 where the actor has a value, 0 in columns that only others have."""


def _flat(basis: Basis) -> Floats:
    return basis.shapes.reshape(len(basis.shapes), -1)


class VertexSpace(GeometrySpace):
    """Vertices, normalised: (x - translate) / scale; jaw and eyes divided by their scales."""

    def __init__(self, identities: Identities) -> None:
        super().__init__(identities)
        self.sizes = self.vertex_sizes
        means = []
        for actor in identities.actors:
            parts = []
            for name, basis in (("skin", actor.skin), ("tongue", actor.tongue)):
                own = actor.normalisation[name]
                parts.append(((basis.mean - np.asarray(own.translate)) / own.scale).ravel())
            parts.append(np.zeros(actor.jaw_size + actor.num_angles))
            means.append(np.concatenate(parts))
        self._fact("mean_geometry", np.stack(means))

    def encode(self, coefficients: Tensor, identity: Tensor) -> Tensor:
        skin, tongue, rest = _split(coefficients, self.coefficient_sizes)
        moved = torch.cat(
            [_expand(skin, self.skin_bases, identity), _expand(tongue, self.tongue_bases, identity),
             rest], -1
        )  # fmt: skip
        scale = self._per_value(identity @ self.scales, self.sizes)
        return moved / scale + (identity @ self.mean_geometry).unsqueeze(1)

    def skin_coefficients(self, values: Tensor, identity: Tensor) -> Tensor:
        size = self.sizes.skin
        mean = (identity @ self.mean_geometry[:, :size]).unsqueeze(1)
        scale = (identity @ self.scales[:, :1]).unsqueeze(1)
        return _project((values[..., :size] - mean) * scale, self.skin_bases, identity)

    def displacements(self, values: Tensor, identity: Tensor) -> Tensor:
        mean = (identity @ self.mean_geometry).unsqueeze(1)
        return (values - mean) * self._per_value(identity @ self.scales, self.sizes)

    def noise(self, vertex_noise: Tensor, identity: Tensor) -> Tensor:
        return vertex_noise

    def used(self, identity: Tensor) -> Tensor:
        return identity.new_ones(len(identity), 1, self.sizes.total)


class CoefficientSpace(GeometrySpace):
    """Coefficients of each actor's own basis, so scaled that the widest has unit size, or each.

    The bases are orthonormal: unit normal noise of the vertices, projected, is that of the
    coefficients. Their scale only decides how much of them noise of a level hides.

    Args:
        identities: the actors.
        scale: ``range``: one unit for a channel; ``component``: one for each component.

    Attributes:
        units: (A, D) of the scaled values, in cm and degrees; 1 in columns that only others have.
        shares: (A, D) units over the largest of their channel.
    """

    units: Tensor
    shares: Tensor
    columns: Tensor

    def __init__(self, identities: Identities, scale: str = "range") -> None:
        super().__init__(identities)
        self.sizes = self.coefficient_sizes
        units, shares, columns = [], [], []
        for actor in identities.actors:
            channels = [
                _units(actor.skin, self.sizes.skin, scale),
                _units(actor.tongue, self.sizes.tongue, scale),
                np.full(self.sizes.jaw, actor.normalisation["jaw"].scale),
                np.full(self.sizes.eye, actor.normalisation["eye"].scale),
            ]
            units.append(np.concatenate(channels))
            widest = [_range(actor.skin), _range(actor.tongue), channels[2][0], channels[3][0]]
            shares.append(np.concatenate([u / w for u, w in zip(channels, widest, strict=True)]))
            own = np.zeros(self.sizes.total)
            own[: len(actor.skin.shapes)] = 1
            own[self.sizes.skin : self.sizes.skin + len(actor.tongue.shapes)] = 1
            own[self.sizes.skin + self.sizes.tongue :] = 1
            columns.append(own)
        self._fact("units", np.stack(units))
        self._fact("shares", np.stack(shares))
        self._fact("columns", np.stack(columns))
        self._fact("mean_geometry", np.zeros((len(units), self.sizes.total)))

    def encode(self, coefficients: Tensor, identity: Tensor) -> Tensor:
        return coefficients / (identity @ self.units).unsqueeze(1)

    def skin_coefficients(self, values: Tensor, identity: Tensor) -> Tensor:
        return values[..., : self.sizes.skin] * self.skin_units(identity)

    def skin_units(self, identity: Tensor) -> Tensor:
        """(B, 1, K) units of the skin."""
        return (identity @ self.units[:, : self.sizes.skin]).unsqueeze(1)

    def displacements(self, values: Tensor, identity: Tensor) -> Tensor:
        scaled = values * (identity @ self.units).unsqueeze(1)
        skin, tongue, rest = _split(scaled, self.sizes)
        return torch.cat(
            [_expand(skin, self.skin_bases, identity), _expand(tongue, self.tongue_bases, identity),
             rest], -1
        )  # fmt: skip

    def noise(self, vertex_noise: Tensor, identity: Tensor) -> Tensor:
        skin, tongue, rest = _split(vertex_noise, self.vertex_sizes)
        return torch.cat(
            [_project(skin, self.skin_bases, identity),
             _project(tongue, self.tongue_bases, identity), rest], -1
        )  # fmt: skip

    def used(self, identity: Tensor) -> Tensor:
        return (identity @ self.columns).unsqueeze(1)


def build_space(kind: str, identities: Identities, scale: str = "range") -> GeometrySpace:
    """The space of this name: ``vertices`` or ``coefficients``, the latter of this scale."""
    return VertexSpace(identities) if kind == "vertices" else CoefficientSpace(identities, scale)


_LEAST = 0.01


def _units(basis: Basis, size: int, scale: str) -> Floats:
    """(size,) of the components of a basis, filled with ones; none below a hundredth of the widest:
    what never moved has no size of its own."""
    widest = _range(basis)
    found = np.ones(size, np.float64)
    own = basis.component_sizes if scale == "component" else np.full(len(basis.shapes), widest)
    found[: len(basis.shapes)] = np.maximum(own, _LEAST * widest)
    return found


def _range(basis: Basis) -> float:
    """Root mean square of the component that moves most; 1 where nothing does."""
    most = float(basis.component_sizes.max(initial=0.0))
    return most if most > 0 else 1.0


def _split(values: Tensor, sizes: ChannelSizes) -> tuple[Tensor, Tensor, Tensor]:
    skin, tongue, jaw, eye = sizes.each
    return values.split([skin, tongue, jaw + eye], dim=-1)  # type: ignore[return-value]


def _expand(coefficients: Tensor, bases: Tensor, identity: Tensor) -> Tensor:
    """(B, T, n) of coefficients (B, T, K) in bases (A, K, n), without a basis for every item."""
    chosen = coefficients.unsqueeze(2) * identity[:, None, :, None]
    return chosen.flatten(2) @ bases.flatten(0, 1)


def _project(vertices: Tensor, bases: Tensor, identity: Tensor) -> Tensor:
    """(B, …, K) of vertices (B, …, n): on the bases of all actors, of which the own is kept."""
    found = vertices @ bases.flatten(0, 1).T
    shape = (-1, *([1] * (vertices.ndim - 2)), bases.shape[0], 1)
    return (found.unflatten(-1, bases.shape[:2]) * identity.reshape(shape)).sum(-2)
