"""Crops: points follow the picture through every map, and nothing else changes them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from likeness.geometry.rotations import matrix_to_rotation_6d
from likeness.geometry.shading import harmonic_shading
from likeness.media.image import save_image
from likeness.systems.face_encoder.config import DataSettings
from likeness.systems.face_encoder.crops import FaceCrops, rolled_light
from likeness.systems.face_encoder.heads import open_head
from likeness.systems.face_encoder.layouts import Entry
from tests.systems.face_encoder.toy import PHOTO_SIZE, SMALL_LAYOUT, draw, mean_vector

WIDTH, HEIGHT, SIZE = 240, 210, 160
PLAIN = DataSettings(flip=0.0, jitter=0.0, blur=0.0, occlusion=0.0)
# The midline stays; the subject's right and left change places.
MIRRORED = {0: 16, 5: 11, 8: 8, 17: 26, 21: 22, 30: 30, 31: 35, 36: 45, 39: 42, 41: 46, 48: 54,
            55: 59, 57: 57, 60: 64, 65: 67}  # fmt: skip


def grid_points() -> np.ndarray:
    """68 places 14 pixels apart, shifted by fractions of a pixel."""
    rng = np.random.default_rng(0)
    rows, columns = np.divmod(np.arange(68), 9)
    places = np.stack([60 + 14 * columns, 50 + 14 * rows], axis=1)
    return (places + rng.uniform(0, 1, (68, 2))).astype(np.float32)


def colours() -> np.ndarray:
    """A colour (68, 3) of its own for every point."""
    number = np.arange(68)
    return np.stack([number % 5, number // 5 % 5, number // 25], axis=1) * 0.15 + 0.4


def dotted(points: np.ndarray) -> np.ndarray:
    """A black picture with a disc of radius 3 at every point."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    ys, xs = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    for point, colour in zip(points, colours()):
        inside = np.clip(3.5 - np.hypot(xs - point[0], ys - point[1]), 0, 1)
        image += inside[..., None].astype(np.float32) * colour.astype(np.float32)
    return image


@pytest.fixture(scope="module")
def entry(tmp_path_factory: pytest.TempPathFactory) -> Entry:
    folder = tmp_path_factory.mktemp("dots")
    save_image(folder / "dots.png", dotted(grid_points()))
    np.save(folder / "dots.npy", grid_points())
    return Entry("dots", folder / "dots.png", folder / "dots.npy")


def source(entry: Entry, settings: DataSettings = PLAIN, size: int = SIZE) -> FaceCrops:
    return FaceCrops((entry,), settings, size=size, num_shape=4)


def pixels(sample: dict) -> np.ndarray:
    return (sample["landmarks"] + 1) * sample["image"].shape[-1] / 2


def centroid(image: np.ndarray, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Middle of brightness in a window about ``place``, and the colour at its pixel."""
    side = image.shape[-1]
    x0, y0 = (int(np.floor(v)) - 4 for v in place)
    window = image[:, y0 : y0 + 9, x0 : x0 + 9]
    assert 0 <= x0 <= side - 9
    assert 0 <= y0 <= side - 9
    weights = window.sum(axis=0)
    ys, xs = np.mgrid[y0 : y0 + 9, x0 : x0 + 9] + 0.5
    middle = np.array([(weights * xs).sum(), (weights * ys).sum()]) / weights.sum()
    return middle, image[:, int(place[1]), int(place[0])]


def check_dots(sample: dict, *, flipped: bool) -> int:
    """Every returned point lies on its dot; returns how many were inside the crop."""
    found = 0
    for point, place in enumerate(pixels(sample)):
        if not (6 < place[0] < SIZE - 6 and 6 < place[1] < SIZE - 6):
            continue
        middle, colour = centroid(sample["image"], place)
        assert np.abs(middle - place).max() < 0.5, point
        if not flipped:
            np.testing.assert_allclose(colour, colours()[point], atol=0.05)
        elif point in MIRRORED:
            np.testing.assert_allclose(colour, colours()[MIRRORED[point]], atol=0.05)
        found += 1
    return found


def test_points_lie_on_their_dots_without_augmentation(entry):
    assert check_dots(source(entry)[0], flipped=False) == 68


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_points_follow_the_picture_through_augmentation(entry, flip):
    settings = PLAIN.replace(flip=flip, crop_rotation=25.0, crop_shift=0.1, crop_scale=(1.2, 2.0))
    crops = source(entry, settings)
    matrices, found = [], 0
    for seed in range(8):
        sample = crops.draw(0, np.random.default_rng(seed))
        found += check_dots(sample, flipped=flip == 1.0)
        matrices.append(sample["crop_matrix"])
        assert np.sign(np.linalg.det(sample["crop_matrix"][:, :2])) == (-1 if flip else 1)
    assert found > 8 * 50
    angles = [np.degrees(np.arctan2(m[0, 1], m[1, 1])) for m in matrices]
    assert max(angles) - min(angles) > 15  # the turns were really made


def test_the_crop_matrix_leads_from_the_photograph_to_the_points(entry):
    settings = PLAIN.replace(crop_rotation=20.0, crop_shift=0.1)
    sample = source(entry, settings).draw(0, np.random.default_rng(5))
    matrix = sample["crop_matrix"]
    expected = grid_points() @ matrix[:, :2].T + matrix[:, 2]
    np.testing.assert_allclose(pixels(sample), expected, atol=1e-3)


def test_the_crop_is_a_square_around_the_box_of_the_points(entry):
    """1.6 times the mean of width and height, centred on the box."""
    found = pixels(source(entry)[0])
    low, high = found.min(axis=0), found.max(axis=0)
    assert (high - low).mean() == pytest.approx(SIZE / 1.6, rel=1e-5)
    np.testing.assert_allclose((low + high) / 2, SIZE / 2, atol=1e-3)


def test_crop_units_do_not_depend_on_the_size_of_the_crop(entry):
    """The ancestor compared points of 128-pixel files with projections in 224-pixel crops."""
    small, large = source(entry, size=64)[0], source(entry, size=224)[0]
    np.testing.assert_allclose(small["landmarks"], large["landmarks"], atol=1e-5)


def test_points_of_a_smaller_recorded_size_are_scaled_once(tmp_path, entry):
    """Landmarks of a 128-pixel thumbnail beside the larger picture: one mapping, in the loader."""
    recorded = (WIDTH // 2, HEIGHT // 2)
    np.save(tmp_path / "half.npy", grid_points() / 2)
    half = Entry("dots", entry.image, tmp_path / "half.npy", size=recorded)
    np.testing.assert_allclose(
        source(half)[0]["landmarks"], source(entry)[0]["landmarks"], atol=1e-5
    )
    assert check_dots(source(half)[0], flipped=False) == 68
    points, _ = source(half).landmarks_of(0)
    np.testing.assert_allclose(points, grid_points(), atol=1e-4)


def test_without_a_jaw_line_its_points_weigh_nothing(tmp_path, entry):
    np.save(tmp_path / "inner.npy", grid_points()[17:])
    inner = Entry("dots", entry.image, tmp_path / "inner.npy")
    for flip in (0.0, 1.0):
        sample = source(inner, PLAIN.replace(flip=flip)).draw(0, np.random.default_rng(0))
        assert sample["landmark_weights"].tolist() == [0.0] * 17 + [1.0] * 51
        assert np.isfinite(sample["landmarks"]).all()


def test_whole_frames_are_only_resized(entry):
    crops = source(entry, PLAIN.replace(crop="none"))
    matrix = crops[0]["crop_matrix"]
    zoom = SIZE / WIDTH  # the longer side fills the crop
    np.testing.assert_allclose(matrix[:, :2], np.eye(2) * zoom, atol=1e-6)
    assert matrix[0, 2] == pytest.approx(0, abs=1e-4)
    assert matrix[1, 2] == pytest.approx((SIZE - HEIGHT * zoom) / 2, abs=1e-4)
    drawn = crops.draw(0, np.random.default_rng(1))
    np.testing.assert_array_equal(drawn["crop_matrix"], matrix)


def test_true_rotation_under_a_turned_crop_equals_reprojection(tmp_path, decoder):
    """The head drawn with the returned rotation shows the crop's points, but for place and size."""
    vector = mean_vector(SMALL_LAYOUT)
    rotation = torch.tensor([[0.9, 0.1, 0.3, -0.1, 1.0, 0.2]])
    vector[:, SMALL_LAYOUT.slice("pose.global")] = rotation
    photo = draw(decoder, vector, PHOTO_SIZE)
    save_image(tmp_path / "a.png", photo["image"])
    np.save(tmp_path / "a.npy", photo["landmarks"].astype(np.float32))
    np.savez(
        tmp_path / "a.npz",
        shape=np.ones(4, np.float32),
        head_rotation=decoder.head_rotation(vector)[0],
    )
    entry = Entry("a", tmp_path / "a.png", tmp_path / "a.npy", truth=tmp_path / "a.npz")
    crops = source(entry, PLAIN.replace(crop_rotation=40.0, flip=1.0))
    turned = []
    for seed in range(4):
        sample = crops.draw(0, np.random.default_rng(seed))
        assert sample["has_truth"] == 1
        assert np.linalg.det(sample["crop_matrix"][:, :2]) > 0  # never mirrored with the truth
        assert sample["shape"].tolist() == [1, 1, 1, 1]
        again = vector.clone()
        known = torch.from_numpy(sample["head_rotation"])
        again[:, SMALL_LAYOUT.slice("pose.global")] = matrix_to_rotation_6d(known)
        points = decoder.landmarks(again)[0].numpy()
        for array in (points, sample["landmarks"]):
            array -= array.mean(axis=0)
            array /= np.linalg.norm(array)
        np.testing.assert_allclose(sample["landmarks"], points, atol=1e-4)
        turned.append(np.degrees(np.arctan2(*sample["crop_matrix"][:, 0][::-1])))
    assert max(turned) - min(turned) > 20  # the crops were really turned
    untouched = crops[0]["head_rotation"]
    np.testing.assert_allclose(untouched, decoder.head_rotation(vector)[0], atol=1e-6)


def test_without_truth_the_sample_says_so(entry):
    sample = source(entry)[0]
    assert sample["has_truth"] == 0
    assert sample["shape"].tolist() == [0, 0, 0, 0]
    np.testing.assert_array_equal(sample["head_rotation"], np.eye(3))


def test_coefficients_are_cut_or_filled_to_the_columns_in_use(tmp_path, entry):
    for length, expected in ((2, [5, 6, 0, 0]), (6, [5, 6, 7, 8])):
        path = tmp_path / f"{length}.npz"
        np.savez(path, shape=np.arange(5, 5 + length, dtype=np.float32), head_rotation=np.eye(3))
        known = Entry("dots", entry.image, entry.landmarks, truth=path)
        assert source(known)[0]["shape"].tolist() == expected


def test_colour_changes_leave_the_points_alone_and_stay_in_range(entry):
    settings = DataSettings(flip=0.0, jitter=1.0, blur=1.0, occlusion=1.0)
    plain = PLAIN.replace(flip=0.0)
    for seed in range(5):
        loud = source(entry, settings).draw(0, np.random.default_rng(seed))
        quiet = source(entry, plain).draw(0, np.random.default_rng(seed))
        np.testing.assert_array_equal(loud["landmarks"], quiet["landmarks"])
        assert loud["image"].min() >= 0
        assert loud["image"].max() <= 1
        assert np.abs(loud["image"] - quiet["image"]).mean() > 0.005


def test_draws_depend_on_their_seed_alone_and_not_on_the_cache(entry):
    settings = DataSettings(jitter=0.4)
    cached, uncached = source(entry, settings), source(entry, settings.replace(cache_megabytes=0))
    for seed in (1, 2):
        first = cached.draw(0, np.random.default_rng(seed))
        for other in (cached, uncached):
            again = other.draw(0, np.random.default_rng(seed))
            for key, value in first.items():
                np.testing.assert_array_equal(again[key], value, err_msg=key)
    different = cached.draw(0, np.random.default_rng(3))
    assert not np.array_equal(first["image"], different["image"])


def test_repetition_lengthens_the_epoch(entry):
    crops = source(entry, PLAIN.replace(repeat=7))
    assert len(crops) == 7
    np.testing.assert_array_equal(crops[6]["image"], crops[0]["image"])
    assert crops.describe() == {
        "type": "FaceCrops", "samples": 7, "photographs": 1, "persons": 1, "with_truth": 0
    }  # fmt: skip


def test_persons_are_numbered_together(entry):
    names = ("b", "a", "b", None)
    entries = tuple(
        Entry(str(n), entry.image, entry.landmarks, person=name) for n, name in enumerate(names)
    )
    crops = FaceCrops(entries, PLAIN, size=32, num_shape=1)
    numbers = [crops[i]["person"] for i in range(4)]
    assert numbers[0] == numbers[2]
    assert len(set(numbers)) == 3


def test_the_mean_face_is_the_mean_of_faces_in_their_boxes(tmp_path, entry):
    rng = np.random.default_rng(3)
    entries, expected = [], np.zeros((68, 2))
    for number in range(5):
        points = rng.uniform(10, 200, (68, 2)).astype(np.float32)
        np.save(tmp_path / f"{number}.npy", points)
        entries.append(Entry(str(number), entry.image, tmp_path / f"{number}.npy"))
        low, high = points.min(axis=0), points.max(axis=0)
        extent = ((high - low)[0] + (high - low)[1]) / 2
        expected += (points - (low + high) / 2) / extent / 5
    crops = FaceCrops(tuple(entries), PLAIN, size=32, num_shape=1)
    np.testing.assert_allclose(crops.mean_landmarks(), expected, atol=1e-5)


def test_a_face_without_its_jaw_line_has_its_place_in_the_mean_face(tmp_path, entry):
    """In the box of its other points it would be larger by a quarter, and so would its crop."""
    head = open_head("studio")
    points = head.landmarks68.points(head.template, head.faces)[:, :2] * (600, -600) + 100
    points = points.astype(np.float32)
    faces = {"whole": points, "inner": points[17:]}
    means, crops = {}, {}
    for name, face in faces.items():
        np.save(tmp_path / f"{name}.npy", face)
        found = source(Entry(name, entry.image, tmp_path / f"{name}.npy"))
        means[name], crops[name] = found.mean_landmarks(), found[0]["crop_matrix"]
    np.testing.assert_allclose(means["inner"][17:], means["whole"][17:], atol=0.05)
    scales = {name: matrix[0, 0] for name, matrix in crops.items()}
    assert scales["inner"] / scales["whole"] == pytest.approx(1.0, abs=0.08)


def test_the_fingerprint_follows_files_and_settings(tmp_path, entry):
    copy = Entry("dots", entry.image, tmp_path / "dots.npy")
    np.save(copy.landmarks, grid_points())
    base = source(copy).fingerprint()
    assert source(copy).fingerprint() == base
    assert source(copy, size=48).fingerprint() != base
    assert source(copy, PLAIN.replace(crop_shift=0.2)).fingerprint() != base
    np.save(copy.landmarks, grid_points()[17:])
    assert source(copy).fingerprint() != base
    json.dumps(source(copy).describe())


def test_light_turns_with_the_crop():
    """The shading of turned surfaces under turned light is that of before."""
    rng = np.random.default_rng(5)
    light, angle = rng.normal(size=(9, 3)), 0.7
    normals = rng.normal(size=(40, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    turn = Rotation.from_euler("z", angle).as_matrix()
    before = harmonic_shading(torch.tensor(normals)[None], torch.tensor(light)[None])
    turned = torch.tensor(rolled_light(light, angle))[None]
    after = harmonic_shading(torch.tensor(normals @ turn.T)[None], turned)
    torch.testing.assert_close(after, before, atol=1e-12, rtol=0)


def test_true_albedo_stays_and_true_light_follows_the_colours(entry, tmp_path):
    image = np.full((HEIGHT, WIDTH, 3), 0.4, np.float32)
    save_image(tmp_path / "plain.png", image)
    save_image(tmp_path / "mask.png", np.full((HEIGHT, WIDTH), 1, np.uint8))  # all skin
    light = np.zeros((9, 3), np.float32)
    light[0] = (3.0, 2.0, 1.0)
    truth = {"shape": np.ones(4), "head_rotation": np.eye(3)}
    truth |= {"albedo": np.arange(5.0), "harmonic_light": light}
    np.savez(tmp_path / "truth.npz", **truth)
    known = replace(
        entry,
        image=tmp_path / "plain.png",
        mask=tmp_path / "mask.png",
        truth=tmp_path / "truth.npz",
    )
    settings = PLAIN.replace(jitter=0.3)
    crops = FaceCrops((known,), settings, size=SIZE, num_shape=4, num_albedo=3)
    np.testing.assert_allclose(crops[0]["light"], light)
    for seed in range(5):
        sample = crops.draw(0, np.random.default_rng(seed))
        assert sample["has_appearance"] == 1
        np.testing.assert_array_equal(sample["albedo"], [0, 1, 2])
        ratio = sample["image"].mean(axis=(1, 2)) / 0.4
        assert np.abs(ratio - 1).max() > 0.02
        np.testing.assert_allclose(sample["light"][0] / light[0], ratio, rtol=0.02)
    other = FaceCrops((known,), settings, size=SIZE, num_shape=4)[0]  # codes of another space
    assert other["has_appearance"] == 0
    assert other["albedo"].shape == (0,)
