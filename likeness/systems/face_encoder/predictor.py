"""FacePredictor: the trained encoder, ready to use on crops and on whole photographs."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from likeness.errors import DataError, UsageError
from likeness.faces.detect import SURE, Detector, Face, choose_face, choose_unsure_face
from likeness.faces.detectors import make_detector
from likeness.geometry.affine import apply_affine, invert_affine
from likeness.geometry.landmarks import MIRROR_68
from likeness.media.image import crop
from likeness.runs.checkpoint import weights_digest
from likeness.systems.face_encoder.albedo_space import unfit_reason
from likeness.systems.face_encoder.config import FaceEncoderConfig
from likeness.systems.face_encoder.decode import Decoder, to_pixels
from likeness.systems.face_encoder.framing import frame_face, frame_landmarks
from likeness.systems.face_encoder.network import EncoderNetwork, LandmarkOffsets
from likeness.systems.face_encoder.record import PersonRecord
from likeness.training.divergence import check_answer
from likeness.training.groups import frozen_copy

logger = logging.getLogger(__name__)

_MOST_CHANGE = 4.0
"""Of the size of a frame by looking again."""
_BATCH = 32


class FacePredictor:
    """An encoder with its head model, in eval mode; owns its weights."""

    def __init__(
        self,
        network: EncoderNetwork,
        decoder: Decoder,
        offsets: Tensor | None,
        *,
        image_size: int,
        crop_scale: float,
        refinements: int,
        flip_average: bool,
        crop_average: float,
        mean_landmarks: np.ndarray | None,
        device: torch.device,
        albedo: str = "studio",
        albedo_fingerprint: str = "",
    ) -> None:
        self.network, self.decoder, self.offsets = network.eval(), decoder, offsets
        self.image_size, self.crop_scale = image_size, crop_scale
        self.refinements, self.flip_average = refinements, flip_average
        self.crop_average = crop_average
        self.mean_landmarks, self.device = mean_landmarks, device
        self.albedo, self.albedo_fingerprint = albedo, albedo_fingerprint

    @staticmethod
    def copied(
        network: EncoderNetwork,
        decoder: Decoder,
        offsets: LandmarkOffsets | None,
        weights: Mapping[str, Tensor] | None,
        *,
        config: FaceEncoderConfig,
        mean_landmarks: np.ndarray | None,
        device: torch.device,
        albedo_fingerprint: str,
    ) -> FacePredictor:
        """A predictor with copies of modules that go on learning.

        Args:
            weights: "group.parameter" to the values the copies take; None keeps the current ones.
            config: of the run the modules are trained in.
            mean_landmarks: (68, 2), the mean face of its data in units of the landmarks' box.
            device: where the modules are.
            albedo_fingerprint: of the albedo space; empty without one.
        """
        moved = None if offsets is None else frozen_copy(offsets, weights, "landmark_offsets")
        return FacePredictor(
            frozen_copy(network, weights, "encoder"),
            decoder,
            None if moved is None else moved.values,
            image_size=config.model.image_size,
            crop_scale=config.data.test_crop_scale,
            refinements=config.evaluation.refinements,
            flip_average=config.evaluation.flip_average,
            crop_average=config.evaluation.crop_average,
            mean_landmarks=mean_landmarks,
            device=device,
            albedo=config.model.albedo,
            albedo_fingerprint=albedo_fingerprint,
        )

    @torch.no_grad()
    def __call__(self, **inputs: Any) -> dict[str, np.ndarray]:
        """Encode crops.

        Args:
            image: (B, 3, S, S) float32 RGB in [0, 1], array or tensor.

        Returns:
            ``vector`` (B, D) and ``landmarks`` (B, 68, 2) in crop units, float32.

        Raises:
            UsageError: another shape or range.
            DivergedError: they are not finite.
        """
        image = torch.as_tensor(inputs["image"], dtype=torch.float32)
        side = self.image_size
        if image.ndim != 4 or image.shape[1:] != (3, side, side):
            raise UsageError(
                f"Expected an image of shape (B, 3, {side}, {side}), found {tuple(image.shape)}."
            )
        if len(image) and not (image.min() >= 0.0 and image.max() <= 1.0):
            raise UsageError(
                f"Expected values within 0..1, found {image.min():g} to {image.max():g}."
            )
        vectors, points = [], []
        for part in torch.split(image, _BATCH):
            vector = self.network(part.to(self.device)).float()
            vectors.append(vector.cpu())
            points.append(self.decoder.landmarks(vector, self.offsets).cpu())
        answer = {"vector": torch.cat(vectors).numpy(), "landmarks": torch.cat(points).numpy()}
        check_answer(**answer)
        return answer

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the weights."""
        return weights_digest(self.network.state_dict())

    def in_frame(
        self, photo: np.ndarray, matrix: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Encode a photograph (H, W, 3) cropped by a map (2, 3), cropping again around the result.

        Returns the vector (D,), the landmarks (68, 2) in pixels of the photograph, and the last
        map. A network that knows nothing finds faces of any size: it is not followed to frames
        that are four times as large or small as the one before.
        """
        vector, points = self._once(photo, matrix)
        for _ in range(self.refinements):
            closer = frame_landmarks(points, self.crop_scale, self.image_size)
            before, now = (np.linalg.det(frame[:, :2]) for frame in (matrix, closer))
            if not 1 / _MOST_CHANGE**2 < now / before < _MOST_CHANGE**2:
                break
            matrix = closer
            vector, points = self._once(photo, matrix)
        return vector, points, matrix

    @torch.no_grad()
    def vector_landmarks(self, vector: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        """Landmarks (68, 2), in pixels of the photograph, of a vector (D,) and its map (2, 3).

        They lie on the mesh of the vector: without the learned offsets, and without what the mirror
        image and other crops add in :meth:`in_frame`.
        """
        units = self.decoder.landmarks(torch.from_numpy(vector)[None].to(self.device))[0]
        points = to_pixels(units.cpu().numpy(), self.image_size)
        return apply_affine(invert_affine(matrix), points)

    def _once(self, photo: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        size = self.image_size
        matrices = self._beside(matrix)
        images = np.stack([crop(photo, one, (size, size)).transpose(2, 0, 1) for one in matrices])
        views = np.concatenate([images, images[..., ::-1]]) if self.flip_average else images
        out = self(image=np.ascontiguousarray(views))
        points = to_pixels(out["landmarks"], size)
        if self.flip_average:
            mirrored = points[len(images) :, MIRROR_68]
            mirrored[..., 0] = size - mirrored[..., 0]
            points = (points[: len(images)] + mirrored) / 2
        in_photo = [
            apply_affine(invert_affine(one), own) for one, own in zip(matrices, points, strict=True)
        ]
        return out["vector"][0], np.mean(in_photo, axis=0)

    def _beside(self, matrix: np.ndarray) -> list[np.ndarray]:
        """The map of a crop, and of those to the four sides of it that are averaged with it."""
        step = self.crop_average * self.image_size
        sides = ((step, 0.0), (-step, 0.0), (0.0, step), (0.0, -step)) if step else ()
        return [matrix, *(matrix + np.array([[0.0, 0.0, dx], [0.0, 0.0, dy]]) for dx, dy in sides)]

    def encode(
        self,
        photo: np.ndarray,
        *,
        detector: Detector | None = None,
        kind: str = "cascade",
        face: Face | None = None,
        source: str = "",
    ) -> PersonRecord:
        """Find the face of a photograph (H, W, 3) in [0, 1] and encode it.

        Args:
            detector: finds faces when ``face`` is not given; by default ``kind``.
            face: where the face is.
            source: file name of the photograph; recorded faces go by its stem.

        Raises:
            DataError: no face was found.
        """
        if face is None:
            detector = detector or make_detector(kind)
            faces = detector.detect(photo, name=Path(source).stem)
            size = photo.shape[:2]
            face = choose_face(faces, size) or choose_unsure_face(faces, size)
            if face is None:
                weak = f"; the best of {len(faces)} guesses is too uncertain or too small"
                raise DataError(
                    f"No face was found in {source or 'the photograph'} "
                    f"({photo.shape[1]}x{photo.shape[0]} pixels) by the detector "
                    f"'{kind}'{weak if faces else ''}.",
                    advice="Use a photograph in which the face is larger and turned to the camera, "
                    "or another detector (detector=scrfd weights=FILE).",
                )
            if face.score < SURE:
                logger.warning(
                    "The detector '%s' is not sure of the face in %s (confidence %.2f, sure from "
                    "%.2f). It is read all the same: look at the landmarks over the photograph, or "
                    "use another detector (detector=scrfd weights=FILE).",
                    kind,
                    source or "the photograph",
                    face.score,
                    SURE,
                )
            others = [other for other in faces if other is not face and other.score >= SURE]
            others = [other for other in others if 2.0 * other.size > face.size]
            if others:
                logger.warning(
                    "%s shows %d faces; the largest and most central one is read. Crop the "
                    "photograph to have another.",
                    source or "The photograph",
                    1 + len(others),
                )
        start = frame_face(face, self.crop_scale, self.image_size, detector=kind)
        vector, points, matrix = self.in_frame(photo, start)
        layout = self.decoder.layout
        return PersonRecord(
            vector=vector,
            layout=layout,
            head_name=self.decoder.asset.name,
            head_fingerprint=self.decoder.asset.fingerprint,
            encoder_fingerprint=self.fingerprint,
            albedo_fingerprint=self.albedo_fingerprint,
            crop_matrix=matrix,
            image_size=self.image_size,
            valid={name: self._reads(name) for name in layout.names},
            landmarks=points,
            source=source,
            camera=self.decoder.camera,
        )

    def _reads(self, name: str) -> bool:
        """Whether a segment reaches the geometry or the picture with this run's albedo space."""
        if name == "face.albedo" and unfit_reason(self.albedo, self.decoder.asset):
            return False
        return self.decoder.reads(name)
