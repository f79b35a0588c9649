"""The face encoder: one cropped photograph to the vector of a person.

A network reads the crop; a head model turns the vector into a mesh; projected landmarks, a
differentiable rendering and, on studio people, the exact truth say how wrong it is. Everything the
method is stands in ``losses``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypedDict, cast

import numpy as np
import torch
from torch import Tensor, nn

from likeness.data.contract import Split
from likeness.data.source import Sample, Source, members_of
from likeness.errors import UsageError
from likeness.evaluation.protocol import Scores
from likeness.geometry.landmarks import UPPER_LOWER_LIDS, UPPER_LOWER_LIPS
from likeness.geometry.rotations import geodesic_distance
from likeness.losses import face as terms
from likeness.models.resnet import load_pretrained
from likeness.runs.checkpoint import group_of
from likeness.systems.face_encoder.albedo_space import albedo_fingerprint, reads_albedo
from likeness.systems.face_encoder.config import EncoderStage, FaceEncoderConfig
from likeness.systems.face_encoder.crops import FaceCrops
from likeness.systems.face_encoder.data import CONTRACT
from likeness.systems.face_encoder.decode import Decoder
from likeness.systems.face_encoder.evaluate import evaluate_landmarks, evaluated
from likeness.systems.face_encoder.heads import open_head
from likeness.systems.face_encoder.layout import layout_of
from likeness.systems.face_encoder.masks import resized
from likeness.systems.face_encoder.network import EncoderNetwork, LandmarkOffsets
from likeness.systems.face_encoder.photo_error import comparable_skin, photo_scores
from likeness.systems.face_encoder.pictures import preview_grid
from likeness.systems.face_encoder.predictor import FacePredictor
from likeness.systems.face_encoder.priors import prior_terms
from likeness.systems.face_encoder.render import Renderer
from likeness.systems.face_encoder.terms import GROUP_NAMES, LOSS_TERMS
from likeness.systems.face_encoder.weights import check_state, initial_weights
from likeness.training.system import Batch, Placement, Predictor, StepContext, System

_VERTEX_SCALE = 10.0
"""The supervised term counts metres of vertices times this, so that 1 cm weighs like 0.1 rad."""
_MILLIMETRES = 1000.0
_LANDMARK_TERMS = ("landmark", "landmark_l2", "landmark_rel", "eye_closure", "lip_closure")
_APPEARANCE_TERMS = ("photometric", "silhouette")


class FaceBatch(TypedDict):
    """What ``collate`` gives; B pictures of side S, all float32 unless said otherwise."""

    image: Tensor  # (B, 3, S, S) in [0, 1]
    landmarks: Tensor  # (B, 68, 2) crop units, [-1, 1] inside the crop
    landmark_weights: Tensor  # (B, 68), 0 unknown
    skin: Tensor  # (B, 1, S, S) 1 where skin is visible
    outline_known: Tensor  # (B, 1, S, S) 1 where the head's outline can be judged
    has_mask: Tensor  # (B,)
    shape: Tensor  # (B, num_shape) true identity coefficients
    head_rotation: Tensor  # (B, 3, 3) true head rotation
    has_truth: Tensor  # (B,)
    albedo: Tensor  # (B, num_albedo) true albedo codes
    light: Tensor  # (B, 9, 3) harmonic light under which that albedo looks like the picture
    has_appearance: Tensor  # (B,)
    person: Tensor  # (B,) int64
    id: list[str]


class FaceEncoder(System):
    """See the module's docstring; ``config`` is a :class:`FaceEncoderConfig`."""

    config: FaceEncoderConfig

    group_names = GROUP_NAMES
    loss_terms = LOSS_TERMS

    def __init__(self, config: FaceEncoderConfig, placement: Placement) -> None:
        super().__init__(config, placement)
        model = config.model
        self.head = open_head(model.head)
        self.layout = layout_of(model, self.head)
        self.layout.check_consumers(("geometry", "camera", "albedo", "light"))
        self.decoder = Decoder(self.head, self.layout, model.camera).to(placement.device)
        self.network = EncoderNetwork(
            self.layout,
            backbone=model.backbone,
            pooling=model.pooling,
            hidden=model.hidden,
            dropout=model.dropout,
            freeze=model.freeze,
        ).to(placement.device)
        self.offsets = LandmarkOffsets().to(placement.device) if model.landmark_offsets else None
        self.mean_landmarks: np.ndarray | None = None
        self._point_weights = terms.landmark_weights().to(placement.device)
        self._sources: dict[str, FaceCrops] = {}

    def initialise(self) -> None:
        model = self.config.model
        if model.pretrained is not None:
            load_pretrained(self.network.backbone, model.pretrained)
        if model.initial_run is not None:
            weights, state = initial_weights(model.initial_run)
            own_mean = self.mean_landmarks
            self.load_state(state)
            # The baseline is the mean face of the data this run trains on, not of the earlier one.
            self.mean_landmarks = own_mean
            for name, module in self.trainable().items():
                own = group_of(weights, name)
                # A group the earlier run did not have starts fresh.
                if own:
                    module.load_state_dict(own)

    @cached_property
    def renderer(self) -> Renderer:
        """Built on first use: landmark stages never draw."""
        model = self.config.model
        return Renderer(self.decoder, model.albedo, self.num_albedo).to(self.placement.device)

    @property
    def num_albedo(self) -> int:
        return self.layout.segment("face.albedo").dim if "face.albedo" in self.layout else 0

    @cached_property
    def albedo_fingerprint(self) -> str:
        """Of the albedo space; the checkpoint's where its file is not here; empty without one."""
        if not reads_albedo(self.layout, self.head, self.config.model.albedo):
            return ""
        return albedo_fingerprint(self.config.model.albedo)

    @property
    def render_size(self) -> int:
        """Side of the picture that appearance terms compare, pixels."""
        return self.config.model.render_size or min(self.config.model.image_size, 112)

    def sources(self, split: str) -> Mapping[str, Source]:
        if split not in self._sources:
            data = self.config.data
            if data.root is None:
                raise UsageError(
                    "data.root is not set: there is no dataset to read.",
                    advice="Make one with 'likeness data make face-encoder FOLDER', then add "
                    "data.root=FOLDER.",
                )
            source = CONTRACT.open(
                data.root,
                cast(Split, split),
                # Repetition lengthens epochs; held-out photographs are looked at once.
                settings=data if split == "train" else data.replace(repeat=1),
                size=self.config.model.image_size,
                num_shape=self.decoder.num_shape,
                num_albedo=self.num_albedo,
                albedo=self.albedo_fingerprint,
            )
            if data.landmarks is None and not data.allow_model_mismatch:
                CONTRACT.check_head(data.root, self.head)
            self._sources[split] = source
        if split == "train" and self.mean_landmarks is None:
            self.mean_landmarks = self._sources[split].mean_landmarks()
        return {"photographs": self._by_person if split == "train" else self._sources[split]}

    @cached_property
    def _by_person(self) -> Source:
        return self._sources["train"].by_person()

    def collate(self, samples: Sequence[Sample]) -> Batch:
        """A :class:`FaceBatch`."""
        samples = members_of(samples)
        batch: dict[str, Any] = {"id": [sample["id"] for sample in samples]}
        batch["person"] = torch.tensor([sample["person"] for sample in samples])
        for key in FaceBatch.__annotations__:
            if key not in batch:
                batch[key] = torch.from_numpy(np.stack([sample[key] for sample in samples]))
        return batch

    def trainable(self) -> Mapping[str, nn.Module]:
        groups: dict[str, nn.Module] = {"encoder": self.network}
        if self.offsets is not None:
            groups["landmark_offsets"] = self.offsets
        return groups

    def losses(self, batch: Batch, context: StepContext) -> Mapping[str, Tensor]:
        photographs = cast(FaceBatch, batch)
        # The network may run in half precision, geometry never: bf16 steps are 1 mm on a head.
        stage = cast(EncoderStage, context.stage)
        vector = self.network(photographs["image"], stage.freeze_backbone).float()
        with torch.autocast(context.device.type, enabled=False):
            self._log_segments(vector.detach(), context)
            out = self._compared(vector, photographs, context)
            if context.active("shape_consistency"):
                out["shape_consistency"] = self._exchanged(vector, photographs, context)
            out |= prior_terms(vector, self.layout, self.decoder, context)
            if context.active("albedo_smooth"):
                out["albedo_smooth"] = self._smoothness(vector)
        return out

    def _log_segments(self, vector: Tensor, context: StepContext) -> None:
        """How large each part of the vector gets, beside the loss terms."""
        for name, part in self.layout.split(vector).items():
            if part.numel():
                context.log(f"param_stats/{name}/mean", part.mean())
                context.log(f"param_stats/{name}/std", part.std(correction=0))
                context.log(f"param_stats/{name}/absmax", part.abs().max())

    def _compared(
        self, vector: Tensor, batch: FaceBatch, context: StepContext
    ) -> dict[str, Tensor]:
        """Everything that compares vectors with their photographs."""
        out = self._landmark_terms(vector, batch, context)
        out |= self._appearance_terms(vector, batch, context)
        out |= self._supervision(vector, batch, context)
        return out

    def _exchanged(self, vector: Tensor, batch: FaceBatch, context: StepContext) -> Tensor:
        """All weighted comparisons again, with the shape of another photograph of the person.

        The shape of one photograph must explain the others too (DECA, arXiv:2012.04012, eq. 7).
        Rows without another photograph of their person in the batch do not count.
        """
        other = terms.partners(batch["person"])
        rows = torch.nonzero(other != torch.arange(len(other), device=other.device)).flatten()
        if not len(rows):
            return vector.new_zeros(())
        parts = self.layout.split(vector)
        parts["face.shape"] = parts["face.shape"][other]
        chosen: Any = {
            key: value[rows] if isinstance(value, Tensor) else [value[i] for i in rows.tolist()]
            for key, value in batch.items()
        }
        again = self._compared(self.layout.join(parts)[rows], chosen, context)
        again.pop("shape_contrast", None)  # compares codes with codes, not with photographs
        return sum(
            (context.weights[name] * value for name, value in again.items()), vector.new_zeros(())
        )

    def _landmark_terms(
        self, vector: Tensor, batch: FaceBatch, context: StepContext
    ) -> dict[str, Tensor]:
        if not any(context.active(term) for term in _LANDMARK_TERMS):
            return {}
        predicted = self.decoder.landmarks(
            vector,
            None if self.offsets is None else self.offsets.values,
            use_correctives=cast(EncoderStage, context.stage).use_pose_correctives,
        )
        target, known = batch["landmarks"], batch["landmark_weights"]
        weights = known * self._point_weights
        out = {}
        if context.active("landmark"):
            out["landmark"] = terms.landmark_l1(predicted, target, weights)
        if context.active("landmark_l2"):
            out["landmark_l2"] = terms.landmark_l2(predicted, target, weights)
        if context.active("landmark_rel"):
            out["landmark_rel"] = terms.landmark_relative(predicted, target, weights)
        if context.active("eye_closure"):
            out["eye_closure"] = terms.pair_closure(predicted, target, UPPER_LOWER_LIDS, known)
        if context.active("lip_closure"):
            out["lip_closure"] = terms.pair_closure(predicted, target, UPPER_LOWER_LIPS, known)
        return out

    def _appearance_terms(
        self, vector: Tensor, batch: FaceBatch, context: StepContext
    ) -> dict[str, Tensor]:
        if not any(context.active(term) for term in _APPEARANCE_TERMS):
            return {}
        size = self.render_size
        drawn = self.renderer(
            vector,
            size,
            outline=context.active("silhouette"),
            use_correctives=cast(EncoderStage, context.stage).use_pose_correctives,
        )
        out = {}
        if context.active("photometric"):
            photo = resized(batch["image"], size)
            mask = comparable_skin(drawn, batch["skin"], batch["landmarks"], batch["has_mask"])
            out["photometric"] = terms.masked_l1(drawn.image, photo, mask)
        if context.active("silhouette"):
            skin = (resized(batch["skin"], size) > 0.5).float()
            known = (resized(batch["outline_known"], size) > 0.999).float()
            known = known * batch["has_mask"][:, None, None, None]
            out["silhouette"] = terms.silhouette_iou(drawn.alpha, skin, known)
        return out

    def _supervision(
        self, vector: Tensor, batch: FaceBatch, context: StepContext
    ) -> dict[str, Tensor]:
        out: dict[str, Tensor] = {}
        parts = self.layout.split(vector)
        if context.active("supervised") or context.active("supervised_shape"):
            known = batch["has_truth"]
            share = known / known.sum().clamp_min(1.0)
            shape = parts["face.shape"][:, : self.decoder.num_shape]
            true = self.decoder.neutral(batch["shape"][:, : self.decoder.num_shape])
            distance = (share * terms.vertex_l1(self.decoder.neutral(shape), true)).sum()
            if context.active("supervised"):
                turned = self.decoder.head_rotation(vector)
                angle = geodesic_distance(turned, batch["head_rotation"])
                out["supervised"] = _VERTEX_SCALE * distance + (share * angle).sum()
            if context.active("supervised_shape"):
                out["supervised_shape"] = _MILLIMETRES * distance
        if context.active("supervised_albedo"):
            out["supervised_albedo"] = self._albedo_distance(parts, batch)
        if context.active("supervised_light"):
            out["supervised_light"] = (
                terms.light_distance(
                    parts["light.sh"].reshape(-1, 9, 3), batch["light"], batch["has_appearance"]
                )
                if "light.sh" in parts
                else vector.new_zeros(())
            )
        if context.active("shape_contrast"):
            out["shape_contrast"] = terms.ring_contrast(parts["face.shape"], batch["person"])
        return out

    def _albedo_distance(self, parts: Mapping[str, Tensor], batch: FaceBatch) -> Tensor:
        known = batch["has_appearance"]
        if not known.any():
            return known.sum()
        assert self.renderer.albedo is not None  # or no truth would be known
        # By what it changes of the picture: most columns are speckles that no crop shows.
        sizes = 255 * self.renderer.albedo.sizes
        return terms.code_distance(parts["face.albedo"], batch["albedo"], sizes, known)

    def _smoothness(self, vector: Tensor) -> Tensor:
        if self.renderer.albedo is None:
            return vector.new_zeros(())
        codes = self.layout.split(vector)["face.albedo"]
        return terms.albedo_smoothness(self.renderer.albedo(codes))

    def predictor(self, weights: Mapping[str, Tensor] | None = None) -> FacePredictor:
        return FacePredictor.copied(
            self.network,
            self.decoder,
            self.offsets,
            weights,
            config=self.config,
            mean_landmarks=self.mean_landmarks,
            device=self.placement.device,
            albedo_fingerprint=self.albedo_fingerprint,
        )

    def evaluate(self, predictor: Predictor, source: Source, folder: Path) -> Scores:
        own = cast(FacePredictor, predictor)
        if source is vars(self).get("_by_person"):
            source = self._sources["train"]  # scores are of photographs, not of groups of them
        settings = self.config.evaluation
        scores = evaluate_landmarks(own, source, folder, settings)
        if self.num_albedo and "light.sh" in self.layout:
            size = self.render_size
            chosen = evaluated(cast(FaceCrops, source), settings)
            scores = Scores([*scores, *photo_scores(own, self.renderer, source, chosen, size)])
        return scores

    def preview(self, predictor: Predictor, folder: Path, step: int) -> list[Path]:
        source = self.sources("validation")["photographs"]
        if not len(source):
            return []
        count = min(self.config.evaluation.num_preview, len(source))
        chosen = np.linspace(0, len(source) - 1, count).round().astype(int)
        samples = [source[int(i)] for i in chosen]
        return preview_grid(cast(FacePredictor, predictor), self.renderer, samples, folder)

    def describe(self, folder: Path) -> list[Path]:
        path = folder / "layout.json"
        path.write_text(self.layout.to_json(), encoding="utf-8")
        return [path]

    def state(self) -> dict[str, Any]:
        mean = None if self.mean_landmarks is None else torch.from_numpy(self.mean_landmarks)
        state: dict[str, Any] = {
            "layout": self.layout.to_json(),
            "layout_fingerprint": self.layout.fingerprint,
            "head_name": self.head.name,
            "head_fingerprint": self.head.fingerprint,
            "albedo_fingerprint": self.albedo_fingerprint,
        }
        return state if mean is None else {**state, "mean_landmarks": mean}

    def load_state(self, state: Mapping[str, Any]) -> None:
        check_state(
            state,
            config=self.config,
            layout=self.layout,
            head=self.head,
            albedo=self.albedo_fingerprint,
        )
        if not self.albedo_fingerprint and reads_albedo(
            self.layout, self.head, self.config.model.albedo
        ):
            self.albedo_fingerprint = state.get("albedo_fingerprint", "")
        if "mean_landmarks" in state:
            self.mean_landmarks = state["mean_landmarks"].cpu().numpy()
