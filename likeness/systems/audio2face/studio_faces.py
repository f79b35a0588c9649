"""The faces of studio actors: what moves, in centimetres, and the vertices the format asks for.

Owns skin, tongue and key points of the jaw of one face, and its lists, poses and blend shapes. How
faces deform is the studio's; which curves move them is :mod:`.studio_shots`.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from likeness.geometry.alignment import fit_similarity
from likeness.geometry.head_asset import HeadAsset
from likeness.seeds import Draws
from likeness.studio.animation import animate_asset, animate_studio_head
from likeness.studio.asset_tongue import find_tongue
from likeness.studio.closures import AssetLips, Lips, StudioLips
from likeness.studio.curves import CHANNEL, CHANNELS, TONGUE
from likeness.studio.expressions import ARKIT_NAMES
from likeness.studio.parts import TEETH_PER_SIDE, TOOTH_COLUMNS, TOOTH_ROWS
from likeness.studio.person import Person
from likeness.studio.template import SIDES, Template, build_template
from likeness.studio.tongue import ROOT_ROW, TONGUE_NAMES
from likeness.systems.audio2face.artefacts import Blendshapes, Floats, LipSize, Pairs
from likeness.systems.audio2face.reduced_surface import contracted

CM = 0.1
"""Centimetres in a millimetre."""
_LIP_PAIRS = 5
_OPENERS = ("mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight")
_LIP_EDGE = 2.0  # mouth ring number of the outer edge of a lip
_BITING_ROW, _CANINE = 3, 2
_FACE_BACK = 30.0  # mm; skin behind is left out of reduced meshes
_FACE_LOW, _FACE_HIGH = -90.0, 115.0
_IDENTITY_MODES, _IDENTITY_SD = 10, 0.7
_MOVED_BY_JAW = 1.0  # mm under half an opening

SKIN_SOLVER: Mapping[str, float] = {
    "strengthL2regularization": 0.5,
    "strengthL1regularization": 0.5,
    "strengthTemporalSmoothing": 0.3,
    "strengthSymmetry": 100.0,
    "templateBBSize": 53.4505,
}
TONGUE_SOLVER: Mapping[str, float] = {
    "strengthL2regularization": 3.5,
    "strengthL1regularization": 1.0,
    "strengthTemporalSmoothing": 5.0,
    "strengthSymmetry": 100.0,
    "templateBBSize": 7.93587,
}
"""Strengths of the released rigs, for as many vertices as those have."""
_RELEASED_SKIN, _RELEASED_TONGUE = 24002, 5602
_INACTIVE = ("eyeLook", "tongueOut")
_MULTIPLIERS = {"tongueTipUp": 2.0, "tongueRollUp": 3.0, "tongueStretch": 2.0}


class SpeakingFace(ABC):
    """A face that curves move; the head stays still.

    Attributes:
        neutral: (V, 3) skin at rest.
        tongue_neutral: (Vt, 3); None: the head has no tongue of its own.
        tongue_rigid: vertices of the tongue that move only with the jaw.
        jaw_neutral: (5, 3) midline, canines and last molars of the lower arch; left before right.
            None: the head has no teeth.
        lip_distance, lip_size, eye_distance: vertex lists; lip_size None: nothing tells it.
        faces, tongue_faces: (T, 3) triangles of skin and tongue.
    """

    neutral: Floats
    tongue_neutral: Floats | None
    tongue_rigid: NDArray[np.int64] | None
    jaw_neutral: Floats | None
    lip_distance: Pairs
    lip_size: LipSize | None
    eye_distance: Pairs
    faces: NDArray[np.int64]
    tongue_faces: NDArray[np.int64] | None

    @property
    @abstractmethod
    def lips(self) -> Lips:
        """What closes in p, b and m."""

    @abstractmethod
    def move(self, frames: NDArray[np.floating]) -> tuple[Floats, Floats | None, Floats | None]:
        """Skin (F, V, 3), tongue (F, Vt, 3) and jaw (F, 5, 3) as difference from its neutral.

        Args:
            frames: (F, 79) of :func:`likeness.studio.curves.sample`.
        """

    @functools.cached_property
    def eye_close_delta(self) -> Floats:
        """(V, 3) closed eyes minus neutral."""
        return self._shape(dict.fromkeys(("eyeBlinkLeft", "eyeBlinkRight"), 1.0))

    @functools.cached_property
    def lip_open_delta(self) -> Floats:
        """(V, 3) parted lips over a still jaw minus neutral."""
        return self._shape(dict.fromkeys(_OPENERS, 1.0))

    def blendshapes(self) -> Blendshapes:
        """The 52 ARKit shapes; ``mouthClose`` holds the opening of the jaw that it closes."""
        shapes = [
            self._shape({name: 1.0, "jawOpen": 1.0} if name == "mouthClose" else {name: 1.0})
            for name in ARKIT_NAMES
        ]
        active = [0 if name.startswith(_INACTIVE) else 1 for name in ARKIT_NAMES]
        pairs = [
            {"eyeBlink": 0, "eyeWide": 1}.get(name.removesuffix("Left").removesuffix("Right"), -1)
            for name in ARKIT_NAMES
        ]
        share = len(self.neutral) / _RELEASED_SKIN
        settings = _solver(SKIN_SOLVER, share, ARKIT_NAMES, active, pairs)
        return Blendshapes(tuple(ARKIT_NAMES), self.neutral, np.stack(shapes), settings)

    def tongue_blendshapes(self) -> Blendshapes | None:
        """The 16 shapes of the tongue, jaw at rest."""
        if self.tongue_neutral is None:
            return None
        frames = np.zeros((len(TONGUE_NAMES), len(CHANNELS)))
        frames[:, TONGUE] = np.eye(len(TONGUE_NAMES))
        moved = self.move(frames)[1]
        assert moved is not None  # there is a neutral of it
        count = len(TONGUE_NAMES)
        share = len(self.tongue_neutral) / _RELEASED_TONGUE
        settings = _solver(TONGUE_SOLVER, share, TONGUE_NAMES, [1] * count, [-1] * count)
        return Blendshapes(TONGUE_NAMES, self.tongue_neutral, moved - self.tongue_neutral, settings)

    def _shape(self, weights: Mapping[str, float]) -> Floats:
        frame = np.zeros((1, len(CHANNELS)))
        for name, weight in weights.items():
            frame[0, CHANNEL[name]] = weight
        return np.asarray(self.move(frame)[0][0] - self.neutral, np.float32)


class StudioFace(SpeakingFace):
    """The face of a studio person.

    Args:
        person: who.
        vertices: keep about so many vertices of the skin, those of the lists among them; None
            keeps all.
    """

    def __init__(self, person: Person, vertices: int | None = None) -> None:
        self._template = build_template()
        self._rest = person.rest_vertices(self._template)
        everything = np.arange(self._template.num_skin)
        lists = _template_lists(self._template)
        if vertices is None or vertices >= len(everything):
            self._kept = everything
        else:
            self._kept = _spread(self._template, np.unique(np.concatenate(lists)), vertices)
        self.faces = contracted(
            self._template.vertices[: len(everything)], self._template.skin_faces, self._kept
        )
        tongue = self._template.of("tongue")
        self.tongue_faces = np.searchsorted(
            tongue, self._template.faces[np.isin(self._template.faces, tongue).all(axis=1)]
        ).astype(np.int64)
        place = np.full(len(everything), -1)
        place[self._kept] = np.arange(len(self._kept))
        lips_up, lips_down, top, bottom, lower_top, lower_bottom, lids_up, lids_down = (
            place[vertex] for vertex in lists
        )
        self.lip_distance = Pairs(lips_up, lips_down)
        self.lip_size = LipSize(Pairs(top, bottom), Pairs(lower_top, lower_bottom))
        self.eye_distance = Pairs(lids_up, lids_down)
        self._teeth = self._template.of("teeth_lower")
        self.neutral = (CM * self._rest[self._kept]).astype(np.float32)
        self.tongue_neutral = (CM * self._rest[self._template.of("tongue")]).astype(np.float32)
        self.tongue_rigid = np.arange(ROOT_ROW.stop, dtype=np.int64)
        self._arch = (CM * _arch_points(self._rest[self._teeth])).astype(np.float32)
        self.jaw_neutral = self._arch

    @functools.cached_property
    def lips(self) -> Lips:
        return StudioLips(self._template, self._rest)

    def move(self, frames: NDArray[np.floating]) -> tuple[Floats, Floats | None, Floats]:
        moved = animate_studio_head(self._template, self._rest, frames)
        skin = (CM * moved[:, self._kept]).astype(np.float32)
        tongue = (CM * moved[:, self._template.of("tongue")]).astype(np.float32)
        points = np.stack([_arch_points(teeth) for teeth in moved[:, self._teeth]])
        return skin, tongue, (CM * points).astype(np.float32) - self._arch


class AssetFace(SpeakingFace):
    """Another head with ARKit shapes and 68 landmarks: all its vertices but the tongue's are skin.

    Eyeballs are held still in it, since their turns are a channel of their own. The jaw's points
    lie on the lower teeth, where there are any, and move by the rigid motion nearest to theirs,
    which carries the tongue.

    Args:
        asset: a head in metres.
        seed: of the identity; None: the head as it is.
    """

    def __init__(self, asset: HeadAsset, seed: int | None) -> None:
        self._asset = asset
        count = 0 if seed is None else min(_IDENTITY_MODES, asset.num_shape)
        self._shape_code = _IDENTITY_SD * Draws("speaking head", asset.name, seed or 0).normals(
            count
        )
        self._still = asset.masks.get("eyeballs", np.zeros(0, np.int64))
        two = np.zeros((2, len(CHANNELS)))
        two[1, CHANNEL["jawOpen"]] = 0.5
        rest, opened = animate_asset(asset, two, list(self._shape_code))
        self._rest = (CM * rest).astype(np.float32)
        teeth = np.asarray(asset.masks.get("teeth", ()), np.int64)
        moved = np.linalg.norm(opened[teeth] - rest[teeth], axis=1)
        self._teeth = teeth[moved > _MOVED_BY_JAW]
        has_teeth = len(self._teeth) > 0
        self.jaw_neutral = _extremes_of_arch(self._rest[self._teeth]) if has_teeth else None
        self._tongue = find_tongue(asset) if has_teeth else None
        self.tongue_neutral = self.tongue_faces = self.tongue_rigid = None
        inside = np.zeros(0, np.int64)
        if self._tongue is not None:
            inside = self._tongue.vertices[: self._tongue.num_own]
            self.tongue_neutral = self._rest[self._tongue.vertices]
            self.tongue_faces, self.tongue_rigid = self._tongue.faces, self._tongue.rim
            self._tongue_shapes = CM * self._tongue.shapes(self.tongue_neutral / CM)
        self._skin = np.setdiff1d(np.arange(asset.num_vertices), inside)
        self.neutral = self._rest[self._skin]
        outside = ~np.isin(asset.faces, inside).any(axis=1)
        self.faces = np.searchsorted(self._skin, asset.faces[outside]).astype(np.int64)
        at = np.searchsorted(self._skin, _landmark_vertices(asset))
        self.lip_distance = _pairs(at, (61, 62, 63), (67, 66, 65))
        self.lip_size = LipSize(
            _pairs(at, (50, 51, 52), (61, 62, 63)), _pairs(at, (67, 66, 65), (58, 57, 56))
        )
        self.eye_distance = _pairs(at, (43, 38), (47, 40))

    @functools.cached_property
    def lips(self) -> Lips:
        return AssetLips(self._asset, list(self._shape_code))

    def move(self, frames: NDArray[np.floating]) -> tuple[Floats, Floats | None, Floats | None]:
        whole = CM * animate_asset(self._asset, frames, list(self._shape_code))
        whole[:, self._still] = self._rest[self._still]
        skin = whole[:, self._skin].astype(np.float32)
        if self.jaw_neutral is None:
            return skin, None, None
        arch = self._rest[self._teeth]
        carried = [fit_similarity(arch, own, scale=1.0) for own in whole[:, self._teeth]]
        points = np.stack([jaw.apply(self.jaw_neutral) for jaw in carried]).astype(np.float32)
        jaw = points - self.jaw_neutral
        if self.tongue_neutral is None:
            return skin, None, jaw
        rows = np.asarray(frames, np.float64)
        weights = np.column_stack([rows[:, TONGUE], rows[:, CHANNEL["tongueOut"]]])
        bent = np.tensordot(np.clip(weights, 0.0, 1.0), self._tongue_shapes, axes=1)
        tongue = [
            jaw.apply(self.tongue_neutral + own) for jaw, own in zip(carried, bent, strict=True)
        ]
        return skin, np.stack(tongue).astype(np.float32), jaw


def _solver(
    strengths: Mapping[str, float],
    share: float,
    names: tuple[str, ...],
    active: list[int],
    pairs: list[int],
) -> dict[str, object]:
    """Settings of a rig with ``share`` times the vertices the strengths were chosen for.

    What they are weighed against is a sum over vertices, so that they grow with their number: with
    the strengths of a larger mesh a small one has hardly a weight of what few vertices move in, as
    in a blink. The one of L1 counts squared.
    """
    scaled = {key: value * share for key, value in strengths.items() if key != "templateBBSize"}
    scaled["strengthL1regularization"] = strengths["strengthL1regularization"] * share**0.5
    return {
        **strengths,
        **scaled,
        "numPoses": len(names),
        "bsSolveActivePoses": active,
        "bsSolveCancelPoses": [-1] * len(names),
        "bsSolveSymmetryPoses": pairs,
        "bsWeightMultipliers": [_MULTIPLIERS.get(name, 1.0) for name in names],
        "bsWeightOffsets": [0.0] * len(names),
    }


@functools.lru_cache(maxsize=1)
def _template_lists(template: Template) -> tuple[NDArray[np.int64], ...]:
    """Skin vertices: lips upper and lower; upper lip top and bottom; lower lip top and bottom;
    lids upper and lower, the left eye before the right."""
    count = template.lip_pairs.shape[1]
    chosen = np.round(np.linspace(0.2, 0.8, _LIP_PAIRS) * (count - 1)).astype(np.int64)
    upper, lower = template.lip_pairs[:, chosen]
    edge = np.flatnonzero(np.abs(template.mouth_ring[: template.num_skin] - _LIP_EDGE) < 0.15)
    tops, bottoms = (
        np.array([_across(template.vertices, edge, vertex, sign) for vertex in inner])
        for inner, sign in ((upper, 1.0), (lower, -1.0))
    )
    middles = [template.lid_pairs[side] for side in SIDES]
    lids = [pair[:, pair.shape[1] // 2] for pair in middles]
    lids_up, lids_down = (np.array([lid[k] for lid in lids]) for k in (0, 1))
    return upper, lower, tops, upper, lower, bottoms, lids_up, lids_down


def _across(vertices: NDArray[np.float64], edge: NDArray[np.int64], inner: int, sign: float) -> int:
    """The vertex of the lip's edge that lies straight above (1) or below (-1) an inner one."""
    away = vertices[edge] - vertices[inner]
    cost = np.abs(away[:, 0]) + np.where(sign * away[:, 1] > 0.0, 0.0, np.inf)
    return int(edge[cost.argmin()])


def _spread(template: Template, kept: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Sorted skin vertices of the face, each the farthest from those before; ``kept`` first."""
    points = template.vertices[: template.num_skin]
    inside = (points[:, 2] > _FACE_BACK) & (points[:, 1] > _FACE_LOW) & (points[:, 1] < _FACE_HIGH)
    chosen = list(kept)
    nearest = np.full(len(points), np.inf)
    for vertex in chosen:
        nearest = np.minimum(nearest, ((points - points[vertex]) ** 2).sum(axis=1))
    # Lips and lids move most in least space: distances there count twice.
    close = (template.mouth_ring[: len(points)] < 4) | (template.eye_ring[: len(points)] < 4)
    weight = np.where(close, 4.0, 1.0) * inside
    while len(chosen) < count:
        vertex = int((nearest * weight).argmax())
        chosen.append(vertex)
        nearest = np.minimum(nearest, ((points - points[vertex]) ** 2).sum(axis=1))
    return np.sort(np.array(chosen, np.int64))


def _arch_points(teeth: NDArray[np.floating]) -> NDArray[np.float64]:
    """(5, 3): middle of the biting edges of the first crowns, canines and last molars."""
    crowns = np.asarray(teeth, np.float64).reshape(2, TEETH_PER_SIDE, TOOTH_ROWS, TOOTH_COLUMNS, 3)
    edge, middle = crowns[:, :, _BITING_ROW], TOOTH_COLUMNS // 2
    points = [edge[:, 0, 0].mean(axis=0)]
    for crown in (_CANINE, TEETH_PER_SIDE - 1):
        points += [edge[side, crown, middle] for side in (0, 1)]
    return np.stack(points)


def _extremes_of_arch(teeth: Floats) -> Floats:
    """(5, 3) of lower teeth (T, 3): frontmost in the middle, between, and rearmost on each side."""
    x, z = teeth[:, 0], teeth[:, 2]
    width = float(np.abs(x).max())
    found = [int((z - 4.0 * np.abs(x)).argmax())]
    for share in (0.6, 1.0):
        for side in (1.0, -1.0):
            away = np.abs(side * x - share * width)
            found.append(int((away + 0.2 * (z if share == 1.0 else -z)).argmin()))
    return teeth[np.array(found)]


def _landmark_vertices(asset: HeadAsset) -> NDArray[np.int64]:
    """(68,) the vertex with the largest share in each landmark."""
    landmarks = asset.landmarks68
    assert landmarks is not None  # AssetLips has refused a head without
    corners = asset.faces[landmarks.triangles]
    largest = landmarks.barycentric.argmax(axis=1)
    return corners[np.arange(len(corners)), largest].astype(np.int64)


def _pairs(at: NDArray[np.int64], upper: tuple[int, ...], lower: tuple[int, ...]) -> Pairs:
    return Pairs(at[list(upper)], at[list(lower)])
