# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Transcribe a manifest with an attention decoder as if the speech arrived in real time; beside it, offline.

python examples/asr/transcribe_aed_streaming.py model=<.nemo> manifest=<speech> output=streamed.json \
    streaming.policy=alignatt streaming.chunk_s=1.0 streaming.right_s=0.5

Options: conf/scripts/transcribe_aed_streaming.yaml.
"""

from nemo_noise.command_line.program import check_arguments

check_arguments(__file__)  # before NeMo is imported

import math

from omegaconf import DictConfig, OmegaConf
from tqdm import tqdm

from nemo.core.config import hydra_runner

from nemo_noise.data import load_entry, read_manifest, write_manifest
from nemo_noise.evaluation.device import choose_device
from nemo_noise.evaluation.scoring.wer import count_errors, sum_errors
from nemo_noise.evaluation.script_options import check_script
from nemo_noise.inference import AlignedStreamingConfig, transcribe_aligned
from nemo_noise.recogniser.facts import sample_rate_of
from nemo_noise.recogniser.transcription import load_model, transcribe


@hydra_runner(config_path="../../conf/scripts", config_name="transcribe_aed_streaming")
def main(cfg: DictConfig) -> None:
    """Load, stream, compare, write."""
    cfg = check_script("transcribe_aed_streaming", cfg)
    streaming = AlignedStreamingConfig(**OmegaConf.to_container(cfg.streaming, resolve=True))
    model, entries = load_model(cfg.model, choose_device(cfg.device)), read_manifest(cfg.manifest)
    prompt = OmegaConf.to_container(cfg.prompt or OmegaConf.create(), resolve=True)
    lines = []
    for entry in tqdm(entries, desc=streaming.policy, unit="utterance"):
        waveform = load_entry(entry, sample_rate_of(model))
        (streamed,) = transcribe_aligned(model, [waveform], config=streaming, prompt=prompt)
        (offline,) = transcribe(model, [waveform], prompt)
        lagging_s = None if math.isnan(streamed.lagging_s) else round(streamed.lagging_s, 3)
        texts = {"pred_text": streamed.text.strip(), "offline_pred_text": offline.text.strip(), "lagging_s": lagging_s}
        lines.append(entry.fields | {"audio_filepath": entry.audio_filepath} | texts)
    write_manifest(cfg.output, lines)
    lags = [line["lagging_s"] for line in lines if line["lagging_s"] is not None]
    same = sum(line["pred_text"] == line["offline_pred_text"] for line in lines)
    lag = f"{sum(lags) / len(lags):.2f} s" if lags else "none, nothing was written"
    print(f"{cfg.output}: {len(lines)} utterances, {same} with the same text as offline; mean lagging {lag}")
    if all(entry.text for entry in entries):
        for name, field in (("streaming", "pred_text"), ("offline", "offline_pred_text")):
            errors = sum_errors(count_errors(e.text, line[field]) for e, line in zip(entries, lines, strict=True))
            print(f"WER {name}: {100 * errors.wer:.2f} %")


if __name__ == "__main__":
    main()
