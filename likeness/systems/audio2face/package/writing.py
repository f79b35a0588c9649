"""A trained network and its actors as the folder the runtime loads."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from likeness.errors import DataError, MissingError, UsageError
from likeness.replacement import replacing
from likeness.runs.files import write_json, write_text
from likeness.storage.files import sha256_of
from likeness.systems.audio2face.artefacts import ActorArtefacts, Blendshapes
from likeness.systems.audio2face.package.blendshape_files import (
    for_runtime,
    minimal_tongue,
    write_blendshapes,
)
from likeness.systems.audio2face.package.checking import check_package
from likeness.systems.audio2face.package.emotion_database import (
    EmotionDatabase,
    write_emotion_database,
)
from likeness.systems.audio2face.package.emotion_mapping import emotion_mapping
from likeness.systems.audio2face.package.model_files import (
    blendshape_names,
    config_document,
    data_arrays,
    model_document,
)
from likeness.systems.audio2face.package.network_info import (
    DiffusionShape,
    NetworkType,
    RegressionShape,
    network_info,
    network_inputs,
    trt_info,
)
from likeness.systems.audio2face.package.readme import readme_text
from likeness.systems.audio2face.package.runtime_arrays import write_runtime_arrays
from likeness.systems.audio2face.postprocessing_settings import PostprocessingSettings

_NAME = re.compile(r"\w([\w.-]*\w)?")


@dataclass(frozen=True)
class WrittenPackage:
    """What was written, and what whoever uses it should know.

    Attributes:
        files: name to content in words.
        remarks: left out, changed or added parts, one sentence each.
    """

    folder: Path
    files: Mapping[str, str]
    remarks: tuple[str, ...]


def network_shape(
    network_type: NetworkType, artefacts: Sequence[ActorArtefacts]
) -> RegressionShape | DiffusionShape:
    """The published sizes for these actors; change fields with ``dataclasses.replace``.

    Raises:
        UsageError: actors of different sizes.
    """
    first = artefacts[0]
    sizes = {(len(a.neutral_skin), len(a.neutral_tongue), a.jaw_size) for a in artefacts}
    if len(sizes) > 1:
        listed = ", ".join(
            f"{a.actor} has {len(a.neutral_skin)}, {len(a.neutral_tongue)} and {a.jaw_size}"
            for a in artefacts
        )
        raise UsageError(
            f"The actors of a package need as many vertices of skin and tongue and values of the "
            f"jaw as each other: {listed}."
        )
    if network_type == "regression":
        return RegressionShape(
            len(first.skin.shapes),
            len(first.neutral_skin),
            len(first.tongue.shapes),
            len(first.neutral_tongue),
            jaw_size=first.jaw_size,
        )
    return DiffusionShape(
        first.neutral_skin.size, first.neutral_tongue.size, jaw_size=first.jaw_size
    )


def write_package(
    folder: str | Path,
    *,
    network_type: NetworkType,
    artefacts: Sequence[ActorArtefacts],
    emotions: Sequence[str],
    default_emotion: Sequence[float],
    post: PostprocessingSettings | Mapping[str, PostprocessingSettings],
    onnx_path: str | Path,
    emotion_database: EmotionDatabase | None = None,
    source: tuple[str, int] | None = None,
    shape: RegressionShape | DiffusionShape | None = None,
    version: str = "0.1",
    full_data: bool = False,
    units_per_cm: float = 1.0,
    strongly_typed: bool = False,
    provenance: Mapping[str, Any] | None = None,
) -> WrittenPackage:
    """Write a package and check it by the rules of the runtime.

    Args:
        folder: made; must not hold anything.
        network_type: of the network.
        artefacts: one of each identity, in the order the network knows them; one of regression.
        emotions: of the network (see ``network_info.network_emotions``), at least one.
        default_emotion: as many values.
        post: settings of all actors, or by name.
        onnx_path: the exported graph, copied.
        emotion_database: of regression; rows as in training.
        source: of regression, shot and frame of the row of the data base that is held.
        shape: sizes of the network; None: :func:`network_shape`.
        version: of the model.
        full_data: write all eleven arrays of the reference.
        units_per_cm: write the package in another unit; the graph must give that unit.
        strongly_typed: the graph is not of float32 alone; its engine must keep to its types.
        provenance: where the model comes from, kept in ``provenance.json``.

    Raises:
        UsageError: the parts do not fit together, or the folder is not empty.
        MissingError: there is no graph.
        DataError: the package breaks a rule of the runtime; its folder is removed.
    """
    folder, onnx_path = Path(folder), Path(onnx_path)
    identities = [actor.actor for actor in artefacts]
    _check_parts(folder, network_type, identities, onnx_path, emotion_database)
    if emotion_database is not None and source is not None:
        emotion_database.row(*source)  # it is there
    shape = shape or network_shape(network_type, artefacts)
    info = network_info(
        shape,
        identities=identities,
        emotions=emotions,
        default_emotion=default_emotion,
        version=version,
    )
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        shapes, remarks = _blendshapes_of(artefacts, units_per_cm)
        files = _write_shared(
            folder,
            network_type,
            info,
            shape,
            onnx_path,
            has_blendshapes=bool(shapes),
            strongly_typed=strongly_typed,
        )
        for actor in artefacts:
            settings = post if isinstance(post, PostprocessingSettings) else post[actor.actor]
            suffix = "" if network_type == "regression" else f"_{actor.actor}"
            write_json(
                folder / f"model_config{suffix}.json",
                config_document(settings, source, units_per_cm),
            )
            write_runtime_arrays(
                folder / f"model_data{suffix}.npz",
                data_arrays(actor, network_type, full_data=full_data, units_per_cm=units_per_cm),
            )
            files[f"model_config{suffix}.json"] = f"post-processing of {actor.actor}"
            files[f"model_data{suffix}.npz"] = f"geometry of {actor.actor}"
            for kind, given in shapes.get(actor.actor, {}).items():
                data_name, config_name = blendshape_names(kind, actor.actor)
                write_blendshapes(folder / data_name, folder / config_name, given)
                files[data_name] = f"{kind} blendshapes of {actor.actor}"
                files[config_name] = "settings of their solver"
        if emotion_database is not None:
            write_emotion_database(folder / "implicit_emo_db.npz", emotion_database)
            files["implicit_emo_db.npz"] = "implicit emotion vectors of all shots"
        write_json(
            folder / "a2e_mapping.json", emotion_mapping(list(emotions), list(default_emotion))
        )
        files["a2e_mapping.json"] = "classes of an emotion recogniser to emotions of this network"
        files["provenance.json"] = "where the model comes from; SHA-256 of the files"
        write_text(folder / "README.md", readme_text(info, files, remarks, units_per_cm))
        write_json(
            folder / "provenance.json",
            {**(provenance or {}), "sha256": {n: sha256_of(folder / n) for n in sorted(files)
                                              if n != "provenance.json"}},
        )  # fmt: skip
        faults = [v for v in check_package(folder) if v.severity == "error"]
        if faults:
            raise DataError(
                "The package breaks rules of the runtime:\n"
                + "\n".join(f"{v.code} {v.path}: {v.message}" for v in faults)
            )
    except ValidationError as error:
        _remove(folder, is_new)
        raise UsageError(
            f"Settings in the unit of the package are out of range: {error}"
        ) from error
    except BaseException:
        _remove(folder, is_new)
        raise
    return WrittenPackage(folder, files, tuple(remarks))


def _check_parts(
    folder: Path,
    network_type: NetworkType,
    identities: list[str],
    onnx_path: Path,
    database: EmotionDatabase | None,
) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"'{folder}' exists and is not empty.", advice="Choose another folder.")
    if not onnx_path.is_file():
        raise MissingError(f"There is no exported network at {onnx_path}.")
    if not identities or len(set(identities)) != len(identities):
        raise UsageError(f"A package needs different actors, found {identities}.")
    if (network_type == "regression") != (database is not None):
        raise UsageError(
            f"An emotion data base belongs to regression packages and to no others; found "
            f"{'one' if database else 'none'} with {network_type}."
        )
    for name in identities:
        if not _NAME.fullmatch(name) or ".." in name:
            raise UsageError(f"{name!r} is no name of an actor that a file can carry.")


def _write_shared(
    folder: Path,
    network_type: NetworkType,
    info: dict[str, Any],
    shape: RegressionShape | DiffusionShape,
    onnx_path: Path,
    *,
    has_blendshapes: bool,
    strongly_typed: bool,
) -> dict[str, str]:
    params = info["params"]
    num_emotions = len(params["default_emotion"])
    inputs = network_inputs(shape, len(params["identities"]), num_emotions)
    write_json(folder / "network_info.json", info)
    write_json(folder / "trt_info.json", trt_info(inputs, strongly_typed=strongly_typed))
    write_json(
        folder / "model.json",
        model_document(network_type, params["identities"], has_blendshapes=has_blendshapes),
    )
    with replacing(folder / "network.onnx") as temporary:
        shutil.copyfile(onnx_path, temporary)
    return {
        "model.json": "where everything is",
        "network.onnx": "the network",
        "network_info.json": "its sizes and emotions",
        "trt_info.json": "how to build network.trt",
    }


def _blendshapes_of(
    artefacts: Sequence[ActorArtefacts], units_per_cm: float
) -> tuple[dict[str, dict[str, Blendshapes]], list[str]]:
    """Skin and tongue shapes of every actor, or of none, as the runtime wants them."""
    remarks: list[str] = []
    found: dict[str, dict[str, Blendshapes]] = {}
    for actor in artefacts:
        skin, tongue = actor.blendshapes, actor.tongue_blendshapes
        if skin is None:
            only = " (it has tongue shapes only)" if tongue is not None else ""
            remarks.append(f"No blendshapes: {actor.actor} has none of the skin{only}.")
            return {}, remarks
        if tongue is None and actor.tongue.is_placeholder:
            remarks.append(
                f"No blendshapes: the runtime needs those of a tongue too, and {actor.actor} has "
                "no tongue."
            )
            return {}, remarks
        if tongue is None:
            tongue = minimal_tongue(actor.neutral_tongue)
            remarks.append(f"{actor.actor} has no tongue shapes; one that moves nothing is there.")
        pair = {}
        for kind, given in (("skin", skin), ("tongue", tongue)):
            rewritten = for_runtime(_in_unit(given, units_per_cm))
            remarks += [f"{kind} blendshapes of {actor.actor}: {c}." for c in rewritten.changes]
            pair[kind] = rewritten.blendshapes
        found[actor.actor] = pair
    if units_per_cm != 1.0:
        # M = B'B + strengths * (diagonal / templateBBSize)^2: B'B alone changes with the unit.
        remarks.append(
            f"templateBBSize is in the unit of the package, so shapes weigh {units_per_cm**2:g} "
            "times as much against the strengths of their solver as in centimetres: it gives other "
            "weights for the same face."
        )
    return found, remarks


def _in_unit(given: Blendshapes, units_per_cm: float) -> Blendshapes:
    if units_per_cm == 1.0:
        return given
    settings = dict(given.settings)
    size = settings.get("templateBBSize")
    if isinstance(size, int | float):
        settings["templateBBSize"] = max(1.0, float(size) * units_per_cm)
    return replace(
        given,
        neutral=given.neutral * units_per_cm,
        offsets=given.offsets * units_per_cm,
        settings=settings,
    )


def _remove(folder: Path, is_new: bool) -> None:
    """Half a package must not look like a whole one."""
    for path in folder.iterdir():
        path.unlink()
    if is_new:
        folder.rmdir()
