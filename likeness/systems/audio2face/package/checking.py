"""The rules of a package, without a GPU: what the runtime would refuse or misread in silence.

Owns ``model.json`` and the order of the checks; the rules of each file are beside this one. Files
are only read, none is executed or unpickled, and no path leads out of the folder but an absolute
one, which the format allows.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from likeness.errors import UsageError
from likeness.storage.json_files import load_object
from likeness.systems.audio2face.package.check_blendshapes import check_blendshapes
from likeness.systems.audio2face.package.check_data import (
    check_config,
    check_data,
    check_emotions,
)
from likeness.systems.audio2face.package.check_graph import check_graph
from likeness.systems.audio2face.package.check_network import NetworkFacts, check_info, check_trt
from likeness.systems.audio2face.package.check_provenance import check_provenance
from likeness.systems.audio2face.package.violations import Report, Violation

PROVENANCE = "provenance.json"


def check_package(folder: str | Path) -> list[Violation]:
    """Every broken rule of a package, in the order of its files.

    Args:
        folder: with ``model.json``.

    Raises:
        UsageError: there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UsageError(
            f"There is no folder {folder}.", advice="Give the folder that holds model.json."
        )
    report = Report(folder)
    model = _object(folder / "model.json", "model.missing", "model.json", report)
    if model is None:
        return report.found
    info_path = _file(model, "networkInfoPath", report)
    facts = check_info(info_path, report) if info_path else None
    _check_network(model, folder, facts, report)
    _check_actors(model, facts, report)
    if os.path.isfile(folder / PROVENANCE):
        check_provenance(folder / PROVENANCE, report)
    return report.found


def _check_network(
    model: Mapping[str, Any], folder: Path, facts: NetworkFacts | None, report: Report
) -> None:
    engine = _path(model, "networkPath", report)
    beside = engine.parent if engine else folder
    graph, settings = beside / "network.onnx", beside / "trt_info.json"
    is_built = engine is not None and os.path.isfile(engine)
    if engine is not None and not is_built:
        report.warn(
            "network.engine-missing", engine, "Not built yet; trtexec makes it of network.onnx."
        )
    if os.path.isfile(graph):
        if facts is not None:
            check_graph(graph, facts, report)
    elif not is_built:
        report.error("network.missing", graph, "There is neither the graph nor its engine.")
    if os.path.isfile(settings):
        check_trt(settings, facts, report)
    elif not is_built:
        report.error("trt.missing", settings, "Without it nobody can build the engine.")


def _check_actors(model: Mapping[str, Any], facts: NetworkFacts | None, report: Report) -> None:
    folder = report.folder
    is_diffusion = facts.is_diffusion if facts else "modelConfigPaths" in model
    emotions = None
    if not is_diffusion:
        database = _file(model, "emotionDatabasePath", report)
        emotions = check_emotions(database, facts, report) if database else None
        configs = [_file(model, "modelConfigPath", report)]
        data = [_file(model, "modelDataPath", report)]
    else:
        configs = _files(model, "modelConfigPaths", report)
        data = _files(model, "modelDataPaths", report)
        count = len(facts.identities) if facts else len(configs)
        for key, paths in (("modelConfigPaths", configs), ("modelDataPaths", data)):
            if isinstance(model.get(key), list) and len(paths) != count:
                report.error(
                    "model.count",
                    folder / "model.json",
                    f"'{key}' needs {count} entries, one for each identity, found {len(paths)}.",
                )
    for path in configs:
        if path is not None:
            check_config(path, emotions, is_diffusion, report)
    extents = [
        {} if path is None else check_data(path, facts, is_diffusion, report) for path in data
    ]
    _check_shapes(model, facts, extents, is_diffusion, report)


def _check_shapes(
    model: Mapping[str, Any],
    facts: NetworkFacts | None,
    extents: Sequence[Mapping[str, float]],
    is_diffusion: bool,
    report: Report,
) -> None:
    if "blendshapePaths" not in model:
        return
    where = report.folder / "model.json"
    given = model["blendshapePaths"]
    entries = given if is_diffusion else [given]
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        report.error(
            "model.key", where, "'blendshapePaths' must hold 'skin' and 'tongue' of each identity."
        )
        return
    if is_diffusion and facts is not None and len(entries) != len(facts.identities):
        report.error(
            "model.count",
            where,
            f"'blendshapePaths' needs {len(facts.identities)} entries, found {len(entries)}.",
        )
    known = [*extents, *({} for _ in entries)]
    for entry, extent in zip(entries, known, strict=False):
        missing = [kind for kind in ("skin", "tongue") if kind not in entry]
        if missing:
            report.error(
                "blendshape.incomplete",
                where,
                f"The solver needs shapes of skin and tongue; no {' and no '.join(missing)} there.",
            )
        for kind in ("skin", "tongue"):
            if kind in entry and isinstance(entry[kind], dict):
                config = _file(entry[kind], "config", report)
                data = _file(entry[kind], "data", report)
                if config is not None and data is not None:
                    check_blendshapes(kind, data, config, facts, extent.get(kind), report)
            elif kind in entry:
                report.error("model.key", where, f"'{kind}' must hold 'config' and 'data'.")


def _object(path: Path, missing: str, broken: str, report: Report) -> dict[str, Any] | None:
    if not path.is_file():
        report.error(missing, path, "The package has no such file.")
        return None
    try:
        return load_object(path)
    except ValueError as error:
        report.error(broken, path, f"Cannot be read: {error}.")
        return None


def _files(model: Mapping[str, Any], key: str, report: Report) -> list[Path | None]:
    values = model.get(key)
    if not isinstance(values, list):
        report.error("model.key", report.folder / "model.json", f"'{key}' must be a list of paths.")
        return []
    return [_file({key: value}, key, report) for value in values]


def _file(model: Mapping[str, Any], key: str, report: Report) -> Path | None:
    path = _path(model, key, report)
    if path is not None and not os.path.isfile(path):  # False also for names no disk takes
        report.error("model.path", path, f"'{key}' names this file, but there is none.")
        return None
    return path


def _path(model: Mapping[str, Any], key: str, report: Report) -> Path | None:
    where, text = report.folder / "model.json", model.get(key)
    if not isinstance(text, str) or not text or "\0" in text:
        report.error("model.key", where, f"'{key}' must be the path of a file, found {text!r:.80}.")
        return None
    if os.path.isabs(text):
        return Path(text)
    if os.path.normpath(text).split(os.sep)[0] == os.pardir:
        report.error(
            "model.path-outside", where, f"'{key}' leads out of the package: {text!r:.80}."
        )
        return None
    return report.folder / text
