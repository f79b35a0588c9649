"""The clips of a person: shared settings, split sentences, shares of the plan."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from likeness.errors import DataError
from likeness.studio.corpus import sentences
from likeness.studio.person import Person
from likeness.studio.talking import draw_setting, talking_clip
from likeness.studio.talking_albums import talking_album, talking_plan

PERSON = Person.sample(7)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
@pytest.mark.parametrize("seed", [0, 7, 31])
def test_of_eight_clips_three_share_a_setting_and_five_do_not(seed, split):
    plan = talking_plan(Person.sample(seed), split=split)
    settings = Counter(planned.setting for planned in plan)
    assert sorted(settings.values()) == [1, 1, 1, 1, 1, 3]
    assert [planned.number for planned in plan] == list(range(8))
    assert sum(planned.emotion != "neutral" for planned in plan) == 2
    assert sum(planned.coupling == "independent" for planned in plan) == 2


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_person_says_each_sentence_once_and_only_those_of_the_split(split):
    allowed = {line.text: line.split for line in sentences()}
    plan = talking_plan(PERSON, split=split)
    texts = [planned.sentence.text for planned in plan]
    assert len(set(texts)) == 8
    assert {allowed[text] for text in texts} == {split}
    for planned in plan:
        assert planned.sentence.emotion in (planned.emotion, "neutral")
        if split == "train":
            assert planned.sentence.emotion == planned.emotion


def test_shares_hold_over_people_and_none_is_tied_to_a_number():
    """Of 60 people: a quarter of the clips each way, every number among the shared ones."""
    plans = [talking_plan(Person.sample(seed), split="train", count=4) for seed in range(60)]
    independent = Counter(c.number for plan in plans for c in plan if c.coupling == "independent")
    emotional = Counter(c.number for plan in plans for c in plan if c.emotion != "neutral")
    alone = Counter(c.number for plan in plans for c in plan if _sharing(plan)[c.setting] == 1)
    for counts in (independent, emotional, alone):
        assert sum(counts.values()) == 60
        assert set(counts) == {0, 1, 2, 3}
        assert max(counts.values()) <= 30
    both = [
        {c.number for c in p if c.coupling == "independent" and c.emotion != "neutral"}
        for p in plans
    ]
    assert 0 < sum(map(bool, both)) < 30


def _sharing(plan):
    return Counter(planned.setting for planned in plan)


def test_too_many_clips_for_a_split_are_refused():
    assert len(talking_plan(PERSON, split="test", count=8)) == 8
    with pytest.raises(DataError, match="'test' has no sentence left for clip 9 of 9"):
        talking_plan(PERSON, split="test", count=9)


def test_nothing_is_shared_where_none_is_asked_for():
    for shared in (0, 1):
        plan = talking_plan(PERSON, split="train", shared=shared)
        assert [planned.setting for planned in plan] == list(range(8))


def test_clips_that_share_look_alike_and_sound_as_they_are():
    album = list(talking_album(PERSON, split="train", count=4, backend="formant"))
    scenes = [clip.scene for _, clip in album]
    clothes = [clip.person.appearance.clothing for _, clip in album]
    settings = [planned.setting for planned, _ in album]
    assert sorted(Counter(settings).values()) == [1, 3]
    for one in range(4):
        for other in range(one):
            alike = settings[one] == settings[other]
            assert (scenes[one] == scenes[other]) == alike
            assert (clothes[one] == clothes[other]) == alike
            assert album[one][1].utterance.text != album[other][1].utterance.text
    for planned, clip in album:
        assert clip.utterance.text == planned.sentence.text
        assert clip.utterance.emotion == planned.emotion
        alone = talking_clip(
            PERSON,
            planned.sentence.text,
            planned.number,
            emotion=planned.emotion,
            coupling=planned.coupling,
            backend="formant",
        )
        np.testing.assert_array_equal(clip.sound, alone.sound)
        np.testing.assert_array_equal(clip.curves.values, alone.curves.values)
        assert (clip.scene == alone.scene) == (planned.setting == planned.number)


def test_the_setting_of_a_clip_is_the_one_it_draws_itself():
    clip = talking_clip(PERSON, "Mama.", 3, backend="formant")
    drawn = draw_setting(PERSON, 3)
    assert (drawn.person, drawn.scene) == (clip.person, clip.scene)
