"""A shot as a strip of pictures: what was recorded above, what is predicted below."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from likeness.geometry.mesh import Mesh
from likeness.media.drawing import draw_text
from likeness.media.image import save_image
from likeness.systems.audio2face.animation_result import AnimationResult
from likeness.systems.audio2face.artefacts import ActorArtefacts, Floats
from likeness.systems.audio2face.film import film_frames
from likeness.systems.audio2face.outputs import Surfaces

_COLUMNS = 8
_SIZE = 160
_DOT = 1
_TITLE, _TEXT, _INK = 20, 13, (0.25, 0.25, 0.25)


def surfaces_of(actor: ActorArtefacts) -> Surfaces | None:
    """The triangles of an actor; None where they are not known."""
    if actor.skin_faces is None:
        return None
    tongue = None
    if actor.tongue_faces is not None and not actor.tongue.is_placeholder:
        tongue = Mesh(actor.neutral_tongue, actor.tongue_faces)
    return Surfaces(Mesh(actor.neutral_skin, actor.skin_faces), tongue)


def shot_strip(
    path: Path, actor: ActorArtefacts, recorded: AnimationResult, predicted: AnimationResult
) -> Path:
    """Write a picture of eight moments of a shot; of its vertices where there are no triangles."""
    frames = np.linspace(0, predicted.num_frames - 1, _COLUMNS).round().astype(int)
    rows = []
    for name, result in (("recorded", recorded), ("predicted", predicted)):
        row = np.concatenate(_pictures(actor, result, frames), 1)
        title = np.ones((_TITLE, row.shape[1], 3), np.float32)
        rows += [draw_text(title, name, (2, 2), size=_TEXT, colour=_INK, background=None), row]
    return save_image(path, np.concatenate(rows, 0))


def _pictures(
    actor: ActorArtefacts, result: AnimationResult, frames: NDArray[np.int64]
) -> list[NDArray[np.float32]]:
    surfaces = surfaces_of(actor)
    if surfaces is None:
        return [_dots(result.skin[frame], actor.skin.mean) for frame in frames]
    chosen = AnimationResult(
        result.fps,
        result.skin[frames],
        None if result.tongue is None or surfaces.tongue is None else result.tongue[frames],
        None if result.jaw is None else result.jaw[frames],
    ).with_carried_tongue(actor.jaw_neutral)
    tongue = surfaces.tongue if chosen.tongue is not None else None
    return list(film_frames(chosen, surfaces.skin, tongue, size=_SIZE, yaw=0.0))


def _dots(vertices: Floats, rest: Floats) -> NDArray[np.float32]:
    """Vertices from the front as dots, nearer ones darker, framed by the face at rest."""
    low, high = rest[:, :2].min(0), rest[:, :2].max(0)
    centre, reach = (low + high) / 2, 0.55 * float((high - low).max())
    place = ((vertices[:, :2] - centre) / reach * [1, -1] + 1) / 2 * _SIZE
    depth = (vertices[:, 2] - vertices[:, 2].min()) / max(float(np.ptp(vertices[:, 2])), 1e-6)
    picture = np.full((_SIZE, _SIZE, 3), 0.93, np.float32)
    for index in np.argsort(vertices[:, 2]):
        x, y = place[index].astype(int)
        if _DOT <= x < _SIZE - _DOT and _DOT <= y < _SIZE - _DOT:
            picture[y - _DOT : y + _DOT, x - _DOT : x + _DOT] = 0.75 - 0.7 * depth[index]
    return picture
