# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Plot the features that a noise context reads, the context, and how much it changes the recogniser.

python examples/asr/plot_context.py \
    model=<.nemo with a noise context> speech_manifest=<speech> noise_manifest=<noise> 'snr_db=[clean,10,0]' \
    output=context.png

Every column is the same utterance at another SNR. Options: conf/scripts/plot_context.yaml.
"""

from nemo_noise.command_line.program import check_arguments

check_arguments(__file__)  # before NeMo is imported

import numpy as np
import torch
from omegaconf import DictConfig

from nemo.core.config import hydra_runner
from nemo.utils import logging

from nemo_noise.data import NoiseList, load_entry, mix_at_snr, read_manifest
from nemo_noise.evaluation.plots.contexts import draw_contexts, observe_context
from nemo_noise.evaluation.script_options import check_script
from nemo_noise.recogniser.facts import sample_rate_of
from nemo_noise.recogniser.transcription import load_model


@hydra_runner(config_path="../../conf/scripts", config_name="plot_context")
def main(cfg: DictConfig) -> None:
    """Mix, encode, draw."""
    cfg = check_script("plot_context", cfg)
    model = load_model(cfg.model, torch.device("cpu"))
    rate = sample_rate_of(model)
    entries = read_manifest(cfg.speech_manifest)
    speech = load_entry(entries[cfg.utterance], rate)
    crop = NoiseList(cfg.noise_manifest, rate).crop(np.random.default_rng(cfg.seed), len(speech))
    label = crop.entry.fields.get("label", "noise")
    pictures = []
    for snr_db in cfg.snr_db:
        is_clean = snr_db == "clean"
        samples = speech if is_clean else mix_at_snr(speech, crop.samples, snr_db=float(snr_db), sample_rate=rate)
        title = "clean" if is_clean else f"{label}, {snr_db} dB"
        pictures.append(observe_context(model, samples, title))
    draw_contexts(pictures, cfg.output)
    logging.info(f"{cfg.output}: utterance {cfg.utterance} ({entries[cfg.utterance].text!r})")


if __name__ == "__main__":
    main()
