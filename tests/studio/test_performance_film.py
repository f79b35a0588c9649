"""Films: a camera that stands still, and sound in step with the pictures."""

from __future__ import annotations

import dataclasses

import av
import numpy as np
import pytest

from likeness.media.video import probe_video
from likeness.speech.synthesis import speak
from likeness.speech.timeline import Voice
from likeness.studio.anatomy import head_asset
from likeness.studio.animation import head_pose
from likeness.studio.asset_sitter import AssetSitter
from likeness.studio.closures import StudioLips
from likeness.studio.curves import ARKIT, CHANNEL, CHANNELS, HEAD, TONGUE, Event, at_times, sample
from likeness.studio.performance import perform
from likeness.studio.performance_film import audible, fixed_camera, photograph_frames, write_preview
from likeness.studio.performing_style import PerformingStyle
from likeness.studio.person import Person
from likeness.studio.photograph import sitter_of
from likeness.studio.pixels import take_samples
from likeness.studio.scene import Scene
from likeness.studio.template import PARTS
from tests.studio.speech_cases import silent, timeline_of, utterance_of


@pytest.fixture(scope="module")
def sitter():
    return sitter_of(Person.sample(3))


def _rows(**shapes: float) -> np.ndarray:
    row = np.zeros((1, len(CHANNELS)))
    for name, value in shapes.items():
        row[0, CHANNEL[name]] = value
    return row


def test_the_camera_stands_still_while_the_jaw_opens(sitter):
    frames = np.concatenate([_rows(), _rows(jawOpen=0.6), _rows(headYaw=0.15)])
    closed, opened, turned = photograph_frames(sitter, Scene.portrait(), 96, frames)
    corners = [36, 39, 42, 45]
    np.testing.assert_allclose(closed.landmarks68[corners], opened.landmarks68[corners], atol=0.1)
    assert opened.landmarks68[8, 1] - closed.landmarks68[8, 1] > 4.0
    np.testing.assert_array_equal(
        closed.parameters["translation"], turned.parameters["translation"]
    )
    assert turned.landmarks68[30, 0] - closed.landmarks68[30, 0] > 1.5
    top = np.s_[:6]
    assert np.abs(closed.image[top] - opened.image[top]).max() < 0.2


def test_a_body_that_travels_takes_everything_along(sitter):
    """10 mm to the subject's left are 10 mm to the right in the picture."""
    scene = Scene.portrait()
    still, moved = photograph_frames(sitter, scene, 64, np.concatenate([_rows(), _rows(headX=10)]))
    shift = moved.parameters["translation"] - still.parameters["translation"]
    np.testing.assert_allclose(shift, [0.010, 0.0, 0.0], atol=1e-6)
    x = 0.010 * still.parameters["camera"][0] / -still.landmarks3d[30, 2]
    found = moved.landmarks68[30, 0] - still.landmarks68[30, 0]
    assert found == pytest.approx(x, rel=0.02)


def test_breath_lifts_the_chest_and_leaves_the_head_its_turn(sitter):
    """The neck's joint is a little before the shoulders', which carries the head along."""
    frames = np.concatenate([_rows(), _rows(chestPitch=np.radians(5.0))])
    still, lifted = (sitter.pose(row[:52], head_pose(row)) for row in frames)
    moved = lifted.landmarks68 - still.landmarks68
    np.testing.assert_allclose(moved, np.broadcast_to(moved[0], moved.shape), atol=1e-5)
    assert np.linalg.norm(moved[0]) < 0.007
    assert np.linalg.norm(lifted.vertices - still.vertices, axis=1).max() > 0.015


def test_frames_show_the_tongue_of_the_curves(sitter):
    frames = np.concatenate([_rows(jawOpen=0.6), _rows(jawOpen=0.6, tongueTipUp=1.0)])
    flat, raised = photograph_frames(sitter, Scene.portrait(), 64, frames)
    template = sitter.template
    tongue = template.part_ranges["tongue"]
    moved = 1000.0 * (raised.vertices - flat.vertices)
    assert moved[tongue].max() > 5.0
    skin = slice(0, template.num_skin)
    assert np.abs(moved[skin]).max() < 1e-3


def test_other_heads_can_be_filmed():
    person = Person.sample(3)
    asset = AssetSitter(head_asset("low"), person.appearance)
    frames = np.concatenate([_rows(), _rows(jawOpen=0.6)])
    closed, opened = photograph_frames(asset, Scene.portrait(), 48, frames, supersampling=1)
    assert opened.landmarks68[8, 1] > closed.landmarks68[8, 1] + 1.5


def test_sound_and_pictures_of_a_preview_are_in_step(sitter, tmp_path):
    """Each frame is on screen from k / fps on, and the sound decodes to where it was."""
    utterance = speak("two", Voice(), seed=2, backend="formant", silence=(0.3, 0.2))
    lips = StudioLips(sitter.template, sitter.rest)
    curves = perform(utterance, PerformingStyle(), 1, head=lips)
    path = write_preview(tmp_path / "talk.mp4", sitter, utterance, curves, size=32, seed=1)
    info = probe_video(path)
    assert info.has_audio
    assert info.rate == pytest.approx(25.0)
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        times, pieces, starts = [], [], []
        for frame in container.decode(video, audio):
            if isinstance(frame, av.VideoFrame):
                times.append(float(frame.pts * video.time_base))
            else:
                starts.append(float(frame.pts * audio.time_base))
                pieces.append(frame.to_ndarray()[0])
        rate = audio.rate
    assert len(times) == len(sample(curves, 25.0)) == int(utterance.duration * 25.0 + 1e-6)
    np.testing.assert_allclose(times, np.arange(len(times)) / 25.0, atol=1e-3)
    assert rate == utterance.sample_rate
    decoded = np.concatenate(pieces)
    wanted = audible(utterance, curves, 1)
    offset = round(starts[0] * rate)
    count = min(len(decoded) + min(offset, 0), len(wanted)) - 64
    spectrum = np.fft.rfft(decoded[max(-offset, 0) :][:count], 2 * count) * np.conj(
        np.fft.rfft(wanted[max(offset, 0) :][:count], 2 * count)
    )
    correlation = np.fft.irfft(spectrum)
    lag = int(np.abs(correlation).argmax())
    lag = lag if lag < count else lag - 2 * count
    assert abs(lag) / rate < 0.005


def test_breaths_are_added_to_the_sound():
    utterance = silent(2.0)
    curves = perform(utterance, PerformingStyle(), 1)
    breathing = dataclasses.replace(
        curves, events=tuple(Event("inhalation", at, at + 0.3, 0.07) for at in (0.1, 0.6, 1.1, 1.6))
    )
    assert np.abs(audible(utterance, curves, 1)).max() == 0.0
    loudest = [np.abs(audible(utterance, breathing, seed)).max() for seed in range(4)]
    assert max(loudest) > 0.005


def _upper_teeth_pixels(sitter, row: np.ndarray, size: int = 256) -> int:
    """Pixels of a portrait whose nearest surface is the upper teeth."""
    scene = Scene.portrait()
    figure = sitter.pose(row[ARKIT], scene.pose, row[TONGUE])
    translation, camera = fixed_camera(sitter, scene, size, size)
    vertices = figure.vertices + translation.astype(np.float32)
    samples = take_samples(figure, vertices, camera, size, size, 1)
    return int((samples.points.part == PARTS.index("teeth_upper")).sum())


@pytest.mark.parametrize("seed", [3, 67])
def test_f_shows_the_upper_teeth_and_m_none(seed):
    sitter = sitter_of(Person.sample(seed))
    lips = StudioLips(sitter.template, sitter.rest)
    timeline = timeline_of("f *æ f *iː v ə _ m *ɑː m")
    curves = perform(utterance_of(timeline), PerformingStyle(), 0, head=lips)
    for segment in timeline.segments:
        if segment.ipa in ("f", "v", "m"):
            middle = np.array([0.5 * (segment.start + segment.end)])
            row = at_times(curves.values, middle)[0]
            row[HEAD] = 0.0
            seen = _upper_teeth_pixels(sitter, row)
            assert seen == 0 if segment.ipa == "m" else seen > 5, segment.ipa
