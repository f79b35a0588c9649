"""A performance as a film with its sound: grey geometry under soft light, seen from the front."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import label
from torch import Tensor

from likeness.errors import UsageError
from likeness.geometry.mesh import Mesh
from likeness.geometry.normals import vertex_normals
from likeness.geometry.rasterize import interpolate, rasterize
from likeness.geometry.shading import five_light_shading
from likeness.media.video import write_video
from likeness.systems.audio2face.animation_result import AnimationResult

_SKIN = (0.80, 0.78, 0.76)
_TONGUE = (0.78, 0.42, 0.42)
_BACKGROUND = 0.93
_INSIDE = 0.16
"""Light on surfaces seen from behind: the inside of the mouth."""
_HOLE = 0.1
"""Where one looks through a skin that has nothing behind it: eyes, and an open mouth."""
_MARGIN = 1.12


def write_film(
    path: str | Path,
    result: AnimationResult,
    skin: Mesh,
    tongue: Mesh | None = None,
    *,
    size: int = 512,
    yaw: float = 20.0,
    quality: int = 18,
) -> Path:
    """Write an .mp4 in which frame k is on screen from k / fps on, with the sound of the result.

    Args:
        skin, tongue: triangles and colours (V, 3) if any; the vertices are those of the result.
        size: side in pixels.
        yaw: degrees the head is turned, so that lips and jaw have depth.
        quality: of the picture, see :func:`likeness.media.video.write_video`.
    """
    return write_video(
        path,
        film_frames(result, skin, tongue, size=size, yaw=yaw),
        rate=result.fps,
        audio=result.sound,
        sample_rate=result.sample_rate,
        quality=quality,
    )


def film_frames(
    result: AnimationResult,
    skin: Mesh,
    tongue: Mesh | None = None,
    *,
    size: int = 512,
    yaw: float = 20.0,
) -> Iterator[NDArray[np.float32]]:
    """Pictures (size, size, 3) of all frames, before a camera that stands still.

    Raises:
        UsageError: meshes with another number of vertices than the frames have.
    """
    for name, mesh, frames in (("skin", skin, result.skin), ("tongue", tongue, result.tongue)):
        if mesh is not None and (frames is None or mesh.num_vertices != frames.shape[1]):
            found = "none" if frames is None else frames.shape[1]
            raise UsageError(
                f"The mesh of the {name} has {mesh.num_vertices} vertices, its frames {found}."
            )
    faces, colours = _merged(skin, tongue)
    turn = _turn(yaw)
    centre, reach = _framing(result.skin, turn)
    for frame in range(result.num_frames):
        vertices = result.skin[frame]
        if tongue is not None and result.tongue is not None:
            vertices = np.concatenate([vertices, result.tongue[frame]])
        yield _draw(vertices @ turn.T, faces, colours, centre, reach, size)


def _merged(skin: Mesh, tongue: Mesh | None) -> tuple[Tensor, Tensor]:
    faces, colours = [skin.faces], [_colours(skin, _SKIN)]
    if tongue is not None:
        faces.append(tongue.faces + skin.num_vertices)
        colours.append(_colours(tongue, _TONGUE))
    joined = np.concatenate(colours).astype(np.float32)
    return torch.from_numpy(np.concatenate(faces).astype(np.int64)), torch.from_numpy(joined)


def _colours(mesh: Mesh, default: tuple[float, float, float]) -> NDArray[np.floating]:
    return np.tile(default, (mesh.num_vertices, 1)) if mesh.colours is None else mesh.colours


def _turn(yaw: float) -> NDArray[np.float32]:
    angle = np.radians(yaw)
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]], np.float32)


def _framing(
    frames: NDArray[np.float32], turn: NDArray[np.float32]
) -> tuple[NDArray[np.float32], float]:
    """The middle and half the side of the square that shows a few frames spread over the take."""
    shown = frames[np.linspace(0, len(frames) - 1, min(len(frames), 9)).astype(int)] @ turn.T
    low, high = shown.min(axis=(0, 1)), shown.max(axis=(0, 1))
    return (low + high) / 2, float((high - low)[:2].max()) / 2 * _MARGIN


def _from_behind(xy: Tensor, faces: Tensor, tri: Tensor) -> Tensor:
    """Whether triangles (N,) run clockwise for the viewer."""
    a, b, c = (xy[faces[:, corner]] for corner in range(3))
    area = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]  # y is down
    return (area > 0)[tri.long()]


def _enclosed(covered: NDArray[np.bool_]) -> Tensor:
    """(H, W) what is not covered and has no way to the edge of the picture."""
    places, _ = label(~covered)
    outside = np.unique(np.concatenate([places[[0, -1]].ravel(), places[:, [0, -1]].ravel()]))
    return torch.from_numpy(~covered & ~np.isin(places, outside))


@torch.no_grad()
def _draw(
    vertices: NDArray[np.float32],
    faces: Tensor,
    colours: Tensor,
    centre: NDArray[np.float32],
    reach: float,
    size: int,
) -> NDArray[np.float32]:
    fine = 2 * size  # four samples a pixel
    points = torch.from_numpy(np.ascontiguousarray((vertices - centre) / reach, np.float32))[None]
    xy = (points[..., :2] * points.new_tensor([1.0, -1.0]) + 1.0) * (fine / 2)
    fragments = rasterize(xy, -points[..., 2], faces, fine, fine)
    normals = vertex_normals(points, faces)
    surface = interpolate(torch.cat([normals, colours[None]], dim=-1), fragments, faces)
    covered = fragments.mask
    seen = surface[covered]  # lighting is the longest part, and much of a picture is background
    light = five_light_shading(torch.nn.functional.normalize(seen[:, :3], dim=-1, eps=1e-6), grey=1)
    # By the triangle, not its normal: at outlines smooth normals look away from the camera.
    inside = _from_behind(xy[0], faces, fragments.tri[covered])
    light = torch.where(inside[:, None], light.new_tensor(_INSIDE), light)
    image = torch.full_like(surface[..., 3:], _BACKGROUND)
    image[covered] = seen[:, 3:] * light
    image[0, _enclosed(covered[0].numpy())] = _HOLE
    small = torch.nn.functional.avg_pool2d(image.permute(0, 3, 1, 2), 2)
    return np.ascontiguousarray(small[0].permute(1, 2, 0).clamp(0, 1).numpy())
