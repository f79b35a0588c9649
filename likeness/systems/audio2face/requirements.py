"""What doctor looks for on behalf of audio2face. Imports no torch."""

from __future__ import annotations

from likeness.extras import Requirement, is_installed


def requirements() -> list[Requirement]:
    """Optional parts and what each is for."""
    return [
        Requirement(
            "speech",
            "extra",
            is_installed("espeakng_loader"),
            "studio actors that speak text; without it they say syllables",
            "pip install 'likeness[speech]'",
        ),
        Requirement(
            "transformers",
            "extra",
            is_installed("transformers"),
            "hearing through wav2vec 2.0 or HuBERT (model.regression.encoder, "
            "model.diffusion.encoder), whose weights you give by path",
            "pip install 'likeness[speech]'",
        ),
        Requirement(
            "onnx",
            "extra",
            all(is_installed(m) for m in ("onnx", "onnxscript", "onnxruntime")),
            "likeness export --to onnx and --to package",
            "pip install 'likeness[onnx]'",
        ),
        Requirement(
            "usd",
            "extra",
            is_installed("pxr"),
            "reading USD point caches; writing them needs nothing",
            "pip install 'likeness[usd]'",
        ),
    ]
