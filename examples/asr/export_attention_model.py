# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Export an attention model, with dual attention or without, as two ONNX graphs and what a search needs beside.

python examples/asr/export_attention_model.py model=<.nemo> output_dir=exported

Options: conf/scripts/export_attention_model.yaml. The graphs: nemo_noise/export.py.
"""

from nemo_noise.command_line.program import check_arguments

check_arguments(__file__)  # before NeMo is imported

import torch
from omegaconf import DictConfig

from nemo.core.config import hydra_runner

from nemo_noise.evaluation.script_options import check_script
from nemo_noise.export import export_attention_model
from nemo_noise.recogniser.transcription import load_model


@hydra_runner(config_path="../../conf/scripts", config_name="export_attention_model")
def main(cfg: DictConfig) -> None:
    """Load, export, log what was written."""
    cfg = check_script("export_attention_model", cfg)
    folder = export_attention_model(load_model(cfg.model, torch.device("cpu")), cfg.output_dir)
    for path in [*sorted(folder.glob("*.onnx")), folder / "search.json"]:
        print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
