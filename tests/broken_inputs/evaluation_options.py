# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Wrong options of an evaluation, refused before a model is loaded."""

from typing import Any

from nemo_noise.evaluation.mixtures.noise_only import NoiseOnlyOptions
from nemo_noise.evaluation.transcription.robustness import RunOptions
from nemo_noise.recogniser.config_facts import ModelFacts, check_transcribe_options
from tests.broken_inputs.case import Case
from tests.broken_inputs.evaluation import CLEAN_ROWS, evaluate, scored
from tests.broken_inputs.files import SPEECH, SPEECH_LINE, Content, Folder, Lines, Wave

TRANSCRIPTS = Content("t.csv", "id,text\na,b\n")


def _wrong(option: str, value: Any, hint: str, shown: str = "", name: str = "") -> Case:
    """An evaluation with one wrong option, which is refused before any file is looked at."""
    given = {"model": "x.nemo", "speech": "s.json", "noise_lists": {}, option: value}
    return Case(f"option-{option}-{value!r}", evaluate, given, name or option, shown or repr(value), hint)


def _rows(**options: Any) -> dict[str, Any]:
    return {"rows": CLEAN_ROWS, **options}


def _evaluation(**changes: Any) -> dict[str, Any]:
    return {"model": TRANSCRIPTS, "speech": SPEECH, "noise_lists": {}, **changes}


OPTIONS = [
    _wrong("batch_size", 1.5, "a whole number, 1 or more"),
    _wrong("batch_size", True, "a whole number"),
    _wrong("batch_size", "16", "a whole number"),
    _wrong("batch_size", 10**9, "65536 at most"),
    _wrong("noise_lists", 5, "should be a manifest or a folder"),
    _wrong("noise_lists", ["a/noise.json", "b/noise.json"], "a mapping such as", "'noise'"),
    _wrong("noise_lists", {"street": 5}, "should be a manifest or a folder", "5", "noise_lists.street"),
    _wrong("noise_lists", {"street": []}, "should be a manifest or a folder", "[]", "noise_lists.street"),
    _wrong("noise_lists", {5: "a.json"}, "in quotes", "5"),
    _wrong("speech", 5, "a path, or a list of paths"),
    _wrong("speech", [], "a path, or a list of paths"),
    _wrong("speech", {"a": "s.json"}, "a path, or a list of paths"),
    _wrong("model", 5, "a text"),
    _wrong("baseline", ["b.nemo"], "a text"),
    _wrong("model_name", 2026, "in quotes where it is a number"),
    _wrong("adaptation", 5, "a mapping, as in {parameters: [norms]"),
    _wrong("adaptation", {"max_steps": 1.5}, "must be a whole number", "1.5", "adaptation.max_steps"),
    _wrong("adaptation", {"parameters": 5}, "must be a list of names", "5", "adaptation.parameters"),
    _wrong("adaptation", {"transcribe": "de"}, "a mapping", "'de'", "adaptation.transcribe"),
    _wrong("adaptation_streams", "speaker", "a list, as in [speaker]"),
    _wrong("adaptation_trials", 0.5, "a whole number"),
    _wrong("transcribe", "de", "a mapping, as in {source_lang: de}"),
    _wrong("transcribe", ["source_lang"], "a mapping, as in {source_lang: de}"),
    _wrong("device", "cuda:99", "should be c"),
    _wrong("device", "meta", "should be cuda"),
    _wrong("device", 0, "a text"),
    _wrong("latency_utterances", 1.5, "a whole number"),
    _wrong("confidence", "max_prob", "a mapping"),
    _wrong("confidence", {"method_cfg": {"name": "guess"}}, "should be NeMo's confidence_cfg", "guess"),
    _wrong("confidence", {"aggregate": "mean"}, "should be NeMo's confidence_cfg", "aggregate"),
    _wrong("snr_db", ["clean", -1000], "from -120 to 120", "-1000"),
    _wrong("snr_db", [float("nan")], "numbers of dB", "nan"),
    _wrong("snr_db", [True], "numbers of dB", "True"),
    _wrong("controls", "shuffled_context", "a list"),
    _wrong("controls", ["shuffled"], "one of shuffled_context", "'shuffled'"),
    _wrong("noise_only", {"silence_s": [1e-9]}, "0.01 or more", "1e-09", "noise_only.silence_s"),
    _wrong("noise_only", {"silence_s": 5}, "a list", "5", "noise_only.silence_s"),
    _wrong("noise_only", {"crops": 1.5}, "a whole number", "1.5", "noise_only.crops"),
    _wrong("noise_only", {"crop_s": "10"}, "a number", "'10'", "noise_only.crop_s"),
    _wrong("noise_only", 5, "a mapping"),
    _wrong("noise_only", {"crobs": 5}, "did you mean crops", "'crobs'"),
    _wrong("grid", ["full"], "one of full, marginal"),
    _wrong("seed", "a", "a whole number, 0 or more"),
    _wrong("seed", -1, "a whole number, 0 or more"),
    _wrong("preroll_s", True, "a number, 0 or more"),
    _wrong("streaming_ms", 80, "a list, as in [80, 320]"),
    _wrong("around_s", 0.5, "a list, as in [0.2, 0.5, 2]"),
    _wrong("around_s", [-1], "around_s", "-1"),
    _wrong("around_trials", 0, "1 or more"),
    _wrong("context_snr", "yes", "true or false"),
    _wrong("training_seed", "one", "a whole number"),
    _wrong("text_normalization", "lower", "should be a list"),
    _wrong("text_normalization", [["lower"]], "lower_turkish", "lower"),
    _wrong("group_fields", "text", "a list, as in [speaker]"),
    _wrong("group_fields", [1], "a text", "1"),
    _wrong("block_field", ["speaker"], "a text"),
    _wrong("replications", 0.5, "a whole number"),
    _wrong("replications", 10**12, "1000000 at most"),
    _wrong("bootstrap_seed", None, "a whole number"),
    _wrong("from_hypotheses", 5, "a list of hypotheses.jsonl"),
    _wrong("sample_rate", 8, "1000 or more"),
    _wrong("audio_clips", -3, "a whole number, 0 or more"),
    _wrong("audio_clips", 2.5, "a whole number"),
    _wrong("model_card", "mit", "a mapping"),
    _wrong("model_card", {"license": 5}, "a text", "5", "model_card.license"),
    _wrong("output_dir", 5, "a text"),
    _wrong("fail_if", "clean.wer > 0.5", "a list"),
    _wrong("fail_if", ["clean.wer"], "path operator number", "'clean.wer'"),
    _wrong("replication", 5, "did you mean replications?", "unknown"),
    Case(
        "rows-with-a-block-of-lists",
        scored,
        {"rows": CLEAN_ROWS, "block_field": ["a"]},
        "block_field",
        "['a']",
        "a text",
    ),
    Case(
        "rows-with-groups-of-letters",
        scored,
        {"rows": CLEAN_ROWS, "group_fields": "text"},
        "group_fields",
        "'text'",
        "a list",
    ),
    Case("run-in-half-batches", RunOptions, {"batch_size": 1.5}, "batch_size", "1.5", "a whole number"),
    Case("noise-only-in-half-crops", NoiseOnlyOptions, {"crops": 0.5}, "noise_only.crops", "0.5", "a whole number"),
]

PREPARED = [
    Case(
        "gate-of-a-misspelt-name-before-the-run",
        evaluate,
        _evaluation(fail_if=["clean.werr > 0.3"]),
        "fail_if",
        "'clean.werr'",
        "near names: clean.wer",
    ),
    Case(
        "gate-of-a-baseline-that-is-not-there",
        evaluate,
        _evaluation(fail_if=["comparison.clean.difference_high > 0"]),
        "fail_if",
        "'comparison.clean.difference_high'",
        "give a baseline",
    ),
    Case(
        "blocks-of-a-misspelt-field",
        evaluate,
        _evaluation(speech=Lines("s.json", ({**SPEECH_LINE, "talker": "a"},)), block_field="taker"),
        "block_field",
        "'taker'",
        "did you mean talker?",
    ),
    Case(
        "groups-of-a-field-that-no-line-has",
        evaluate,
        _evaluation(group_fields=["gendre"]),
        "group_fields",
        "'gendre'",
        "should be one of",
    ),
    Case(
        "speech-without-any-text",
        evaluate,
        _evaluation(speech=Lines("s.json", ({"audio_filepath": "speech.wav", "duration": 1.0},))),
        "speech",
        "none of the 1 lines",
        "should be what is said",
    ),
    Case(
        "speech-whose-texts-are-all-punctuation",
        evaluate,
        _evaluation(
            speech=Lines("s.json", ({**SPEECH_LINE, "text": "..."},)), text_normalization=["strip_punctuation"]
        ),
        "speech",
        "none of the 1 lines",
        "should be what is said",
    ),
    Case(
        "speech-that-is-all-silent",
        evaluate,
        _evaluation(speech=Lines("s.json", (SPEECH_LINE,), (Wave(level=0.0),))),
        "speech",
        "all 1 utterances",
        "silent",
        "s.json:1",
    ),
    Case(
        "speech-that-is-a-folder",
        evaluate,
        _evaluation(speech=Folder("clips", (Wave("a.wav"),))),
        "speech",
        "clips",
        "should be a manifest",
    ),
    Case(
        "model-that-is-a-folder",
        evaluate,
        _evaluation(model=Folder("whisper-tiny", (Content("config.json", "{}"),))),
        "model",
        "whisper-tiny",
        "should be a .nemo file",
    ),
    Case(
        "streams-of-a-field-that-a-line-lacks",
        evaluate,
        _evaluation(adaptation={}, adaptation_streams=["speaker"]),
        "speaker",
        "None",
        "must be a text or a number in every line",
        "speech.json:1",
    ),
    Case(
        "noises-of-a-folder-without-audio",
        evaluate,
        _evaluation(noise_lists=Folder("noises", (Content("a.txt", "a"),))),
        "noise_lists.noises",
        "noises",
        "a folder without audio",
    ),
    Case(
        "output-where-a-file-is",
        evaluate,
        _evaluation(output_dir=Content("taken", "a")),
        "output_dir",
        "taken",
        "should be a folder",
    ),
    Case(
        "transcribe-with-a-batch-size",
        check_transcribe_options,
        {"where": "transcribe", "model": "m", "facts": ModelFacts("C"), "options": {"batch_size": 1}},
        "transcribe",
        "'batch_size'",
        "beside transcribe",
    ),
    Case(
        "transcribe-with-an-option-of-another-model",
        check_transcribe_options,
        {
            "where": "transcribe",
            "model": "m",
            "facts": ModelFacts("EncDecCTCModel", options=frozenset({"timestamps"})),
            "options": {"source_lang": "de"},
        },
        "transcribe",
        "'source_lang'",
        "should be some of timestamps",
    ),
    Case(
        "transcribe-in-a-numbered-language",
        check_transcribe_options,
        {"where": "transcribe", "model": "m", "facts": ModelFacts("WhisperModel"), "options": {"source_lang": 5}},
        "transcribe.source_lang",
        "5",
        "a text",
    ),
]

CASES = [*OPTIONS, *PREPARED]
