"""What may be wrong with the caches of skin and tongue: topology, numbers, a head that moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from likeness.data.inspection import Finding
from likeness.errors import LikenessError
from likeness.geometry.alignment import fit_similarity
from likeness.geometry.animation import FrameRateError, VertexAnimation
from likeness.geometry.animation_files import CACHE_SUFFIXES, find_cache, list_shots
from likeness.systems.audio2face.dataset.cache_frames import (
    SKIN_SPIKE,
    TONGUE_SPIKE,
    LookedAtFrames,
    look_at_frames,
)
from likeness.systems.audio2face.dataset.description import ActorFiles
from likeness.systems.audio2face.dataset.frame_findings import (
    exchanged_vertices,
    look_at_frame_faults,
    look_at_head,
)
from likeness.systems.audio2face.dataset.reading import cache_of, knows_rate
from likeness.systems.audio2face.dataset.vertex_order import VertexPlaces

LOOKED_AT_BYTES = 2 * 1024**3
"""Of all frames of a part; of larger ones every n-th frame is looked at."""
_STILL_SHARE = 0.1
"""The vertices that move least: in caches of a held head they do not move at all."""
_MOVES = 0.1
"""Root mean square movement from which the stillest vertices are said to move, cm."""
_RIGIDLY = 0.75
"""Share of it that a rigid motion must explain: a face that moves is explained by half at times."""
OTHER_SIZE = 1.5
"""Times the usual size from which a mesh has another unit: no face opens its mouth so far."""
OTHER_PLACE = 0.35
"""Of the largest extent of a mesh: no vertex of a face gets so far from where it is in others."""


@dataclass(frozen=True)
class LookedAtCaches:
    """The outcome of looking at the caches of an actor.

    Attributes:
        skin: those that can be opened, by shot.
        damaged: shots whose skin cannot be.
        findings: what is wrong with any cache.
        moved: of the skin, by shot: how far a vertex gets from where it is in the first frame, cm.
        still: shots whose skin does not move.
        places: of the skin, by shot: how findings call the files.
        frozen: of the skin, by shot: first and last frames of stretches that are alike, in shots
            that move.
    """

    skin: Mapping[str, VertexAnimation]
    damaged: frozenset[str]
    findings: tuple[Finding, ...]
    moved: Mapping[str, float]
    still: frozenset[str]
    places: Mapping[str, str]
    frozen: Mapping[str, tuple[tuple[int, int], ...]]


def look_at_caches(actor: str, files: ActorFiles, base: Path) -> LookedAtCaches:
    """Every cache of skin and tongue."""
    findings: list[Finding] = []
    damaged: set[str] = set()
    tongue: Mapping[str, VertexAnimation] = {}
    skin = _opened("skin", files, base, findings, needed=actor, damaged=damaged)
    looks = _looks(skin, SKIN_SPIKE)
    findings += _looked_at(skin, looks, base / files.skin_caches, base, with_head=True)
    if files.tongue_caches is not None:
        broken: set[str] = set()
        tongue = _opened("tongue", files, base, findings, damaged=broken)
        root = base / files.tongue_caches
        findings += _looked_at(tongue, _looks(tongue, TONGUE_SPIKE), root, base, with_head=False)
        for shot in sorted(set(skin) - set(tongue) - broken):
            findings.append(
                Finding(
                    "warning",
                    "tongue-missing-shot",
                    f"{files.tongue_caches}/{shot}",
                    f"Shot '{shot}' has a cache of the skin and none of the tongue.",
                    "The tongue is still in this shot; add the cache if it moves.",
                )
            )
    for shot, cache in tongue.items():
        if shot in skin and skin[shot].num_frames != cache.num_frames:
            findings.append(length_finding(shot, "tongue", cache.num_frames, skin[shot].num_frames))
    whole = {shot: look for shot, look in looks.items() if look.is_whole}
    other = _other_size(whole)
    moved = {shot: look.moved for shot, look in whole.items() if shot not in other}
    still = frozenset(shot for shot, look in whole.items() if look.is_still)
    places = {shot: _place(base / files.skin_caches, shot, base) for shot in skin}
    frozen = {
        s: alike for s, look in whole.items() if (alike := look.whole.alike) and s not in still
    }
    return LookedAtCaches(skin, frozenset(damaged), tuple(findings), moved, still, places, frozen)


def length_finding(shot: str, channel: str, found: int, expected: int) -> Finding:
    """A channel of another length than the skin."""
    return Finding(
        "warning",
        "length",
        shot,
        f"Expected {expected} frames of the {channel} of shot '{shot}', as of its skin; found "
        f"{found}.",
        f"The one frame of the {channel} is held over the whole shot; export it again."
        if found == 1
        else "All channels of the shot are cut to the shortest; export them again together.",
    )


def _misnamed(folder: Path, shots: Iterable[str], base: Path) -> Iterable[Finding]:
    """Folders that are no shot, for they hold a cache of another name, or have the name of one."""
    for entry in sorted(folder.iterdir()):
        if not entry.is_dir() or entry.name.startswith(".") or entry.name in shots:
            continue
        inside = sorted(p for p in entry.iterdir() if p.suffix in CACHE_SUFFIXES)
        folders = [p for p in (entry, *inside) if p.suffix in CACHE_SUFFIXES and p.is_dir()]
        for named in folders:
            yield Finding(
                "warning",
                "cache-name",
                str(named.relative_to(base)),
                f"Expected a cache in a file {named.name}, found a folder of that name.",
                "Put the file itself in its place; the shot is left out.",
            )
        held = [p.name for p in inside if p not in folders]
        if held:
            wanted = entry.name + Path(held[0]).suffix
            yield Finding(
                "warning",
                "cache-name",
                str(entry.relative_to(base)),
                f"Expected the cache of shot '{entry.name}' to be {wanted}, found "
                f"{', '.join(held[:3])}.",
                "Name folder and file alike; the shot is left out.",
            )


def _opened(
    part: Literal["skin", "tongue"],
    files: ActorFiles,
    base: Path,
    findings: list[Finding],
    *,
    damaged: set[str],
    needed: str = "",
) -> dict[str, VertexAnimation]:
    root = files.skin_caches if part == "skin" else str(files.tongue_caches)
    folder = base / root
    try:
        shots = list_shots(folder)
    except LikenessError as error:
        findings.append(
            Finding("error", "caches-missing", root, error.message, "Correct its path.")
        )
        return {}
    if not shots and needed:
        findings.append(
            Finding(
                "error",
                "caches-missing",
                root,
                f"Expected a cache for every shot of '{needed}', found none.",
                "A cache is <shot>/<shot>.npy, .xml with .mc, or .pc2.",
            )
        )
    findings += _misnamed(folder, shots, base)
    opened = {}
    silent = [s for s in shots if files.fps is None and not knows_rate(find_cache(folder, s))]
    if silent:
        damaged |= set(silent)
        findings.append(
            Finding(
                "error",
                "fps-missing",
                root,
                f"Nothing says how many frames a second {len(silent)} caches have, of "
                f"{', '.join(silent[:3])}{' and others' if len(silent) > 3 else ''}.",
                "Write 'fps' for the actor into dataset.yaml.",
            )
        )
    for shot in shots:
        if shot in silent:
            continue
        try:
            opened[shot] = cache_of(base, shot, files, part)
        except LikenessError as error:
            damaged.add(shot)
            code = "frame-rates" if isinstance(error, FrameRateError) else "cache-damaged"
            advice = error.advice or "Export the cache again, or remove the shot."
            path = _place(folder, shot, base)
            findings.append(Finding("error", code, path, error.message, advice))
    rates = [f"{rate:g}" for rate in sorted({a.fps for a in opened.values()})]
    if len(rates) > 1:
        findings.append(
            Finding(
                "error",
                "frame-rates",
                root,
                f"Expected one frame rate for all shots, found {', '.join(rates)}.",
                "Export all caches at one rate.",
            )
        )
    return opened


def _looks(caches: Mapping[str, VertexAnimation], spike: float) -> dict[str, LookedAtFrames]:
    """A look at every shot of the usual topology."""
    usual = _usual(caches)
    same = {shot: a for shot, a in caches.items() if a.num_vertices == usual}
    every = _every(same)
    return {shot: look_at_frames(animation, every, spike) for shot, animation in same.items()}


def _usual(caches: Mapping[str, VertexAnimation]) -> int:
    """Vertices most shots have; 0 without shots."""
    return max(Counter(a.num_vertices for a in caches.values()).most_common(1), default=(0, 0))[0]


def _looked_at(
    caches: Mapping[str, VertexAnimation],
    looks: Mapping[str, LookedAtFrames],
    root: Path,
    base: Path,
    *,
    with_head: bool,
) -> Iterable[Finding]:
    if not caches:
        return
    places = {shot: _place(root, shot, base) for shot in caches}
    usual = _usual(caches)
    for shot, animation in caches.items():
        if animation.num_vertices != usual:
            yield Finding(
                "error",
                "topology",
                places[shot],
                f"Expected {usual} vertices as in the other shots, found {animation.num_vertices}.",
                "Export all shots from one mesh; the order of vertices must be the same too.",
            )
    every = _every({shot: caches[shot] for shot in looks})
    if every > 1:
        yield Finding(
            "advice",
            "sampled",
            place_in(root, base),
            f"The caches are large: every {every}th frame was looked at for broken numbers.",
            "Nothing needs to be done.",
        )
    for shot, look in looks.items():
        yield from look_at_frame_faults(look, places[shot])
        if with_head:
            yield from look_at_head(look, places[shot])
    whole = {shot: look for shot, look in looks.items() if look.is_whole}
    other = _other_size(whole)
    for shot, ratio in other.items():
        yield size_finding(places[shot], "other shots", ratio, "the shot")
    sized = {shot: look for shot, look in whole.items() if shot not in other}
    moved = _other_order(sized)
    advice = "Export all shots from one mesh, with one order of vertices."
    for shot, what in moved.items():
        yield order_finding(places[shot], "other shots", what, advice)
    if with_head:
        # A frame that jumps may be one that shots are judged by.
        held = {s: k for s, k in sized.items() if s not in moved and k.whole.jump is None}
        yield from _head_motion(held, places)


def _place(root: Path, shot: str, base: Path) -> str:
    return place_in(find_cache(root, shot), base)


def _other_size(looks: Mapping[str, LookedAtFrames]) -> dict[str, float]:
    """Shots whose mesh is of another size than most, and how many times as large it is."""
    sizes = {shot: float(np.ptp(look.few[0], axis=0).max()) for shot, look in looks.items()}
    usual = float(np.median(list(sizes.values()))) if sizes else 0.0
    if usual <= 0:
        return {}
    ratios = {shot: size / usual for shot, size in sizes.items()}
    return {s: r for s, r in ratios.items() if not 1 / OTHER_SIZE < r < OTHER_SIZE}


def _other_order(looks: Mapping[str, LookedAtFrames]) -> dict[str, str]:
    """Shots whose vertices lie where others have none or another, and which do."""
    if len(looks) < 2:
        return {}
    middle = np.median([look.few[0] for look in looks.values()], axis=0).astype(np.float64)
    known = VertexPlaces(middle)
    found = {}
    for shot, look in looks.items():
        vertex, share = farthest_vertex(look.few[0], middle)
        if share > OTHER_PLACE:
            found[shot] = far_vertex(vertex, share * float(np.ptp(middle, axis=0).max()))
        elif exchanged := known.exchanged(look.few):
            found[shot] = exchanged_vertices(exchanged)
    return found if len(found) < len(looks) / 2 else {}


def size_finding(place: str, others: str, ratio: float, what: str) -> Finding:
    """A mesh of another size than in ``others``; ``what`` is to be exported again."""
    return Finding(
        "error",
        "unit",
        place,
        f"Expected a mesh as large as in {others}, found one {ratio:.3g} times that size.",
        f"All files of an actor have one unit; export {what} again in it.",
    )


def order_finding(place: str, others: str, what: str, advice: str) -> Finding:
    """Vertices in another order than in ``others``; ``what`` says which."""
    message = f"Expected the vertices in the order of the {others}; {what}."
    return Finding("error", "vertex-order", place, message, advice)


def far_vertex(vertex: int, distance: float) -> str:
    """A vertex that is so far from its place, cm, that another must be there."""
    return f"vertex {vertex} is {distance:.3g} cm from its place there"


def farthest_vertex(mesh: NDArray[np.floating], other: NDArray[np.floating]) -> tuple[int, float]:
    """The vertex of (V, 3) farthest from its place in another mesh, head motion aside.

    Returns:
        Its index, and the distance as a share of the largest extent of the other.
    """
    apart = np.linalg.norm(fit_similarity(mesh, other, scale=1.0).apply(mesh) - other, axis=1)
    worst = int(np.argmax(apart))
    return worst, float(apart[worst] / max(np.ptp(other, axis=0).max(), 1e-12))


def _every(caches: Mapping[str, VertexAnimation]) -> int:
    size = sum(a.num_frames * a.num_vertices * 12 for a in caches.values())
    return max(1, -(-size // LOOKED_AT_BYTES))


def _head_motion(
    looks: Mapping[str, LookedAtFrames], places: Mapping[str, str]
) -> Iterable[Finding]:
    """A head that turns in the caches: its stillest part moves, and moves as one."""
    if not looks:
        return
    frames = np.concatenate([look.few for look in looks.values()]).astype(np.float64)
    if len(frames) < 2:
        return
    middle = np.median(frames, axis=0)
    # The median over shots: the one shot with a turning head does not decide what is still.
    moves = [np.mean(np.sum((look.few - middle) ** 2, -1), 0) for look in looks.values()]
    distance = np.median(moves, axis=0)
    count = max(int(_STILL_SHARE * len(middle)), min(len(middle), 8))
    still = np.argsort(distance, kind="stable")[:count]
    for shot, look in looks.items():
        moved = look.few[:, still].astype(np.float64)
        before = np.sqrt(np.mean(np.sum((moved - middle[still]) ** 2, -1), 1))
        worst = int(np.argmax(before))
        if before[worst] < _MOVES or not np.ptp(moved[worst], axis=0).any():
            continue  # at rest, or vertices of one place, which turn with any head
        rigid = fit_similarity(moved[worst], middle[still], scale=1.0)
        left = rigid.apply(moved[worst]) - middle[still]
        after = float(np.sqrt(np.mean(np.sum(left**2, -1))))
        if after < (1 - _RIGIDLY) * before[worst]:
            yield Finding(
                "warning",
                "head-motion",
                places[shot],
                f"Expected a head that is held still; what moves least is displaced by "
                f"{before[worst]:.2f} cm, and a rigid motion takes all but {after:.2f} cm of it.",
                "Stabilise the head before exporting: its motion is none of speech.",
            )


def place_in(path: Path, base: Path) -> str:
    """A path as findings tell it: relative to the dataset; whole where it lies outside."""
    return (path.relative_to(base) if path.is_relative_to(base) else path).as_posix()
