"""``a2e_mapping.json``: how the classes of an emotion recogniser lead to a network's emotions.

The classes and the three fields are those of NVIDIA's Audio2Emotion companion, in whose
``post_processing_config`` they belong.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_SYNONYMS = {
    "angry": ("angry", "anger", "rage", "fury"),
    "disgust": ("disgust", "disgusted"),
    "fear": ("fear", "fearful", "afraid", "scared"),
    "happy": ("happy", "joy", "happiness", "joyful"),
    "sad": ("sad", "sadness", "grief", "sorrow"),
}
"""Classes and the names they go by, the closest first."""


def emotion_mapping(emotions: Sequence[str], default_emotion: Sequence[float]) -> dict[str, Any]:
    """Document of the file.

    Args:
        emotions: of the network, in order.
        default_emotion: its default vector, preferred where nothing is recognised.

    Returns:
        ``output_emotion_length``, ``preferred_emotion`` and ``emotion_correspondence``: class to
        index, -1 for neutral and for what the network has no emotion of.
    """
    lowered = [name.lower() for name in emotions]
    found = {}
    for kind, names in _SYNONYMS.items():
        indices = [lowered.index(name) for name in names if name in lowered]
        found[kind] = indices[0] if indices else -1
    found["neutral"] = -1
    return {
        "output_emotion_length": len(emotions),
        "preferred_emotion": [float(value) for value in default_emotion],
        "emotion_correspondence": dict(sorted(found.items())),
    }
