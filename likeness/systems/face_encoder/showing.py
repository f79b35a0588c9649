"""What the demo shows of a trained encoder: a photograph, the head it gave, and people held out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from likeness.runs.run import Run
from likeness.systems.face_encoder.predictor import FacePredictor

_WORDS = (
    "The encoder learned from studio people who do not exist, one photograph of each, and then "
    "read a photograph of a real person. The smoke profile is a small network that sees 64 pixels: "
    "it places landmarks, turns the head and reads colours and light. Of expression and of who "
    "somebody is it learns next to nothing, so a smile stays closed and every head is near the "
    "mean. That takes the longer profiles and more people."
)
_CAPTIONS = {
    ".overlay.png": (
        "A photograph, and what was read from it",
        "Landmarks, head and skin as predicted. The photograph is of Eileen Collins (NASA, public "
        "domain); no picture of her was trained on.",
    ),
    ".turntable.gif": (
        "The predicted head from all sides",
        "One vector holds it. The GLB and OBJ beside it open in any 3D program.",
    ),
}


def show(
    predictor: FacePredictor, run: Run, data: Path, inputs: Sequence[str], folder: Path
) -> tuple[str, list[tuple[str, Path, str]]]:
    """A few words, and title, file and caption of each picture: see ``SystemSpec.show``."""
    found = [
        (title, path, caption)
        for ending, (title, caption) in _CAPTIONS.items()
        for path in sorted(run.predictions_path.glob(f"*{ending}"))
    ]
    steps = run.preview_steps()
    if steps:
        grid = run.preview_folder(steps[-1]) / "grid.png"
        caption = f"Studio people that were not trained on, at step {steps[-1]}."
        found.append(("People it had not seen", grid, caption))
    return _WORDS, found
