# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Make NeMo manifests of a public corpus that lies on disk.

    python examples/data/prepare_corpus.py corpus=librispeech root=/data/LibriSpeech output_dir=manifests/librispeech
    python examples/data/prepare_corpus.py corpus=fleurs root=/data/fleurs output_dir=manifests/fleurs \
        'options={languages: [en_us, de_de], splits: [test]}' download=true
    python examples/data/prepare_corpus.py corpus=demand root=/data/demand output_dir=manifests/demand

Corpora: librispeech, fleurs, chime4, voices (speech), musan, demand (noise). Every file is decoded; what is broken,
empty, silent, too short or without words is left out, counted, and listed with examples in preparation.json. Options:
conf/scripts/prepare_corpus.yaml, docs/data.md.
"""

from nemo_noise.command_line.program import check_arguments

check_arguments(__file__)  # before NeMo is imported

from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from nemo.core.config import hydra_runner

from nemo_noise.data.corpora.fleurs_download import download_fleurs
from nemo_noise.data.corpora.preparation import prepare_corpus
from nemo_noise.evaluation.script_options import check_script


@hydra_runner(config_path="../../conf/scripts", config_name="prepare_corpus")
def main(cfg: DictConfig) -> None:
    """Prepare, and log what was left out."""
    cfg = check_script("prepare_corpus", cfg)
    options = {} if cfg.options is None else OmegaConf.to_container(cfg.options, resolve=True)
    if cfg.download:
        if cfg.corpus != "fleurs":
            raise ValueError(f"download: only fleurs can be fetched, not {cfg.corpus}")
        chosen = {key: options[key] for key in ("languages", "splits") if key in options}
        download_fleurs(Path(cfg.root), **chosen)
    prepared = prepare_corpus(
        cfg.corpus,
        cfg.root,
        cfg.output_dir,
        options=options,
        min_duration_s=cfg.min_duration_s,
        max_duration_s=cfg.max_duration_s,
        decode=cfg.decode,
    )
    for name, one in sorted(prepared.items()):
        print(f"{one.path or name + ': no manifest'}: {one.num_lines} lines, {one.hours:.2f} h")
        for reason, count in sorted(one.left_out.items()):
            print(f"    left out: {count} ({reason}), such as {one.examples[reason][0]}")


if __name__ == "__main__":
    main()
