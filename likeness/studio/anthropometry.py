"""What is known about the sizes of heads: means and spreads by sex, ancestry, body mass and age.

Owns the table of quantities that describe a head. How they vary together and how a person's are
drawn is :mod:`likeness.studio.population`; turning a draw into a shape is
:mod:`likeness.studio.identity`.

Head, face, ear and neck dimensions with ``survey`` means are computed from the public tables of
ANSUR II (US Army, 2012: 4,082 men, 1,986 women). Soft-tissue distances follow Farkas' tables
("Anthropometry of the Head and Face", 2nd edition, 1994; North American white adults of 18-25) and
are quoted from memory, as are the shifts by ancestry that ANSUR II does not have: good for making
people who vary plausibly, no source to cite. Ancestry shifts are means of broad, overlapping
distributions and always enter as mixtures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Sex = Literal["female", "male"]

ANCESTRIES = (
    "european",
    "african",
    "hispanic",
    "east_asian",
    "south_east_asian",
    "south_asian",
    "middle_eastern",
)

BMI_MEAN = {"male": 27.7, "female": 25.6}
BMI_SD = {"male": 4.1, "female": 3.9}


@dataclass(frozen=True)
class Quantity:
    """One quantity of a head and how it is distributed among adults of 30.

    Attributes:
        name: a measure of :mod:`likeness.studio.measures` (mm) or a mode of
            :mod:`likeness.studio.modes`, whose quantities are its own mm away from the template.
        men: mean and standard deviation.
        women: mean and standard deviation.
        shifts: difference of an ancestry's mean from ``men`` and ``women``, mm.
        survey: means of the groups of ANSUR II in the order european, african, hispanic,
            east_asian, for men and for women; replaces ``shifts``.
        bmi: correlation with the body-mass index, men and women.
        aging: mm per year after an age.
    """

    name: str
    men: tuple[float, float]
    women: tuple[float, float]
    shifts: Mapping[str, float] = field(default_factory=dict)
    survey: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    bmi: tuple[float, float] = (0.0, 0.0)
    aging: tuple[float, float] = (0.0, 30.0)

    def typical(self, sex: Sex) -> tuple[float, float]:
        """Mean and standard deviation within a sex."""
        return self.men if sex == "male" else self.women

    def shift(self, sex: Sex, ancestry: str) -> float:
        """Mean of an ancestry minus the mean of the sex, mm."""
        if self.survey is None:
            return self.shifts.get(ancestry, 0.0)
        means = self.survey[0 if sex == "male" else 1]
        group = {
            "african": 1,
            "hispanic": 2,
            "east_asian": 3,
            "south_east_asian": 3,
        }.get(ancestry, 0)
        return means[group] - self.typical(sex)[0]


def _trait(
    name: str,
    sd: float,
    male: float = 0.0,
    shifts: Mapping[str, float] | None = None,
    bmi: float = 0.0,
    aging: tuple[float, float] = (0.0, 30.0),
    mean: float = 0.0,
) -> Quantity:
    """A quantity given by its mode: ``male`` and ``shifts`` in standard deviations, ``mean`` of
    both sexes in mm.
    """
    return Quantity(
        name,
        men=(mean + male * sd, sd),
        women=(mean - male * sd, sd),
        shifts={ancestry: sd * value for ancestry, value in (shifts or {}).items()},
        bmi=(bmi, bmi),
        aging=aging,
    )


def _by_region(
    african: float = 0.0,
    hispanic: float = 0.0,
    east: float = 0.0,
    south_east: float = 0.0,
    south: float = 0.0,
    middle: float = 0.0,
) -> dict[str, float]:
    return {
        "african": african,
        "hispanic": hispanic,
        "east_asian": east,
        "south_east_asian": south_east,
        "south_asian": south,
        "middle_eastern": middle,
    }


MEASURED = (
    Quantity(
        "head_length",
        (199.5, 7.0),
        (189.8, 7.4),
        survey=((199.9, 201.1, 197.0, 192.3), (188.8, 193.2, 187.0, 183.7)),
        bmi=(0.15, 0.10),
    ),
    Quantity(
        "head_breadth",
        (154.3, 5.5),
        (147.8, 5.2),
        survey=((154.0, 154.6, 154.9, 158.2), (147.1, 148.0, 148.4, 151.9)),
        bmi=(0.34, 0.19),
    ),
    Quantity("tragion_vertex", (131.1, 6.2), (126.5, 6.5)),
    Quantity(
        "bizygomatic",
        (142.6, 6.2),
        (133.8, 5.6),
        survey=((141.9, 143.6, 144.0, 146.7), (132.3, 134.9, 134.2, 139.2)),
        bmi=(0.53, 0.38),
    ),
    Quantity(
        "bigonial",
        (105.6, 6.7),
        (94.5, 5.0),
        _by_region(african=0.5, hispanic=1.5, east=3.5, south_east=2.0, south=-1.0),
        bmi=(0.45, 0.35),
    ),
    Quantity(
        "menton_sellion",
        (122.6, 6.7),
        (113.1, 6.1),
        survey=((122.3, 124.2, 122.8, 121.7), (112.4, 114.0, 114.1, 111.6)),
        bmi=(0.15, 0.12),
    ),
    Quantity(
        "nose_height",
        (54.8, 3.3),
        (50.6, 3.1),
        _by_region(african=-1.5, hispanic=-0.3, east=0.4, south_east=-1.5, middle=0.8),
        aging=(0.04, 30.0),
    ),
    Quantity(
        "upper_lip_height", (22.3, 2.1), (20.1, 2.0), _by_region(african=1.0), aging=(0.05, 40.0)
    ),
    Quantity(
        "nose_width",
        (34.9, 2.1),
        (31.4, 2.0),
        _by_region(african=9.0, hispanic=2.5, east=5.0, south_east=5.5, south=2.5, middle=0.7),
        bmi=(0.15, 0.15),
        aging=(0.04, 30.0),
    ),
    Quantity(
        "nose_protrusion",
        (19.5, 1.9),
        (19.7, 1.6),
        _by_region(african=-2.5, hispanic=-0.8, east=-2.2, south_east=-2.8, south=-0.5, middle=0.6),
        aging=(0.02, 30.0),
    ),
    Quantity(
        "intercanthal",
        (33.3, 2.7),
        (31.8, 2.3),
        _by_region(african=3.2, hispanic=0.9, east=4.0, south_east=2.5, south=0.3, middle=-0.2),
    ),
    Quantity(
        "biocular",
        (91.2, 3.0),
        (87.8, 3.2),
        _by_region(african=4.2, hispanic=0.5, east=-0.3, south_east=0.0, south=0.5, middle=0.5),
    ),
    Quantity(
        "interpupillary",
        (64.0, 3.4),
        (61.7, 3.6),
        survey=((63.3, 66.9, 64.2, 64.2), (60.2, 64.0, 61.6, 61.7)),
        bmi=(0.20, 0.15),
    ),
    Quantity(
        "fissure_height",
        (10.8, 0.9),
        (10.9, 1.2),
        _by_region(african=0.1, east=-0.9, south_east=-0.5, south=0.2, middle=0.2),
        aging=(-0.012, 40.0),
    ),
    Quantity(
        "mouth_width",
        (54.5, 3.0),
        (50.2, 3.5),
        _by_region(african=2.5, hispanic=0.5, east=-1.5, south_east=-0.5, south=0.0, middle=0.3),
    ),
    Quantity(
        "upper_red",
        (8.0, 1.4),
        (8.7, 1.3),
        _by_region(african=2.8, hispanic=0.6, east=0.3, south_east=1.0, south=0.6, middle=0.1),
        aging=(-0.08, 40.0),
    ),
    Quantity(
        "lower_red",
        (9.3, 1.6),
        (9.4, 1.5),
        _by_region(african=2.8, hispanic=0.6, east=0.4, south_east=1.1, south=0.7, middle=0.1),
        aging=(-0.09, 40.0),
    ),
    Quantity(
        "ear_length",
        (64.2, 4.5),
        (59.4, 3.9),
        survey=((64.4, 62.1, 65.4, 64.6), (59.6, 58.7, 59.8, 59.1)),
        aging=(0.22, 30.0),
    ),
    Quantity("ear_breadth", (36.1, 3.0), (33.2, 2.8), aging=(0.05, 30.0)),
    Quantity(
        "ear_protrusion",
        (23.2, 3.0),
        (20.4, 2.7),
        survey=((23.3, 22.0, 23.6, 24.3), (20.7, 19.6, 21.2, 20.8)),
        aging=(0.03, 30.0),
    ),
    Quantity(
        "neck_circumference",
        (397.6, 25.8),
        (329.8, 19.2),
        survey=((397.5, 402.2, 397.0, 380.2), (328.2, 334.1, 327.1, 321.9)),
        bmi=(0.80, 0.73),
        aging=(0.25, 30.0),
    ),
)
"""Quantities a head is measured for. ``bigonial`` is between the bones, as Farkas took it."""

TRAITS = (
    _trait("size", 0.02, 0.6),
    _trait("forehead_slope", 4.0, 0.5, _by_region(east=-0.2, middle=0.3)),
    _trait("forehead_bulge", 1.8, -0.4, _by_region(african=0.5)),
    _trait("temple_width", 2.4, -0.1, _by_region(east=0.3), aging=(-0.02, 40.0)),
    _trait("brow_ridge", 2.0, 0.8, _by_region(african=-0.3, east=-1.3, south_east=-0.8)),
    _trait("brow_height", 2.2, -0.7, _by_region(east=0.4), aging=(-0.03, 40.0)),
    _trait("brow_tilt", 1.4, -0.2, _by_region(east=0.3), aging=(-0.015, 45.0)),
    _trait("eye_depth", 1.5, -0.3, _by_region(african=0.4, east=0.9, south_east=0.7, middle=-0.3)),
    _trait("canthal_tilt", 1.3, -0.2, _by_region(east=0.9, south_east=0.5), aging=(-0.02, 40.0)),
    _trait("lid_fold", 1.1, 0.1, _by_region(east=1.1, south_east=0.6), aging=(0.03, 40.0)),
    _trait("epicanthus", 0.7, 0.0, _by_region(0.2, 0.3, 2.6, 1.6, 0.1)),
    _trait("eye_bag", 0.7, 0.2, bmi=0.1, aging=(0.04, 40.0)),
    _trait("cheekbone", 2.0, -0.3, _by_region(hispanic=0.3, east=0.8, south_east=0.5)),
    _trait("cheek_full", 2.6, -0.1, _by_region(east=0.3), bmi=0.55, aging=(-0.052, 30.0)),
    _trait("jowl", 0.7, 0.1, bmi=0.2, aging=(0.05, 40.0)),
    _trait("bridge_out", 1.9, 0.2, _by_region(-1.3, -0.4, -1.7, -1.5, 0.1, 0.6)),
    _trait("bridge_width", 1.8, 0.2, _by_region(1.0, 0.2, 0.4, 0.7, 0.0, 0.1)),
    _trait("hump", 1.1, 0.3, _by_region(-0.5, 0.2, -0.5, -0.6, 0.3, 0.9)),
    _trait("tip_up", 2.2, -0.25, _by_region(african=0.2, south_east=0.3), aging=(-0.08, 30.0)),
    _trait("tip_width", 1.5, 0.2, _by_region(1.3, 0.4, 0.6, 0.9, 0.2, 0.1)),
    _trait("ala_height", 1.0),
    _trait("lips_out", 2.0, 0.0, _by_region(1.7, 0.2, 0.3, 0.9, 0.3), aging=(-0.02, 45.0)),
    _trait("cupid_bow", 0.7, -0.2, aging=(-0.012, 40.0)),
    # The template's own corners hang: they are 2.6 mm below the middle of its lips, those of 62
    # resting faces of the Face Research Lab London Set (DeBruine and Jones, 2017) 1.5 +- 1.9 mm.
    _trait("mouth_corners", 1.2, -0.1, aging=(-0.02, 30.0), mean=0.9),
    _trait("chin_out", 3.2, 0.2, _by_region(african=-0.5, east=-0.2, south_east=-0.4)),
    _trait("chin_width", 3.0, 0.7, bmi=0.2),
    # Between the angles of the jaw and the chin. Two fifths of the way from the chin to the mouth
    # the faces of 36 men of the London Set are .66 as wide as at the eyes, those of 26 women .59
    # (standard deviations .07 and .06); without this both would be .65.
    _trait("jaw_body", 4.0, 0.6),
    _trait("jaw_angle", 3.5, 0.4),
    _trait("submental", 4.0, 0.1, bmi=0.6, aging=(0.08, 30.0)),
    _trait("ear_lobe", 1.6, 0.1, aging=(0.05, 30.0)),
)
"""Quantities given directly by the mode of the same name: in mm, ``size`` in parts of 1."""

QUANTITIES = MEASURED + TRAITS
