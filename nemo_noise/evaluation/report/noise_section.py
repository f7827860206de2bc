# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The noise section of a model card as data: error rates by SNR, text where nobody speaks, streams, cost, verdict."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import Any, NamedTuple, cast

from nemo_noise.evaluation.blocks.numbers import HEAD, interval_head, percent
from nemo_noise.evaluation.estimate import NO_ESTIMATE, Estimate
from nemo_noise.evaluation.questions import BY_WEIGHT
from nemo_noise.evaluation.questions.comparisons.comparison import errors_clause
from nemo_noise.evaluation.questions.evidence import Results, mean_of
from nemo_noise.evaluation.questions.question import Weight
from nemo_noise.evaluation.scoring.summary import CellSummary, Summary

__all__ = ["CostRow", "ErrorRow", "NoiseSection", "SpeechFreeRow", "StreamRow", "SurroundedRow", "Where"]


class Where(Enum):
    """What a row of error rates is about."""

    NOISE = "noise"
    ROOM = "room"
    CHANNEL = "channel"


class ErrorRow(NamedTuple):
    """Word error rates, as fractions, of one model in one noise list, room or channel.

    Attributes:
        where: noise list, room or channel; those of the latter two are means over all noise lists.
        name: of the list, room or channel; None where clean speech alone was transcribed.
        model: whose they are.
        clean: of speech without noise.
        by_snr: by the SNR in dB, from the highest down.
        mean: over the SNRs of 20, 15, 10, 5 and 0 dB that were run.
    """

    where: Where
    name: str | None
    model: str
    clean: Estimate
    by_snr: Mapping[float, Estimate]
    mean: Estimate


class SpeechFreeRow(NamedTuple):
    """What one model writes where nobody speaks, in a noise list ("all" for several) or in digital silence."""

    name: str
    model: str
    pieces: int
    minutes: float
    share_with_text: float
    characters_per_minute: float


class StreamRow(NamedTuple):
    """One model in chunks of so many milliseconds; None: offline. Rates and differences from offline are fractions.

    `wer` and `difference` are by condition, "clean" or a noise list; `reason` is why there are none.
    """

    model: str
    chunk_ms: float | None
    latency_ms: float | None
    wer: Mapping[str, float]
    difference: Mapping[str, Estimate]
    reason: str | None


class SurroundedRow(NamedTuple):
    """One model with seconds of noise on each side of the speech; 0: none. Rates and differences are fractions.

    `wer` and `difference`, from 0 s, are by condition, "clean" or a noise list; `reason` is why there are none.
    """

    model: str
    around_s: float
    wer: Mapping[str, float]
    difference: Mapping[str, Estimate]
    reason: str | None


class CostRow(NamedTuple):
    """What one model costs; None where it was not measured.

    `rtfx` is seconds of audio per second in batches, `delay_ms` the median for one utterance alone.
    """

    model: str
    parameters: int | None
    rtfx: float | None
    delay_ms: float | None
    peak_memory_mb: float | None


@dataclass(frozen=True)
class NoiseSection:
    """All that the noise section of a model card says.

    Attributes:
        model: name of the model.
        baseline: name of the model it is compared with; None for none.
        utterances: how many were transcribed in each condition.
        words: of their references.
        mean_over: names the SNRs of means, "20, 10, 0 dB".
        errors: noise lists, then rooms and channels; the model goes before the baseline.
        speech_free: by noise list and model, then digital silence.
        streams: where chunks were asked for.
        surroundings: where noise around the speech was asked for.
        cost: of model and baseline, where it was measured.
        device: where they ran, None where that is not known.
        verdict: against the baseline, one sentence that claims no more than its intervals allow; None without one.
        remarks: what was left out, resampled, or is a matter of spelling.
        measured: how, in one line.
        mixture_set_sha256: hash of all mixtures.
    """

    model: str
    baseline: str | None
    utterances: int
    words: int
    mean_over: str
    errors: tuple[ErrorRow, ...]
    speech_free: tuple[SpeechFreeRow, ...]
    streams: tuple[StreamRow, ...]
    surroundings: tuple[SurroundedRow, ...]
    cost: tuple[CostRow, ...]
    device: str | None
    verdict: str | None
    remarks: tuple[str, ...]
    measured: str
    mixture_set_sha256: str | None

    @classmethod
    def of(cls, results: Results) -> "NoiseSection":
        """Take it from results, also those of a `summary.json` of an earlier version."""
        summaries = {name: results["models"][name] for name in (results["model"], results["baseline"]) if name}
        own = summaries[results["model"]]
        made = results["made"]
        remarks = [sentence for one in BY_WEIGHT if one.weight is Weight.REMARK for sentence in one.in_words(results)]
        return cls(
            model=results["model"],
            baseline=results["baseline"],
            utterances=own["utterances"],
            words=max((cell["words"] for cell in _cells(own)), default=0),
            mean_over=mean_of(results),
            errors=tuple(_error_rows(summaries)),
            speech_free=tuple(_speech_free_rows(summaries)),
            streams=tuple(_stream_rows(cast(Mapping[str, Any], results).get("streaming", {}))),
            surroundings=tuple(_surrounded_rows(cast(Mapping[str, Any], results).get("surroundings", {}))),
            cost=tuple(_cost_rows(summaries)),
            device=_device(made),
            verdict=_verdict(results),
            remarks=tuple(remarks),
            measured=_measured(own, made),
            mixture_set_sha256=own["mixture_set_sha256"],
        )

    @property
    def snrs_db(self) -> list[float]:
        """All SNRs, from the highest down."""
        return sorted({snr_db for row in self.errors for snr_db in row.by_snr}, reverse=True)

    @property
    def data(self) -> dict[str, Any]:
        """The same for JSON: rates are fractions, an estimate has `value`, `low` and `high`."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: _plain(item) for name, item in value._asdict().items()}
    if isinstance(value, Mapping):
        return {f"{key:g}" if isinstance(key, float) else str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return _plain(vars(value)) if is_dataclass(value) else value


def _cells(summary: Summary) -> Iterator[CellSummary]:
    if summary["clean"] is not None:
        yield summary["clean"]
    for block in summary["lists"].values():
        yield from block["cells"].values()


def _error_rows(summaries: Mapping[str, Summary]) -> Iterator[ErrorRow]:
    cleans = {
        model: NO_ESTIMATE if one["clean"] is None else Estimate.read(one["clean"], "wer")
        for model, one in summaries.items()
    }
    lists = dict.fromkeys(name for one in summaries.values() for name in one["lists"])
    for name in lists:
        for model, summary in summaries.items():
            block = summary["lists"].get(name)
            if block is not None:
                by_snr = {float(snr): Estimate.read(cell, "wer") for snr, cell in block["cells"].items()}
                mean = Estimate.read(block, "mean_wer")
                yield ErrorRow(Where.NOISE, name, model, cleans[model], _from_the_top(by_snr), mean)
    if not lists:
        for model in summaries:
            yield ErrorRow(Where.NOISE, None, model, cleans[model], {}, NO_ESTIMATE)
    for where in (Where.ROOM, Where.CHANNEL):
        yield from _place_rows(where, summaries)


def _place_rows(where: Where, summaries: Mapping[str, Summary]) -> Iterator[ErrorRow]:
    """Rooms or channels, where there are several."""
    of = {model: cast(Mapping[str, Any], one).get("axes", {}).get(where.value, {}) for model, one in summaries.items()}
    names = dict.fromkeys(name for values in of.values() for name in values)
    for name in names if len(names) > 1 else ():
        for model, values in of.items():
            if name in values:
                value = values[name]
                clean = Estimate(value["clean_wer"], value.get("clean_wer_low"), value.get("clean_wer_high"))
                rates = {float(snr): rate for snr, rate in value.get("by_snr", {}).items() if rate is not None}
                by_snr = {snr: Estimate.read(rate, "mean_wer") for snr, rate in rates.items()}
                mean = NO_ESTIMATE if value["mean"] is None else Estimate.read(value["mean"], "mean_wer")
                yield ErrorRow(where, name, model, clean, _from_the_top(by_snr), mean)


def _from_the_top(by_snr: Mapping[float, Estimate]) -> dict[float, Estimate]:
    return {snr_db: by_snr[snr_db] for snr_db in sorted(by_snr, reverse=True)}


def _speech_free_rows(summaries: Mapping[str, Summary]) -> Iterator[SpeechFreeRow]:
    known = {model: cast(Mapping[str, Any], one) for model, one in summaries.items()}
    lists = dict.fromkeys(name for one in summaries.values() for name in one["lists"])
    named = {
        name: {model: one["lists"].get(name, {}).get("noise_only") for model, one in known.items()} for name in lists
    }
    if len(lists) != 1:
        named["all"] = {model: one.get("noise_only") for model, one in known.items()}
    named["digital silence"] = {model: one.get("silence") for model, one in known.items()}
    for name, of in named.items():
        for model, block in of.items():
            if block is not None:
                pieces = block["pieces"] if "pieces" in block else block["noise_crops"] + block["empty_references"]
                rates = block["share_with_text"], block["characters_per_minute"]
                yield SpeechFreeRow(name, model, pieces, block["minutes"], *rates)


def _stream_rows(streaming: Mapping[str, Any]) -> Iterator[StreamRow]:
    for model, streams in streaming.items():
        if streams["reason"] is not None:
            yield StreamRow(model, None, None, {}, {}, streams["reason"])
        for row in streams["rows"]:
            yield StreamRow(model, row["chunk_ms"], row["latency_ms"], *_rates(row), row["reason"])


def _surrounded_rows(surroundings: Mapping[str, Any]) -> Iterator[SurroundedRow]:
    for model, one in surroundings.items():
        if one["reason"] is not None:
            yield SurroundedRow(model, 0.0, {}, {}, one["reason"])
        for row in one["rows"]:
            yield SurroundedRow(model, row["around_s"], *_rates(row), None)


def _rates(row: Mapping[str, Any]) -> tuple[dict[str, float], dict[str, Estimate]]:
    """WER by condition, and its difference from the model as it is."""
    rates = ({} if row["clean"] is None else {"clean": row["clean"]}) | row["lists"]
    wer = {name: one["wer"] for name, one in rates.items()}
    return wer, {name: Estimate.read(one, "difference") for name, one in rates.items()}


def _cost_rows(summaries: Mapping[str, Summary]) -> Iterator[CostRow]:
    for model, summary in summaries.items():
        speed = cast(Mapping[str, Any], summary).get("speed") or {}
        names = ("parameters", "rtfx", "latency_ms_median", "peak_memory_mb")
        values = [speed.get(name) for name in names]
        if any(value is not None for value in values):
            yield CostRow(model, *values)


def _device(made: Mapping[str, Any]) -> str | None:
    if made.get("device") is None:
        return made.get("hardware")
    plural = "" if made.get("threads") == 1 else "s"
    has_threads = made.get("threads") and str(made["device"]) == "cpu"
    threads = f", {made['threads']} thread{plural}" if has_threads else ""
    return f"{made.get('hardware') or 'unknown hardware'} ({made['device']}{threads})"


def _verdict(results: Results) -> str | None:
    """Model against baseline in noise and on clean speech; None where they have nothing in common."""
    comparison = cast(Mapping[str, Any], results).get("comparison")
    if comparison is None:
        return None
    names, overall = (comparison["model"], comparison["baseline"]), comparison.get("overall")
    by_list = {f"in {name} noise": block for name, block in comparison["lists"].items()}  # of earlier versions
    is_measured = overall is not None and overall["wer"] is not None
    parts = ({"in noise": overall} if is_measured else by_list) | {"on clean speech": comparison["clean"]}
    clauses = [f"{where}, {errors_clause(part, *names)}" for where, part in parts.items() if part is not None]
    sentence = "; ".join(clauses)
    return f"{sentence[0].upper()}{sentence[1:]}." if sentence else None


def _measured(summary: Summary, made: Mapping[str, Any]) -> str:
    versions = made.get("versions", {})
    known = {
        "nemo-noise": versions.get("nemo_noise"),
        "NeMo": versions.get("nemo"),
        "": str(made.get("time", ""))[:10],
    }
    tools = ", ".join(f"{name} {version}".strip() for name, version in known.items() if version)
    of = f" ({tools})" if tools else ""
    steps = summary["text_normalization"]
    texts = f"after {', '.join(steps)}" if steps else "as they are, with case and punctuation"
    unit = f"{summary['resampling_units']} {summary['resampling_unit']}s"
    return (
        f"Noise is added to recorded speech{of}; SNR: active level of the speech (ITU-T P.56) against the RMS level "
        f"of the noise; texts are compared {texts}; intervals: {percent(summary['confidence'], 0)}, bootstrap over "
        f"{unit}{interval_head(summary).removeprefix(HEAD)}"
    )
