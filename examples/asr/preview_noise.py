# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Hear and see what noise, rooms and devices do to your speech before you train on it.

python examples/asr/preview_noise.py \
    speech_manifest=<speech manifest or folder> \
    noise_mix.manifest_path=<noise manifest or folder, or [several]> \
    noise_mix.snr_db=[0,10,20] \
    output_dir=noise_preview

A range instead of the list: 'noise_mix.snr_db={min: 0, max: 20}'. It writes WAV files whose names hold the measured
SNR, manifest.json with what was asked and measured, spectrograms.png, and index.html to listen to. Options:
conf/scripts/preview_noise.yaml.

For rooms and devices, with or without noise, choose parts of conf/parts/acoustics: `acoustics@rooms=simulated_rooms
acoustics@devices=telephone`. The folder `effects` then shows each of their effects before and after.
"""

from nemo_noise.command_line.program import check_arguments

check_arguments(__file__)  # before NeMo is imported

from omegaconf import DictConfig

from nemo.core.config import hydra_runner
from nemo.utils import logging

from nemo_noise.evaluation.report.noise_preview import preview_noise
from nemo_noise.evaluation.script_options import check_script


@hydra_runner(config_path="../../conf/scripts", config_name="preview_noise")
def main(cfg: DictConfig) -> None:
    """Write the preview."""
    cfg = check_script("preview_noise", cfg)
    preview = preview_noise(cfg)
    for line in preview.effects:
        print(f"{line['audio_filepath']}  {line['settings'] or ''}")
    for line in preview.mixtures:
        asked, measured = line["snr_db"], line["measured_snr_db"]
        level = "noise alone or changed" if measured is None else f"asked {asked:6.2f} dB, measured {measured:6.2f} dB"
        print(f"{'clean' if asked is None else level}  {line['audio_filepath']}")
    logging.info(f"{len(preview.mixtures)} mixtures, manifest.json and spectrograms.png; listen: {preview.page}")


if __name__ == "__main__":
    main()
