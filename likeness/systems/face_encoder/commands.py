"""The verbs only the face encoder has, as functions that return one document each.

The command line makes ``likeness face-encoder <verb>`` of them: their parameters become options,
their result is printed as JSON or as a table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from likeness.errors import DataError, UsageError
from likeness.storage.files import disk_errors, used_folder
from likeness.systems import Partial

if TYPE_CHECKING:
    import numpy as np

    from likeness.geometry.flame_checks import AssetFinding
    from likeness.geometry.mesh import Mesh

VectorOption = Annotated[Path, typer.Option("--vector", help="A person record (.person.npz).")]
HeadOption = Annotated[str, typer.Option("--head", help="Head model the record belongs to.")]


def render(
    vector: VectorOption,
    out: Annotated[Path, typer.Option("--out", help="Picture to write (.png), or .gif to turn.")],
    head: HeadOption = "studio",
    neutral: Annotated[bool, typer.Option("--neutral", help="Drop the expression.")] = False,
    view: Annotated[
        str | None, typer.Option("--view", help="yaw,pitch in degrees; the record's own pose else.")
    ] = None,
    frames: Annotated[
        int | None, typer.Option("--turntable", help="Write this many views all around.")
    ] = None,
    size: Annotated[int, typer.Option("--size", min=32, max=4096, help="Pixels.")] = 512,
) -> dict[str, Any]:
    """Draw a person record as grey geometry."""
    import numpy as np
    import torch

    from likeness.media.image import save_image
    from likeness.media.video import write_animation
    from likeness.systems.face_encoder import pictures
    from likeness.systems.face_encoder.decode import Decoder
    from likeness.systems.face_encoder.heads import open_head
    from likeness.systems.face_encoder.record import PersonRecord
    from likeness.systems.face_encoder.render import Renderer

    record, asset = PersonRecord.load(_existing(vector)), open_head(head)
    record.check_head(asset)
    _refuse_input(out, vector)
    is_again = out.exists()
    if neutral:
        still = {"face.expression": 0, "face.eyelid": 0, "pose.jaw": 0, "pose.eyes": 0}
        record = record.edit({k: v for k, v in still.items() if k in record.layout})
    renderer = Renderer(Decoder(asset, record.layout, record.camera), "studio", 0)
    if frames is not None:
        if frames < 2 or out.suffix not in (".gif", ".webp"):
            raise UsageError(
                "--turntable needs at least 2 views and an --out ending in .gif or .webp."
            )
        views = pictures.turntable(renderer, record.vector, frames=frames, size=size)
        written = write_animation(out, views, rate=18)
        return {"file": str(written), "frames": frames, "replaced": is_again}
    if view is None:
        drawn = renderer.geometry(torch.tensor(record.vector[None]), size)[0]
        image = drawn.numpy().transpose(1, 2, 0)
    else:
        try:
            yaw, pitch = (np.radians(float(v)) for v in view.split(","))
            if not np.isfinite([yaw, pitch]).all():
                raise ValueError("not finite")
        except ValueError as error:
            raise UsageError(f"Expected --view yaw,pitch in degrees, found '{view}'.") from error
        image = pictures.view(renderer, record.vector, yaw=yaw, pitch=pitch, size=size)
    return {"file": str(save_image(out, image)), "replaced": is_again}


def merge(
    records: Annotated[list[Path], typer.Argument(help="Records of one person.")],
    out: Annotated[Path, typer.Option("--out", help="Record to write.")],
) -> dict[str, Any]:
    """One record of a person from several photographs: identity averaged, the rest of the first."""
    from likeness.systems.face_encoder.record import PersonRecord
    from likeness.systems.face_encoder.record import merge as merge_records

    loaded = [PersonRecord.load(_existing(path)) for path in records]
    _refuse_input(out, *records)
    is_again = out.exists()
    file = str(merge_records(loaded).save(out))
    return {"file": file, "records": len(loaded), "replaced": is_again}


def distance(
    first: Annotated[Path, typer.Argument(help="A person record.")],
    second: Annotated[Path, typer.Argument(help="Another.")],
    head: HeadOption = "studio",
) -> dict[str, Any]:
    """How far apart two people are: identity codes in sigma, neutral vertices in millimetres."""
    from likeness.systems.face_encoder.heads import open_head
    from likeness.systems.face_encoder.record import PersonRecord
    from likeness.systems.face_encoder.record import distance as measure

    a, b = (PersonRecord.load(_existing(path)) for path in (first, second))
    asset = open_head(head)
    return {
        "shape_sigma": measure(a, b),
        "vertex_mm": measure(a, b, space="vertex", asset=asset),
    }


def predict_now(
    run: Annotated[Path, typer.Argument(help="A trained run.")],
    photographs: Annotated[
        Path, typer.Argument(help="Folder of <subject>/<challenge>/<photo>, as NoW has them.")
    ],
    out: Annotated[Path, typer.Argument(help="Folder to write predictions into.")],
    detector: Annotated[
        str, typer.Option("--detector", help="cascade, scrfd, yunet or file.")
    ] = "cascade",
    weights: Annotated[
        str | None, typer.Option("--weights", help="What the detector reads.")
    ] = None,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Leave out photographs without a face.")
    ] = False,
) -> dict[str, Any]:
    """Write predictions for the NoW benchmark: neutral heads with seven landmarks.

    Exit code 4 when a photograph could not be used.
    """
    from likeness.systems.face_encoder.now import write_predictions
    from likeness.systems.face_encoder.trained import predictor_of

    if out.exists() and any(out.iterdir()):
        raise UsageError(f"'{out}' exists and is not empty.", advice="Choose another folder.")
    predictor = predictor_of(run)
    _refuse_absent(photographs, "photographs")
    rows = write_predictions(predictor, photographs, out, detector=detector, weights=weights)
    failed = [row for row in rows if row["error"]]
    document = {"folder": str(out), "written": len(rows) - len(failed), "failed": failed}
    if not failed or allow_missing:
        return document
    return Partial(
        document,
        f"{len(failed)} of {len(rows)} photographs could not be used.",
        advice="'failed' names each; --allow-missing leaves them out.",
    )


def evaluate_now(
    predictions: Annotated[
        Path, typer.Argument(help="<subject>/<challenge>/<photo>.obj or .ply, with .npy beside.")
    ],
    dataset: Annotated[
        Path, typer.Argument(help="The benchmark: scans, scans_lmks_onlypp, lists of photographs.")
    ],
    split: Annotated[str, typer.Option("--split", help="validation or test.")] = "validation",
    metrical: Annotated[
        bool, typer.Option("--metrical", help="Fit no scale: sizes must be right.")
    ] = False,
    millimetres: Annotated[
        float, typer.Option("--millimetres", min=1e-6, help="In one unit of the predictions.")
    ] = 1000.0,
    head: Annotated[
        str, typer.Option("--head", help="Head model whose mean face is the baseline.")
    ] = "studio",
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Leave out photographs without prediction.")
    ] = False,
    curve: Annotated[
        Path | None, typer.Option("--curve", help="Write the cumulative curve (.svg or .csv).")
    ] = None,
) -> dict[str, Any]:
    """Distances of scans to predicted neutral faces by the NoW protocol, millimetres."""
    from likeness.evaluation import now_benchmark as now
    from likeness.storage.files import replacing
    from likeness.systems.face_encoder.heads import open_head
    from likeness.systems.face_encoder.now import mean_face, report_rows

    _refuse_absent(predictions, "predictions")
    _refuse_absent(dataset, "the benchmark")
    if split not in now.LISTS:
        raise UsageError(f"Expected --split {' or '.join(now.LISTS)}, found '{split}'.")
    if curve is not None and curve.suffix not in now.CURVE_ENDINGS:
        raise UsageError(
            f"The curve cannot be written as '{curve.name}'.",
            advice=f"Use the ending {' or '.join(now.CURVE_ENDINGS)}.",
        )
    report = now.evaluate_now(
        predictions,
        dataset,
        split=split,
        metrical=metrical,
        millimetres=millimetres,
        # The baseline's unit is the metre, whatever the predictions' is.
        baseline=_in_units(mean_face(open_head(head)), 1000.0 / millimetres),
        allow_missing=allow_missing,
    )
    document: dict[str, Any] = {
        "split": split,
        "metrical": metrical,
        "results": report_rows(report),
        "missing": list(report.missing),
        "cumulative": [
            {"error_mm": float(x), "points_percent": 100 * float(y)}
            for x, y in zip(report.thresholds[::10], report.cumulative[::10], strict=True)
        ],
    }
    if curve is not None:
        text = now.curve_text(report, curve.suffix)
        with replacing(curve) as temporary:
            temporary.write_text(text, encoding="utf-8")
        document["curve"] = str(curve)
    return document


def _in_units(face: tuple[Mesh, np.ndarray], factor: float) -> tuple[Mesh, np.ndarray]:
    mesh, landmarks = face
    return replace(mesh, vertices=mesh.vertices * factor), landmarks * factor


def convert_model(
    source: Annotated[Path, typer.Argument(help="FLAME .pkl or folder, or ICT-FaceKit.")],
    out: Annotated[Path, typer.Argument(help="File to write, .npz or .safetensors.")],
) -> dict[str, Any]:
    """Read a head model safely and write it in this project's own format."""
    from likeness.systems.face_encoder.heads import open_head

    if out.suffix not in (".npz", ".safetensors"):
        raise UsageError(f"Expected an output ending in .npz or .safetensors, found '{out}'.")
    if out.exists():
        raise UsageError(f"'{out}' exists already.", advice="Choose another name, or remove it.")
    asset = open_head(str(source))
    with disk_errors(out, "write the head model"):
        asset.save(out)
    return {
        "file": str(out),
        "name": asset.name,
        "vertices": asset.num_vertices,
        "shape_columns": asset.num_shape,
        "expression_columns": asset.num_expression,
        "fingerprint": asset.fingerprint,
    }


def check_assets(
    folder: Annotated[
        Path, typer.Argument(help="Folder with a FLAME model and what lies beside it.")
    ],
) -> dict[str, Any]:
    """Judge a FLAME folder: what is there, what is missing, whether the landmarks fit the mesh."""
    from dataclasses import asdict

    from likeness.geometry.flame_checks import check_assets as check

    findings = check(folder)
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        raise DataError(
            "\n".join(map(_told, errors)),
            advice="\n".join(dict.fromkeys(error.advice for error in errors)),
        )
    return {"folder": str(folder), "findings": [asdict(finding) for finding in findings]}


def _told(finding: AssetFinding) -> str:
    """What was found, with the file once: most messages name it themselves."""
    names_it = Path(finding.path).name in finding.message
    return finding.message if names_it else f"{finding.path}: {finding.message}"


def toy_model(
    out: Annotated[Path, typer.Argument(help="Folder to write.")],
    subdivisions: Annotated[int, typer.Option("--subdivisions", min=2, max=5)] = 3,
    seed: Annotated[int, typer.Option("--seed", min=0)] = 0,
) -> dict[str, Any]:
    """Write a small made-up head in the exact file formats of FLAME, to try things with."""
    from likeness.geometry.toy_flame import make_toy_flame

    with disk_errors(out, "write the toy model"):
        if out.exists() and any(out.iterdir()):
            raise UsageError(f"'{out}' exists and is not empty.", advice="Choose another folder.")
        with used_folder(out):
            try:
                make_toy_flame(out, subdivisions=subdivisions, seed=seed)
            except BaseException:
                for path in out.glob("*"):  # half a model must not look like a whole one
                    path.unlink()
                raise
        return {"folder": str(out), "files": sorted(path.name for path in out.iterdir())}


def _refuse_absent(folder: Path, what: str) -> None:
    if not folder.is_dir():
        raise UsageError(f"There is no folder of {what} at '{folder}'.", advice="Check its path.")


def _refuse_input(out: Path, *inputs: Path) -> None:
    """Nothing is written over what it is made from."""
    for path in inputs:
        if out.exists() and out.samefile(path):
            raise UsageError(f"--out {out} is one of the inputs.", advice="Choose another name.")


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise UsageError(
            f"There is no person record at '{path}'.",
            advice="Make one with 'likeness predict RUN --input PHOTO'.",
        )
    return path


COMMANDS: Mapping[str, Callable[..., Any]] = {
    "render": render,
    "merge": merge,
    "distance": distance,
    "predict-now": predict_now,
    "evaluate-now": evaluate_now,
    "convert-model": convert_model,
    "check-assets": check_assets,
    "toy-model": toy_model,
}
