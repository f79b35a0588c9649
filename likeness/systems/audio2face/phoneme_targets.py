"""The phonemes a configuration asks for, from the models it names."""

from __future__ import annotations

from pathlib import Path

from likeness.errors import MissingError
from likeness.systems.audio2face.config import AudioToFaceConfig
from likeness.systems.audio2face.phonemes import AlignedPhonemes, FrameClassifier, Phonemes

_TERMS = frozenset({"phoneme", "phoneme_motion"})


def classifiers_of(config: AudioToFaceConfig) -> dict[str, str]:
    """Language to the folder of its classifier; nothing where no stage weighs phonemes.

    Raises:
        MissingError: a language that no folder is named for.
    """
    settings = config.learning.phonemes
    weighed = {
        name for stage in config.stages for name, weight in stage.weights.items() if weight != 0
    }
    if config.model.network != "regression" or not weighed & _TERMS:
        return {}
    without = [name for name in settings.languages if name not in settings.models]
    if without:
        raise MissingError(
            f"The stages weigh phonemes of the language {', '.join(without)}, and "
            "learning.phonemes.models names no classifier of them.",
            advice=f"Set learning.phonemes.models.{without[0]} to a folder with a wav2vec 2.0 "
            "frame classifier, or learning.phonemes.languages=[] to learn without phonemes.",
        )
    return {name: settings.models[name] for name in settings.languages}


def phonemes_of(config: AudioToFaceConfig) -> Phonemes | None:
    """Targets of phonemes; None where no stage weighs them, and nothing is loaded then.

    Raises:
        MissingError, DataError: a model that is not named, or cannot be used.
    """
    folders = classifiers_of(config)
    if not folders:
        return None
    cache = Path(config.storage.cache_folder).expanduser() / "prepared" / "audio2face" / "phonemes"
    aligners = {name: FrameClassifier(folder) for name, folder in folders.items()}
    return AlignedPhonemes(aligners, cache, temperature=config.learning.phonemes.temperature)
