# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""See where a dual-attention decoder looks, in the speech and in the noise, and how much it takes from each.

python examples/asr/plot_attention.py \
    model=<.nemo with dual attention> speech_manifest=<speech> noise_manifest=<noise> snr_db=5 output=attention.png

Options: conf/scripts/plot_attention.yaml.
"""

from nemo_noise.command_line.program import check_arguments

check_arguments(__file__)  # before NeMo is imported

import numpy as np
import torch
from omegaconf import DictConfig

from nemo.core.config import hydra_runner
from nemo.utils import logging

from nemo_noise.data import NoiseList, load_entry, mix_at_snr, read_manifest
from nemo_noise.evaluation.plots.attention import draw_attention, observe_attention
from nemo_noise.evaluation.script_options import check_script
from nemo_noise.models import WhisperModel
from nemo_noise.recogniser.facts import sample_rate_of
from nemo_noise.recogniser.transcription import load_model


@hydra_runner(config_path="../../conf/scripts", config_name="plot_attention")
def main(cfg: DictConfig) -> None:
    """Mix, transcribe, draw."""
    cfg = check_script("plot_attention", cfg)
    model = load_model(cfg.model, torch.device("cpu"))
    rate = sample_rate_of(model)
    entries = read_manifest(cfg.speech_manifest)
    samples, title = load_entry(entries[cfg.utterance], rate), "clean"
    if cfg.noise_manifest is not None:
        crop = NoiseList(cfg.noise_manifest, rate).crop(np.random.default_rng(cfg.seed), len(samples))
        samples = mix_at_snr(samples, crop.samples, snr_db=float(cfg.snr_db), sample_rate=rate)
        title = f"{crop.entry.fields.get('label', 'noise')}, {cfg.snr_db} dB"
    prompt = model.prompt_of(entries[cfg.utterance].fields) if isinstance(model, WhisperModel) else None
    picture = observe_attention(model, samples, title=title, prompt=prompt)
    draw_attention(picture, cfg.output)
    logging.info(f"{cfg.output}: {entries[cfg.utterance].text!r} was transcribed as {picture.title!r}")


if __name__ == "__main__":
    main()
