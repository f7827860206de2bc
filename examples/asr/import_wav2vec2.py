# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Make a `.nemo` of a wav2vec 2.0 in a Hugging Face folder.

python examples/asr/import_wav2vec2.py folder=wav2vec2-base-960h output=wav2vec2-base-960h.nemo

With a CTC head it becomes a recogniser (NeMo's EncDecCTCModel), without one a model to pretrain on, whose encoder a
recogniser takes with +init_from_nemo_model={wav2vec: {path: <.nemo>, include: [encoder]}}. The folder holds
config.json, model.safetensors (or shards and their index) and, with a CTC head, vocab.json; pickled weights are
refused. Nothing is downloaded. Options: conf/scripts/import_wav2vec2.yaml.
"""

from nemo_noise.command_line.program import check_arguments

check_arguments(__file__)  # before NeMo is imported

from omegaconf import DictConfig

from nemo.core.config import hydra_runner
from nemo.utils import logging

from nemo_noise.evaluation.script_options import check_script
from nemo_noise.models import import_wav2vec2
from nemo_noise.recogniser.model_file import save_model


@hydra_runner(config_path="../../conf/scripts", config_name="import_wav2vec2")
def main(cfg: DictConfig) -> None:
    """Import by the config."""
    cfg = check_script("import_wav2vec2", cfg)
    model = import_wav2vec2(cfg.folder, cfg.frame_hop)
    save_model(model, cfg.output)
    logging.info(f"{type(model).__name__} of {model.num_weights} parameters, written to {cfg.output}")


if __name__ == "__main__":
    main()
