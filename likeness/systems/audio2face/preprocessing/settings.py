"""Settings of preprocessing: which poses, how many components, what stands in for what is missing.

Names of the Audio2Face-3D training framework stand in parentheses. Lengths are centimetres. Imports
no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from likeness.config.locations import Location
from likeness.config.schema import ConfigModel

Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]


class ActorChoices(ConfigModel):
    """What is chosen for one actor; null takes the usual."""

    shots: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Shots to process, in the order of the emotion data base; null: all (SKIN_CACHE_SHOTS)."""
    prune_shots: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Shots the poses of the basis are taken from; any of "shots" (SKIN_PRUNE_CACHE_SHOTS)."""
    prune_caches: Location | None = None
    """Folder of caches of fewer vertices to choose poses on (SKIN_PRUNE_CACHE_ROOT)."""
    prune_centimetres_per_unit: Positive = 1.0
    """Unit of those caches."""
    prune_mask: Location | None = None
    """.npy file of the vertices that poses are chosen on (SKIN_PRUNE_MESH_MASK_FPATH)."""
    components: Count | None = None
    """Components of the skin; null: as many as the variance asks for (SKIN_FORCE_COMPONENTS)."""
    tongue_shots: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Shots of the tongue; null: all that have one (TONGUE_CACHE_SHOTS)."""
    tongue_components: Count | None = None
    """Components of the tongue, likewise (TONGUE_FORCE_COMPONENTS)."""


class Placeholders(ConfigModel):
    """Sizes of the zeros that stand in for what an actor lacks."""

    jaw_points: Count = 5
    """Key points of the jaw (DEFAULT_JAW_KEYPOINTS_SHAPE)."""
    blink_keys: Count = 10
    """Frames of a blink (DEFAULT_EYE_BLINK_KEYS_SHAPE)."""
    saccades: Count = 5000
    """Frames of saccades (DEFAULT_EYE_SACCADE_ROT_SHAPE)."""
    tongue: tuple[Count, Count] = (10, 520)
    """Components and vertices of a tongue (DEFAULT_TONGUE_PCA_SHAPE)."""


class PreprocessingSettings(ConfigModel):
    """From recorded actors to bases, coefficients and what a package needs."""

    run_info: str = ""
    """Free text, kept beside the result (RUN_INFO)."""
    similarity_radius: NonNegative = 4.0
    """Poses this near to another are left out: distance over all coordinates looked at, cm
    (SKIN_PRUNE_SIM_DIST)."""
    relative_radius: NonNegative | None = None
    """The same for any unit and any number of vertices, in place of similarity_radius: root mean
    square distance of the vertices over the diagonal of their box. 3e-4 is 4.0 on a head of 60,000
    vertices."""
    max_added_poses: Annotated[int, Field(ge=0)] = 787
    """Poses chosen after the first four (SKIN_SELECT_DISTINCT_MAX_ITER)."""
    tolerance: NonNegative = 1e-3
    """Choosing ends when the chosen poses explain every other one to this root mean square distance
    of its vertices, cm."""
    variance_threshold: Positive = 0.9995
    """Share of variance the components of the skin must exceed; from 1 on all of them
    (SKIN_PCA_VARIANCE_THRESHOLD)."""
    tongue_radius: NonNegative = 10.0
    """As similarity_radius, for the tongue."""
    tongue_relative_radius: NonNegative | None = None
    """As relative_radius, for the tongue."""
    tongue_variance_threshold: Positive = 0.9995
    """As variance_threshold, for the tongue (TONGUE_PCA_VARIANCE_THRESHOLD)."""
    keep_tongue_transforms: bool = False
    """Keep the rigid motion that is taken from the tongue, frame by frame."""
    placeholders: Placeholders = Placeholders()
    """Sizes of what stands in for missing parts."""
    actors: Mapping[str, ActorChoices] = {}
    """By the name of the actor."""
    device: str = "cpu"
    """Where distinct poses are searched: a torch device."""
    keep_intermediate: bool = True
    """Write the chosen poses and the bases as vectors too (pca/*/intermediate)."""
    record_machine: bool = False
    """Write the names of the machine and the user into state.json."""

    def of(self, actor: str) -> ActorChoices:
        """What is chosen for an actor."""
        return self.actors.get(actor, ActorChoices())
