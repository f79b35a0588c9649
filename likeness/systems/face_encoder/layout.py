"""The declared layout of the vector: which numbers mean what, in which unit, and who reads them.

Owns names, sizes, offsets and presets. It computes nothing and imports no torch; ``network.py``
turns raw outputs into these segments and ``decode.py`` reads them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from likeness.errors import UsageError

if TYPE_CHECKING:
    from likeness.geometry.head_asset import HeadAsset
    from likeness.systems.face_encoder.config import ModelSettings

Group = Literal["who", "how", "view"]
Activation = Literal["linear", "tanh", "clamp"]
Consumer = Literal["geometry", "albedo", "light", "camera", "body"]


@dataclass(frozen=True)
class Segment:
    """A run of entries of the vector.

    Attributes:
        unit: "sigma", "6D", "rad", "m", "ndc", "fraction", "coefficient".
        group: "who" may be averaged over photographs of one person; "how" and "view" never.
        used_by: the consumer that reads it; a segment nobody reads fails the layout check.
        activation: how a raw network output becomes the value: "linear"; "tanh" (times ``limit``);
            "clamp" to [``low``, ``limit``] with a straight-through gradient.
        bias: the value at initialisation.
    """

    name: str
    dim: int
    unit: str
    group: Group
    used_by: tuple[Consumer, ...]
    activation: Activation = "linear"
    low: float = 0.0
    limit: float = 0.0
    bias: tuple[float, ...] = ()
    unused_ok: bool = False


@dataclass(frozen=True)
class VectorLayout:
    """Segments in order; offsets follow from the order."""

    name: str
    version: int
    segments: tuple[Segment, ...]

    def __post_init__(self) -> None:
        names = [segment.name for segment in self.segments]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise UsageError(f"Layout '{self.name}' names a segment twice: {sorted(twice)}.")
        for segment in self.segments:
            if segment.dim < 0:
                raise UsageError(f"Segment '{segment.name}' has a negative size {segment.dim}.")
            if segment.bias and len(segment.bias) != segment.dim:
                raise UsageError(
                    f"Segment '{segment.name}' has {segment.dim} entries but "
                    f"{len(segment.bias)} biases."
                )

    @property
    def dim(self) -> int:
        """Length of the vector."""
        return sum(segment.dim for segment in self.segments)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(segment.name for segment in self.segments)

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def segment(self, name: str) -> Segment:
        for segment in self.segments:
            if segment.name == name:
                return segment
        raise UsageError(
            f"Layout '{self.name}' has no segment '{name}'; it has {list(self.names)}."
        )

    def slice(self, name: str) -> slice:
        """Where the segment lies along the last dimension."""
        start = 0
        for segment in self.segments:
            if segment.name == name:
                return slice(start, start + segment.dim)
            start += segment.dim
        raise UsageError(
            f"Layout '{self.name}' has no segment '{name}'; it has {list(self.names)}."
        )

    def split(self, vector: Any) -> dict[str, Any]:
        """Views of the segments of a vector (..., dim): NumPy arrays or torch tensors."""
        if vector.shape[-1] != self.dim:
            raise ValueError(
                f"layout '{self.name}' has {self.dim} entries, found {vector.shape[-1]}"
            )
        return {name: vector[..., self.slice(name)] for name in self.names}

    def join(self, parts: Mapping[str, Any]) -> Any:
        """The vector (..., dim) of all its segments; the inverse of :meth:`split`, bit for bit."""
        unknown, missing = set(parts) - set(self.names), set(self.names) - set(parts)
        if unknown or missing:
            raise ValueError(f"unknown segments {sorted(unknown)}, missing {sorted(missing)}")
        ordered = []
        for segment in self.segments:
            part = parts[segment.name]
            if part.shape[-1] != segment.dim:
                raise ValueError(
                    f"segment '{segment.name}' has {segment.dim} entries, found {part.shape[-1]}"
                )
            ordered.append(part)
        if hasattr(ordered[0], "new_empty"):
            import torch

            return torch.cat(ordered, dim=-1)
        import numpy as np

        return np.concatenate(ordered, axis=-1)

    def check_consumers(self, consumers: Iterable[Consumer]) -> None:
        """Every segment is read by someone. Raises UsageError naming those that are not."""
        active = set(consumers)
        idle = [
            s.name
            for s in self.segments
            if s.dim and not s.unused_ok and not active & set(s.used_by)
        ]
        if idle:
            raise UsageError(
                f"Nobody reads {idle} of layout '{self.name}' in this configuration.",
                advice="Switch on what reads them (e.g. a camera or an albedo model), or choose a "
                "smaller layout.",
            )

    def describe(self) -> list[dict[str, Any]]:
        """One row per segment with its offset."""
        return [
            {**asdict(segment), "offset": self.slice(segment.name).start}
            for segment in self.segments
        ]

    def to_json(self) -> str:
        return json.dumps(
            {
                "name": self.name,
                "version": self.version,
                "segments": [asdict(segment) for segment in self.segments],
            },
            sort_keys=True,
        )

    @staticmethod
    def from_json(text: str) -> VectorLayout:
        """Read what :meth:`to_json` wrote. Raises UsageError when it is not a layout."""
        try:
            data = json.loads(text)
            segments = tuple(
                Segment(**{**s, "used_by": tuple(s["used_by"]), "bias": tuple(s["bias"])})
                for s in data["segments"]
            )
            return VectorLayout(data["name"], data["version"], segments)
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(
                f"Expected a vector layout in JSON, found something else: {error}."
            ) from error

    @property
    def fingerprint(self) -> str:
        """A hash of everything the layout says; stored in checkpoints and records."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


_IDENTITY_6D = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
# One over the constant of the zeroth spherical harmonic: unit white ambient light.
_AMBIENT = 1.0 / 0.282095


def head_v1(*, shape: int = 300, expression: int = 100, albedo: int = 50) -> VectorLayout:
    """The default layout, 503 entries at full size.

    Offsets: 0, 300, 400, 402, 408, 411, 414, 420, 423, 426, 476.

    Head models with fewer columns give smaller segments; the order never changes.
    """
    light = (_AMBIENT,) * 3 + (0.0,) * 24
    full = (shape, expression, albedo) == (300, 100, 50)
    return VectorLayout(
        name="head_v1" if full else f"head_v1[{shape},{expression},{albedo}]",
        version=1,
        segments=(
            Segment("face.shape", shape, "sigma", "who", ("geometry",)),
            Segment("face.expression", expression, "sigma", "how", ("geometry",)),
            Segment("face.eyelid", 2, "fraction", "how", ("geometry",), "clamp", 0.0, 1.0),
            Segment("pose.global", 6, "6D", "how", ("geometry",), bias=_IDENTITY_6D),
            Segment("pose.neck", 3, "rad", "how", ("geometry",), "tanh", limit=0.7),
            # Only the opening is clamped; the other two angles are bounded by tanh (network.py).
            Segment("pose.jaw", 3, "rad", "how", ("geometry",), "clamp", 0.0, 0.6),
            Segment("pose.eyes", 6, "rad", "how", ("geometry",), "tanh", limit=0.6),
            Segment("pose.transl", 3, "m", "view", ("camera",), unused_ok=True),
            Segment("camera", 3, "ndc", "view", ("camera",), bias=(7.0, 0.0, 0.0)),
            Segment("face.albedo", albedo, "sigma", "who", ("albedo",), unused_ok=True),
            Segment("light.sh", 27, "coefficient", "view", ("light",), bias=light, unused_ok=True),
        ),
    )


def eidolon227(*, with_expression: bool = True) -> VectorLayout:
    """The 227 entries of the Eidolon project, as documented or (without expression) as trained."""
    expression, detail = (50, 56) if with_expression else (0, 106)
    return VectorLayout(
        name="eidolon227" if with_expression else "eidolon227_noexp",
        version=1,
        segments=(
            Segment("face.shape", 100, "sigma", "who", ("geometry",)),
            Segment("face.expression", expression, "sigma", "how", ("geometry",)),
            Segment("pose.global", 6, "6D", "how", ("geometry",), bias=_IDENTITY_6D),
            Segment("pose.jaw", 3, "rad", "how", ("geometry",), "clamp", 0.0, 0.6),
            Segment("pose.eyes", 6, "rad", "how", ("geometry",), "tanh", limit=0.6),
            Segment("pose.neck", 3, "rad", "how", ("geometry",), "tanh", limit=0.7),
            Segment("pose.transl", 3, "m", "view", ("camera",)),
            Segment("detail", detail, "coefficient", "who", (), unused_ok=True),
        ),
    )


def deca236() -> VectorLayout:
    """The 236-entry layout of DECA (Feng et al., 2021, arXiv:2012.04012)."""
    light = (_AMBIENT,) * 3 + (0.0,) * 24
    return VectorLayout(
        name="deca236",
        version=1,
        segments=(
            Segment("face.shape", 100, "sigma", "who", ("geometry",)),
            Segment("face.albedo", 50, "sigma", "who", ("albedo",), unused_ok=True),
            Segment("face.expression", 50, "sigma", "how", ("geometry",)),
            Segment("pose.global_axis_angle", 3, "rad", "how", ("geometry",)),
            Segment("pose.jaw", 3, "rad", "how", ("geometry",)),
            Segment("camera", 3, "ndc", "view", ("camera",), bias=(7.0, 0.0, 0.0)),
            Segment("light.sh", 27, "coefficient", "view", ("light",), bias=light, unused_ok=True),
        ),
    )


def smirk361() -> VectorLayout:
    """The 361 values of SMIRK's three heads (Retsinas et al., 2024, arXiv:2404.04104)."""
    return VectorLayout(
        name="smirk361",
        version=1,
        segments=(
            Segment("pose.global_axis_angle", 3, "rad", "how", ("geometry",)),
            Segment("camera", 3, "ndc", "view", ("camera",), bias=(7.0, 0.0, 0.0)),
            Segment("face.shape", 300, "sigma", "who", ("geometry",)),
            Segment("face.expression", 50, "sigma", "how", ("geometry",)),
            Segment("face.eyelid", 2, "fraction", "how", ("geometry",), "clamp", 0.0, 1.0),
            Segment("pose.jaw", 3, "rad", "how", ("geometry",), "clamp", 0.0, 0.6),
        ),
    )


PRESETS: Mapping[str, Callable[[], VectorLayout]] = {
    "head_v1": head_v1,
    "eidolon227": eidolon227,
    "eidolon227_noexp": lambda: eidolon227(with_expression=False),
    "deca236": deca236,
    "smirk361": smirk361,
}


def layout_of(model: ModelSettings, head: HeadAsset) -> VectorLayout:
    """The layout a configuration names, for the columns its head model has.

    Raises:
        UsageError: the layout has more columns than the head model.
    """
    if model.layout == "head_v1":
        num_expression = 100 if model.num_expression is None else model.num_expression
        return head_v1(
            shape=min(model.num_shape or 300, head.num_shape),
            expression=min(num_expression, head.num_expression),
            albedo=model.num_albedo,
        )
    layout = PRESETS[model.layout]()
    available = {"face.shape": head.num_shape, "face.expression": head.num_expression}
    for name, columns in available.items():
        if layout.segment(name).dim > columns:
            raise UsageError(
                f"Layout '{model.layout}' has {layout.segment(name).dim} columns of {name}, "
                f"the head model only {columns}.",
                advice="Use model.layout=head_v1, which shrinks to the head.",
            )
    return layout
