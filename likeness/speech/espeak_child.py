"""The process that loads eSpeak NG, speaks one text and ends.

Run by its path, never imported for its work: a second utterance of one process differs from the
first by some samples, and a fault inside the library must not end a training run. Needs the
standard library alone, so that it starts in milliseconds.

Reads one JSON object from standard input: ``library`` and ``data`` (paths), ``voice`` (path of a
voice file), ``rate`` (words per minute), ``seed`` (of the breath's noise), ``text``. Writes one
line of JSON, then the sound as little-endian 16-bit samples. The line holds ``version``,
``sample_rate``, ``samples`` and ``events``, which are [sample, type, text position, length, name]
in the library's order; or ``error``.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from typing import Any

WORD, PHONEME = 1, 7
"""Types of events that are kept."""

_SYNCHRONOUS = 2
_PHONEME_EVENTS, _IPA, _DO_NOT_EXIT = 1, 2, 0x8000
_RATE_PARAMETER, _VOLUME_PARAMETER = 1, 2
_VOLUME = 50  # of the usual 100, at which the library limits the peaks of high voices
_UTF8 = 1
_BY_CHARACTER = 1


class _Name(ctypes.Union):
    _fields_ = (
        ("number", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("string", ctypes.c_ubyte * 8),
    )


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Name),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


def _speak(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    espeak = ctypes.CDLL(request["library"])
    espeak.espeak_Info.restype = ctypes.c_char_p
    data = request["data"].encode() if request["data"] else None
    options = _PHONEME_EVENTS | _IPA | _DO_NOT_EXIT
    sample_rate = espeak.espeak_Initialize(_SYNCHRONOUS, 0, data, options)
    if sample_rate <= 0:
        return {"error": f"it cannot be initialised with the data of {request['data']}"}, b""
    if hasattr(espeak, "espeak_ng_SetRandSeed"):
        # Without it the noise of breathy voices is seeded by the clock.
        espeak.espeak_ng_SetRandSeed(ctypes.c_long(request["seed"]))
    version = espeak.espeak_Info(None).decode("utf-8", "replace")
    parts: list[bytes] = []
    events: list[list[Any]] = []

    def receive(wav: Any, count: int, first: Any) -> int:
        if wav and count > 0:
            parts.append(ctypes.string_at(wav, 2 * count))
        at = 0
        while first[at].type != 0:
            event = first[at]
            if event.type in (WORD, PHONEME):
                name = bytes(event.id.string).split(b"\0")[0] if event.type == PHONEME else b""
                place = [event.text_position, event.length, name.decode("utf-8", "ignore")]
                events.append([event.sample, event.type, *place])
            at += 1
        return 0

    keep = _Callback(receive)
    espeak.espeak_SetSynthCallback(keep)
    status = espeak.espeak_ng_SetVoiceByFile(request["voice"].encode())
    if status != 0:
        return {"error": f"it refuses the voice file (status {status:#x})"}, b""
    espeak.espeak_SetParameter(_RATE_PARAMETER, request["rate"], 0)
    espeak.espeak_SetParameter(_VOLUME_PARAMETER, _VOLUME, 0)
    text = request["text"].encode("utf-8")
    size = ctypes.c_size_t(len(text) + 1)
    status = espeak.espeak_Synth(text, size, 0, _BY_CHARACTER, 0, _UTF8, None, None)
    if status != 0:
        return {"error": f"it cannot speak the text (status {status})"}, b""
    sound = b"".join(parts)
    if sys.byteorder == "big":
        swapped = bytearray(sound)
        swapped[0::2], swapped[1::2] = sound[1::2], sound[0::2]
        sound = bytes(swapped)
    answer = {"version": version, "sample_rate": sample_rate, "samples": len(sound) // 2}
    return {**answer, "events": events}, sound


def main() -> None:
    """Answer the request on standard input."""
    # What the library itself prints must not get between the bytes of the answer.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    request = json.loads(sys.stdin.buffer.read())
    try:
        answer, sound = _speak(request)
    except (OSError, AttributeError) as error:
        answer, sound = {"error": f"it cannot be loaded: {error}"}, b""
    out.write(json.dumps(answer).encode() + b"\n" + sound)
    out.flush()


if __name__ == "__main__":
    main()
