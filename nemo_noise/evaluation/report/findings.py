# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What the numbers say, in sentences that claim no more than their intervals allow."""

from nemo_noise.evaluation.estimate import Estimate
from nemo_noise.evaluation.report.answers import answer_sentences
from nemo_noise.evaluation.report.numbers import decibels, interval_text, percent
from nemo_noise.evaluation.results import Results
from nemo_noise.evaluation.scoring.adaptation_gain import AdaptationGain
from nemo_noise.evaluation.scoring.comparison import Comparison, Difference, ListComparison
from nemo_noise.evaluation.scoring.text_hints import TextHint

NAMED = 5  # of what is left out
NARROW = (
    ": without a channel, mixtures hold noise alone above {} Hz. With "
    "channels='{{telephone: {{effects: {{telephone_band: {{}}}}}}}}' speech and noise go through one telephone"
)


def findings(results: Results) -> list[str]:
    """Put the comparison, the controls, the adaptation and the behaviour without speech into words.

    Args:
        results: the results.

    Returns:
        Plain sentences, the most important first; empty for one model that was not asked about noise.
    """
    sentences = [] if results["comparison"] is None else _compare_sentences(results["comparison"])
    for name, control in results["controls"].items():
        sentences += [_control_sentence(name, block, noise) for noise, block in control["lists"].items()]
    for gain in (results["adaptation"], results["stream_adaptation"]):
        sentences += [] if gain is None else _adaptation_sentences(gain)
    noise_only = results["models"][results["model"]]["noise_only"]
    if noise_only is not None:
        sentences.append(
            f"Where nobody speaks, {results['model']} writes {noise_only['characters_per_minute']:.1f} characters "
            f"per minute (some text in {percent(noise_only['share_with_text'])} of the pieces, "
            f"{noise_only['minutes']:.1f} minutes in all)."
        )
    silence = results["models"][results["model"]]["silence"]
    if silence is not None and silence["characters"]:
        rate = f"{silence['characters_per_minute']:.1f} characters per minute"
        sentences.append(f"In digital silence, {results['model']} writes {rate}.")
    hints = [_hint_sentence(name, hint) for name, hint in results.get("text_hints", {}).items()]
    return sentences + answer_sentences(results) + hints + _speech_sentences(results)


def _speech_sentences(results: Results) -> list[str]:
    """Say what was left out, and what has only half of the band; nothing where only rows are at hand."""
    if "speech" not in results:
        return []
    speech, sentences = results["speech"], []
    kinds = (
        (f"{len(speech['left_out'])} of {speech['utterances']} utterances", speech["left_out"]),
        (_counted(len(speech["left_out_mixtures"]), "mixture"), speech["left_out_mixtures"]),
        (_counted(len(speech["left_out_noises"]), "noise"), speech["left_out_noises"]),
    )
    for what, items in kinds:
        if items:
            listed = "; ".join(f"{one['source']} ({one['name']}) {one['reason']}" for one in items[:NAMED])
            more = f"; and {len(items) - NAMED} more, see summary.json" if len(items) > NAMED else ""
            sentences.append(f"Left out: {what}: {listed}{more}.")
    for rate, count in speech["resampled_from_hz"].items():
        kept = speech["utterances"] - len(speech["left_out"])
        resampled = f"{count} of {kept} utterances are resampled from {rate} to {speech['sample_rate']} Hz"
        sentences.append(f"{resampled}{NARROW.format(int(rate) // 2) if speech['has_plain_channel'] else ''}.")
    return sentences


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _hint_sentence(model: str, hint: TextHint) -> str:
    """Say what the way of writing costs, and which option leaves it out."""
    share = percent((hint["errors"] - hint["errors_with"]) / hint["errors"], 0)
    return (
        f"Of the word errors of {model}, {share} are the way of writing (case, punctuation or the form of letters) "
        f"alone: with text_normalization=[{','.join(hint['steps'])}] its WER over all mixtures is "
        f"{percent(hint['wer_with'])} instead of {percent(hint['wer'])}."
    )


def primary_list(results: Results) -> str | None:
    """Choose the noise list that the headline is about: "unseen" where there is one, else the last."""
    lists = list(results["models"][results["model"]]["lists"])
    return "unseen" if "unseen" in lists else (lists[-1] if lists else None)


def _compare_sentences(comparison: Comparison) -> list[str]:
    """Say for every noise list, then for clean speech, who makes fewer errors."""
    names = comparison["model"], comparison["baseline"]
    sentences = [
        f"In {noise} noise, {_errors_clause(block, *names)}{_gain_clause(block)}"
        for noise, block in comparison["lists"].items()
    ]
    if comparison["clean"] is not None:
        sentences.append(f"On clean speech, {_errors_clause(comparison['clean'], *names)}.")
    return sentences


def _errors_clause(difference: Difference, model: str, baseline: str) -> str:
    """Compare two models on one cell or mean."""
    reduction, low, high = Estimate.read(difference, "relative_reduction")
    if reduction is None:
        return f"{baseline} makes no error, {model} has a WER of {percent(difference['wer'])}"
    if reduction == low == high == 0.0:
        same = "equally many errors, whatever utterances are drawn"
        return f"no difference between {model} and {baseline} is shown: {same}"
    more_or_fewer = "fewer" if reduction >= 0 else "more"
    if low is None or high is None:
        return f"{model} makes {percent(abs(reduction))} {more_or_fewer} errors than {baseline}, with no interval"
    interval = f"95 % interval {interval_text(low, high)}"
    if low <= 0 <= high:
        estimate = f"{percent(abs(reduction))} {more_or_fewer} errors"
        return f"no difference between {model} and {baseline} is shown: {estimate}, {interval}"
    if reduction < 0:
        interval = f"95 % interval {interval_text(-high, -low)}"
    return f"{model} makes {percent(abs(reduction))} {more_or_fewer} errors than {baseline} ({interval})"


def _gain_clause(block: ListComparison) -> str:
    """Continue with the decibels gained."""
    gained, low, high = Estimate.read(block, "db_gained")
    if gained is None:
        return "."
    more_or_less = "more" if gained >= 0 else "less"
    clause = f"; at equal WER it bears {abs(gained):.1f} dB {more_or_less} noise"
    if low is not None:
        clause += f" ({decibels(low)} to {decibels(high)})"
    return clause + "."


def _adaptation_sentences(gain: AdaptationGain) -> list[str]:
    """Say how often the model adapted and what that cost, then what it gave."""
    cost = (
        "" if gain["times_as_long"] is None else f", at {gain['times_as_long']:.1f} times the plain time, one by one"
    )
    often = f"{gain['adapted']} of {gain['utterances']} utterances ({percent(gain['share_adapted'])})"
    steps = f"{gain['steps']:.1f} steps each on average"
    return [
        f"{gain['comparison']['model']} adapted to {often}, {steps}{cost}.",
        *_compare_sentences(gain["comparison"]),
    ]


def _control_sentence(name: str, block: ListComparison, noise: str) -> str:
    """Say what the control proves."""
    title = name.replace("_", " ")
    _, low, high = Estimate.read(block, "relative_reduction")
    change = f"WER {percent(block['wer'])} with its own context, {percent(block['baseline_wer'])} with another's"
    if low is not None and low > 0:
        return f"Control ({title}, {noise} noise): {change}; the model uses the context of the utterance."
    interval = f"reduction {interval_text(low, high)}"
    return f"Control ({title}, {noise} noise): {change}, {interval}; no use of the context is shown."
