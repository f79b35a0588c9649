"""What decides studio data besides seeds and knobs: the code, the sentences, what speaks them."""

from __future__ import annotations

from likeness.speech.synthesis import Backend, speak
from likeness.speech.timeline import Voice
from likeness.studio.corpus import corpus_fingerprint
from likeness.studio.version import STUDIO_VERSION


def origin_of(backend: Backend | None = None) -> dict[str, str | int]:
    """Versions for the fingerprint of a dataset.

    Args:
        backend: that speaks in it; None for a dataset without sound.

    Returns:
        ``studio_version``; with sound also ``corpus``, 32 hexadecimal digits, and ``speech``, the
        backend with the version that the library itself tells, e.g. ``"espeak 1.52.0"``.

    Raises:
        MissingError: espeak is asked for by name and not installed.
    """
    facts: dict[str, str | int] = {"studio_version": STUDIO_VERSION}
    if backend is not None:
        facts["corpus"] = corpus_fingerprint()
        facts["speech"] = speak("Mama.", Voice(), backend=backend).backend
    return facts
