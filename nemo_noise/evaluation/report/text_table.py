# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The results as a few lines of plain text, for a terminal."""

from nemo_noise.evaluation.questions.evidence import Results, mean_of
from nemo_noise.evaluation.report.findings import findings
from nemo_noise.evaluation.scoring.summary import Summary
from nemo_noise.foreign_text import printable


def summary_table(results: Results) -> str:
    """Write WER in per cent: a column per SNR, a row per model and noise list.

    Args:
        results: the results.

    Returns:
        Several lines.
    """
    snrs = sorted(
        {snr for s in results["models"].values() for block in s["lists"].values() for snr in block["cells"]},
        key=lambda snr: -float(snr),
    )
    mean = [f"mean of {mean_of(results)}"] if snrs else []
    header = ["WER %", "noise", "clean", *[f"{snr} dB" for snr in snrs], *mean]
    rows = [header]
    for name, summary in results["models"].items():
        rows += _rows_of(name, summary, snrs)
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    lines = [
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join(printable(line.rstrip()) for line in [*lines, *findings(results)])


def _rows_of(name: str, summary: Summary, snrs: list[str]) -> list[list[str]]:
    """List the rows of one model; a single one without noise lists."""
    clean = "-" if summary["clean"] is None else f"{100 * summary['clean']['wer']:.1f}"
    rows = []
    for noise_list, block in summary["lists"].items():
        cells = [f"{100 * block['cells'][snr]['wer']:.1f}" if snr in block["cells"] else "-" for snr in snrs]
        rows.append([printable(name), printable(noise_list), clean, *cells, f"{100 * block['mean_wer']:.1f}"])
    return rows or [[printable(name), "-", clean, *["-" for _ in snrs], *(["-"] if snrs else [])]]
