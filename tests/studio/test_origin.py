"""What the fingerprint of a dataset covers besides what was asked."""

from __future__ import annotations

import pytest

from likeness.speech import formant
from likeness.speech.espeak_library import is_espeak_present
from likeness.studio import corpus
from likeness.studio.origin import origin_of
from likeness.studio.version import STUDIO_VERSION


def test_a_silent_set_depends_on_the_studio_alone():
    assert origin_of() == {"studio_version": STUDIO_VERSION}


def test_a_set_with_sound_names_the_sentences_and_what_speaks():
    found = origin_of("formant")
    assert found["speech"] == f"formant {formant.VERSION}"
    assert found["corpus"] == corpus.corpus_fingerprint()


@pytest.mark.skipif(not is_espeak_present(), reason="needs the extra 'speech'")
def test_the_library_tells_its_version():
    version = str(origin_of("espeak")["speech"])
    assert version.startswith("espeak 1.")


@pytest.mark.parametrize("name", ["corpus.txt", "phrases.txt"])
def test_one_word_changed_in_the_sentences_is_another_fingerprint(monkeypatch, name):
    before, lines = corpus.corpus_fingerprint(), corpus._lines
    corpus.corpus_fingerprint.cache_clear()

    def changed(asked):
        found = lines(asked)
        return [*found[:-1], found[-1] + " now"] if asked == name else found

    monkeypatch.setattr(corpus, "_lines", changed)
    try:
        assert corpus.corpus_fingerprint() != before
    finally:
        corpus.corpus_fingerprint.cache_clear()
