# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Transcribe a manifest with a recogniser that adapts to each utterance or stream, and log what that gave and cost.

python examples/asr/transcribe_with_adaptation.py model=<.nemo> manifest=<speech> output=transcripts.json \
    adaptation.parameters='[norms]' adaptation.max_steps=10

The model file is not changed. stream_field=speaker: along streams. Options: transcribe_with_adaptation.yaml.
"""

from nemo_noise.command_line.program import check_arguments

check_arguments(__file__)  # before NeMo is imported

from omegaconf import DictConfig, OmegaConf

from nemo.core.config import hydra_runner

from nemo_noise.data.manifests.manifest import field_values, load_entry, read_manifest, write_manifest
from nemo_noise.evaluation.device import choose_device
from nemo_noise.evaluation.scoring.wer import count_errors, sum_errors
from nemo_noise.evaluation.script_options import check_script
from nemo_noise.inference import AdaptationConfig, adapt_along_streams
from nemo_noise.recogniser.facts import sample_rate_of
from nemo_noise.recogniser.transcription import load_model


@hydra_runner(config_path="../../conf/scripts", config_name="transcribe_with_adaptation")
def main(cfg: DictConfig) -> None:
    """Load, adapt, transcribe, write."""
    cfg = check_script("transcribe_with_adaptation", cfg)
    adaptation = AdaptationConfig.of(OmegaConf.to_container(cfg.adaptation, resolve=True))
    model, entries = load_model(cfg.model, choose_device(cfg.device)), read_manifest(cfg.manifest)
    rate = sample_rate_of(model)
    streams = range(len(entries)) if cfg.stream_field is None else field_values(entries, cfg.stream_field)
    results = adapt_along_streams(model, lambda number: load_entry(entries[number], rate), streams, config=adaptation)
    lines = [
        {
            "audio_filepath": entry.audio_filepath,
            "pred_text": result.text,
            "plain_pred_text": result.plain_text,
            "is_adapted": result.is_adapted,
            "adaptation_steps": result.num_steps,
            "adaptation_reason": result.reason,
        }
        for entry, result in zip(entries, results, strict=True)
    ]
    write_manifest(cfg.output, [entry.fields | line for entry, line in zip(entries, lines, strict=True)])
    plain_s, added_s = (sum(getattr(one, part) for one in results) for part in ("transcription_s", "adaptation_s"))
    adapted = f"{sum(result.is_adapted for result in results)} of {len(results)} utterances"
    print(f"{cfg.output}: adapted to {adapted}; {plain_s:.1f} s plain, {added_s:.1f} s more")
    if all(entry.text for entry in entries):
        for name, field in (("plain", "plain_text"), ("adapted", "text")):
            pairs = zip(entries, results, strict=True)
            errors = sum_errors(count_errors(entry.text, getattr(result, field)) for entry, result in pairs)
            print(f"WER {name}: {100 * errors.wer:.2f} %")


if __name__ == "__main__":
    main()
