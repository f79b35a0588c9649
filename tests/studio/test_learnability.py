"""Whether sound determines the face: a small network learns it, and learns nothing from the sound
of another sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from likeness.media.audio import resample
from likeness.speech.espeak_library import is_espeak_present
from likeness.speech.phonemes import units_of
from likeness.speech.synthesis import speak
from likeness.speech.timeline import EMOTIONS, Utterance
from likeness.studio.closures import StudioLips
from likeness.studio.corpus import more_sentences, sentences
from likeness.studio.curves import ARKIT, CHANNEL, frame_times, sample
from likeness.studio.performance import perform
from likeness.studio.performing_style import PerformingStyle
from likeness.studio.person import Person
from likeness.studio.template import build_template
from likeness.studio.voice import voice_of
from tests.speech.acoustics import log_mel

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not is_espeak_present(), reason="the extra speech is missing"),
]

FPS, RATE = 30.0, 16_000
WINDOW = 52
"""Frames of 10 ms of sound for one frame of the face."""
STEPS = 1700
LOUDNESS_RANGE = 14.0
"""Natural logarithms, 60 dB: what is weaker than that under the loudest sounds of the training set
counts as silence. Chosen, as is the network, by the sentences of the validation split alone."""
FEELINGS = ("neutral", *EMOTIONS)
ACTOR = 7

Shot = tuple[NDArray[np.float32], NDArray[np.float32]]


@pytest.fixture(scope="module")
def shots() -> dict[str, list[tuple[Utterance, Shot]]]:
    """Sentences of the actor by split, each with sound (F, X) and face (F, 3) of its frames."""
    person, template = Person.sample(ACTOR), build_template()
    lips = StudioLips(template, person.rest_vertices(template))
    style, voice = PerformingStyle.of(person), voice_of(person)
    found: dict[str, list[tuple[Utterance, Shot]]] = {"train": [], "test": []}
    further = [sentence for sentence in more_sentences(300, 0) if sentence.split == "test"]
    for number, sentence in enumerate((*sentences(), *further[:22])):
        if sentence.split == "validation":
            continue
        utterance = speak(sentence.text, voice, sentence.emotion, seed=number)
        rows = sample(perform(utterance, style, number, head=lips), FPS)
        gap = lips.gaps(rows[:, ARKIT])[:, lips.closing.size // 2]
        jaw = rows[:, CHANNEL["jawOpen"]]
        rounding = rows[:, CHANNEL["mouthPucker"]] + rows[:, CHANNEL["mouthFunnel"]]
        face = np.stack([jaw, gap, rounding], axis=1).astype(np.float32)
        found[sentence.split].append((utterance, (_heard(utterance), face)))
    return found


def _heard(utterance: Utterance) -> NDArray[np.float32]:
    """(F, 40 x 52 + 11) log-mel around the middle of each frame, and the emotion asked for."""
    sound = resample(utterance.audio, utterance.sample_rate, RATE)
    silence = np.zeros(round(0.005 * WINDOW * RATE))
    mel = log_mel(np.concatenate([silence, sound, silence, silence]), RATE)
    times = frame_times(utterance.duration, FPS)
    first = np.round((times - 0.0125) * 100.0).astype(int)
    windows = mel[np.clip(first, 0, None)[:, None] + np.arange(WINDOW)]
    emotion = np.eye(len(FEELINGS))[FEELINGS.index(utterance.emotion)]
    told = np.broadcast_to(emotion, (len(times), len(FEELINGS)))
    return np.concatenate([windows.reshape(len(times), -1), told], axis=1).astype(np.float32)


def _explained(train: Sequence[Shot], unseen: Sequence[Shot]) -> NDArray[np.float64]:
    """Share of the variance (3,) of jaw, gap and rounding in unseen sentences that two layers
    explain."""
    sound, face = (torch.from_numpy(np.concatenate([shot[k] for shot in train])) for k in (0, 1))
    heard, wanted = (np.concatenate([shot[k] for shot in unseen]) for k in (0, 1))
    quiet = float(sound[:, : -len(FEELINGS)].max()) - LOUDNESS_RANGE
    sound = sound.clone()
    sound[:, : -len(FEELINGS)].clamp_(min=quiet)
    heard[:, : -len(FEELINGS)] = np.maximum(heard[:, : -len(FEELINGS)], quiet)
    low, scale = sound.mean(0), sound.std(0) + 0.1
    middle, spread = face.mean(0), face.std(0)
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Dropout(0.1),
        torch.nn.Linear(sound.shape[1], 256),
        torch.nn.ReLU(),
        torch.nn.Dropout(0.3),
        torch.nn.Linear(256, 3),
    )
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    for _ in range(STEPS):
        rows = torch.randint(len(sound), (64,))
        guess = network((sound[rows] - low) / scale)
        loss = (guess - (face[rows] - middle) / spread).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    network.eval()
    with torch.no_grad():
        answer = (network((torch.from_numpy(heard) - low) / scale) * spread + middle).numpy()
    error = ((answer - wanted) ** 2).mean(axis=0)
    return 1.0 - error / wanted.var(axis=0)


def _covering(shots: list[tuple[Utterance, Shot]], count: int) -> list[tuple[Utterance, Shot]]:
    """The shots that add most of what was heard least so far, one after the other."""
    left, chosen = list(shots), []
    seen: Counter[str] = Counter()
    while len(chosen) < count:
        units = [
            Counter(u for s in utterance.timeline.sounding() for u in units_of(s.ipa))
            for utterance, _ in left
        ]
        gains = [sum(n / (1 + seen[u]) for u, n in each.items()) / each.total() for each in units]
        best = int(np.argmax(gains))
        seen.update(units[best])
        chosen.append(left.pop(best))
    return chosen


def _mixed_up(shots: list[Shot]) -> list[Shot]:
    """Each face with the sound of another sentence, as long as the shorter of the two."""
    others = shots[1:] + shots[:1]
    cut = [min(len(one[0]), len(other[0])) for one, other in zip(shots, others)]
    return [(other[0][:n], one[1][:n]) for one, other, n in zip(shots, others, cut)]


def test_two_dozen_shots_teach_the_jaw(shots):
    calm = [shot for shot in shots["train"] if shot[0].emotion in ("neutral", "joy")]
    chosen = [shot for _, shot in _covering(calm, 24)]
    jaw, gap, rounding = _explained(chosen, [shot for _, shot in shots["test"]])
    print(f"24 shots: jaw {jaw:.2f}, gap {gap:.2f}, rounding {rounding:.2f}")
    assert jaw >= 0.80
    assert gap >= 0.55


def test_a_whole_actor_teaches_jaw_and_lips_and_strange_sound_nothing(shots):
    train, unseen = ([shot for _, shot in shots[split]] for split in ("train", "test"))
    jaw, gap, rounding = _explained(train, unseen)
    print(f"{len(train)} shots: jaw {jaw:.2f}, gap {gap:.2f}, rounding {rounding:.2f}")
    strange = _explained(_mixed_up(train), unseen)
    print("taught with the sound of other sentences:", strange.round(2))
    assert jaw >= 0.88
    assert gap >= 0.70
    assert strange.max() <= 0.05
