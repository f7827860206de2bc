# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Typical mistakes of a first hour: where, what was typed, and the argument, value and remedy to be named.

The files are those of `folder.py`. Words are apart by two spaces.
"""

import torch

import nemo_noise
from tests.first_hour.commands import COMMANDS
from tests.first_hour.doors import command, program, python
from tests.first_hour.mistake import Mistake

EVALUATE = program("examples/asr/evaluate_noise_robustness.py")
TRAIN = program("examples/asr/speech_to_text_ctc_bpe.py")
GOOD = "model=plain.nemo  speech=speech.json  noise_lists=noise.json  snr_db=[0]"
TINY = "@tiny"  # what makes the recipe small and gives its required values; see test_first_hour.py


def _evaluate(name: str, words: str, *names: str, **others: object) -> Mistake:
    return Mistake(f"evaluate: {name}", EVALUATE, f"{GOOD}  {words}", names, **others)  # type: ignore[arg-type]


def _train(name: str, words: str, *names: str, **others: object) -> Mistake:
    return Mistake(f"train: {name}", TRAIN, f"{TINY}  {words}", names, **others)  # type: ignore[arg-type]


def _run(name: str, path: str, words: str, *names: str, **others: object) -> Mistake:
    script = path if "/" in path else f"asr/{path}"
    return Mistake(f"{path}: {name}", program(f"examples/{script}.py"), words, names, **others)  # type: ignore[arg-type]


MEASURE = (
    _evaluate("a model that is not there", "model=stt.nemo", "model", "stt.nemo", "does not exist"),
    _evaluate("a folder as a model", "model=noises/", "model", "noises", ".nemo"),
    _evaluate("speech that is not there", "speech=dev.json", "speech", "dev.json", "give a manifest"),
    _evaluate("noise as speech", "speech=noise.json", "noise.json", "text"),
    _evaluate("a JSON list as a manifest", "speech=list.json", "list.json:1", "expected an object"),
    _evaluate("an audio file as a manifest", "speech=speech.wav", "speech.wav", "manifest"),
    _evaluate("noise that is not there", "noise_lists=my_noise/", "noise_lists", "my_noise", "folder of noise"),
    _evaluate("a folder without audio", "noise_lists=nothing/", "noise_lists", "nothing", "audio"),
    _evaluate("two lists of one name", "noise_lists=[a/noise.json,b/noise.json]", "noise_lists", "a mapping such as"),
    _evaluate("silent noise", "noise_lists=silent.json", "silent", "noise"),
    _evaluate("an SNR in words", "snr_db=ten", "snr_db", "'ten'", "[clean, 20, 10, 0]"),
    _evaluate("a range of SNRs", "snr_db={min: 0, max: 20}", "snr_db", "min", "[clean, 20, 15"),
    _evaluate("a misspelt option", "nois_lists=noise.json", "nois_lists", "did you mean noise_lists?"),
    _evaluate(
        "a misspelt option of a block", "noise_only.crobs=3", "noise_only.crobs", "did you mean noise_only.crops"
    ),
    _evaluate(
        "a gate of a misspelt name", "snr_db=[clean,0]  fail_if=['clean.wr > 0.1']", "fail_if", "clean.wr", "clean.wer"
    ),
    _evaluate("a gate without a number", "fail_if=['clean.wer']", "fail_if", "clean.wer", "path operator number"),
    _evaluate("transcripts of wrong columns", "baseline=columns.csv", "columns.csv:1", "words", "mixture_id"),
    _evaluate("transcripts of other mixtures", "baseline=others.csv", "others.csv", "id"),
    _evaluate("a GPU that is not there", "device=cuda:99", "device", "cuda:99", "should be"),
    _evaluate("a file as a folder of results", "output_dir=speech.json", "output_dir", "speech.json", "a folder"),
    _evaluate("a misspelt argument of transcribe", "+transcribe.timestamp=true", "timestamp", "timestamps"),
    _evaluate("a misspelt control", "controls=[shuffled]", "controls", "'shuffled'", "shuffled_context"),
    _evaluate("a misspelt step of normalisation", "text_normalization=[lowercase]", "lowercase", "lower"),
    _evaluate("chunks without a list", "streaming_ms=80", "streaming_ms", "80", "a list"),
    _evaluate(
        "telephone speech", "speech=telephone.json  noise_only.crops=0  controls=[]", "8000", "telephone", note=True
    ),
)
WORK = (
    _run(
        "texts that are not there", "train_ngram", "model=plain.nemo  texts=all.txt", "texts", "all.txt", "text file"
    ),
    _run("an order of one", "train_ngram", "model=plain.nemo  texts=speech.json  order=1", "order", "1", "2 or more"),
    _run(
        "dev without text", "tune_decoding", "model=plain.nemo  dev=untold.json  output=t.nemo", "untold.json", "text"
    ),
    _run(
        "an utterance too far",
        "plot_context",
        "model=aware.nemo  speech_manifest=speech.json  noise_manifest=noise.json  utterance=99",
        "utterance",
        "99",
        "from 0 to",
    ),
    _run(
        "a model without a context",
        "plot_context",
        "model=plain.nemo  speech_manifest=speech.json  noise_manifest=noise.json",
        "model",
        "context",
    ),
    _run("a misspelt corpus", "data/prepare_corpus", "corpus=libri  root=.  output_dir=out", "corpus", "librispeech"),
    _run(
        "a corpus that is not there",
        "data/prepare_corpus",
        "corpus=demand  root=demand  output_dir=out",
        "root",
        "demand",
        "folder",
    ),
    _run("Whisper without weights", "import_whisper", "folder=whisper  output=w.nemo", "whisper", "model.safetensors"),
    _run("no folder of a model", "import_wav2vec2", "folder=noises  output=w.nemo", "noises", "config.json"),
    _run(
        "both ways at once",
        "import_whisper",
        "folder=whisper  model=plain.nemo  output=w.nemo",
        "folder",
        "model",
        "one",
    ),
    _run(
        "half of NeMo's prob",
        "preview_noise",
        "speech_manifest=speech.json  noise_mix.manifest_path=noise.json  noise_mix.snr_db=[0]  noise_mix.prob=0.5",
        "noise_mix.prob",
        "0.5",
        "mix_prob",
    ),
    _run(
        "a range the wrong way round",
        "preview_noise",
        "speech_manifest=speech.json  noise_mix.manifest_path=noise.json  noise_mix.snr_db={min: 20, max: 0}",
        "snr_db",
        "20",
        "min",
    ),
    _run("a misspelt curriculum", "plot_curriculum", "curriculum=acan", "curriculum", "acan", "accan"),
    _run("a picture as a text", "plot_curriculum", "picture=a.txt", "picture", "a.txt", ".png"),
    _run(
        "a misspelt group of parameters",
        "transcribe_with_adaptation",
        "model=plain.nemo  manifest=speech.json  adaptation.parameters=[norm]",
        "parameters",
        "norm",
        "norms",
    ),
    _run(
        "a CTC model to export",
        "export_attention_model",
        "model=plain.nemo  output_dir=out",
        "EncDecCTCModelBPE",
        "model.export()",
    ),
    _run(
        "a file over a folder", "train_ngram", "model=plain.nemo  texts=speech.json  output=noises", "output", "a file"
    ),
)
TRAINING = (
    _train(
        "a misspelt key", "model.train_ds.manifest_filpath=a.json", "did you mean model.train_ds.manifest_filepath?"
    ),
    _train("a misspelt part", "+trainig=frozen_backbone", "trainig", "did you mean +training=frozen_backbone?"),
    _train("a misspelt choice", "context@model.encoder.context=causal", "causal", "did you mean causal_statistics"),
    _train(
        "a misspelt recipe", "--config-name=fast-conformer_ctc", "fast-conformer_ctc", "noise_aware_fast-conformer"
    ),
    _train(
        "speech that is not there",
        "model.train_ds.manifest_filepath=all.json",
        "model.train_ds.manifest_filepath",
        "all.json",
        "give",
    ),
    _train(
        "audio that moved",
        "model.train_ds.manifest_filepath=moved.json",
        "manifest_filepath",
        "moved.json:1",
        "gone/speech.wav",
    ),
    _train("no tokenizer", "model.tokenizer.dir=tok", "model.tokenizer.dir", "tok", "give the folder"),
    _train("a misspelt knob", "+model.train_ds.augmentor.noise_mix.snr=5", "'snr'", "snr_db"),
    _train("an SNR in words", "model.train_ds.augmentor.noise_mix.snr_db=loud", "snr_db", "loud", "min"),
    _train("noise that is not there", "model.train_ds.augmentor.noise_mix.manifest_path=n.json", "n.json", "manifest"),
    _train("half of NeMo's prob", "model.train_ds.augmentor.noise_mix.prob=0.5", "prob", "0.5", "mix_prob"),
    _train("a checkpoint that is not there", "+init_from_nemo_model=a.nemo", "init_from_nemo_model", "a.nemo", "give"),
    _train(
        "a checkpoint of another size", "+init_from_nemo_model=deep.nemo", "encoder.layers.1", "init_allow_partial"
    ),
    _train("a fusion of another width", "model.encoder.fusion.features.d_model=81", "d_model", "81", "32"),
    _train(
        "a misspelt class",
        "model.encoder.context._target_=nemo_noise.modules.StatisticContextEncoder",
        "_target_",
        "did you mean StatisticsContextEncoder",
    ),
    _train("a GPU that is not there", "trainer.accelerator=gpu", "accelerator", "gpu", "cpu"),
)
FRONT = (
    Mistake("command: a misspelt word", command, "doctr", ("doctr", "doctor")),
    Mistake("command: a misspelt option", command, "doctor  --jsn", ("--jsn", "--json")),
    Mistake("command: no word", command, "", ("Usage", "doctor")),
    Mistake(
        "python: a misspelt name",
        python(lambda: nemo_noise.laod),  # type: ignore[attr-defined]
        "nemo_noise.laod",
        ("laod", "did you mean load?"),
    ),
    Mistake(
        "python: a model that is not there",
        python(lambda: nemo_noise.load("stt.nemo", torch.device("cpu"))),
        'nemo_noise.load("stt.nemo", device)',
        ("stt.nemo", "does not exist"),
    ),
)
MISTAKES = (*MEASURE, *WORK, *TRAINING, *FRONT, *COMMANDS)
