"""Drawing the predicted head into the crop: albedo, light, outline; and grey geometry to look at.

Owns the assembly; coverage, shading and outlines are in ``likeness.geometry``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from likeness.geometry.albedo import Albedo
from likeness.geometry.antialias import antialias, face_adjacency
from likeness.geometry.cameras import ndc_to_pixels
from likeness.geometry.head import HeadOutput
from likeness.geometry.head_asset import HeadAsset
from likeness.geometry.rasterize import Fragments, interpolate, rasterize, texture
from likeness.geometry.shading import five_light_shading, harmonic_shading
from likeness.systems.face_encoder.albedo_space import (
    check_fits_head,
    open_albedo_space,
    unfit_reason,
)
from likeness.systems.face_encoder.decode import Decoder

_FACE_MASKS = ("face", "left_eyeball", "right_eyeball", "lid_linings")
_BORDER_BLUR = 3
_GREY = 0.7


@dataclass(frozen=True)
class Rendering:
    """Pictures of a batch of heads in their crops."""

    image: Tensor
    """(B, 3, H, W), black outside the head."""
    alpha: Tensor
    """(B, 1, H, W) coverage in [0, 1] with outlines blended; its gradient moves outlines."""
    face: Tensor
    """(B, 1, H, W), 1 where the face region (no ears, scalp, neck) is visible. A constant."""


class Renderer(nn.Module):
    """Draws vectors with a decoder's head and camera. Holds no trainable weights."""

    uv: Tensor  # (T, 2), where there is an albedo space
    uv_faces: Tensor  # (F, 3) into uv
    region: Tensor  # (V, 1) share of the face in 0..1; the border of its region is at a half

    def __init__(self, decoder: Decoder, albedo: str, num_albedo: int) -> None:
        super().__init__()
        self.decoder = decoder
        asset = decoder.asset
        self.albedo: Albedo | None = None
        if num_albedo:
            check_fits_head(albedo, asset)
        if num_albedo and unfit_reason(albedo, asset) is None:
            self.albedo = Albedo(open_albedo_space(albedo, num_albedo))
            self.register_buffer(
                "uv", torch.tensor(asset.uv, dtype=torch.float32), persistent=False
            )
            self.register_buffer(
                "uv_faces", torch.tensor(asset.uv_faces, dtype=torch.int64), persistent=False
            )
        region = torch.from_numpy(face_share(asset)[:, None])
        self.register_buffer("region", region, persistent=False)
        self._adjacency = face_adjacency(decoder.full.faces)

    def forward(
        self, vector: Tensor, size: int, *, outline: bool = False, use_correctives: bool = True
    ) -> Rendering:
        """Draw vectors (B, D) at ``size`` pixels; ``outline`` gives alpha a silhouette gradient."""
        output, xy, fragments = self._cover(vector, size, use_correctives)
        faces = self.decoder.full.faces
        normals = interpolate(output.vertex_normals, fragments, faces)
        normals = torch.nn.functional.normalize(normals, dim=-1, eps=1e-6)
        colour = self._albedo(vector, fragments)
        parts = self.decoder.layout.split(vector)
        if "light.sh" in parts:
            shading = harmonic_shading(normals, parts["light.sh"].reshape(-1, 9, 3))
        else:
            shading = five_light_shading(normals)
        covered = fragments.mask[..., None].to(colour.dtype)
        image = colour * shading * covered
        alpha = covered
        if outline:
            alpha = antialias(covered, fragments, xy, faces, adjacency=self._adjacency)
        region = interpolate(self.region, fragments, faces) > 0.5
        return Rendering(
            image.permute(0, 3, 1, 2),
            alpha.permute(0, 3, 1, 2),
            region.to(colour.dtype).permute(0, 3, 1, 2),
        )

    @torch.no_grad()
    def geometry(self, vector: Tensor, size: int, background: Tensor | None = None) -> Tensor:
        """Grey head under five lights (B, 3, H, W), over a background or white."""
        output, xy, fragments = self._cover(vector, size)
        faces = self.decoder.full.faces
        normals = interpolate(output.vertex_normals, fragments, faces)
        grey = five_light_shading(torch.nn.functional.normalize(normals, dim=-1, eps=1e-6))
        covered = fragments.mask[..., None]
        behind = torch.ones_like(grey) if background is None else background.permute(0, 2, 3, 1)
        image = torch.where(covered, grey, behind)
        image = antialias(image.contiguous(), fragments, xy, faces, adjacency=self._adjacency)
        return image.permute(0, 3, 1, 2).clamp(0, 1)

    def _cover(
        self, vector: Tensor, size: int, use_correctives: bool = True
    ) -> tuple[HeadOutput, Tensor, Fragments]:
        output = self.decoder.mesh(vector, use_correctives=use_correctives)
        projected = self.decoder.project(vector, output.vertices)
        xy = ndc_to_pixels(projected[..., :2], size, size)
        fragments = rasterize(
            xy, projected[..., 2], self.decoder.full.faces, size, size, cull="back"
        )
        return output, xy, fragments

    def _albedo(self, vector: Tensor, fragments: Fragments) -> Tensor:
        parts = self.decoder.layout.split(vector)
        if self.albedo is None or "face.albedo" not in parts:
            return fragments.bary.new_full((*fragments.tri.shape, 3), _GREY)
        uv = interpolate(self.uv, fragments, self.uv_faces)
        return texture(self.albedo(parts["face.albedo"]), uv)


def face_share(asset: HeadAsset) -> NDArray[np.float32]:
    """How much of each vertex (V,) is face: lids, eyeballs and what lines the lids, but no ears.

    A mask is either or, and the border at a half between its vertices would turn at every triangle.
    Sharing with the neighbours, as far as they are joined by edges, makes it run across them.
    """
    if "face" not in asset.masks:
        return np.ones(asset.num_vertices, np.float32)
    share = np.zeros(asset.num_vertices)
    for name in _FACE_MASKS:
        share[asset.masks.get(name, [])] = 1.0
    edges = np.sort(asset.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    edges = np.unique(edges, axis=0)
    both = np.concatenate([edges, edges[:, ::-1]])
    around = np.maximum(np.bincount(both[:, 0], minlength=len(share)), 1)
    for _ in range(_BORDER_BLUR):
        mean = np.bincount(both[:, 0], share[both[:, 1]], len(share)) / around
        share = 0.5 * (share + mean)
    return share.astype(np.float32)
