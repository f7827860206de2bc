# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""From the hypotheses of all arms and seeds to one table, one JSON, one figure and one report."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from omegaconf import DictConfig

from nemo_noise.evaluation import ScoringOptions, compare, read_hypotheses, summarize

mpl.use("Agg")
import matplotlib.pyplot as plt

NOISE = "unseen"
Rows = Sequence[Mapping[str, Any]]


def write_tables(cfg: DictConfig) -> str:
    """Pool the seeds of each arm, compare it with the baseline, write table.md, results.json, wer.png.

    Returns:
        The table in Markdown.
    """
    output, scoring = Path(cfg.output_dir), ScoringOptions(replications=cfg.replications, block_field=cfg.block_field)
    rows = _read_all(cfg)
    results: dict[str, Any] = {}
    for group, selection in cfg.groups.items():
        if selection is None:
            continue
        chosen = {
            arm: [row for row in arm_rows if all(row[key] == value for key, value in selection.where.items())]
            for arm, arm_rows in rows.items()
        }
        baseline = chosen[cfg.baseline]
        results[group] = {
            arm: {
                "summary": summarize(arm_rows, scoring),
                "comparison": None if arm == cfg.baseline else compare(arm_rows, baseline, scoring),
            }
            for arm, arm_rows in chosen.items()
        }
    (output / "results.json").write_text(json.dumps(results, indent=1))
    table = "\n\n".join(f"{cfg.groups[group].title}\n\n{_table(arms, cfg)}" for group, arms in results.items())
    (output / "table.md").write_text(table + "\n")
    _figure(results, cfg, output / "wer.png")
    return table


def _read_all(cfg: DictConfig) -> dict[str, list[dict[str, Any]]]:
    """Hypotheses with speech by arm, the controls of an arm as arms of their own."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for arm in cfg.arms:
        for seed in cfg.seeds:
            path = Path(cfg.output_dir) / arm / f"seed_{seed}" / "evaluation" / "hypotheses.jsonl"
            for row in read_hypotheses(path):
                if "group" in row:
                    rows.setdefault(row["model"], []).append(dict(row))
    return rows


def _table(arms: Mapping[str, Any], cfg: DictConfig) -> str:
    """One line an arm: WER clean, mean of 20..0 dB, -5 dB, and what is gained against the baseline."""
    lines = [
        "| arm | clean | mean 20..0 dB | -5 dB | fewer errors than the baseline, 20..0 dB | p | by seed |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, result in arms.items():
        summary = result["summary"]
        noisy, clean = summary["lists"][NOISE], summary["clean"]
        cells = [
            cfg.arm_titles.get(name, name),
            _rate(clean),
            f"{100 * noisy['mean_wer']:.2f} [{100 * noisy['mean_wer_low']:.2f}, {100 * noisy['mean_wer_high']:.2f}]",
            _rate(noisy["cells"]["-5"]),
        ]
        lines.append("| " + " | ".join([*cells, *_gain(result["comparison"])]) + " |")
    return "\n".join(lines)


def _rate(cell: Mapping[str, Any]) -> str:
    return f"{100 * cell['wer']:.2f}"


def _gain(comparison: Mapping[str, Any] | None) -> list[str]:
    """Relative reduction with its interval over utterances, p-value, and the reduction of each seed."""
    if comparison is None:
        return ["", "", ""]
    block = comparison["lists"][NOISE]
    low, high = block["relative_reduction_low"], block["relative_reduction_high"]
    seeds = ", ".join(f"{100 * value:.1f}" for value in block["relative_reduction_by_seed"].values())
    return [
        f"{100 * block['relative_reduction']:.1f} % [{100 * low:.1f}, {100 * high:.1f}]",
        f"{block['p_value']:.4f}",
        seeds,
    ]


def _figure(results: Mapping[str, Any], cfg: DictConfig, path: Path) -> None:
    """WER over SNR, one panel a group, one line an arm, intervals as bands."""
    figure, axes = plt.subplots(1, len(results), figsize=(5 * len(results), 4), squeeze=False)
    for axis, (group, arms) in zip(axes[0], results.items(), strict=True):
        for name, result in arms.items():
            cells = sorted((float(snr), cell) for snr, cell in result["summary"]["lists"][NOISE]["cells"].items())
            snrs = [snr for snr, _ in cells]
            axis.plot(snrs, [100 * c["wer"] for _, c in cells], marker="o", label=cfg.arm_titles.get(name, name))
            axis.fill_between(
                snrs, [100 * c["wer_low"] for _, c in cells], [100 * c["wer_high"] for _, c in cells], alpha=0.15
            )
        axis.set(title=cfg.groups[group].title, xlabel="SNR, dB (active speech level)", ylabel="WER, %")
        axis.grid(alpha=0.3)
    axes[0][0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)
