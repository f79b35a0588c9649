"""Talking clips: sound and frames of one length, a function of person, text and number."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.studio.closures import seal
from likeness.studio.difficulty import Difficulty
from likeness.studio.person import Person
from likeness.studio.talking import SAMPLES_PER_FRAME, lips_of, talking_clip

PERSON = Person.sample(7)


@pytest.fixture(scope="module")
def clip():
    return talking_clip(PERSON, "Mama made a map.", backend="formant")


def test_sound_and_frames_have_one_length(clip):
    """640 samples of 16 kHz to a frame of 25 a second, none left over."""
    assert SAMPLES_PER_FRAME == 640
    assert len(clip.sound) == 640 * clip.num_frames
    assert clip.num_frames == int(clip.utterance.timeline.duration * 25 + 1e-6)
    assert np.abs(clip.sound).max() > 0.01


def test_frames_show_the_same_place_and_a_face_that_moves(clip):
    frames = []
    for number, frame in enumerate(clip.frames(48, supersampling=1)):
        if number % 6 == 0:
            frames.append(frame)
        if number >= 24:
            break
    cameras = np.array([frame.parameters["camera"] for frame in frames])
    assert np.ptp(cameras, axis=0).max() == 0.0
    lips = [f.landmarks3d[66] - f.landmarks3d[62] for f in frames]
    assert np.ptp(np.linalg.norm(lips, axis=1)) > 0.001  # metres


def test_lips_of_the_person_meet_in_every_contact(clip):
    sealed = seal(clip.utterance.timeline).held >= 1.0
    assert sealed.any()
    lips = lips_of(PERSON)
    gaps = lips.gaps(clip.curves.values[:, :52].astype(np.float64))
    assert (gaps[sealed] - lips.touching).max() < 0.2


def test_a_clip_is_a_function_of_person_text_and_number(clip):
    again = talking_clip(PERSON, "Mama made a map.", backend="formant")
    np.testing.assert_array_equal(again.sound, clip.sound)
    np.testing.assert_array_equal(again.curves.values, clip.curves.values)
    assert again.scene == clip.scene
    other = talking_clip(PERSON, "Mama made a map.", 1, backend="formant")
    assert other.scene != clip.scene
    assert other.person.appearance.clothing != clip.person.appearance.clothing


def test_the_easiest_clips_are_dry_frontal_and_even():
    easy = talking_clip(PERSON, "Mama.", backend="formant", difficulty=Difficulty.level(0))
    assert easy.utterance.voice.words_per_minute == 160.0
    assert abs(np.degrees(easy.scene.yaw)) < 24.0


def test_one_emotional_clip_in_ten_goes_over_to_its_emotion():
    """Before the middle of such a clip the face is still neutral."""
    late = 0
    for number in range(40):
        clip = talking_clip(PERSON, "Mama made a map.", number, emotion="joy", backend="formant")
        late += clip.curves.intensity[len(clip.curves.intensity) // 3] < 0.05
    assert 1 <= late <= 9
