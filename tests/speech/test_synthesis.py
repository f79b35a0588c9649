"""Utterances: hostile texts, emotions, languages, and speech held against textbook measures."""

from __future__ import annotations

import itertools
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from likeness.errors import DataError, MissingError, UsageError
from likeness.speech import espeak_library, synthesis
from likeness.speech.espeak import synthesise
from likeness.speech.espeak_library import is_espeak_present
from likeness.speech.phonemes import is_language_mark, manner_of, units_of
from likeness.speech.prosody import PROSODY
from likeness.speech.scripts import unread_words
from likeness.speech.synthesis import at_level, cleaned, speak
from likeness.speech.timeline import EMOTIONS, SILENCE, Utterance, Voice
from tests.speech.acoustics import median_f0

needs_espeak = pytest.mark.skipif(not is_espeak_present(), reason="the extra speech is missing")
BACKENDS = [pytest.param("espeak", marks=needs_espeak), "formant"]
VOICED = "We were away a year and you knew why, and now I am leaving you all alone."

LANGUAGES = {
    "de": "Der kleine Junge spielt mit einem gelben Ball im Garten.",
    "fr": "Le petit bateau blanc passe sous le pont.",
    "es": "Mi perro pequeño juega con la pelota roja.",
    "it": "La bambina beve un bicchiere di acqua fresca.",
    "pt-br": "O menino comprou pão e queijo na padaria.",
    "ru": "Мама купила большой арбуз на рынке.",
    "cmn": "我的朋友明天去北京看他的妈妈。",
    "ja": "わたしはまいにちパンとりんごをたべます。",
    "hi": "मेरा भाई बाज़ार से फल और सब्ज़ी लाता है।",
    "ar": "ذهب الولد إلى المدرسة مع أخيه الكبير.",
    "ko": "나는 내일 친구와 함께 바다에 갑니다.",
    "nl": "De bakker brengt elke morgen vers brood naar het dorp.",
    "pl": "Mój brat kupił piękny dom blisko lasu.",
    "tr": "Küçük kız bahçede büyük bir top buldu.",
    "sv": "Sju sjösjuka sjömän köpte bröd i staden.",
    "vi": "Tôi mua bánh mì và cà phê mỗi buổi sáng.",
    "en-gb": "Bob packed my box with five dozen vivid maps.",
}


def _heard(utterance: Utterance) -> list[str]:
    return [segment.ipa for segment in utterance.timeline.sounding()]


# -- every backend --------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
def test_sound_and_timeline_agree(backend: str) -> None:
    utterance = speak("Mama made Papa a map by Monday.", Voice(), seed=3, backend=backend)
    rate = utterance.sample_rate
    assert utterance.backend.startswith(backend)
    assert np.array_equal(utterance.audio * 32768.0, np.round(utterance.audio * 32768.0))
    assert 0.1 < np.abs(utterance.audio).max() < 0.99
    first, last = utterance.timeline.segments[0], utterance.timeline.segments[-1]
    assert first.ipa == last.ipa == SILENCE
    assert 0.25 <= first.duration < 0.6
    assert 0.3 <= last.duration < 0.8
    assert not utterance.audio[: round(first.end * rate) - 1].any()
    assert [word.text.strip(".") for word in utterance.timeline.words] == (
        ["Mama", "made", "Papa", "a", "map", "by", "Monday"]
    )
    for segment in utterance.timeline.sounding():
        sound = utterance.audio[round(segment.start * rate) : round(segment.end * rate)]
        assert np.abs(sound).max() > 1e-3, segment
        if segment.contact:
            assert segment.contact[1] - segment.contact[0] >= 0.055 - 1e-9
        if manner_of(segment.ipa) == "unvoiced stop":
            assert segment.closure is not None
            closed = slice(round(segment.closure[0] * rate), round(segment.closure[1] * rate))
            assert segment.closure[1] - segment.closure[0] > 0.015
            assert not utterance.audio[closed].any()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("text", ["", "   ", "\n\t", "\x00", "...", "?!", "\x01\x02", "\u200b"])
def test_texts_without_words_are_refused(text: str, backend: str) -> None:
    with pytest.raises(DataError, match="nothing that can be spoken"):
        speak(text, Voice(), backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "text",
    [
        "hello \U0001f600 there",
        "\U0001f44d",
        "tab\tnew\nline\x00nul\x1bescape",
        "a < b && c > d <speak>x</speak> <break time='9s'/>",
        "[[h@l'oU]] {} %s \\n",
        "\ud800 lone surrogate",
        "\u202eright to left",
        "e\u0301a\u0300\u0327\u0327\u0327 marks",
        "'; rm -rf / #",
        "漢字 and عربى and Ελληνικά",
        "1234567890" * 3,
        "a" * 300,
    ],
)
def test_hostile_texts_are_spoken(text: str, backend: str) -> None:
    utterance = speak(text, Voice(), backend=backend)
    assert utterance.text == text
    assert utterance.duration < 60.0
    assert _heard(utterance)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_book_is_too_long(backend: str) -> None:
    with pytest.raises(DataError, match="may have 20000 characters; this one has 20001"):
        speak("a " * 10_000 + "b", Voice(), backend=backend)


@needs_espeak
def test_ten_kilobytes_are_spoken() -> None:
    text = ("The quick brown fox jumps over the lazy dog. " * 230)[:10_000]
    utterance = speak(text, Voice(words_per_minute=300))
    assert len(utterance.timeline.words) == pytest.approx(len(text.split()), rel=0.01)


@needs_espeak
def test_marks_of_markup_are_read_out() -> None:
    utterance = speak("<break time='9s'/>", Voice(), silence=(0.1, 0.1))
    assert "break" in [word.text for word in utterance.timeline.words]
    assert all(s.duration < 1.0 for s in utterance.timeline.segments)


def test_syllables_in_place_of_words_are_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(synthesis, "is_espeak_present", lambda: False)
    synthesis._tell_of_syllables.cache_clear()
    for _ in range(2):
        assert speak("Papa may bake.", Voice()).backend.startswith("formant")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "likeness[speech]" in caplog.text
    assert "random syllables" in caplog.text
    caplog.clear()
    speak("Papa may bake.", Voice(), backend="formant")
    assert not caplog.records


@needs_espeak
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Hello, мама!", "'мама'"),
        ("你好", "'你好'"),
        ("Say مرحبا to Ann.", "'مرحبا'"),
        ("So 😀 am I", "'😀'"),
        ("а б в г", "'а', 'б', 'в' and 1 more"),
    ],
)
def test_words_a_voice_cannot_read_are_told(
    text: str, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The library names their letters, "Chinese letter", and says nothing of it itself."""
    speak(text, Voice(), backend="espeak")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert f"The voice 'en-us' cannot read {told}: it names" in caplog.text


@needs_espeak
@pytest.mark.parametrize(
    ("text", "base"),
    [("Señor Ångström drank ½ ℓ at 20 °C, 5 µm™", "en-us"), ("안녕 नमस्ते", "en-us")]
    + [(text, language) for language, text in LANGUAGES.items()],
)
def test_what_a_voice_reads_is_not_told(
    text: str, base: str, caplog: pytest.LogCaptureFixture
) -> None:
    speak(text, Voice(base=base), backend="espeak")
    assert not caplog.records


@needs_espeak
@pytest.mark.parametrize("word", ["안녕", "नमस्ते", "ქართული", "தமிழ்", "మన", "עברית", "мама", "你好"])
def test_scripts_are_passed_on_as_the_library_does(word: str) -> None:
    """Words it reads with another voice are marked with that language in its own events."""
    library = espeak_library.find_espeak()
    file = espeak_library.voice_file(Voice(), library)
    spoken = synthesise(word, file, words_per_minute=160, library=library)
    is_passed_on = any(is_language_mark(event.name) for event in spoken.events)
    assert is_passed_on == (not unread_words(word, "en-us"))


def test_cleaning_keeps_the_length() -> None:
    assert cleaned("a\x00b\x1b\ud800c é") == "a b  c é"


def test_two_fresh_processes_speak_the_same() -> None:
    code = (
        "import hashlib, sys; from likeness.speech.synthesis import speak;"
        "from likeness.speech.timeline import Voice;"
        "text, voice = 'Please, never let go.', Voice(breath=2);"
        "said = [speak(text, voice, 'outofbreath', 5, backend=name) for name in sys.argv[1:]];"
        "print([(hashlib.sha256(u.audio.tobytes()).hexdigest(), u.timeline) for u in said],"
        "'torch' in sys.modules)"
    )
    backends = ["espeak", "formant"] if is_espeak_present() else ["formant"]
    said = {
        subprocess.run(
            [sys.executable, "-c", code, *backends],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(synthesis.__file__).parents[2],
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1
    assert said.pop().strip().endswith("False")


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_seed_moves_the_silence(backend: str) -> None:
    ends = {speak("Hello.", Voice(), seed=s, backend=backend).timeline.duration for s in range(3)}
    assert len(ends) == 3
    given = speak("Hello.", Voice(), silence=(0.5, 0.25), backend=backend).timeline.segments
    assert given[0].duration == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("silence", [(-1.0, 0.0), (0.0, float("nan")), (1e9, 0.0)])
def test_silence_that_cannot_be_is_refused(silence: tuple[float, float]) -> None:
    with pytest.raises(UsageError, match="Silence before and after speech is 0 to 60 seconds"):
        speak("Hello.", Voice(), silence=silence, backend="formant")


# -- backends -------------------------------------------------------------------------------------


def test_without_the_library_formulas_speak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(espeak_library, "is_installed", lambda module: False)
    monkeypatch.setattr("ctypes.util.find_library", lambda name: None)
    monkeypatch.delenv(espeak_library.LIBRARY_VARIABLE, raising=False)
    assert speak("Hello.", Voice()).backend == "formant 1"
    with pytest.raises(MissingError, match=r"likeness\[speech\]"):
        speak("Hello.", Voice(), backend="espeak")


def test_unknown_backends_and_emotions_are_refused() -> None:
    with pytest.raises(UsageError, match="Choose auto, espeak or formant"):
        speak("Hello.", Voice(), backend="festival")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="Emotions are: neutral, amazement"):
        speak("Hello.", Voice(), "boredom")  # type: ignore[arg-type]


# -- emotions -------------------------------------------------------------------------------------


def test_emotions_move_the_voice_within_its_limits() -> None:
    assert set(PROSODY) == {"neutral", *EMOTIONS}
    calm = speak("Hello.", Voice(f0=100.0), "sadness", backend="formant").voice
    assert calm.f0 == pytest.approx(83.0)
    assert calm.words_per_minute == pytest.approx(0.77 * 160)
    assert speak("Hello.", Voice(f0=390.0), "amazement", backend="formant").voice.f0 == 400.0


@needs_espeak
@pytest.mark.parametrize("emotion", ["anger", "joy", "sadness", "grief"])
def test_emotions_are_heard(emotion: str) -> None:
    """Pitch, length and level against the neutral voice, measured in the sound."""
    neutral, moved = speak(VOICED, Voice(f0=106.0)), speak(VOICED, Voice(f0=106.0), emotion)
    prosody = PROSODY[emotion]  # type: ignore[index]
    pitch = median_f0(moved.audio, 22050) / median_f0(neutral.audio, 22050)
    assert pitch == pytest.approx(prosody.f0, rel=0.07)

    def spoken(utterance: Utterance) -> float:
        return sum(segment.duration for segment in utterance.timeline.sounding())

    assert spoken(moved) / spoken(neutral) == pytest.approx(1 / prosody.rate, rel=0.1)


@needs_espeak
def test_who_is_out_of_breath_pauses() -> None:
    text = "I ran up five flights of steps to find you here tonight."
    calm, breathless = speak(text, Voice()), speak(text, Voice(), "outofbreath")

    def pauses(utterance: Utterance) -> int:
        return sum(s.ipa == SILENCE for s in utterance.timeline.segments) - 2

    assert pauses(calm) == 0
    assert pauses(breathless) >= 2
    assert breathless.voice.breath == 3.0
    words = [word.text for word in breathless.timeline.words]
    assert words == [word.text for word in calm.timeline.words] == text.strip(".").split()


def test_level_is_raised_unless_it_would_clip() -> None:
    tone = 0.25 * np.sin(np.arange(1000))
    assert np.abs(at_level(tone, 6.0)).max() == pytest.approx(0.499, abs=2e-3)
    assert np.abs(at_level(tone, 20.0)).max() == pytest.approx(0.98, abs=1e-4)
    assert not at_level(np.zeros(5), 3.0).any()


# -- voices and languages -------------------------------------------------------------------------


@needs_espeak
def test_tract_and_breath_leave_the_timing_alone() -> None:
    plain = speak(VOICED, Voice(), seed=1)
    for change in ({"formant_scale": 1.14}, {"breath": 3.0}, {"tone": 3.0}, {"roughness": 2.0}):
        other = speak(VOICED, replace(Voice(), **change), seed=1)
        assert other.timeline == plain.timeline, change
        assert not np.array_equal(other.audio, plain.audio)


@needs_espeak
@pytest.mark.parametrize("f0", [80.0, 120.0, 220.0, 340.0])
def test_the_asked_pitch_is_heard(f0: float) -> None:
    assert median_f0(speak(VOICED, Voice(f0=f0)).audio, 22050) == pytest.approx(f0, rel=0.06)


@needs_espeak
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.filterwarnings("error::UserWarning")
def test_languages_have_known_units_and_closures(language: str) -> None:
    voice = Voice(language=language, base=language)
    utterance = speak(LANGUAGES[language], voice, silence=(0.3, 0.3))
    assert utterance.timeline.words
    for segment in utterance.timeline.sounding():
        assert units_of(segment.ipa)
        if manner_of(segment.ipa) == "unvoiced stop":
            assert segment.closure is not None, segment
            first, last = (round(time * 22050) for time in segment.closure)
            assert last - first > 0.015 * 22050, segment
            assert not utterance.audio[first:last].any()


@needs_espeak
@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("fr-fr", "Le weekend, Bob mange un hot-dog."),
        ("ko", "안녕 Bob"),
        ("ja", "これはBobです"),
        ("en-us", "He said नमस्ते."),
    ],
)
def test_words_of_another_language_bring_no_sounds_of_its_name(language: str, text: str) -> None:
    utterance = speak(text, Voice(language=language, base=language), backend="espeak")
    assert not [name for name in _heard(utterance) if "(" in name]
    rate = utterance.sample_rate
    for segment in utterance.timeline.segments:
        if segment.ipa == SILENCE:
            assert not utterance.audio[
                round(segment.start * rate) : round(segment.end * rate)
            ].any()


@needs_espeak
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("12345 = 5", ["12345", "=", "5"]),
        ("Call 1234567 and 2000 now.", ["Call", "1234567", "and", "2000", "now"]),
        ("Привет Bob", ["Привет", "Bob"]),
        ("🙂", ["🙂"]),
        (
            "It's a well-known fact, isn't it?",
            ["It's", "a", "well-known", "fact", "isn't", "it"],
        ),
        ("I don't—know “it” (yet)…", ["I", "don't", "know", "it", "yet"]),
        ("12,345 men, at 3.5% of $20", ["12,345", "men", "at", "3.5%", "of", "$20"]),
    ],
)
def test_each_word_is_there_once(text: str, words: list[str]) -> None:
    found = speak(text, Voice(), backend="espeak").timeline.words
    said = [word.text for word in found]
    assert said == words
    assert all(said)
    assert len(said) == len(set(said))
    assert all(word.start < word.end for word in found)
    assert all(one.end <= next_one.start for one, next_one in itertools.pairwise(found))
