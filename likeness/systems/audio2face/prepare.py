"""Raw material to something to train on: takes of an app to a dataset, a dataset to bases.

Which of the two it is follows from what lies in the folder.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from likeness.config.locations import locations, with_locations
from likeness.config.text import file_text, read_yaml
from likeness.data.inspection import Inspection
from likeness.data.making import Progress
from likeness.data.record import PREPARED_RECORD, is_up_to_date, write_record
from likeness.errors import DataError, UsageError
from likeness.storage.files import disk_errors
from likeness.systems.audio2face.dataset.description import (
    DESCRIPTION,
    DatasetDescription,
    read_description,
    write_description,
)
from likeness.systems.audio2face.dataset.findings import inspect_dataset
from likeness.systems.audio2face.dataset.live_link import COMMAND, prepare_live_link
from likeness.systems.audio2face.dataset.reading import open_dataset
from likeness.systems.audio2face.preprocessing.preparation import (
    preprocess,
    preprocess_together,
)
from likeness.systems.audio2face.preprocessing.settings import PreprocessingSettings
from likeness.systems.audio2face.profiles import PROFILES
from likeness.systems.audio2face.recordings import PREPARED

_PROVENANCE = "provenance.json"


def prepare(
    source: str,
    out: str,
    *,
    profile: str = "default",
    settings: str = "",
    shared: bool = False,
    head: str = "studio",
    person: int = 0,
    vertices: Annotated[int, Field(ge=100)] | None = None,
    actor: str = "actor",
    fps: Annotated[float, Field(gt=0)] = 30.0,
    emotions: str = "neutral",
    language: str = "en",
    sound_start: float = 0.0,
    timecode_base: float | None = None,
    consent: str = "",
    test: str = "",
    workers: Annotated[int, Field(ge=0)] = 0,
    progress: Progress | None = None,
) -> Inspection:
    """Takes of Live Link Face with their sounds become a dataset; a dataset is preprocessed.

    A preprocessed dataset holds the bases of its actors and points to the recordings, which stay
    where they are: ``likeness train audio2face data.root=OUT``.

    Args:
        source: folder with takes, or a dataset.
        out: folder to write; new or empty, or what an earlier call left.
        profile: of a dataset: take the preprocessing settings of this profile.
        settings: of a dataset: a YAML file of preprocessing settings instead.
        shared: of a dataset: one basis for all actors, who are of one topology.
        head, person, vertices, actor, fps, emotions, language, sound_start, timecode_base, consent,
            test, workers: of takes; see :func:`prepare_live_link`.
        progress: is told how far it is.

    Raises:
        UsageError: options or folders that do not fit.
        DataError: the material cannot be used.
    """
    try:
        read_description(source)
    except DataError:
        if (Path(source) / DESCRIPTION).is_file() or Path(source).is_file():
            raise
        return prepare_live_link(
            source,
            out,
            head=head,
            person=person,
            vertices=vertices,
            actor=actor,
            fps=fps,
            emotions=emotions,
            language=language,
            sound_start=sound_start,
            timecode_base=timecode_base,
            consent=consent,
            test=test,
            workers=workers,
            progress=progress,
        )
    return _preprocessed(source, Path(out), _settings(profile, settings), shared, progress)


def _settings(profile: str, path: str) -> PreprocessingSettings:
    if profile not in PROFILES:
        raise UsageError(f"There is no profile '{profile}'; there are: {', '.join(PROFILES)}.")
    if not path:
        return PROFILES[profile]().preprocessing
    if not Path(path).is_file():
        raise UsageError(f"There is no file {path}.", advice="Check the option 'settings'.")
    found = read_yaml(file_text(Path(path)), name=path).values
    values: Any = found if isinstance(found, Mapping) else {}
    try:
        return PreprocessingSettings.model_validate(values.get("preprocessing", values))
    except ValidationError as error:
        raise UsageError(f"'{path}' holds no preprocessing settings: {error}.") from error


def _preprocessed(
    source: str,
    out: Path,
    settings: PreprocessingSettings,
    shared: bool,
    progress: Progress | None,
) -> Inspection:
    inspection = inspect_dataset(source)
    if not inspection.ok:
        return inspection
    if out.exists() and any(out.iterdir()) and not (out / PREPARED).is_dir():
        raise UsageError(
            f"'{out}' exists and is not empty; expected a new folder, or one of an earlier call.",
            advice="Choose another folder.",
        )
    description, base = read_description(source)
    actors = open_dataset(base, description)
    asked = {"preprocessing": settings.model_dump(mode="json"), "shared": shared}
    known = is_up_to_date(out, command=COMMAND, settings=asked)
    with disk_errors(out, "prepare a dataset"):
        (out / PREPARED).mkdir(parents=True, exist_ok=True)
    if shared:
        preprocess_together(list(actors.values()), settings, out / PREPARED, progress=progress)
    else:
        for name, actor in actors.items():
            preprocess(actor, settings, out / PREPARED / name, progress=progress)
    if known:  # and of these recordings, or it would have been refused
        return replace(inspect_dataset(out), is_up_to_date=True)
    with disk_errors(out, "prepare a dataset"):
        if (base / _PROVENANCE).is_file():
            shutil.copyfile(base / _PROVENANCE, out / _PROVENANCE)
        write_description(out, _from_elsewhere(description, base.resolve()))
    write_record(
        out,
        command=COMMAND,
        settings=asked,
        begun=date.today().isoformat(),
        counts={"actors": len(actors)},
        name=PREPARED_RECORD,
    )
    return inspect_dataset(out)


def _from_elsewhere(description: DatasetDescription, base: Path) -> DatasetDescription:
    """The same dataset, described from any folder."""
    found = locations(description).items()
    return with_locations(description, {key: str(base / place) for key, place in found})
