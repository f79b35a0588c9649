"""From recordings of an actor to the spaces its face moves in, and what a package needs of it."""

from likeness.systems.audio2face.preprocessing.artefact_files import read_artefacts, with_recordings
from likeness.systems.audio2face.preprocessing.preparation import preprocess, preprocess_together

__all__ = ["preprocess", "preprocess_together", "read_artefacts", "with_recordings"]
