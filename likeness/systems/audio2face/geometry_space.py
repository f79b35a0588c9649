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
    """Coefficients of each actor's own basis, so scaled that the widest has unit size.

    The bases are orthonormal: unit normal noise of the vertices, projected, is that of the
    coefficients.
    """

    ranges: Tensor
    columns: Tensor

    def __init__(self, identities: Identities) -> None:
        super().__init__(identities)
        self.sizes = self.coefficient_sizes
        ranges, columns = [], []
        for actor in identities.actors:
            ranges.append(
                [
                    _range(actor.skin), _range(actor.tongue),
                    actor.normalisation["jaw"].scale, actor.normalisation["eye"].scale,
                ]
            )  # fmt: skip
            own = np.zeros(self.sizes.total)
            own[: len(actor.skin.shapes)] = 1
            own[self.sizes.skin : self.sizes.skin + len(actor.tongue.shapes)] = 1
            own[self.sizes.skin + self.sizes.tongue :] = 1
            columns.append(own)
        self._fact("ranges", np.array(ranges))
        self._fact("columns", np.stack(columns))
        self._fact("mean_geometry", np.zeros((len(ranges), self.sizes.total)))

    def encode(self, coefficients: Tensor, identity: Tensor) -> Tensor:
        return coefficients / self._per_value(identity @ self.ranges, self.sizes)

    def skin_coefficients(self, values: Tensor, identity: Tensor) -> Tensor:
        return values[..., : self.sizes.skin] * (identity @ self.ranges[:, :1]).unsqueeze(1)

    def displacements(self, values: Tensor, identity: Tensor) -> Tensor:
        scaled = values * self._per_value(identity @ self.ranges, self.sizes)
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


def build_space(kind: str, identities: Identities) -> GeometrySpace:
    """The space of this name: ``vertices`` or ``coefficients``."""
    return VertexSpace(identities) if kind == "vertices" else CoefficientSpace(identities)


def _range(basis: Basis) -> float:
    """Root mean square of the component that moves most; 1 where nothing does."""
    most = float(basis.component_sizes.max(initial=0.0))
    return most if most > 0 else 1.0


def _split(values: Tensor, sizes: ChannelSizes) -> tuple[Tensor, Tensor, Tensor]:
    skin, tongue, jaw, eye = sizes.each
    return values.split([skin, tongue, jaw + eye], dim=-1)  # type: ignore[return-value]


def _basis_of(bases: Tensor, identity: Tensor) -> Tensor:
    """(B, K, n) of each item; of one actor only its own, which costs no copy per item."""
    if bases.shape[0] == 1:
        return bases
    return torch.einsum("ba,akn->bkn", identity, bases)


def _expand(coefficients: Tensor, bases: Tensor, identity: Tensor) -> Tensor:
    return coefficients @ _basis_of(bases, identity)


def _project(vertices: Tensor, bases: Tensor, identity: Tensor) -> Tensor:
    basis = _basis_of(bases, identity).transpose(1, 2)
    if vertices.ndim == 4:
        basis = basis.unsqueeze(1)
    return vertices @ basis
