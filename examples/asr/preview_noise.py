# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Hear and see what noise, rooms and devices do to your speech before you train on it.

python examples/asr/preview_noise.py \
    speech_manifest=<speech manifest> \
    noise_mix.manifest_path=<noise manifest, or [several]> \
    noise_mix.snr_db=[0,10,20] \
    output_dir=noise_preview

A range instead of the list: 'noise_mix.snr_db={min: 0, max: 20}'. It writes WAV files whose names hold the measured
SNR, manifest.json with what was asked and measured, and spectrograms.png. Options: conf/scripts/preview_noise.yaml.

For rooms and devices, with or without noise, choose parts of conf/parts/acoustics: `acoustics@rooms=simulated_rooms
acoustics@devices=telephone`. The folder `effects` then shows each of their effects before and after.
"""

from nemo_noise.command_line.program import check_arguments

check_arguments(__file__)  # before NeMo is imported

from omegaconf import DictConfig, OmegaConf

from nemo.core.config import hydra_runner
from nemo.utils import logging

from nemo_noise.data import NoiseMixPerturbation, build_chain, read_manifest, write_effects_preview, write_preview
from nemo_noise.evaluation.script_options import check_script


@hydra_runner(config_path="../../conf/scripts", config_name="preview_noise")
def main(cfg: DictConfig) -> None:
    """Write the preview."""
    check_script("preview_noise", cfg)
    speech, where = read_manifest(cfg.speech_manifest), cfg.output_dir
    blocks = [OmegaConf.to_container(part, resolve=True, throw_on_missing=True) for part in (cfg.rooms, cfg.devices)]
    effects = {name: options for block in blocks for name, options in block.get("effects", {}).items()}
    rows = {"sample_rate": cfg.sample_rate, "num_utterances": cfg.num_utterances}
    if effects:
        for line in write_effects_preview(build_chain(effects), speech, f"{where}/effects", **rows):
            print(f"{line['audio_filepath']}  {line['settings'] or ''}")
    if effects and OmegaConf.is_missing(cfg.noise_mix, "manifest_path"):
        return
    options = OmegaConf.to_container(cfg.noise_mix, resolve=True, throw_on_missing=True)
    options.pop("prob")  # NeMo's own draw, not ours
    perturbation = NoiseMixPerturbation(**options)
    lines = write_preview(perturbation, speech, where, num_epochs=cfg.num_epochs, **rows)
    for line in lines:
        asked, measured = line["snr_db"], line["measured_snr_db"]
        snr = "clean" if asked is None else f"asked {asked:6.2f} dB, measured {measured:6.2f} dB"
        print(f"{snr}  {line['audio_filepath']}")
    logging.info(f"{len(lines)} mixtures, manifest.json and spectrograms.png are in {where}")


if __name__ == "__main__":
    main()
