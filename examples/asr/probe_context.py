# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Probe what a noise context describes: noise class, SNR and spoken word, before and after training.

python examples/asr/probe_context.py \
    model=context.nemo speech_manifest=<speech> word_manifest=<single words> \
    noise_manifests.seen=<noise> noise_manifests.unseen=<noise of other classes> output=probe.json

Prints a table and writes it as JSON. The probes are linear and the context is frozen. "untrained" is the same context
encoder with random weights; "spectrum" is mean and deviation of the features, "noise floor" their 10 % quantile.
"""

from nemo_noise.command_line.program import check_arguments

check_arguments(__file__)  # before NeMo is imported

import torch
from omegaconf import DictConfig, OmegaConf

from nemo.core.classes.modelPT import ModelPT
from nemo.core.config import hydra_runner

from nemo_noise.archive import restore
from nemo_noise.evaluation.plots.context_map import check_drawable, draw_context_map
from nemo_noise.evaluation.probes import probe, probe_sets
from nemo_noise.evaluation.script_options import check_script


@hydra_runner(config_path="../../conf/scripts", config_name="probe_context")
def main(cfg: DictConfig) -> None:
    cfg = check_script("probe_context", cfg)
    model = restore(cfg.model, "model", device=torch.device("cpu"), kind=ModelPT)
    rate, files = int(model.cfg.sample_rate), OmegaConf.to_container(cfg, resolve=True)
    sizes = {"num_train": cfg.num_train, "num_test": cfg.num_test, "crop_s": cfg.crop_s, "snr_db": cfg.snr_db}
    noise_sets = {
        name: probe_sets.noise_probe_set(files["speech_manifest"], noise, sample_rate=rate, seed=cfg.seed, **sizes)
        for name, noise in files["noise_manifests"].items()
    }
    if cfg.picture is not None:
        check_drawable(noise_sets[cfg.picture_of].classes)
    words, noise = files["word_manifest"], files["word_noise_manifest"]
    word_set = probe_sets.word_probe_set(words, noise, sample_rate=rate, seed=cfg.seed)
    torch.manual_seed(cfg.seed)
    untrained = ModelPT.from_config_dict(model.cfg.encoder.get("context_encoder") or model.cfg.encoder.context)
    representations = {
        "spectrum": probe.spectrum_representation(model.preprocessor),
        "noise floor": probe.noise_floor_representation(model.preprocessor),
        "untrained": probe.context_representation(model.preprocessor, untrained),
        "trained": probe.context_representation(model.preprocessor, model.encoder.context_encoder),
    }
    scores = {name: probe.probe_representation(one, noise_sets, word_set) for name, one in representations.items()}
    print(probe.table(scores))
    probe.write_scores(cfg.output, scores)
    if cfg.picture is not None:
        drawn, noises = {name: representations[name] for name in ("spectrum", "trained")}, noise_sets[cfg.picture_of]
        draw_context_map(drawn, noises.test, noises.classes, path=cfg.picture)


if __name__ == "__main__":
    main()
