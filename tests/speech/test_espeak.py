"""eSpeak NG in its own process: what it needs, and every way it can fail."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from likeness.errors import LikenessError, MissingError, UsageError
from likeness.speech import espeak, espeak_child, espeak_library
from likeness.speech.espeak import Speech, synthesise
from likeness.speech.espeak_library import (
    EspeakLibrary,
    check_language,
    find_espeak,
    is_espeak_present,
    language_files,
    voice_file,
)
from likeness.speech.timeline import Voice

needs_espeak = pytest.mark.skipif(not is_espeak_present(), reason="the extra speech is missing")
NOWHERE = EspeakLibrary("/nowhere/libespeak-ng.so", "/nowhere/data")


def _speak(text: str, voice: Voice | None = None, seed: int = 0) -> Speech:
    library = find_espeak()
    lines = voice_file(voice or Voice(), library)
    return synthesise(text, lines, words_per_minute=160, library=library, seed=seed)


# -- the sound ------------------------------------------------------------------------------------


@needs_espeak
@pytest.mark.parametrize("voice", [Voice(), Voice(breath=3.0, roughness=4.0), Voice(whisper=True)])
def test_two_processes_make_the_same_bytes(voice: Voice) -> None:
    """Also of breathy voices, whose noise the library seeds by the clock if it is let."""
    first, second = (_speak("Shall she wash sugar?", voice) for _ in range(2))
    assert first.sample_rate == 22050
    assert first.audio.tobytes() == second.audio.tobytes()
    assert first.events == second.events
    assert first.version.startswith("1.")


@needs_espeak
def test_breath_differs_from_one_seed_to_the_next() -> None:
    first, second = (_speak("Shall she?", Voice(breath=3.0), seed=seed) for seed in (1, 2))
    assert first.events == second.events
    assert not np.array_equal(first.audio, second.audio)


@needs_espeak
def test_words_and_phonemes_are_reported() -> None:
    text = "Pick a peck, Zoë."
    speech = _speak(text)
    assert [text[first:last] for first, last in speech.words] == ["Pick", "a", "peck", "Zoë"]
    named = [(event.word, event.name) for event in speech.events if event.name]
    assert named[:4] == [(0, "p"), (0, "ˈɪ"), (0, "k"), (1, "ɐ")]
    samples = [event.sample for event in speech.events]
    assert samples == sorted(samples)
    assert samples[-1] <= len(speech.audio)


@needs_espeak
def test_unvoiced_stops_are_reported_at_their_burst() -> None:
    speech = _speak("Ten tame tigers took twenty tiny toys to town.")
    stops = [event.sample for event in speech.events if event.name in ("t", "k")]
    assert len(stops) == 11
    for sample in stops[1:]:
        assert not speech.audio[sample - round(0.022 * 22050) : sample].any()
        assert speech.audio[sample : sample + 2].any()


def test_the_other_process_needs_the_standard_library_alone() -> None:
    code = (
        "import sys, runpy; runpy.run_path(sys.argv[1], run_name='child');"
        "print([m for m in ('numpy', 'torch', 'scipy', 'likeness') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, espeak_child.__file__],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


# -- voices ---------------------------------------------------------------------------------------


@needs_espeak
def test_voices_have_tags_and_names() -> None:
    files = language_files(find_espeak().data)
    assert files["en-us"].name == "en-US"
    assert files["en"] == files["en-gb"] == files["english (great britain)"]
    assert len(files) > 130
    assert find_espeak() == find_espeak()


@needs_espeak
def test_a_voice_file_says_what_the_voice_is() -> None:
    voice = Voice(f0=200.0, f0_range=0.5, formant_scale=1.1, breath=2.0, tone=6.0, roughness=3.0)
    lines = voice_file(voice, find_espeak()).splitlines()
    assert "pitch 171 213" in lines  # 200 (1 - .29 / 2), 200 (1 + .13 / 2)
    assert [line for line in lines if line.startswith("formant")] == [
        f"formant {number} 110 100 100" for number in range(9)
    ]
    assert "roughness 3" in lines
    assert "breath 0 4 6 6 6 6 6 4" in lines
    assert "tone 600 170 1200 191 2000 219 3000 219" in lines
    assert lines[0] == "name English (America)"


@needs_espeak
@pytest.mark.parametrize(
    ("base", "message"),
    [
        ("en-xx", "no voice 'en-xx'"),
        ("", "no voice ''"),
        ("../../etc/passwd", "no voice"),
        ("en-us+nosuch", "no variant 'nosuch'"),
        ("en-us+../lang/gmw/en", "no variant"),
        ("en-us+", "no variant ''"),
        ("en-us+f2", "has an echo"),
        ("en-us+m2", "has an echo"),
    ],
)
def test_unknown_and_echoing_voices_are_refused(base: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        voice_file(Voice(base=base), find_espeak())


@needs_espeak
@pytest.mark.parametrize(
    ("tag", "advice"),
    [
        ("DE", "Did you mean 'de'?"),
        ("German", "Did you mean 'de'?"),
        ("deu", "Did you mean 'de'?"),
        ("de-de", "Did you mean 'de'?"),
        ("pt-bz", "Did you mean 'pt"),
        ("klingon", "There are: af, "),
        ("", "There are: af, "),
    ],
)
def test_a_language_goes_by_its_tag(tag: str, advice: str) -> None:
    library = find_espeak()
    for known in ("de", "pt-br", "cmn"):
        check_language(known, library)
    with pytest.raises(UsageError, match=f"no language with the tag '{tag}'") as caught:
        check_language(tag, library)
    assert caught.value.advice.startswith(advice)


@needs_espeak
def test_a_misspelt_voice_is_guessed() -> None:
    with pytest.raises(UsageError, match="Did you mean 'en-us'"):
        voice_file(Voice(base="en_us"), find_espeak())


@needs_espeak
def test_every_variant_either_speaks_or_is_refused_for_its_echo() -> None:
    library = find_espeak()
    folder = Path(library.data) / "voices" / "!v"
    echoes = 0
    for path in sorted(folder.iterdir()):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        if any(line.startswith("echo") for line in lines):
            echoes += 1
            with pytest.raises(UsageError, match="echo"):
                voice_file(Voice(base=f"en-us+{path.name}"), library)
        else:
            assert "name English (America)" in voice_file(Voice(base=f"en-us+{path.name}"), library)
    assert echoes >= 20


@needs_espeak
def test_a_variant_changes_the_sound() -> None:
    plain, varied = _speak("Hello."), _speak("Hello.", Voice(base="en-us+m1"))
    assert len(plain.audio) > 0
    assert not np.array_equal(plain.audio, varied.audio)


# -- failures -------------------------------------------------------------------------------------


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(espeak_library.LIBRARY_VARIABLE, raising=False)
    monkeypatch.setattr(espeak_library, "is_installed", lambda module: False)
    monkeypatch.setattr("ctypes.util.find_library", lambda name: None)
    assert not is_espeak_present()
    for data in ("", "/data"):  # data alone are no library
        monkeypatch.setenv(espeak_library.DATA_VARIABLE, data)
        with pytest.raises(MissingError, match=r"neither the package .*\n?.*likeness\[speech\]"):
            find_espeak()


@needs_espeak
def test_a_library_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = find_espeak()
    monkeypatch.setenv(espeak_library.LIBRARY_VARIABLE, found.library)
    monkeypatch.setenv(espeak_library.DATA_VARIABLE, found.data)
    assert find_espeak() == found
    monkeypatch.setenv(espeak_library.LIBRARY_VARIABLE, str(tmp_path / "none.so"))
    with pytest.raises(MissingError, match=r"none\.so"):
        find_espeak()
    with pytest.raises(MissingError, match=r"none\.so"):
        is_espeak_present()


@needs_espeak
def test_data_can_be_named_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(espeak_library.LIBRARY_VARIABLE, raising=False)
    monkeypatch.delenv(espeak_library.DATA_VARIABLE, raising=False)
    found = find_espeak()
    monkeypatch.setenv(espeak_library.DATA_VARIABLE, str(tmp_path))
    assert find_espeak() == EspeakLibrary(found.library, str(tmp_path))
    with pytest.raises(MissingError, match="initialised with the data"):
        synthesise("hello", "", words_per_minute=160, library=find_espeak())


@needs_espeak
def test_a_library_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    junk = tmp_path / "junk.so"
    junk.write_bytes(b"no library")
    monkeypatch.setenv(espeak_library.LIBRARY_VARIABLE, str(junk))
    monkeypatch.delenv(espeak_library.DATA_VARIABLE, raising=False)
    with pytest.raises(MissingError, match="cannot be loaded"):
        synthesise("hello", "", words_per_minute=160, library=find_espeak())


@needs_espeak
def test_data_may_lie_deep(tmp_path: Path) -> None:
    found = find_espeak()
    deep = tmp_path / ("deep" * 40) / "é"
    deep.mkdir(parents=True)
    (deep / "espeak-ng-data").symlink_to(found.data)
    library = EspeakLibrary(found.library, str(deep / "espeak-ng-data"))
    lines = voice_file(Voice(), library)
    assert len(synthesise("hello", lines, words_per_minute=160, library=library).audio) > 5000


def test_the_systems_library_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(espeak_library.LIBRARY_VARIABLE, raising=False)
    monkeypatch.delenv(espeak_library.DATA_VARIABLE, raising=False)
    monkeypatch.setattr(espeak_library, "is_installed", lambda module: False)
    monkeypatch.setattr("ctypes.util.find_library", lambda name: "libespeak-ng.so.1")
    monkeypatch.setattr(espeak_library, "_DATA_FOLDERS", (str(tmp_path / "*"),))
    (tmp_path / "espeak-ng-data").mkdir()
    assert find_espeak() == EspeakLibrary("libespeak-ng.so.1", str(tmp_path / "espeak-ng-data"))


def test_what_is_no_library_is_said(tmp_path: Path) -> None:
    path = tmp_path / "libespeak-ng.so"
    path.write_bytes(b"no library")
    for library in (EspeakLibrary(str(path), str(tmp_path)), NOWHERE):
        with pytest.raises(MissingError, match="cannot be loaded"):
            synthesise("a", "name a", words_per_minute=160, library=library)


@needs_espeak
def test_missing_data_is_said(tmp_path: Path) -> None:
    library = EspeakLibrary(find_espeak().library, str(tmp_path))
    with pytest.raises(MissingError, match="cannot be initialised"):
        synthesise("a", "name a", words_per_minute=160, library=library)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import os; os.abort()", r"'hello there' ended with status -6"),
        ("raise SystemExit('out of luck')", "ended with status 1: out of luck"),
        ("print('nonsense')", "cannot be read"),
        ("import time; time.sleep(60)", "did not end within 1 s"),
        ('print(\'{"samples": 4, "events": []}\')', "sent 0 of 4 samples"),
    ],
)
def test_a_failing_process_is_an_error_with_the_text(
    code: str, message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "child.py"
    path.write_text(code)
    monkeypatch.setattr(espeak.espeak_child, "__file__", str(path))
    monkeypatch.setattr(espeak, "_SECONDS", 1.0)
    with pytest.raises(LikenessError, match=message):
        synthesise("hello there", "name a", words_per_minute=160, library=NOWHERE)
