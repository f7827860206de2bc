# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Makes the demo's data: connected digits in synthetic voices, and noises of classes seen and unseen in training.

python examples/demo/synthesize_data.py demo_output/data
"""

import argparse

PARSER = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
PARSER.add_argument("output", help="folder for speech, noise and their manifests")
if __name__ == "__main__":
    PARSER.parse_args()  # --help, before anything is imported that takes long


import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
from tqdm import tqdm

from nemo_noise import whole_file
from nemo_noise.data.synthesis.noise import draw_noise
from nemo_noise.data.synthesis.speech import SpeechSynthesizer, Voice, babble, draw_digits, make_voices

SAMPLE_RATE = 16000
TRAIN_VOICES, TEST_VOICES, BABBLE_VOICES = 10, 4, 6
TRAIN_UTTERANCES, VALIDATION_UTTERANCES, TEST_UTTERANCES = 3000, 60, 80
SEEN, UNSEEN = ("steady", "hum", "rain", "beeps", "wind", "babble"), ("engine", "crackle", "siren")
NOISES_PER_CLASS, NOISE_S = {"seen": 10, "unseen": 6}, 8.0
# The text of the babble: no digits.
SENTENCES = (
    "the train to the harbour leaves from the other side, please mind the gap",
    "we had a table by the window, but the soup was cold and the waiter never came back",
    "if the weather stays like this they will paint the garden fence on Saturday morning",
    "my sister plays the cello in a quartet that nobody has ever heard of",
    "could you turn the heating down, I can hardly breathe in here",
    "the lecture was about whales and how their songs travel across a whole ocean",
)

Samples = npt.NDArray[np.float32]


def main(output: Path) -> None:
    """Writes `train`, `validation` and `test` speech, and `seen` and `unseen` noise, each with its manifest."""
    train_voices, test_voices = make_voices(TRAIN_VOICES, seed=1), make_voices(TEST_VOICES, seed=2)
    write_speech(output, "train", voices=train_voices, count=TRAIN_UTTERANCES, seed=11)
    write_speech(output, "validation", voices=train_voices, count=VALIDATION_UTTERANCES, seed=12)
    write_speech(output, "test", voices=test_voices, count=TEST_UTTERANCES, seed=13)
    write_noise(output, "seen", labels=SEEN, seed=21)
    write_noise(output, "unseen", labels=UNSEEN, seed=22)


def write_speech(output: Path, name: str, *, voices: list[Voice], count: int, seed: int) -> None:
    """Writes utterances of three to five digits, the voices in turn, at various speeds and levels."""
    rng, synthesizer = np.random.default_rng(seed), SpeechSynthesizer(SAMPLE_RATE)
    lines = []
    for index in tqdm(range(count), desc=f"{name} speech", unit=" utterances", mininterval=1.0):
        voice, text = voices[index % len(voices)], draw_digits(rng, 3, 5)
        speed, peak = int(rng.integers(90, 150)), float(10 ** (rng.uniform(-20, -3) / 20))
        paced = "".join(word + (", " if rng.random() < 0.6 else " ") for word in text.split())  # a comma is a pause
        speech = synthesizer.read_at_level(paced, voice, words_per_minute=speed, peak=peak)
        lines.append(write_audio(output, f"{name}/{index:05d}.wav", speech) | {"text": text, "speaker": voice.name})
    write_lines(output, name, lines)


def write_noise(output: Path, name: str, *, labels: tuple[str, ...], seed: int) -> None:
    """Writes several environments of each class."""
    rng, length = np.random.default_rng(seed), int(NOISE_S * SAMPLE_RATE)
    talkers = read_sentences() if "babble" in labels else []
    lines = []
    for label in tqdm(labels, desc=f"{name} noise", unit=" classes"):
        for index in range(NOISES_PER_CLASS[name]):
            if label == "babble":
                chosen = rng.permutation(len(talkers))[: int(rng.integers(3, len(talkers) + 1))]
                noise = babble([talkers[i] for i in chosen], length, rng)
            else:
                noise = draw_noise(label, num_samples=length, sample_rate=SAMPLE_RATE, rng=rng)
            lines.append(write_audio(output, f"{name}/{label}_{index}.wav", noise) | {"label": label})
    write_lines(output, name, lines)


def read_sentences() -> list[Samples]:
    """Lets each talker of the babble read all sentences, beginning with another one; [T] each."""
    synthesizer, talkers = SpeechSynthesizer(SAMPLE_RATE), []
    for index, voice in enumerate(make_voices(BABBLE_VOICES, seed=3)):
        text = ". ".join(SENTENCES[index:] + SENTENCES[:index])
        talkers.append(synthesizer.read_at_level(text, voice, words_per_minute=150 + 5 * index, peak=0.5))
    return talkers


def write_audio(output: Path, name: str, samples: Samples) -> dict[str, object]:
    """Writes 16-bit audio below `output` and returns its manifest line."""
    path = output / name
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, SAMPLE_RATE, subtype="PCM_16")
    return {"audio_filepath": str(path.resolve()), "duration": round(len(samples) / SAMPLE_RATE, 4)}


def write_lines(output: Path, name: str, lines: list[dict[str, object]]) -> None:
    """Writes a NeMo manifest."""
    text = "".join(json.dumps(line) + "\n" for line in lines)
    whole_file.write_text(output / f"{name}.json", text)


if __name__ == "__main__":
    main(Path(PARSER.parse_args().output))
