# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Wrong options of the smaller scripts of the evaluation, refused before a model is loaded."""

from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from nemo_noise.configuration import config_directory
from nemo_noise.data.previews.curriculum import curriculum_moments
from nemo_noise.evaluation.decoding_tuning import SearchGrid
from nemo_noise.evaluation.profiling.profile import ProfileOptions
from nemo_noise.evaluation.script_options import check_script
from tests.broken_inputs.case import Case
from tests.broken_inputs.files import NOISE, SPEECH, Content, Folder, Missing

NEEDED: dict[str, dict[str, Any]] = {
    "profile": {"model": "stt_en"},
    "plot_attention": {"model": "stt_en", "speech_manifest": SPEECH},
    "plot_context": {"model": "stt_en", "speech_manifest": SPEECH, "noise_manifest": NOISE},
    "probe_context": {"model": "stt_en", "speech_manifest": SPEECH, "word_manifest": SPEECH},
    "tune_decoding": {"model": "stt_en", "dev": SPEECH, "output": "tuned.nemo"},
    "transcribe_with_adaptation": {"model": "stt_en", "manifest": SPEECH},
    "transcribe_aed_streaming": {"model": "stt_en", "manifest": SPEECH},
    "train_ngram": {"model": "stt_en", "texts": [Content("t.txt", "one two\n")], "output": "l.arpa"},
    "export_attention_model": {"model": "stt_en", "output_dir": "exported"},
    "import_whisper": {"folder": "whisper-tiny", "output": "w.nemo"},
    "import_wav2vec2": {"folder": "wav2vec2", "output": "w.nemo"},
    "preview_noise": {"speech_manifest": SPEECH, "output_dir": "preview"},
    "plot_curriculum": {"picture": "curriculum.png"},
    "prepare_corpus": {"corpus": "musan", "root": "musan", "output_dir": "manifests"},
}
NEEDED["probe_context"]["noise_manifests"] = {"seen": NOISE, "unseen": NOISE}


def script(name: str, **changes: Any) -> None:
    """The beginning of a script: its configuration with some options changed."""
    with initialize_config_dir(str(config_directory() / "scripts"), version_base=None):
        config = compose(name)
    OmegaConf.set_struct(config, False)
    for option, value in changes.items():  # a value takes the place of a block, as on the command line
        config[option] = value
    check_script(name, config)


def _wrong(name: str, option: str, value: Any, hint: str, shown: str = "", said: str = "") -> Case:
    given = {"name": name, **NEEDED[name], option: value}
    return Case(f"{name}-{option}-{value!r}", script, given, said or option, shown or repr(value), hint)


CASES = [
    _wrong("profile", "model", None, "a text"),
    _wrong("profile", "threads", "all", "a whole number"),
    _wrong("profile", "threads", 0, "1 or more"),
    _wrong("profile", "device", "cuda:99", "should be c"),
    _wrong("profile", "measure", 7, "a mapping"),
    _wrong("profile", "model", Missing("m.nemo"), "must be a .nemo file", "m.nemo"),
    _wrong("profile", "output_dir", Content("taken", "a"), "should be a folder", "taken"),
    _wrong("profile", "repeat", 7, "should be one of", "'repeat'", "unknown"),
    _wrong("tune_decoding", "dev", Missing("dev.json"), "expected a JSON-lines file", "no such manifest", "dev.json"),
    _wrong("tune_decoding", "batch_size", 0.5, "a whole number"),
    _wrong("tune_decoding", "text_normalization", "lower", "should be a list"),
    _wrong("tune_decoding", "min_rtfx", "fast", "a number"),
    _wrong("tune_decoding", "language_model", Missing("lm.arpa"), "train_ngram.py writes one", "lm.arpa"),
    _wrong("tune_decoding", "output", Folder("model"), "should be a file", "model"),
    _wrong("transcribe_with_adaptation", "stream_field", ["speaker"], "a text"),
    _wrong("transcribe_with_adaptation", "adaptation", 5, "a mapping"),
    _wrong("transcribe_aed_streaming", "prompt", "de", "a mapping, as in {source_lang: de}"),
    _wrong("plot_attention", "utterance", 1, "should be from 0 to 0"),
    _wrong("plot_attention", "utterance", -1, "0 or more"),
    _wrong("plot_attention", "snr_db", "loud", "a number"),
    _wrong("plot_context", "snr_db", ["quiet"], "numbers of dB", "'quiet'"),
    _wrong("plot_context", "seed", 1.5, "a whole number"),
    _wrong("probe_context", "num_train", 0, "1 or more"),
    _wrong("probe_context", "snr_db", [-5, "high"], "a number", "'high'"),
    _wrong("probe_context", "noise_manifests", {"seen": NOISE, "unseen": 5}, "a path", "5", "noise_manifests.unseen"),
    _wrong("probe_context", "noise_manifests", [NOISE], "a mapping, as in", "noise.json"),
    _wrong("train_ngram", "order", "4", "a whole number"),
    _wrong("train_ngram", "unit", "tokens", "one of token, word"),
    _wrong("train_ngram", "unknown_text", None, "one of refuse, skip"),
    _wrong("train_ngram", "estimator", 1, "one of auto, lmplz, ours"),
    _wrong("train_ngram", "lmplz_memory", 5, "such as 1G"),
    _wrong("train_ngram", "texts", [None], "a path, or a list of paths"),
    _wrong("train_ngram", "texts", [Missing("t.txt")], "should be a manifest or a text file", "t.txt"),
    _wrong("train_ngram", "output", Folder("lm"), "should be a file", "lm"),
    _wrong("train_ngram", "model", Missing("m.nemo"), "must be a .nemo file", "m.nemo"),
    _wrong("export_attention_model", "output_dir", Content("taken", "a"), "should be a folder", "taken"),
    _wrong("export_attention_model", "model", None, "a text"),
    _wrong("import_whisper", "folder", ["a"], "a text"),
    _wrong("import_whisper", "output", None, "a text"),
    _wrong("import_whisper", "foldr", "a", "did you mean folder", "'foldr'", "unknown"),
    _wrong("import_wav2vec2", "frame_hop", 160.5, "a whole number"),
    _wrong("import_wav2vec2", "output", Folder("out"), "should be a file", "out"),
    _wrong("preview_noise", "num_utterances", 2.5, "a whole number"),
    _wrong("preview_noise", "num_epochs", None, "a whole number"),
    _wrong("preview_noise", "sample_rate", "16k", "a whole number"),
    _wrong("preview_noise", "speech_manifest", ["a.json"], "a text"),
    _wrong("preview_noise", "rooms", "office", "a mapping"),
    _wrong("preview_noise", "devices", {"effect": {}}, "did you mean effects", "'effect'"),
    _wrong("preview_noise", "noise_mix", {"prob": 0.5}, "1.0, and the share in mix_prob", "0.5", "noise_mix.prob"),
    _wrong("plot_curriculum", "until", "end", "a whole number"),
    _wrong("plot_curriculum", "num_times", 10**9, "10000 at most"),
    _wrong("plot_curriculum", "picture", "a.xyz", "should end in one of"),
    _wrong("plot_curriculum", "curriculum", "accan", "a mapping"),
    _wrong("prepare_corpus", "root", 5, "a text"),
    _wrong("prepare_corpus", "options", ["parts"], "a mapping"),
    _wrong("prepare_corpus", "decode", "no", "true or false"),
    _wrong("prepare_corpus", "min_duration_s", True, "a number"),
    Case("curriculum-picture-of-nothing", curriculum_moments,
         {"config": {"unit": "epoch"}, "until": 5, "num_times": 2}, "curriculum", "{'unit': 'epoch'}", "snr_db"),
    Case("grid-of-a-billion-beams", SearchGrid.of, {"given": {"beam_size": [10**9], "alpha": [0]}}, "beam_size",
         "1000000000", "4096 at most"),
    Case("script-without-a-model", script, {"name": "plot_attention"}, "model", "missing", "give a text"),
    Case("grid-of-a-misspelt-option", SearchGrid.of, {"given": {"beam": [2]}}, "grid", "'beam'", "beam_size"),
    Case(
        "grid-of-half-a-beam",
        SearchGrid.of,
        {"given": {"beam_size": [2.5], "alpha": [0]}},
        "beam_size",
        "2.5",
        "a whole number",
    ),
    Case("profile-of-half-a-waveform", ProfileOptions, {"batch_sizes": [1.5]}, "batch_sizes", "1.5", "a whole number"),
    Case("profile-of-a-word-of-repeats", ProfileOptions, {"repeats": "many"}, "repeats", "'many'", "a whole number"),
]  # fmt: skip
