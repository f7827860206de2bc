# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""See a curriculum before you train with it: a table of its values over time, and a picture.

    python examples/asr/plot_curriculum.py curriculum=accan until=2000 picture=accan.png

A file of conf/parts/curriculum, with changes as in a recipe: curriculum.snr_db.every=100. The times are those at which
epochs begin. Options: conf/scripts/plot_curriculum.yaml.
"""

from nemo_noise.command_line.program import check_arguments

check_arguments(__file__)  # before NeMo is imported

from omegaconf import DictConfig, OmegaConf

from nemo.core.config import hydra_runner

from nemo_noise.data.previews.curriculum import curriculum_moments, draw_curriculum
from nemo_noise.evaluation.script_options import check_script


@hydra_runner(config_path="../../conf/scripts", config_name="plot_curriculum")
def main(cfg: DictConfig) -> None:
    """Print and draw."""
    cfg = check_script("plot_curriculum", cfg)
    block = OmegaConf.to_container(cfg.curriculum, resolve=True, throw_on_missing=True)
    moments = curriculum_moments(block, cfg.until, cfg.num_times)
    unit = block.get("unit", "epoch")
    print(f"{unit:>8}")
    for moment in moments:
        print(moment)
    draw_curriculum(moments, unit, cfg.picture)
    print(f"{cfg.picture} is drawn")


if __name__ == "__main__":
    main()
