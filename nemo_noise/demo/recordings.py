# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The demo's recordings: connected digits in synthetic voices, silence, and noises seen and unseen in training."""

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

import nemo.collections.asr.models  # noqa: F401  whole, before anything of ours is imported
from nemo.collections.common.tokenizers.sentencepiece_tokenizer import create_spt_model

from nemo_noise import whole_file
from nemo_noise.data.manifests.manifest import write_manifest
from nemo_noise.data.synthesis.noise import draw_noise
from nemo_noise.data.synthesis.speech import DIGITS, SpeechSynthesizer, Voice, babble, draw_digits, make_voices
from nemo_noise.demo.sizes import Size

__all__ = ["SEEN", "UNSEEN", "make_recordings"]

SAMPLE_RATE = 16000
SEEN, UNSEEN = ("steady", "hum", "rain", "beeps", "wind", "babble"), ("engine", "crackle", "siren")
NOISE_S, LONGEST_PAUSE_S = 8.0, 0.5
SILENT_SHARE = 0.03  # of the training: digital silence with an empty text, 0.5 to 4 s
BABBLE_VOICES = 6
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


def make_recordings(folder: Path, size: Size, seed: int) -> None:
    """Writes `train`, `validation` and `test` speech, a tokenizer of the ten words, and `seen` and `unseen` noise.

    Each is a folder and a manifest beside it; the last file written is `unseen.json`.

    Args:
        folder: gets all of it.
        size: how much.
        seed: 0 or more; draws voices, texts and noises.
    """
    maker = _Maker(folder, seed)
    train_voices, test_voices = (
        make_voices(size.train_voices, 10 * seed + 1),
        make_voices(size.test_voices, 10 * seed + 2),
    )
    maker.write_speech("train", train_voices, count=size.train_utterances, stream=1, digits=(2, 4))
    maker.write_speech("validation", train_voices, count=40, stream=2, digits=(3, 5))
    maker.write_speech("test", test_voices, count=size.test_utterances, stream=3, digits=(3, 5))
    write_tokenizer(folder / "tokenizer")
    maker.write_noise("seen", SEEN, count=size.noises_per_class, stream=4)
    maker.write_noise("unseen", UNSEEN, count=size.noises_per_class, stream=5)


def write_tokenizer(folder: Path) -> None:
    """Writes a SentencePiece tokenizer whose pieces are the ten words."""
    whole_file.write_text(folder / "text.txt", "\n".join(DIGITS) + "\n")
    before = Path.cwd()
    os.chdir(folder)  # SentencePiece's command line takes no path with a space
    try:
        create_spt_model(
            "text.txt",
            vocab_size=len(DIGITS) + 1,  # and the unknown word
            sample_size=-1,
            do_lower_case=False,
            tokenizer_type="word",
            output_dir=".",
        )
    finally:
        os.chdir(before)


class _Maker:
    """Writes sets of recordings.

    Args:
        folder: of the sets.
        seed: of all draws.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.seed = folder, seed
        self.synthesizer = SpeechSynthesizer(SAMPLE_RATE)

    def write_speech(
        self, name: str, voices: list[Voice], *, count: int, stream: int, digits: tuple[int, int]
    ) -> None:
        """Writes strings of digits, the voices in turn, with pauses around them; silence too where it is `train`."""
        rng, lines = np.random.default_rng([self.seed, stream]), []
        for index in range(count):
            voice, text = voices[index % len(voices)], draw_digits(rng, *digits)
            speed, peak = int(rng.integers(110, 180)), float(10 ** (rng.uniform(-20, -3) / 20))
            paced = "".join(
                word + (", " if rng.random() < 0.4 else " ") for word in text.split()
            )  # a comma is a pause
            speech = self.synthesizer.read_at_level(paced, voice, words_per_minute=speed, peak=peak)
            before, after = (_silence(float(seconds)) for seconds in rng.uniform(0, LONGEST_PAUSE_S, 2))
            samples = np.concatenate([before, speech, after])
            lines.append(self._write(f"{name}/{index:05d}.wav", samples) | {"text": text, "speaker": voice.name})
        for index in range(int(SILENT_SHARE * count) if name == "train" else 0):
            samples = _silence(float(rng.uniform(0.5, 4.0)))
            lines.append(self._write(f"{name}/silence_{index:03d}.wav", samples) | {"text": "", "speaker": "nobody"})
        write_manifest(self.folder / f"{name}.json", lines)

    def write_noise(self, name: str, labels: tuple[str, ...], *, count: int, stream: int) -> None:
        """Writes several environments of each class."""
        rng, length = np.random.default_rng([self.seed, stream]), int(NOISE_S * SAMPLE_RATE)
        talkers = self._talkers() if "babble" in labels else []
        lines = []
        for label in labels:
            for index in range(count):
                if label == "babble":
                    chosen = rng.permutation(len(talkers))[: int(rng.integers(3, len(talkers) + 1))]
                    noise = babble([talkers[i] for i in chosen], length, rng)
                else:
                    noise = draw_noise(label, num_samples=length, sample_rate=SAMPLE_RATE, rng=rng)
                lines.append(self._write(f"{name}/{label}_{index}.wav", noise) | {"label": label})
        write_manifest(self.folder / f"{name}.json", lines)

    def _talkers(self) -> list[Samples]:
        """Has each talker of the babble read all sentences, beginning with another one; [T] each."""
        talkers = []
        for index, voice in enumerate(make_voices(BABBLE_VOICES, 10 * self.seed + 3)):
            text = ". ".join(SENTENCES[index:] + SENTENCES[:index])
            talkers.append(self.synthesizer.read_at_level(text, voice, words_per_minute=150 + 5 * index, peak=0.5))
        return talkers

    def _write(self, name: str, samples: Samples) -> dict[str, object]:
        """Writes 16-bit audio and returns its manifest line."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, samples, SAMPLE_RATE, subtype="PCM_16")
        return {"audio_filepath": str(path.resolve()), "duration": round(len(samples) / SAMPLE_RATE, 4)}


def _silence(seconds: float) -> Samples:
    return np.zeros(int(seconds * SAMPLE_RATE), dtype=np.float32)
