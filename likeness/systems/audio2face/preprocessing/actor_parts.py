"""The artefacts of an actor put together, with the zeros that stand in for what it lacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from likeness.errors import DataError
from likeness.systems.audio2face.artefacts import ActorArtefacts, Basis, Floats
from likeness.systems.audio2face.preprocessing.normalisation import normalisations
from likeness.systems.audio2face.preprocessing.settings import Placeholders
from likeness.systems.audio2face.recorded_actor import RecordedActor
from likeness.systems.audio2face.shots import Shot


def assembled(
    actor: RecordedActor,
    shots: tuple[Shot, ...],
    skin: Basis,
    tongue: Basis,
    placeholders: Placeholders,
    transforms: Mapping[str, Floats],
) -> ActorArtefacts:
    """All that is left of an actor.

    Neutrals of packages replace only what goes into packages: normalisation and bases keep the
    training neutrals.

    Args:
        skin, tongue: bases, with the coefficients of the shots.
        transforms: of the tongue, kept as they are.

    Raises:
        DataError: an array of another shape than the others ask for, shorter than its shot, or
            with numbers that are not finite.
    """
    jaw_neutral = _jaw_neutral(actor, placeholders.jaw_points)
    saccades = _or_zeros("saccades", actor.saccades, (None, 2), (placeholders.saccades, 2))
    flat = skin.mean.shape
    check_vertex_lists(actor, len(skin.mean))
    given_tongue = None if tongue.is_placeholder else actor.tongue_neutral_inference
    return ActorArtefacts(
        actor=actor.name,
        fps=actor.fps,
        shots=shots,
        skin=skin,
        tongue=tongue,
        jaw_neutral=jaw_neutral,
        jaw=_per_shot("jaw", actor.jaw, shots, jaw_neutral.shape),
        eyes=_per_shot("eyes", actor.eyes, shots, (2, 2)),
        neutral_skin=_or("skin neutral of packages", actor.skin_neutral_inference, skin.mean),
        neutral_tongue=_or("tongue neutral of packages", given_tongue, tongue.mean),
        lip_open_delta=_or_zeros("open lips", actor.lip_open_delta, flat, flat),
        eye_close_delta=_or_zeros("closed eyes", actor.eye_close_delta, flat, flat),
        blink_keys=_or_zeros("blink", actor.blink_keys, (None,), (placeholders.blink_keys,)),
        saccades=saccades,
        normalisation=normalisations(
            skin.mean, tongue.mean, jaw_neutral, saccades, actor.transform_scale
        ),
        lip_distance=actor.lip_distance,
        lip_size=actor.lip_size,
        eye_distance=actor.eye_distance,
        blendshapes=actor.blendshapes,
        tongue_blendshapes=actor.tongue_blendshapes,
        tongue_transforms=transforms,
    )


def check_vertex_lists(holder: RecordedActor | ActorArtefacts, num_vertices: int) -> None:
    """Raises DataError where a vertex list of a loss names vertices the skin does not have."""
    size = holder.lip_size
    lists = {"lip distance": holder.lip_distance, "eye distance": holder.eye_distance}
    lists |= {"upper lip size": size.upper_lip, "lower lip size": size.lower_lip} if size else {}
    for name, pairs in lists.items():
        if pairs is None:
            continue
        both = np.concatenate([pairs.upper, pairs.lower])
        paired = pairs.upper.shape == pairs.lower.shape and pairs.upper.ndim == 1 and both.size
        if not paired or both.min() < 0 or both.max() >= num_vertices:
            raise DataError(
                f"The vertex list of the {name}: expected pairs of vertices from 0 to "
                f"{num_vertices - 1}, found {pairs.upper.tolist()[:10]} over "
                f"{pairs.lower.tolist()[:10]}."
            )


def tongue_placeholder(placeholders: Placeholders) -> Basis:
    """Zeros in place of a tongue."""
    components, vertices = placeholders.tongue
    shapes = np.zeros((components, vertices, 3), np.float32)
    return Basis(shapes, np.zeros((vertices, 3), np.float32), {}, is_placeholder=True)


def checked(what: str, value: Any, shape: tuple[int | None, ...]) -> Floats:
    """float32 in C order of a shape; None in it stands for any number above 0.

    Raises:
        DataError: another shape, or numbers that are not finite.
    """
    array = np.ascontiguousarray(value, np.float32)
    fits = array.ndim == len(shape) and all(
        size > 0 if want is None else size == want for size, want in zip(array.shape, shape)
    )
    if not fits:
        expected = tuple("n" if want is None else want for want in shape)
        raise DataError(f"The {what}: expected shape {expected}, found {array.shape}.")
    if not np.isfinite(array).all():
        raise DataError(f"The {what} has numbers that are not finite.")
    return array


def _or(what: str, value: Floats | None, usual: Floats) -> Floats:
    return usual if value is None else checked(what, value, usual.shape)


def _or_zeros(
    what: str, value: Floats | None, shape: tuple[int | None, ...], zeros: tuple[int, ...]
) -> Floats:
    return np.zeros(zeros, np.float32) if value is None else checked(what, value, shape)


def _jaw_neutral(actor: RecordedActor, usual: int) -> Floats:
    if actor.jaw_neutral is not None:
        return checked("neutral jaw", actor.jaw_neutral, (None, 3))
    moved = next(iter(actor.jaw.values()), None)
    count = usual if moved is None or moved.ndim != 3 else moved.shape[1]
    return np.zeros((count, 3), np.float32)


def _per_shot(
    what: str, arrays: Mapping[str, Floats], shots: tuple[Shot, ...], size: tuple[int, ...]
) -> dict[str, Floats]:
    """The recordings of the shots there are, cut to their lengths; the others are still."""
    out = {}
    for shot in shots:
        if shot.name not in arrays:
            continue
        array = checked(f"{what} of shot '{shot.name}'", arrays[shot.name], (None, *size))
        if len(array) < shot.num_frames:
            raise DataError(
                f"The {what} of shot '{shot.name}': expected {shot.num_frames} frames, found "
                f"{len(array)}."
            )
        out[shot.name] = array[: shot.num_frames]
    return out
