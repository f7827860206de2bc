# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Measure how a NeMo ASR model bears noise, and whether it bears more than another: JSON and one HTML page.

One model on two noise lists:

    python examples/asr/evaluate_noise_robustness.py model=context.nemo speech=dev.json \
        noise_lists='{seen: noise_seen.json, unseen: noise_unseen.json}' output_dir=results/context

Two models, with a gate that sets the exit status:

    python examples/asr/evaluate_noise_robustness.py model=context.nemo baseline=plain.nemo speech=dev.json \
        noise_lists='{unseen: noise.json}' fail_if='["comparison.unseen.relative_reduction_low < 0"]'

Another system, which cannot run here: export the mixtures, transcribe them, score the transcripts:

    python examples/asr/evaluate_noise_robustness.py export_mixtures=mixtures speech=dev.json noise_lists='{...}'
    python examples/asr/evaluate_noise_robustness.py model=context.nemo baseline=other.csv speech=dev.json ...

A run that was killed resumes with the same command. All options: conf/scripts/noise_robustness.yaml.
"""

from nemo_noise.command_line.program import check_arguments

check_arguments(__file__)  # before NeMo is imported

import sys

from omegaconf import DictConfig

from nemo.core.config import hydra_runner

from nemo_noise.evaluation import gates
from nemo_noise.evaluation.instrument import Instrument, describe_export
from nemo_noise.evaluation.report.text_table import summary_table


@hydra_runner(config_path="../../conf/scripts", config_name="noise_robustness")
def main(cfg: DictConfig) -> None:
    instrument = Instrument(cfg)
    if cfg.export_mixtures is not None:
        print(describe_export(instrument.export(), cfg.export_mixtures))
        sys.exit(0)
    results = instrument.report(instrument.run())
    failures = gates.failed_gates(instrument.options.fail_if, results)
    print("\n".join([summary_table(results), f"report: {instrument.output / 'report.html'}", *failures]))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
