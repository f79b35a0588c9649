"""What is likely of a person before any photograph: the terms that read the vector alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor

from likeness.losses import face as terms
from likeness.systems.face_encoder.decode import Decoder
from likeness.systems.face_encoder.layout import VectorLayout
from likeness.training.system import StepContext


def prior_terms(
    vector: Tensor, layout: VectorLayout, decoder: Decoder, context: StepContext
) -> dict[str, Tensor]:
    """The active priors of vectors (B, D); 0 for segments the layout does not have."""
    parts = layout.split(vector)
    out = {
        name: prior(parts[segment]) if segment in parts else vector.new_zeros(())
        for name, (segment, prior) in _PRIORS.items()
        if context.active(name)
    }
    if context.active("reg_global_pose"):
        out["reg_global_pose"] = terms.rotation_energy(decoder.rotation(parts))
    return out


def _mean_square(values: Tensor) -> Tensor:
    return values.square().mean()


def _whiteness(light: Tensor) -> Tensor:
    return terms.light_whiteness(light.reshape(-1, 9, 3))


_PRIORS: Mapping[str, tuple[str, Callable[[Tensor], Tensor]]] = {
    "reg_shape": ("face.shape", terms.code_energy),
    "reg_expression": ("face.expression", terms.code_energy),
    "reg_albedo": ("face.albedo", terms.code_energy),
    "reg_light": ("light.sh", _whiteness),
    "reg_jaw": ("pose.jaw", terms.jaw_limits),
    "reg_neck": ("pose.neck", _mean_square),
    "reg_eye_pose": ("pose.eyes", _mean_square),
    "reg_transl": ("pose.transl", _mean_square),
    "reg_detail": ("detail", _mean_square),
}
"""Term to the segment it reads and its function."""
