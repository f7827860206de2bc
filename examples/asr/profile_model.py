# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Measure what a NeMo ASR model costs: delay, throughput, memory, and which module takes the time.

    python examples/asr/profile_model.py model=context.nemo baseline=plain.nemo output_dir=results/profile

The whole of `transcribe()` and the encoder alone, as it is, compiled and as ONNX, over batch sizes and lengths. Writes
profile.json, profile.md (the printed table) and profile.png. All options: conf/scripts/profile.yaml.
"""

from nemo_noise.command_line.program import check_arguments

check_arguments(__file__)  # before NeMo is imported

from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf

from nemo.core.config import hydra_runner

from nemo_noise import whole_file
from nemo_noise.evaluation.device import choose_device
from nemo_noise.evaluation.profiling.page import draw_profiles, profile_table
from nemo_noise.evaluation.profiling.profile import ProfileOptions, profile_model, write_profiles
from nemo_noise.evaluation.results import describe_run
from nemo_noise.evaluation.script_options import check_script
from nemo_noise.evaluation.transcription.model_names import name_models
from nemo_noise.recogniser.transcription import load_model


@hydra_runner(config_path="../../conf/scripts", config_name="profile")
def main(cfg: DictConfig) -> None:
    cfg = check_script("profile", cfg)
    output, device = Path(cfg.output_dir), choose_device(cfg.device)
    torch.set_num_threads(cfg.threads or torch.get_num_threads())
    options = ProfileOptions(**OmegaConf.to_container(cfg.measure))
    models = name_models(cfg.model, cfg.baseline, model_name=cfg.model_name, baseline_name=cfg.baseline_name)
    profiles = [profile_model(name, load_model(path, device), options) for name, path in models.items()]
    write_profiles(output / "profile.json", profiles, describe_run(OmegaConf.to_container(cfg, resolve=True), device))
    draw_profiles(output / "profile.png", profiles)
    table = profile_table(profiles)
    whole_file.write_text(output / "profile.md", table + "\n")
    print(f"{table}\n\nprofile: {output / 'profile.png'}")


if __name__ == "__main__":
    main()
