# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Train an n-gram language model for the beam search of a recogniser.

python examples/asr/train_ngram.py model=<.nemo> texts='[train.json,more.txt]' output=language_model.arpa order=4

The texts are cut into the recogniser's own tokens, so the model is for this recogniser, or others with the same
tokenizer. Then: tune_decoding.py. Options: conf/scripts/train_ngram.yaml.
"""

from nemo_noise.command_line.program import check_arguments

check_arguments(__file__)  # before NeMo is imported

import torch
from omegaconf import DictConfig

from nemo.core.config import hydra_runner

from nemo_noise.evaluation.script_options import check_script
from nemo_noise.inference.decoding.ngram_training import Estimator, Unit, UnknownText, train_ngram
from nemo_noise.recogniser.transcription import load_model


@hydra_runner(config_path="../../conf/scripts", config_name="train_ngram")
def main(cfg: DictConfig) -> None:
    """Load the tokens, read, estimate, write."""
    cfg = check_script("train_ngram", cfg)
    count = train_ngram(
        load_model(cfg.model, torch.device("cpu")),
        cfg.texts,
        cfg.output,
        order=cfg.order,
        unit=Unit(cfg.unit),
        unknown=UnknownText(cfg.unknown_text),
        estimator=Estimator(cfg.estimator),
        lmplz_memory=cfg.lmplz_memory,
    )
    print(f"{cfg.output}: {cfg.order}-gram of {cfg.unit}s from {count} sentences")


if __name__ == "__main__":
    main()
