# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Tune beam search with a language model on dev, and write the best setting, with it, into a copy of the model.

python examples/asr/tune_decoding.py model=<.nemo> dev=dev.json language_model=language_model.arpa output=tuned.nemo

`restore_from("tuned.nemo").transcribe(...)` then searches so, and so does every script of ours. The first line of
the table is greedy, from the same run. Options: conf/scripts/tune_decoding.yaml.
"""

from nemo_noise.command_line.program import check_arguments

check_arguments(__file__)  # before NeMo is imported

from dataclasses import replace
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from nemo.core.config import hydra_runner

from nemo_noise.data import read_manifest
from nemo_noise.evaluation import decoding_tuning as tuning
from nemo_noise.evaluation.device import choose_device
from nemo_noise.evaluation.plots.decoding import draw_trials
from nemo_noise.evaluation.script_options import check_script
from nemo_noise.inference.decoding.search import GREEDY, save_with_setting, strategies_of
from nemo_noise.recogniser.transcription import load_model


@hydra_runner(config_path="../../conf/scripts", config_name="tune_decoding")
def main(cfg: DictConfig) -> None:
    """Load, try, choose, save."""
    cfg = check_script("tune_decoding", cfg)
    grid = tuning.SearchGrid.of(OmegaConf.to_container(cfg.grid))
    model = load_model(cfg.model, choose_device(cfg.device))
    grid = replace(grid, strategy=grid.strategy or strategies_of(model)[1])
    settings = [GREEDY, *grid.settings(cfg.language_model)]
    how = {"batch_size": cfg.batch_size, "normalization": list(cfg.text_normalization)}
    trials = tuning.try_settings(model, read_manifest(cfg.dev), settings, **how)
    best = tuning.best_trial(trials, cfg.min_rtfx)
    tuning.write_trials(Path(cfg.report) / "trials.jsonl", trials)
    draw_trials(Path(cfg.report) / "trials.png", trials)
    print(tuning.trials_table(trials))
    print("\nThe best of every beam size:\n" + tuning.trials_table(tuning.best_by_size(trials)))
    if cfg.test is not None:
        tested = tuning.try_settings(model, read_manifest(cfg.test), [GREEDY, best.setting], **how)
        print(f"\n{cfg.test}:\n" + tuning.trials_table(tested))
    save_with_setting(model, best.setting, cfg.output)
    print(f"\n{cfg.output}: {best.setting}")


if __name__ == "__main__":
    main()
