# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Make a `.nemo` of a Whisper in a Hugging Face folder, of any size, or write one back as such a folder.

python examples/asr/import_whisper.py folder=whisper-tiny output=whisper-tiny.nemo
python examples/asr/import_whisper.py model=whisper-tiny.nemo output=whisper-tiny-trained

The folder holds config.json, model.safetensors (or shards and their index) and tokenizer.json; pickled weights are
refused. Nothing is downloaded. Options: conf/scripts/import_whisper.yaml.
"""

from nemo_noise.command_line.program import check_arguments

check_arguments(__file__)  # before NeMo is imported

import torch
from omegaconf import DictConfig

from nemo.core.config import hydra_runner
from nemo.utils import logging

from nemo_noise.evaluation.script_options import check_script
from nemo_noise.models import export_whisper, import_whisper
from nemo_noise.recogniser.model_file import save_model
from nemo_noise.recogniser.transcription import load_model


@hydra_runner(config_path="../../conf/scripts", config_name="import_whisper")
def main(cfg: DictConfig) -> None:
    """Import or export."""
    cfg = check_script("import_whisper", cfg)
    if (cfg.folder is None) == (cfg.model is None):
        raise ValueError(
            f"folder={cfg.folder} and model={cfg.model}: give one, the folder to import it, the model back."
        )
    if cfg.folder is not None:
        model = import_whisper(cfg.folder)
        save_model(model, cfg.output)
    else:
        model = load_model(cfg.model, torch.device("cpu"))
        export_whisper(model, cfg.output)
    logging.info(f"{model.num_weights} parameters, written to {cfg.output}")


if __name__ == "__main__":
    main()
