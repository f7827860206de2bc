# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The model card: `README.md` with the metadata that Hugging Face's hub reads, filled from the results."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from nemo_noise import whole_file
from nemo_noise.evaluation.blocks.numbers import percent
from nemo_noise.evaluation.questions import BY_WEIGHT
from nemo_noise.evaluation.questions.evidence import Results, mean_of
from nemo_noise.evaluation.report.findings import findings
from nemo_noise.evaluation.scoring.summary import Summary
from nemo_noise.foreign_text import markdown, printable

ACTIVE = re.compile(r"[<>\[\]`$&]")
TASK = {"type": "automatic-speech-recognition", "name": "Automatic Speech Recognition"}


@dataclass(frozen=True)
class CardOptions:
    """What the results cannot know.

    Attributes:
        language: ISO 639 code or codes of the speech.
        license: of the model, as the hub spells it: apache-2.0, cc-by-4.0.
        dataset: name of the speech.
        dataset_type: its id on the hub, `owner/name`, or any short name of data that is not there.
        base_model: id on the hub of the model that this one was made from.
    """

    language: str | list[str] | None = None
    license: str | None = None
    dataset: str | None = None
    dataset_type: str | None = None
    base_model: str | None = None


def write_model_card(path: str | Path, results: Results, options: CardOptions | None = None) -> None:
    """Write the card.

    Args:
        path: the file, usually `README.md`; its folder is created where absent.
        results: from `collect_results`.
        options: what the results cannot know.
    """
    whole_file.write_text(path, render_model_card(results, options or CardOptions()))


def render_model_card(results: Results, options: CardOptions) -> str:
    """Compose the card.

    Args:
        results: from `collect_results`.
        options: what the results cannot know.

    Returns:
        Markdown with a YAML head: `model-index` has WERs in per cent, for clean speech and, per noise list, for the
        mean over SNRs and for every SNR.
    """
    summary = results["models"][results["model"]]
    metadata: dict[str, Any] = {
        "language": options.language,
        "license": options.license,
        "base_model": options.base_model,
        "library_name": "nemo",
        "pipeline_tag": TASK["type"],
        "tags": ["automatic-speech-recognition", "noise-robustness", "NeMo"],
        "datasets": [options.dataset_type] if options.dataset_type and "/" in options.dataset_type else None,
        "metrics": ["wer"],
        "model-index": [{"name": results["model"], "results": _model_index(summary, options)}],
    }
    head = _yaml({key: value for key, value in metadata.items() if value is not None})
    return f"---\n{head}---\n\n{_text(results, summary, options)}"


def _yaml(metadata: dict[str, Any]) -> str:
    """Write the head; text that Markdown, HTML or OmegaConf could take for more stands there in escapes."""
    quoted: dict[str, str] = {}

    def harmless(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: harmless(item) for key, item in value.items()}
        if isinstance(value, list):
            return [harmless(item) for item in value]
        if not isinstance(value, str) or ((shown := printable(value)) == value and not ACTIVE.search(value)):
            return value
        stand_in = f"foreign-text-{len(quoted)}-"
        text = json.dumps(shown, ensure_ascii=False)
        quoted[stand_in] = ACTIVE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
        return stand_in

    text = str(OmegaConf.to_yaml(OmegaConf.create(harmless(metadata))))
    for stand_in, value in quoted.items():
        text = text.replace(stand_in, value)
    return text


def _model_index(summary: Summary, options: CardOptions) -> list[dict[str, Any]]:
    """List the results as the hub wants them, one per condition."""
    speech = options.dataset or "evaluation speech"
    entries = []
    if summary["clean"] is not None:
        entries.append(_entry(speech, "clean", wer=summary["clean"]["wer"], summary=summary, options=options))
    for name, block in summary["lists"].items():
        over = ", ".join(f"{snr:g}" for snr in block["mean_over_snr_db"])
        entries.append(
            _entry(
                speech,
                f"{name} noise, mean over {over} dB SNR",
                wer=block["mean_wer"],
                summary=summary,
                options=options,
            )
        )
        for snr, cell in block["cells"].items():
            entries.append(
                _entry(speech, f"{name} noise, {snr} dB SNR", wer=cell["wer"], summary=summary, options=options)
            )
    return entries


def _entry(speech: str, condition: str, *, wer: float, summary: Summary, options: CardOptions) -> dict[str, Any]:
    dataset: dict[str, Any] = {
        "name": f"{speech} ({condition})",
        "type": options.dataset_type or speech.lower().replace(" ", "-"),
        "config": condition,
    }
    if summary["mixture_set_sha256"] is not None:
        dataset["args"] = {"mixture_set_sha256": summary["mixture_set_sha256"]}
    metric = {"type": "wer", "value": round(100 * wer, 2), "name": f"WER, {condition}"}
    return {"task": TASK, "dataset": dataset, "metrics": [metric]}


def _text(results: Results, summary: Summary, options: CardOptions) -> str:
    """Write what a reader sees."""
    snrs = list(dict.fromkeys(snr for block in summary["lists"].values() for snr in block["cells"]))
    snrs.sort(key=lambda snr: -float(snr))
    lines = [f"# {_inline(results['model'])}", "", "## Noise robustness", ""]
    lines += [
        f"WER in per cent on {_inline(options.dataset or 'the evaluation speech')}, "
        f"{summary['utterances']} utterances.",
        "",
    ]
    mean = [f"mean of {mean_of(results)}"] if snrs else []
    header = ["model", "noise", "clean", *[f"{snr} dB" for snr in snrs], *mean]
    lines += [_row(header), _row(["---", "---", *["---:"] * (len(header) - 2)])]
    shown = [name for name in (results["model"], results["baseline"]) if name is not None]
    for name in shown:
        one = results["models"][name]
        clean = _rate(None if one["clean"] is None else one["clean"]["wer"])
        for noise, block in one["lists"].items():
            cells = [_rate(block["cells"][snr]["wer"] if snr in block["cells"] else None) for snr in snrs]
            lines.append(_row([_inline(name), _inline(noise), clean, *cells, _rate(block["mean_wer"])]))
        if not one["lists"]:
            lines.append(_row([_inline(name), "–", clean, *["–"] * (len(snrs) + bool(snrs))]))
    sentences = findings(results)
    lines += ["", *[f"- {_inline(sentence)}" for sentence in sentences]] if sentences else []
    for question in BY_WEIGHT:
        lines += [line for paragraph in question.in_card(results) for line in ("", _inline(paragraph))]
    lines += ["", "## How it was measured", ""]
    lines += [
        "Noise is added to speech; SNR: active level of the speech (ITU-T P.56) against the RMS level of the noise. "
        f"Intervals are {percent(summary['confidence'], 0)} bootstrap intervals over {summary['resampling_units']} "
        f"{_inline(summary['resampling_unit'])}s. The same mixtures have the SHA-256 "
        f"`{_inline(summary['mixture_set_sha256'])}`.",
        "",
        "All numbers are in `summary.json`, the page is `report.html`.",
    ]
    return "\n".join(lines) + "\n"


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _inline(text: object) -> str:
    """Escape a text within a line, but for marks that are none there, so that the source stays readable."""
    return re.sub(r"(?<!^)\\([.\-()+#]|:(?= ))", r"\1", markdown(text))


def _rate(wer: float | None) -> str:
    return "–" if wer is None else f"{100 * wer:.1f}"
