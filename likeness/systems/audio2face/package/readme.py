"""README.md of a package: what it is, and what it takes to run it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_UNITS = {1.0: "centimetres", 10.0: "millimetres", 0.01: "metres"}


def readme_text(
    info: Mapping[str, Any], files: Mapping[str, str], remarks: Sequence[str], units_per_cm: float
) -> str:
    """The page.

    Args:
        info: document of ``network_info.json``.
        files: name to what it holds.
        remarks: what whoever uses the package should know, one sentence each.
        units_per_cm: of the geometry.
    """
    identity, params, audio = info["id"], info["params"], info["audio_params"]
    emotions = params.get("explicit_emotions", params.get("emotions"))
    unit = _UNITS.get(units_per_cm, f"1/{units_per_cm:g} of a centimetre")
    lines = [
        f"# Speech to face: {', '.join(params['identities'])}",
        "",
        f"A {identity['type']} model, version {identity['version']}, for the Audio2Face-3D SDK.",
        "",
        f"- sound: mono, {audio['samplerate']} Hz, windows of {audio['buffer_len']} samples",
        f"- emotions, in order: {', '.join(emotions)}",
        f"- geometry in {unit}, +y up, +z forward; eyes in degrees",
        "",
        "`network.trt` is built on the machine that runs it, from `network.onnx`, with `trtexec` "
        "and the arguments of `trt_info.json`.",
        "",
        "| file | content |",
        "| --- | --- |",
        *(f"| `{name}` | {content} |" for name, content in files.items()),
        "",
    ]
    if remarks:
        lines += ["## Remarks", "", *(f"- {remark}" for remark in remarks), ""]
    return "\n".join(lines)
