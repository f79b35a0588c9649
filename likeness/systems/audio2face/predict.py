"""Sound files in, moving faces out."""

from __future__ import annotations

import csv
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from likeness.errors import DataError, LikenessError, UsageError
from likeness.runs.predictions import Stems
from likeness.seeds import rng_of
from likeness.storage.files import sha256_of
from likeness.systems.audio2face.artefacts import Floats
from likeness.systems.audio2face.audio import read_speech
from likeness.systems.audio2face.dataset.sound_findings import listen
from likeness.systems.audio2face.face_predictor import Emotion, SpeechToFace
from likeness.systems.audio2face.frame_timing import (
    EmotionTrack,
    TimingMode,
    TrackMode,
    num_frames_of,
)
from likeness.systems.audio2face.outputs import output_stem, write_outputs
from likeness.systems.audio2face.postprocessing import blink_offsets
from likeness.systems.audio2face.postprocessing_settings import plain_postprocessing
from likeness.systems.audio2face.shot_pictures import surfaces_of

logger = logging.getLogger(__name__)

_SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")
_BLINK_EVERY = 3.5
"""Mean seconds between added blinks."""


def predict(
    predictor: SpeechToFace,
    inputs: Sequence[str],
    output: Path,
    *,
    format: str = "",
    actor: str | None = None,
    emotion: str | float | None = None,
    emotions: str | None = None,
    mode: TrackMode = "offline",
    seed: Annotated[int, Field(ge=0)] = 0,
    blinks: bool = False,
    plain: bool = False,
    differences: bool = False,
    size: Annotated[int, Field(ge=64, le=2048)] = 512,
    timing: TimingMode = "centre",
    runtime_compat: bool = False,
) -> list[dict[str, Any]]:
    """Animate sound files, or all in folders, into ``output``.

    Where the name of the files is another sound's, of this call or of an earlier one, it is
    numbered. Each sound has a manifest with what its files were made with. A later call with the
    same values adds its files to it; one with others starts it again, and files it does not write
    over stay in the folder without being named.

    Args:
        format: comma-separated choice of maya, npy, pc2, usd, glb, arkit-csv, arkit-json,
            live-link, mp4; all that the actor allows by default, of caches npy alone.
        actor: whose face; the first by default.
        emotion: by name, or numbers with commas between, one for each of the network's emotions; a
            plain number where it has one.
        emotions: a CSV with the columns ``time`` (seconds) and emotions of the network, for
            emotions that change; linear in between.
        mode: offline hears the track by the windows of a stream, streaming gets it piece by piece;
            the frames are the same. whole, of diffusion alone, hears it as one window.
        seed: of noise and blinks.
        blinks: add blinks, which no speech tells of.
        plain: without post-processing of strengths, offsets and smoothing.
        differences: write caches of differences from the neutral too.
        size: side of the film, pixels.
        timing: of regression: centre hears frame f around (f + 0.5) / fps, as it was trained;
            runtime around f / fps, half a frame earlier, as the runtime of Audio2Face-3D does.
        runtime_compat: solve weights of blendshapes by the formula of that runtime, whose pull to
            the frame before shrinks the weights of a held pose.

    Returns:
        One row per sound: ``input``, ``files`` by format, ``frames`` and ``seconds``; or ``error``.

    Raises:
        UsageError: an unknown format, actor or emotion, or a format the actor does not allow.
        DataError: no sound could be used.
    """
    own = predictor.artefacts(actor)
    words = emotion if emotion is None else str(emotion)
    felt = _emotion(predictor, words, emotions)
    predictor.emotion_track(felt)  # an unknown one is told of once
    surfaces = surfaces_of(own)
    formats = [name.strip() for name in format.split(",") if name.strip()]
    if not formats:
        formats = ["npy"]
        formats += [] if surfaces is None else ["glb", "mp4"]
        formats += [] if own.blendshapes is None else ["arkit-csv"]
    settings = predictor.postprocessing
    if plain:
        own_source = {"source_shot": settings.source_shot, "source_frame": settings.source_frame}
        settings = plain_postprocessing().replace(**own_source)
    rows: list[dict[str, Any]] = []
    failures: list[LikenessError] = []
    sounds = _sounds(inputs)
    named = words or ("track" if emotions else predictor.cast.default_emotion)
    made_with = {
        "network": predictor.network_type,
        "network_sha256": predictor.fingerprint,
        "emotion": named,
        "emotion_table": None if emotions is None else _table_entry(Path(emotions)),
        "mode": mode,
        "seed": seed,
        "blinks": blinks,
        "plain": plain,
        "timing": timing,
        "runtime_compat": runtime_compat,
    }

    def stem_of(name: str) -> str:
        return output_stem(name, own.actor, emotion=named, mode=mode)

    stems = Stems(output, "sound_sha256", stem_of)
    for path in sounds:
        try:
            sound = read_speech(path).samples
            _warn_of_sound(path)
            count = num_frames_of(len(sound), 16000, predictor.fps)
            added = None
            if blinks:
                added = _blinks(own.blink_keys, count, predictor.fps, f"{path.stem}/{seed}")
            result = predictor.performance(
                sound,
                actor=actor,
                emotion=felt,
                mode=mode,
                seed=seed,
                timing=timing,
                postprocessing=settings,
                blinks=added,
            )
            digest = sha256_of(path)
            manifest = write_outputs(
                output,
                stems.stem(path.name.split(".")[0], digest),
                result,
                own,
                formats,
                surfaces=surfaces,
                differences=differences,
                about={"sound": path.name, "sound_sha256": digest, **made_with},
                film_size=size,
                runtime_compat=runtime_compat,
            )
        except DataError as error:
            failures.append(error)
            rows.append({"input": str(path), "error": error.message})
            continue
        files = {name: str(output / name) for name in manifest["files"]}
        rows.append(
            {
                "input": str(path),
                "files": files,
                "frames": result.num_frames,
                "seconds": round(result.num_frames / result.fps, 3),
            }
        )
    if len(failures) == len(rows):
        raise failures[0]
    return rows


def _sounds(inputs: Sequence[str]) -> list[Path]:
    found: list[Path] = []
    for name in inputs:
        path = Path(name)
        if path.is_dir():
            inside = sorted(
                p for p in path.rglob("*") if p.suffix.lower() in _SUFFIXES and p.is_file()
            )
            if not inside:
                raise DataError(f"Expected sounds in the folder '{path}' or below, found none.")
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise DataError(f"Expected a sound or a folder at '{path}', but there is nothing.")
    return found


def _warn_of_sound(path: Path) -> None:
    """What is wrong with a sound as inspection of datasets tells it; films are not looked at."""
    _, findings = listen(path, str(path))
    for finding in findings:
        if finding.severity == "warning":
            logger.warning("'%s': %s", path, finding.message)


def _emotion(predictor: SpeechToFace, emotion: str | None, table: str | None) -> Emotion | None:
    if table is not None:
        if emotion is not None:
            raise UsageError("Give 'emotion' or 'emotions', not both.")
        return _track(predictor, Path(table))
    labels = predictor.cast.labels
    if emotion is None or emotion in (*labels.names, labels.zero):
        return emotion
    try:
        values = [float(value) for value in emotion.split(",")]
    except ValueError as error:
        if "," in emotion:
            message = f"Expected numbers with commas between, found '{emotion}'."
            raise UsageError(message) from error
        return emotion
    _warn_of_strong(np.array(values, np.float32), f"'emotion={emotion}'")
    return values


def _track(predictor: SpeechToFace, path: Path) -> EmotionTrack:
    """Emotions over time from a table; a column that is left out is 0."""
    if not path.is_file():
        raise UsageError(f"There is no table of emotions at '{path}'.")
    names = predictor.cast.labels.names
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            rows, header = list(reader), list(reader.fieldnames or ())
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(
            f"Expected a table of commas in UTF-8 at '{path}', found what is none: {error}.",
            advice="Save it as CSV in UTF-8.",
        ) from error
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise UsageError(f"'{path}' has the column '{twice[0]}' {header.count(twice[0])} times.")
    longer = next((row for row in rows if None in row), None)
    if longer is not None:
        raise UsageError(
            f"'{path}': expected {len(header)} columns in every row, found "
            f"{len(header) + len(longer[None])} in that of time {longer.get('time')}.",
            advice="Decimals are written with a point.",
        )
    columns = set(header)
    unknown = sorted(columns - {"time", *names})
    if "time" not in columns or unknown or not rows:
        raise UsageError(
            f"'{path}': expected a row and the columns time and any of {', '.join(names)}; found "
            f"{', '.join(sorted(columns)) or 'nothing'}{'' if rows else ', and no row'}.",
            advice=f"Emotions of this network have no column {', '.join(map(repr, unknown))}."
            if unknown
            else "The first line names the columns.",
        )
    try:
        times = np.array([float(row["time"]) for row in rows])
        vectors = np.array([[float(row.get(name) or 0) for name in names] for row in rows])
    except (TypeError, ValueError) as error:
        raise UsageError(f"'{path}' holds something that is no number: {error}.") from error
    try:
        track = EmotionTrack(times, vectors.astype(np.float32))
    except UsageError as error:
        raise UsageError(f"'{path}': {error.message}", advice=error.advice) from error
    _warn_of_strong(track.vectors, f"'{path}'")
    return track


def _warn_of_strong(vectors: Floats, source: str) -> None:
    if vectors.min() < 0.0 or vectors.max() > 1.0:
        logger.warning(
            "%s has emotions of %g to %g; networks are trained on 0 to 1, and faces of more than "
            "that are guesses.",
            source,
            vectors.min(),
            vectors.max(),
        )


def _table_entry(path: Path) -> dict[str, str]:
    """A table in the manifest, by its content: two of one name are two performances."""
    return {"file": path.name, "sha256": sha256_of(path)}


def _blinks(keys: np.ndarray, count: int, fps: float, key: str) -> np.ndarray:
    rng = rng_of("added blinks", key)
    starts, time = [], float(rng.exponential(_BLINK_EVERY))
    while time < count / fps:
        starts.append(time)
        time += 0.5 + float(rng.exponential(_BLINK_EVERY - 0.5))
    return blink_offsets(keys, starts, count, fps)


def demonstrate(folder: Path) -> tuple[list[str], dict[str, Any]]:
    """A sentence that no set is trained on, spoken by a studio voice, as a sound file."""
    from likeness.media.audio import resample, write_wav
    from likeness.speech.synthesis import speak
    from likeness.studio.person import Person
    from likeness.studio.voice import voice_of

    spoken = speak("My name is Likeness, and my lips move as I speak.", voice_of(Person.sample(7)))
    path = folder / "sentence.wav"
    write_wav(path, resample(spoken.audio, spoken.sample_rate, 16000), 16000)
    return [str(path)], {}
