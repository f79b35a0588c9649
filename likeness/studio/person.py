"""Person: one seed to one reproducible human.

Owns who a person is: sex, age, ancestry, the shape of the head, the surface, the seed of the voice,
a name, and the fingerprint everything made from the person is keyed by. How shape and surface are
drawn is told in :mod:`likeness.studio.identity` and :mod:`likeness.studio.appearance`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likeness.errors import DataError
from likeness.seeds import check_seed, rng_of, seed_of
from likeness.studio import identity as shapes
from likeness.studio import population
from likeness.studio.anthropometry import ANCESTRIES, BMI_MEAN, BMI_SD, Sex
from likeness.studio.appearance import Appearance
from likeness.studio.identity import Bump, Identity
from likeness.studio.measures import measure
from likeness.studio.names import draw_name
from likeness.studio.template import Template, build_template
from likeness.studio.version import STUDIO_VERSION

AGES = (18, 80)
_BMI_RANGE = (17.0, 42.0)
_ANCESTRY_CONCENTRATION = 0.25  # of the Dirichlet draw: most people lean on one or two regions


@dataclass(frozen=True)
class Body:
    """What the shape of a head depends on besides chance."""

    sex: Sex
    age: int
    bmi: float
    ancestry: Mapping[str, float]


def draw_body(*key: int | str) -> Body:
    """The body of a key: sex, age, body-mass index and ancestry of a population of adults."""
    rng = rng_of(*key, "body")
    sex: Sex = "female" if rng.random() < 0.5 else "male"
    age = int(rng.integers(AGES[0], AGES[1] + 1))
    usual = BMI_MEAN[sex] + 0.04 * (min(age, 60) - 30)
    bmi = round(float(np.clip(rng.normal(usual, BMI_SD[sex]), *_BMI_RANGE)), 1)
    return Body(sex, age, bmi, _draw_ancestry(rng_of(*key, "ancestry")))


def draw_identity(*key: int | str, body: Body) -> Identity:
    """The shape of the head of a key, given the body."""
    known = (body.sex, body.age, body.bmi, body.ancestry)
    quantities = population.draw(rng_of(*key, "quantities"), *known)
    bumps = shapes.draw_bumps(rng_of(*key, "bumps"))
    return shapes.solve(quantities, population.mean_of(*known), bumps)


@dataclass(frozen=True)
class Person:
    """A human who does not exist, as plain numbers.

    Attributes:
        seed: what the person was sampled from.
        name: a given name.
        sex: of the shape statistics and the voice.
        age: years, 18-80.
        bmi: body-mass index, kg/m2.
        ancestry: weights over ``anthropometry.ANCESTRIES`` that sum to 1, zeros left out.
        measures: mm by the names of ``measures.MEASURES``, taken on the head at rest.
        identity: the shape of the head.
        appearance: the surface.
        voice_seed: what the voice is drawn from.
    """

    seed: int
    name: str
    sex: Sex
    age: int
    bmi: float
    ancestry: Mapping[str, float]
    measures: Mapping[str, float]
    identity: Identity
    appearance: Appearance
    voice_seed: int

    @classmethod
    def sample(cls, seed: int) -> Person:
        """The person of a seed: the same on every machine for one ``STUDIO_VERSION``.

        Raises:
            UsageError: the seed is below 0.
        """
        check_seed(seed)
        body = draw_body("person", seed)
        sex, age, ancestry = body.sex, body.age, body.ancestry
        identity = draw_identity("person", seed, body=body)
        template = build_template()
        measures = measure(template, shapes.rest_vertices(template, identity))
        return cls(
            seed=seed,
            name=draw_name(rng_of("person", seed, "name"), sex=sex, ancestry=ancestry),
            sex=sex,
            age=age,
            bmi=body.bmi,
            ancestry=ancestry,
            measures={name: round(value, 2) for name, value in measures.items()},
            identity=identity,
            appearance=Appearance.sample(
                rng_of("person", seed, "appearance"), sex=sex, age=age, ancestry=ancestry
            ),
            voice_seed=seed_of("person", seed, "voice"),
        )

    def rest_vertices(self, template: Template) -> NDArray[np.float64]:
        """The head at rest (V, 3) in mm, in the template's frame, at the template's detail."""
        return shapes.rest_vertices(template, self.identity)

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits over all that is known of the person and the studio's version."""
        text = json.dumps([STUDIO_VERSION, self.to_dict()], sort_keys=True)
        return hashlib.sha256(text.encode("utf-8")).hexdigest()[:32]

    def to_dict(self) -> dict[str, Any]:
        """Nested plain data, ready for JSON; the inverse of :meth:`from_dict`."""
        return asdict(self) | {
            "ancestry": dict(self.ancestry),
            "measures": dict(self.measures),
            "appearance": self.appearance.to_dict(),
            "studio_version": STUDIO_VERSION,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Person:
        """A person from :meth:`to_dict`, also after a journey through JSON.

        Raises:
            DataError: the data comes from another version of the studio, whose numbers would make
                another head, or is not a person.
        """
        found = data.get("studio_version")
        if found != STUDIO_VERSION:
            raise DataError(
                f"This person was made by version {found!r} of the studio; this is version "
                f"{STUDIO_VERSION}, in which the same numbers make another head.",
                advice="Sample the person again from its seed, or install the version it is from.",
            )
        try:
            identity = data["identity"]
            bumps = tuple(
                Bump(
                    center=_triple(bump["center"]),
                    radius=float(bump["radius"]),
                    move=_triple(bump["move"]),
                    symmetric=bool(bump["symmetric"]),
                )
                for bump in identity["bumps"]
            )
            modes = tuple(float(value) for value in identity["modes"])
            return cls(
                seed=int(data["seed"]),
                name=str(data["name"]),
                sex=data["sex"],
                age=int(data["age"]),
                bmi=float(data["bmi"]),
                ancestry={name: float(value) for name, value in data["ancestry"].items()},
                measures={name: float(value) for name, value in data["measures"].items()},
                identity=Identity(modes, bumps),
                appearance=Appearance.from_dict(data["appearance"]),
                voice_seed=int(data["voice_seed"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(
                f"Expected a person as written by to_dict, but {type(error).__name__}: {error}.",
                advice="Write persons with Person.to_dict and do not edit them by hand.",
            ) from error


def _draw_ancestry(rng: np.random.Generator) -> dict[str, float]:
    shares = rng.dirichlet([_ANCESTRY_CONCENTRATION] * len(ANCESTRIES))
    hundredths = np.round(100.0 * shares)
    hundredths[np.argmax(hundredths)] += 100.0 - hundredths.sum()
    return {
        name: round(float(share) / 100.0, 2)
        for name, share in zip(ANCESTRIES, hundredths)
        if share > 0.0
    }


def _triple(values: Any) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z
