"""What the diffusion network learns by: a batch to a prediction to named terms.

Owns the forward pass on a padded batch and which part of a prediction each term compares. Every
term is a mean over items of a mean over the item's own frames: padding and the size of the batch
change nothing. Weights are the loop's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from likeness.diffusion.process import DiffusionProcess
from likeness.systems.audio2face import losses
from likeness.systems.audio2face.artefacts import ActorArtefacts, Floats
from likeness.systems.audio2face.geometry_space import CoefficientSpace, GeometrySpace
from likeness.systems.audio2face.identities import Identities
from likeness.systems.audio2face.networks.diffusion import DiffusionNetwork
from likeness.systems.audio2face.networks.diffusion_settings import DiffusionTermSettings
from likeness.systems.audio2face.streaming_plan import StreamingPlan
from likeness.systems.audio2face.vertex_gaps import CoefficientGaps

DIFFUSION_TERMS = ("diffusion", "lip_distance", "velocity", "expression_smooth")


def heard_in_batch(
    network: DiffusionNetwork, batch: Mapping[str, Any], plan: StreamingPlan
) -> Tensor:
    """(B, T, features) of a batch of ``collate_diffusion``; zeros on padding.

    An item never hears its padding: items of one length go through the encoder together, others
    apart. Windows are all of one length.
    """
    audio, frames, sounds = batch["audio"], batch["frames"].tolist(), batch["sounds"].tolist()
    longest = batch["target"].shape[1]
    if audio.ndim == 3:
        pieces = torch.cat([audio[i, :count] for i, count in enumerate(sounds)])
        kept = network.hear(pieces, plan.num_frames)[:, plan.left : plan.left + plan.centre]
        rows = [
            blocks.flatten(0, 1)[phase : phase + count]
            for blocks, phase, count in zip(kept.split(sounds), batch["phase"].tolist(), frames)
        ]
    else:
        rows = [audio.new_zeros(0)] * len(frames)
        lengths = list(zip(sounds, frames))
        for samples, count in sorted(set(lengths)):
            own = [i for i, length in enumerate(lengths) if length == (samples, count)]
            found = network.hear(audio[own, :samples], count)
            for i, row in zip(own, found):
                rows[i] = row
    return torch.stack([functional.pad(row, (0, 0, 0, longest - len(row))) for row in rows])


def predicted(
    network: DiffusionNetwork,
    space: GeometrySpace,
    process: DiffusionProcess,
    plan: StreamingPlan,
    batch: Mapping[str, Any],
    generator: torch.Generator,
    *,
    last_level_share: float = 0.0,
) -> Tensor:
    """x̂0 (B, T, D) of a batch, noised to a level that is drawn for each item.

    ``last_level_share`` of the items are at the last level, others at any.
    """
    clean = space.encode(batch["target"], batch["identity"])
    device = clean.device
    level = torch.randint(len(process), (len(clean),), generator=generator, device=device)
    if last_level_share > 0:
        chance = torch.rand(len(clean), generator=generator, device=device)
        level = torch.where(chance < last_level_share, len(process) - 1, level)
    noise = torch.randn(clean.shape, generator=generator, device=device, dtype=clean.dtype)
    noisy = process.noised(clean, level, noise * space.used(batch["identity"]))
    time = torch.tensor(process.times, device=device)[level]
    heard = heard_in_batch(network, batch, plan)
    found, _ = network.denoise(noisy, time, heard, batch["identity"], batch["named"])
    return found


class DiffusionTerms(nn.Module):
    """The terms of all actors, each with its own vertex lists. It has no weights.

    Args:
        identities: the actors; a term whose vertex list an actor lacks skips that actor's items.
        space: that predictions lie in.
        settings: shapes of the terms.
    """

    weights: Tensor
    shares: Tensor
    upper_face: Tensor

    def __init__(
        self, identities: Identities, space: GeometrySpace, settings: DiffusionTermSettings
    ) -> None:
        super().__init__()
        self.settings, self._space = settings, [space]
        self.lips = nn.ModuleDict(
            {
                str(number): CoefficientGaps(actor.skin, actor.lip_distance, up=settings.up_axis)
                for number, actor in enumerate(identities.actors)
                if actor.lip_distance is not None
            }
        )
        self._components = [len(actor.skin.shapes) for actor in identities.actors]
        masks = [upper_face_mask(actor, settings) for actor in identities.actors]
        self._has_mask = [mask is not None for mask in masks]
        vertices = space.vertex_sizes.skin // 3
        table = np.stack([np.zeros(vertices, np.float32) if m is None else m for m in masks])
        skin, tongue, jaw, eye = space.sizes.each
        weights = [1.0] * skin + [settings.tongue_weight] * tongue
        weights += [settings.jaw_weight] * jaw + [settings.eye_weight] * eye
        self.register_buffer("weights", torch.tensor(weights), persistent=False)
        self.register_buffer("upper_face", torch.from_numpy(table), persistent=False)
        # By itself an error in units of its component would count as much for a wrinkle as for the
        # jaw.
        shares = torch.ones(1, 1)
        if isinstance(space, CoefficientSpace):
            shares = space.shares**settings.component_balance
        self.register_buffer("shares", shares.expand(len(identities.actors), -1), persistent=False)
        if isinstance(space, CoefficientSpace):
            # m · (x[t+1] - x[t])² of vertices is a quadratic form of the coefficients.
            per_axis = self.upper_face.repeat_interleave(3, dim=1).unsqueeze(1)
            gram = (space.skin_bases * per_axis) @ space.skin_bases.transpose(1, 2)
            self.register_buffer("gram", gram, persistent=False)

    @property
    def available(self) -> frozenset[str]:
        """Names of the terms that some actor allows."""
        off = set() if len(self.lips) else {"lip_distance"}
        if not any(self._has_mask):
            off.add("expression_smooth")
        return frozenset(DIFFUSION_TERMS) - off

    def forward(
        self,
        prediction: Tensor,
        batch: Mapping[str, Any],
        *,
        active: Callable[[str], bool] = lambda name: True,
    ) -> dict[str, Tensor]:
        """Term name to unweighted scalar; those that are not active or available are left out.

        Args:
            prediction: (B, T, D) of :func:`predicted`.
            batch: of ``collate_diffusion``.
            active: whether a term counts now.
        """
        wanted = {name for name in self.available if active(name)}
        space, identity = self._space[0], batch["identity"]
        frames = batch["frames"].to(prediction.device)
        terms: dict[str, Tensor] = {}
        if wanted & {"diffusion", "velocity"}:
            clean = space.encode(batch["target"], identity)
        if "diffusion" in wanted:
            used = space.used(identity)
            weights = self.weights * used * (identity @ self.shares).unsqueeze(1)
            errors = functional.smooth_l1_loss(
                prediction * weights, clean * weights, reduction="none"
            )
            terms["diffusion"] = _item_means(errors.sum(-1) / used.sum(-1), frames).mean()
        if "velocity" in wanted:
            moved = (prediction - clean)[..., : space.sizes.skin].diff(dim=1)
            terms["velocity"] = _item_means(self._skin_squares(moved, identity), frames - 1).mean()
        if "expression_smooth" in wanted:
            moved = prediction[..., : space.sizes.skin].diff(dim=1)
            squares = self._upper_squares(moved, identity)
            own = torch.tensor(self._has_mask, device=prediction.device)[identity.argmax(1)]
            terms["expression_smooth"] = _mean_of(_item_means(squares, frames - 1), own)
        if "lip_distance" in wanted:
            terms["lip_distance"] = self._lip_distance(prediction, batch)
        return terms

    def _lip_distance(self, prediction: Tensor, batch: Mapping[str, Any]) -> Tensor:
        """Heights between the lips of the prediction projected on its basis, and of the target."""
        found = self._space[0].skin_coefficients(prediction, batch["identity"])
        terms = []
        actors, frames = batch["identity"].argmax(1).tolist(), batch["frames"].tolist()
        for item, (actor, count) in enumerate(zip(actors, frames)):
            if str(actor) not in self.lips:
                continue
            gaps, columns = self.lips[str(actor)], self._components[actor]
            terms.append(
                losses.lip_distance(
                    gaps(found[item : item + 1, :count, :columns]),
                    gaps(batch["target"][item : item + 1, :count, :columns]),
                    self.settings.lip_exponent,
                )
            )
        return torch.stack(terms).mean() if terms else prediction.sum() * 0

    def _skin_squares(self, moved: Tensor, identity: Tensor) -> Tensor:
        """(B, T) mean over vertices and axes of squares of normalised skin."""
        space = self._space[0]
        if isinstance(space, CoefficientSpace):
            moved = moved * space.skin_units(identity)
        return moved.square().sum(-1) * self._per_vertex(identity)

    def _upper_squares(self, moved: Tensor, identity: Tensor) -> Tensor:
        """The same, each vertex weighed by how much it belongs to the upper face."""
        space = self._space[0]
        if isinstance(space, CoefficientSpace):
            moved = moved * space.skin_units(identity)
            gram = torch.einsum("ba,akl->bkl", identity, self.gram)
            squares = ((moved @ gram) * moved).sum(-1)
        else:
            mask = (identity @ self.upper_face).repeat_interleave(3, dim=1).unsqueeze(1)
            squares = (mask * moved.square()).sum(-1)
        return squares * self._per_vertex(identity)

    def _per_vertex(self, identity: Tensor) -> Tensor:
        """(B, 1) factor from a sum of squares, cm² of coefficients, to a mean over normalised
        vertices."""
        space = self._space[0]
        size = identity.new_ones(len(identity), 1)
        if isinstance(space, CoefficientSpace):
            size = 1 / (identity @ space.scales[:, :1])
        return size.square() / space.vertex_sizes.skin


def upper_face_mask(actor: ActorArtefacts, settings: DiffusionTermSettings) -> Floats | None:
    """(V,) about 1 above the lower lids and in front, about 0 elsewhere.

    None without a list, or where its first two pairs have one place: they are those of two eyes.

    σ(s · (y - y0)) · σ(s · (z - z0)) on the mean face: y0 is the lower of the two lower-lid
    vertices, z0 lies their distance d behind them, and s = 20 / d, whatever the unit.
    """
    if actor.eye_distance is None or len(actor.eye_distance.lower) < 2:
        return None
    face = actor.skin.mean.astype(np.float64)
    lids = face[actor.eye_distance.lower[:2]]
    apart = float(np.linalg.norm(lids[0] - lids[1]))
    if apart == 0:
        return None
    up, depth = settings.up_axis, settings.depth_axis
    height = 20 / apart * (face[:, up] - lids[:, up].min())
    front = 20 / apart * (face[:, depth] - (lids[:, depth].mean() - apart))
    return (_sigmoid(height) * _sigmoid(front)).astype(np.float32)


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(values / 2))


def _item_means(values: Tensor, counts: Tensor) -> Tensor:
    """(B,) mean of the first ``counts`` of each row of (B, T); 0 where there is none."""
    inside = torch.arange(values.shape[1], device=values.device) < counts.unsqueeze(1)
    # Not a product: padding must not reach the sum, whatever stands there.
    kept = torch.where(inside, values, torch.zeros_like(values))
    return kept.sum(1) / counts.clamp(min=1)


def _mean_of(values: Tensor, keep: Tensor) -> Tensor:
    """Mean of the values to keep; 0 where there is none."""
    return (values * keep).sum() / keep.sum().clamp(min=1)
