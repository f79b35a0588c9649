"""Detectors by name, and the files of weights they look for."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.errors import MissingError, UsageError
from likeness.faces.cascade import CascadeDetector
from likeness.faces.detect import Detector
from likeness.faces.detectors import make_detector
from likeness.faces.networks import Scrfd, YuNet
from tests.faces import toy_networks

SIDES = np.array([0.5, 1.0, 1.5, 2.0])
POINTS = np.array([0.1, 0.2, 0.8, 0.2, 0.5, 0.5, 0.2, 0.9, 0.8, 0.9])


def test_missing_weights_name_the_files_looked_for(tmp_path):
    with pytest.raises(MissingError, match=r"scrfd_10g_bnkps\.onnx, det_10g.* in .*no folder"):
        make_detector("scrfd")
    with pytest.raises(MissingError, match=r"face_detection_yunet_2023mar\.onnx") as raised:
        make_detector("yunet", weights=tmp_path)
    assert str(tmp_path) in str(raised.value)
    with pytest.raises(UsageError, match="no face detector 'magic'"):
        make_detector("magic")


def test_the_best_detector_follows_from_the_weights(tmp_path):
    assert isinstance(make_detector("best"), CascadeDetector)
    assert isinstance(make_detector("best", weights=tmp_path), CascadeDetector)
    toy_networks.yunet(
        tmp_path / "face_detection_yunet_2023mar.onnx", stride=8, box=np.zeros(4), points=POINTS
    )
    assert isinstance(make_detector("best", weights=tmp_path), YuNet)
    toy_networks.scrfd(tmp_path / "det_500m.onnx", stride=8, anchor=0, sides=SIDES, points=POINTS)
    best = make_detector("best", weights=tmp_path)
    assert isinstance(best, Scrfd)
    assert isinstance(best, Detector)
