"""Rules of ``network_info.json`` and ``trt_info.json``."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from likeness.storage.json_files import load_object
from likeness.systems.audio2face.package.network_info import (
    DiffusionShape,
    RegressionShape,
    network_inputs,
    shape_of,
    timing_faults,
)
from likeness.systems.audio2face.package.violations import Report

_FIELDS = re.compile(r"\{(\w+)\}")
_SAMPLE_RATE = 16_000
_LIMITS = ("min", "max", "opt")
_SHAPES = re.compile(r"--(min|max|opt)Shapes=(.*)")


@dataclass(frozen=True)
class NetworkFacts:
    """What the other files of a package must fit.

    Attributes:
        identities: of diffusion; empty otherwise.
        num_emotions: E.
    """

    shape: RegressionShape | DiffusionShape
    identities: tuple[str, ...]
    num_emotions: int

    @property
    def is_diffusion(self) -> bool:
        return isinstance(self.shape, DiffusionShape)

    @property
    def skin_size(self) -> int:
        """3 V."""
        shape = self.shape
        return shape.skin_size if isinstance(shape, DiffusionShape) else 3 * shape.num_verts_skin

    @property
    def tongue_size(self) -> int:
        """3 Vt."""
        shape = self.shape
        if isinstance(shape, DiffusionShape):
            return shape.tongue_size
        return 3 * shape.num_verts_tongue

    @property
    def inputs(self) -> dict[str, tuple[int | None, ...]]:
        return network_inputs(self.shape, len(self.identities) or 1, self.num_emotions)


def check_info(path: Path, report: Report) -> NetworkFacts | None:
    """Codes ``info.json``, ``info.key``, ``info.type``, ``info.output``, ``info.emotions``,
    ``info.default-emotion``, ``info.identities``, ``info.eyes-size``, ``info.jaw-size``,
    ``info.sample-rate``, ``info.buffer``, ``info.noise-odd`` and the warnings ``info.actor`` and
    ``info.timing``.
    """
    try:
        info = load_object(path)
    except ValueError as error:
        report.error("info.json", path, f"Cannot be read: {error}.")
        return None
    identity = info.get("id")
    kind = identity.get("type") if isinstance(identity, dict) else None
    if not isinstance(identity, dict) or kind not in ("regression", "diffusion"):
        report.error(
            "info.type", path, f"'id.type' must be regression or diffusion, found {kind!r:.60}."
        )
        return None
    if identity.get("output") != "geometry":
        report.error(
            "info.output",
            path,
            f"'id.output' must be geometry, found {identity.get('output')!r:.60}.",
        )
    for key in ("actor", "version"):
        if not isinstance(identity.get(key), str):
            report.error("info.key", path, f"'id.{key}' must be a text.")
    try:
        shape = shape_of(info)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        report.error("info.key", path, f"A value the runtime reads is wrong: {what}.")
        return None
    params = info["params"]
    num_emotions = _check_emotions(path, params, kind, report)
    identities = _identities(path, info, kind, report)
    if identities is None:
        return None
    _check_sizes(path, shape, report)
    return NetworkFacts(shape, identities, num_emotions) if num_emotions else None


def _identities(
    path: Path, info: dict[str, Any], kind: str, report: Report
) -> tuple[str, ...] | None:
    """Those of diffusion, empty of regression; None where nothing can be compared with them."""
    is_regression = kind == "regression"
    if is_regression and "identities" not in info["params"]:
        return ()  # as in the released packages: nobody reads them
    names = info["params"].get("identities")
    if not _are_names(names) or not names or len(set(names)) != len(names):
        report.error(
            "info.identities",
            path,
            f"'identities' must name an actor at least, and none twice; found {names!r:.80}.",
        )
        return () if is_regression else None
    if is_regression:
        if len(names) > 1:
            report.error(
                "info.identities",
                path,
                f"A regression network has one actor, 'identities' names {len(names)}.",
            )
        return ()
    if len(names) > 1 and info["id"].get("actor") != "multi":
        report.warn(
            "info.actor",
            path,
            f"'id.actor' is multi where there are several, found {info['id'].get('actor')!r:.60}.",
        )
    return tuple(names)


def _check_emotions(path: Path, params: dict[str, Any], kind: str, report: Report) -> int:
    key = "emotions" if kind == "diffusion" else "explicit_emotions"
    emotions, default = params.get(key), params.get("default_emotion")
    if not _are_names(emotions) or not emotions:
        report.error(
            "info.emotions",
            path,
            f"'{key}' must name an emotion at least: without one the network has inputs of size "
            f"0; found {emotions!r:.60}.",
        )
        return 0
    is_vector = isinstance(default, list) and all(
        isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in default
    )
    if not is_vector or len(default or []) != len(emotions):
        report.error(
            "info.default-emotion",
            path,
            f"'default_emotion' must hold {len(emotions)} numbers, one for each emotion; found "
            f"{default!r:.80}.",
        )
    return len(emotions)


def _check_sizes(path: Path, shape: RegressionShape | DiffusionShape, report: Report) -> None:
    if shape.eyes_size != 4:
        report.error("info.eyes-size", path, f"Eyes have 4 values, found {shape.eyes_size}.")
    if shape.jaw_size % 3:
        report.error("info.jaw-size", path, f"A jaw has points of 3, found {shape.jaw_size}.")
    if shape.sample_rate != _SAMPLE_RATE:
        report.error(
            "info.sample-rate",
            path,
            f"Networks hear {_SAMPLE_RATE} samples a second, 'samplerate' says "
            f"{shape.sample_rate}.",
        )
    if isinstance(shape, RegressionShape) and shape.buffer_offset > shape.buffer_length:
        report.error(
            "info.buffer",
            path,
            f"'buffer_ofs' is where a frame lies in its {shape.buffer_length} samples, found "
            f"{shape.buffer_offset}.",
        )
    if isinstance(shape, DiffusionShape):
        if shape.noise_size % 2:
            report.error(
                "info.noise-odd",
                path,
                f"The runtime needs an even number of noise values, found {shape.noise_size}: "
                f"{shape.num_steps + 1} x {shape.num_frames} x {shape.result_size}.",
            )
        for fault in timing_faults(shape):
            report.warn("info.timing", path, f"Frames will not lie where they should: {fault}.")


def check_trt(path: Path, facts: NetworkFacts | None, report: Report) -> None:
    """Codes ``trt.json``, ``trt.key``, ``trt.defaults`` and ``trt.shapes``."""
    try:
        info = load_object(path)
    except ValueError as error:
        report.error("trt.json", path, f"Cannot be read: {error}.")
        return
    build = info.get("trt_build_param")
    lists = list(build.values()) if isinstance(build, dict) else []
    if "batch" not in (build if isinstance(build, dict) else {}) or not all(
        _are_names(arguments) for arguments in lists
    ):
        report.error(
            "trt.key",
            path,
            "'trt_build_param' must hold lists of arguments of trtexec, one of them 'batch'.",
        )
        return
    arguments = [argument for arguments in lists for argument in arguments]
    fields = {field for argument in arguments for field in _FIELDS.findall(argument)}
    defaults = info.get("defaults")
    defaults = defaults if isinstance(defaults, dict) else {}
    missing = sorted(fields - set(defaults))
    if missing:
        report.error(
            "trt.defaults",
            path,
            f"'defaults' must have a value for {', '.join(missing)}: the runtime's converter fails "
            "without.",
        )
        return
    wrong = [f for f in sorted(fields) if not isinstance(defaults[f], int) or defaults[f] < 1]
    if wrong:
        report.error("trt.defaults", path, f"{', '.join(wrong)} must be a number from 1 on.")
        return
    unfit = [argument for argument in arguments if set("{}") & set(_FIELDS.sub("", argument))]
    if unfit:
        report.error(
            "trt.defaults", path, f"Expected braces around names alone, found {unfit[0]!r:.80}."
        )
        return
    if facts is not None:
        filled = [_FIELDS.sub(lambda m: str(defaults[m[1]]), argument) for argument in arguments]
        _check_shapes(path, filled, facts, report)


def _check_shapes(path: Path, arguments: list[str], facts: NetworkFacts, report: Report) -> None:
    expected = facts.inputs
    given_for = {match[1] for match in map(_SHAPES.fullmatch, arguments) if match}
    absent = [f"--{limit}Shapes" for limit in _LIMITS if limit not in given_for]
    if absent:
        report.error(
            "trt.shapes",
            path,
            f"trtexec needs {', '.join(absent)} as well: the batch is free.",
        )
        return
    batches: dict[str, int] = {}
    for argument in arguments:
        match = _SHAPES.fullmatch(argument)
        if match is None:
            continue
        found = dict(part.rsplit(":", 1) for part in match[2].split(",") if ":" in part)
        if set(found) != set(expected):
            report.error(
                "trt.shapes",
                path,
                f"--{match[1]}Shapes must name {', '.join(expected)}, found {', '.join(found)}.",
            )
            return
        for name, sizes in expected.items():
            text = "x".join(r"(\d+)" if size is None else str(size) for size in sizes)
            given = re.fullmatch(text, found[name])
            if given is None:
                wanted = "x".join("B" if size is None else str(size) for size in sizes)
                report.error(
                    "trt.shapes",
                    path,
                    f"--{match[1]}Shapes must give '{name}' as {wanted}, found {found[name]:.80}.",
                )
                return
            if batches.setdefault(match[1], int(given[1])) != int(given[1]):
                report.error(
                    "trt.shapes",
                    path,
                    f"--{match[1]}Shapes must give all inputs one batch, found "
                    f"{batches[match[1]]} and {given[1]}.",
                )
                return
    if not batches["min"] <= batches["opt"] <= batches["max"]:
        report.error("trt.shapes", path, f"Batches must rise from min over opt to max: {batches}.")


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and item for item in value)
