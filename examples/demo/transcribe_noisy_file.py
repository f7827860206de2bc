# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Mixes one file of the demo with a noise that training did not have, and lets both recognisers transcribe it.

python examples/demo/transcribe_noisy_file.py demo_output
"""

import argparse

PARSER = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
PARSER.add_argument("output", help="folder of the demo, with its models and data")
if __name__ == "__main__":
    PARSER.parse_args()  # --help, before anything is imported that takes long


from pathlib import Path

import numpy as np
import torch

from nemo.collections.asr.models import ASRModel
from nemo.utils import logging

from nemo_noise.archive import restore
from nemo_noise.data import NoiseList, load_audio, mix_at_snr, read_manifest, write_audio

SAMPLE_RATE, SNR_DB = 16000, 5.0


def main(output: Path) -> None:
    """Prints the reference and the text of each model."""
    logging.setLevel(logging.ERROR)
    speech = read_manifest(output / "data" / "test.json")[5]
    samples = load_audio(speech.audio_filepath, SAMPLE_RATE)
    crop = NoiseList(output / "data" / "unseen.json", SAMPLE_RATE).crop(np.random.default_rng(7), len(samples))
    noisy = output / "noisy.wav"
    write_audio(noisy, mix_at_snr(samples, crop.samples, snr_db=SNR_DB, sample_rate=SAMPLE_RATE), SAMPLE_RATE)
    print(f"{noisy}: {crop.entry.fields['label']} at {SNR_DB:g} dB")
    print(f"  {'said':12} {speech.text}")
    for name in ("noise_aware", "baseline"):
        model = restore(output / f"{name}.nemo", "model", device=torch.device("cpu"), kind=ASRModel)
        (hypothesis,) = model.transcribe([str(noisy)], verbose=False)
        print(f"  {name:12} {hypothesis.text}")


if __name__ == "__main__":
    main(Path(PARSER.parse_args().output))
