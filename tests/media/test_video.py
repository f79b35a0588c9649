"""Video through real files: times, colours, sound in step, rotation, rates, defects."""

from __future__ import annotations

import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from likeness.errors import DataError, UsageError
from likeness.media.video import (
    contact_sheet,
    probe_video,
    read_frames,
    write_animation,
    write_video,
)
from tests.realdata import real_data


def grey_frames(count: int, size: tuple[int, int] = (48, 64)) -> list[np.ndarray]:
    return [np.full((*size, 3), 0.1 + 0.8 * i / max(count - 1, 1)) for i in range(count)]


def test_frames_come_back_in_order_with_their_times_and_colours(tmp_path):
    picture = np.zeros((48, 64, 3))
    picture[:24, :32] = (0.8, 0.2, 0.2)
    picture[24:, 32:] = (0.2, 0.3, 0.9)
    frames = [picture * scale for scale in (1.0, 0.8, 0.6, 0.4)]
    path = write_video(tmp_path / "new" / "v.mp4", frames, rate=25)
    back = list(read_frames(path))
    assert [frame.time for frame in back] == pytest.approx([0, 0.04, 0.08, 0.12])
    for frame, original in zip(back, frames, strict=True):
        assert frame.image.dtype == np.float32
        # Flat areas away from the borders, where 4:2:0 does not mix colours.
        for area in (np.s_[4:20, 4:28], np.s_[28:44, 36:60]):
            np.testing.assert_allclose(frame.image[area], original[area], atol=0.025)
    assert [p.name for p in path.parent.iterdir()] == ["v.mp4"]


def test_colours_of_large_pictures_follow_the_hd_standard(tmp_path):
    pure = np.full((720, 32, 3), [0.9, 0.1, 0.1])
    path = write_video(tmp_path / "hd.mp4", [pure, pure], rate=25)
    np.testing.assert_allclose(next(read_frames(path)).image[300, 16], [0.9, 0.1, 0.1], atol=0.02)
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.colorspace, context.color_primaries, context.color_range) == (1, 1, 1)


def test_odd_sizes_are_padded_by_one(tmp_path):
    path = write_video(tmp_path / "odd.mp4", grey_frames(3, (33, 45)), rate=30)
    assert next(read_frames(path)).image.shape == (34, 46, 3)


def test_probe_tells_size_rate_length_and_sound(tmp_path):
    path = write_video(tmp_path / "v.mp4", grey_frames(45), rate=Fraction(30000, 1001))
    info = probe_video(path)
    assert (info.width, info.height, info.codec, info.has_audio) == (64, 48, "h264", False)
    assert info.rate == pytest.approx(29.97003)
    assert info.duration == pytest.approx(45 * 1001 / 30000, abs=1e-3)


def test_sound_is_in_step_with_the_pictures(tmp_path):
    rate, sample_rate = 25, 16_000
    sound = np.zeros(2 * sample_rate, np.float32)
    sound[sample_rate : sample_rate + 800] = np.sin(np.arange(800) * 0.4) * 0.8
    path = write_video(tmp_path / "s.mp4", grey_frames(50), rate=rate, audio=sound)
    assert probe_video(path).has_audio
    with av.open(str(path)) as container:
        pieces = [(frame.time, frame.to_ndarray()[0]) for frame in container.decode(audio=0)]
    decoded = np.zeros(3 * sample_rate)
    for time, samples in pieces:
        start = round(time * sample_rate)
        if start >= 0:
            decoded[start : start + len(samples)] = samples
    lag = np.argmax(np.correlate(decoded[: len(sound)], sound, "full")) - (len(sound) - 1)
    assert abs(lag) <= 2, "more than 0.12 ms out of step"
    # Interleaved: no packet of sound lies more than a second away from the pictures in the file.
    with av.open(str(path)) as container:
        order = [(p.stream.type, float(p.dts * p.time_base)) for p in container.demux() if p.dts]
    latest = {"audio": 0.0, "video": 0.0}
    for kind, time in order:
        latest[kind] = time
        assert abs(latest["audio"] - latest["video"]) < 1.0


def test_part_of_a_video(tmp_path):
    path = write_video(tmp_path / "v.mp4", grey_frames(50), rate=25)
    every = list(read_frames(path))
    part = list(read_frames(path, start=1.0, end=1.2))
    assert [frame.time for frame in part] == pytest.approx([1.0, 1.04, 1.08, 1.12, 1.16])
    for frame, original in zip(part, every[25:30], strict=True):
        np.testing.assert_array_equal(frame.image, original.image)


@pytest.mark.parametrize(("rate", "count"), [(50, 50), (25, 25), (10, 10), (8, 8), (30, 30)])
def test_conversion_of_the_rate_takes_the_nearest_frame(tmp_path, rate, count):
    path = write_video(tmp_path / "v.mp4", grey_frames(25), rate=25)
    values = [frame.image.mean() for frame in read_frames(path)]
    converted = list(read_frames(path, rate=rate))
    assert len(converted) == count
    for k, frame in enumerate(converted):
        assert frame.time == pytest.approx(k / rate)
        nearest = np.abs(np.arange(25) / 25 - k / rate)
        allowed = np.flatnonzero(nearest <= nearest.min() + 1e-9)  # either of two at equal distance
        assert min(abs(values[i] - frame.image.mean()) for i in allowed) < 1e-6


def test_a_phone_video_is_turned_upright(tmp_path):
    picture = np.zeros((48, 64, 3))
    picture[:24, :32] = 1.0
    path = write_video(tmp_path / "v.mp4", [picture] * 2, rate=25)
    data = bytearray(path.read_bytes())
    # The matrix of the track header (ISO/IEC 14496-12, 8.3.2): turn by 90 degrees clockwise.
    start = data.index(b"tkhd") + 4 + 40
    data[start : start + 36] = struct.pack(
        ">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 48 << 16, 0, 1 << 30
    )
    path.write_bytes(data)
    upright = next(read_frames(path)).image
    assert upright.shape == (64, 48, 3)
    np.testing.assert_allclose(upright[4:28, 28:44], 1.0, atol=0.03)  # top left went to top right
    np.testing.assert_allclose(upright[4:28, 4:20], 0.0, atol=0.03)


def test_wrong_use_and_defects_have_messages(tmp_path):
    with pytest.raises(UsageError, match=r"'v\.avi'"):
        write_video(tmp_path / "v.avi", grey_frames(2), rate=25)
    with pytest.raises(ValueError, match="at least one frame"):
        write_video(tmp_path / "v.mp4", [], rate=25)
    with pytest.raises(ValueError, match=r"frame 1 has shape \(8, 8, 3\)"):
        write_video(tmp_path / "v.mp4", [np.zeros((16, 16, 3)), np.zeros((8, 8, 3))], rate=25)
    with pytest.raises(ValueError, match=r"mono sound"):
        write_video(tmp_path / "v.mp4", grey_frames(2), rate=25, audio=np.zeros((2, 100)))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DataError, match=r"gone\.mp4; there is none"):
        list(read_frames(tmp_path / "gone.mp4"))
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(DataError, match=r"text\.mp4 is damaged"):
        probe_video(tmp_path / "text.mp4")
    good = write_video(tmp_path / "good.mp4", grey_frames(30), rate=25).read_bytes()
    (tmp_path / "half.mp4").write_bytes(good[: len(good) // 2])
    with pytest.raises(DataError, match=r"half\.mp4"):
        list(read_frames(tmp_path / "half.mp4"))


def test_a_file_with_sound_only_is_refused(tmp_path):
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4000), np.float32), "fltp", "mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(DataError, match="no video stream"):
        probe_video(path)


@pytest.mark.parametrize(("suffix", "rate"), [(".gif", 24), (".webp", 24), (".gif", 12.5)])
def test_animation_keeps_its_length_in_total(tmp_path, suffix, rate):
    frames = grey_frames(24)
    path = write_animation(tmp_path / f"turn{suffix}", frames, rate=rate)
    with Image.open(path) as animation:
        assert animation.n_frames == 24
        assert animation.info["loop"] == 0
        length, means = 0, []
        for number in range(24):
            animation.seek(number)
            animation.load()
            length += animation.info["duration"]
            means.append(np.asarray(animation.convert("RGB")).mean() / 255)
    assert length == pytest.approx(24 / rate * 1000, abs=10)
    np.testing.assert_allclose(means, [frame.mean() for frame in frames], atol=0.02)
    with pytest.raises(UsageError):
        write_animation(tmp_path / "turn.mp4", frames, rate=rate)


def test_contact_sheet_shows_frames_over_the_whole_length(tmp_path):
    path = write_video(tmp_path / "v.mp4", grey_frames(40), rate=20)
    sheet = contact_sheet(path, num_frames=4, columns=2, width=64)
    rows = [6 + 24, 6 + 48 + 24 + 15 + 6]
    centres = [sheet[y, x, 0] for y in rows for x in (6 + 32, 6 + 64 + 6 + 32)]
    expected = [grey_frames(40)[i][0, 0, 0] for i in (5, 15, 25, 35)]
    np.testing.assert_allclose(centres, expected, atol=0.03)


@pytest.mark.realdata
def test_a_real_recording_seeks_to_the_right_frames():
    path = real_data("grid_clips") / "p05_lbbc2a.mpg"  # a program stream: it has no seek index
    every = list(read_frames(path))
    assert len(every) == 75
    assert every[0].image.shape == (288, 360, 3)
    part = list(read_frames(path, start=1.0, end=1.5))
    assert len(part) == 13
    np.testing.assert_array_equal(part[0].image, every[25].image)
    assert len(list(read_frames(path, rate=50))) == 150
