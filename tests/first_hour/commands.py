# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Typical mistakes of a first hour with the command `nemo-noise`; see mistakes.py."""

from tests.first_hour.doors import command, without
from tests.first_hour.mistake import Mistake


def _said(name: str, words: str, *names: str, **others: object) -> Mistake:
    return Mistake(f"{words.split()[0]}: {name}", command, words, names, **others)  # type: ignore[arg-type]


def _card(
    name: str, more: str, *names: str, of: str = "plain.nemo", speech: str = "speech.json", **others: object
) -> Mistake:
    noise = "" if "--noise  " in more else "  --noise  noise.json"
    return _said(name, f"card  {of}  --speech  {speech}{noise}  {more}", *names, **others)


def _add(name: str, words: str, *names: str, **others: object) -> Mistake:
    return _said(name, f"add  {words}", *names, **others)


def _tune(
    name: str,
    more: str,
    *names: str,
    of: str = "plain.nemo",
    train: str = "speech_list.json",
    dev: str = "speech.json",
    noise: str = "fans",
    **others: object,
) -> Mistake:
    words = f"tune  {of}  --train  {train}  --dev  {dev}  --noise  {noise}  {more}"
    return _said(name, words, *names, **others)


def _transcribe(name: str, words: str, *names: str, **others: object) -> Mistake:
    return _said(name, f"transcribe  {words}", *names, **others)


CARD = (
    _card("a model that is not there", "", "stt.nemo", "does not exist", ".nemo file", of="stt.nemo"),
    _card("a misspelt model", "", "plane.nemo", "did you mean plain.nemo", of="plane.nemo"),
    _card("a zip as a model", "", "zip.nemo", ".nemo file", of="zip.nemo"),
    _card("a text as a model", "", "text.nemo", ".nemo file", of="text.nemo"),
    _card("a model of another kind", "", "context.nemo", "cannot transcribe", "ASR model", of="context.nemo"),
    _card("Whisper without weights", "", "whisper", "model.safetensors", of="whisper"),
    _card("a folder as a model", "", "noises", ".nemo file", of="noises"),
    _card("audio as a model", "", "speech.wav", ".nemo", of="speech.wav"),
    _card(
        "a misspelt pretrained model",
        "",
        "stt_en_fastconformer_ctc_larg",
        "stt_en_fastconformer_ctc_large",
        of="stt_en_fastconformer_ctc_larg",
    ),
    _card("a baseline that is not there", "--baseline  old.nemo", "baseline", "old.nemo", "does not exist"),
    _card("the model as its own baseline", "--baseline  plain.nemo", "baseline", "plain.nemo", "another"),
    _card("speech that is not there", "", "speech", "spech.json", "did you mean speech.json", speech="spech.json"),
    _said("no speech", "card  plain.nemo  --noise  noise.json", "--speech", "a manifest"),
    _card("speech without text", "", "speech", "untold.json", "none of the 1 lines has a text", speech="untold.json"),
    _card("an empty manifest", "", "empty.json", "JSON line", speech="empty.json"),
    _card("a broken line", "", "broken.json:2", "one JSON object per line", speech="broken.json"),
    _card("audio that moved", "", "moved.json:1", "gone/speech.wav", "no such file", speech="moved.json"),
    _card("a text that is named as audio", "", "fakes.json", "fake.wav", "audio", speech="fakes.json"),
    _card("a folder without audio", "--noise  nothing", "--noise: ", "nothing", "a folder without audio", "give"),
    _card("noise that is not there", "--noise  noise", "--noise: ", "'noise'", "did you mean noises"),
    _card("texts that are named as noise", "--noise  fakes", "noise", "fakes", "audio"),
    _card("an SNR in words", "--snr  ten", "--snr", "'ten'", "clean,20,10,0"),
    _card("an SNR of a thousand", "--snr  0,1000", "snr", "1000", "from -120 to 120"),
    _card("a misspelt room", "--rooms  simulate", "rooms", "simulate", "simulated"),
    Mistake(
        "card: rooms without their package",
        without("pyroomacoustics"),
        "card  plain.nemo  --speech  speech.json  --noise  noise.json  --rooms  simulated",
        ("pyroomacoustics", "nemo-noise[rooms]"),
    ),
    _card("a misspelt channel", "--channels  telefone", "channels", "telefone", "did you mean telephone"),
    _card("chunks in words", "--streaming  short", "--streaming", "'short'", "80,320"),
    _card("a count in words", "--utterances  few", "--utterances", "'few'", "whole number"),
    _card(
        "a misspelt step of normalisation", "--normalize  lowercase", "--normalize", "lowercase", "did you mean lower"
    ),
    _card("a gate of a misspelt name", "--fail-if  clean.wr > 0.1", "fail_if", "clean.wr", "clean.wer"),
    _card(
        "a gate on a baseline without one",
        "--fail-if  comparison.clean.difference_high > 0",
        "fail_if",
        "comparison",
        "baseline",
    ),
    _card("a GPU that is not there", "--device  cuda:99", "device", "cuda:99", "should be"),
    _card("a device of another name", "--device  gpu", "device", "gpu", "cuda"),
    _card("a file as a folder", "--output  speech.json", "--output", "speech.json", "folder that can be written"),
    _card(
        "a folder that cannot be written",
        "--output  /proc/card",
        "--output",
        "/proc/card",
        "folder that can be written",
    ),
    _card("a misspelt option of a block", "noise_only.crobs=3", "noise_only.crobs", "did you mean noise_only.crops"),
    _card("an override of an argument", "model=plain.nemo", "model", "SYSTEM"),
    _card("a misspelt option", "--bach-size  4", "--bach-size", "--batch-size"),
    _card("a number in words", "--batch-size  many", "--batch-size", "'many'", "integer"),
    _card(
        "telephone speech",
        "--quick  --snr  clean,0  noise_only.crops=0  noise_only.silence_s=[]  controls=[]  latency_utterances=0",
        "8000 Hz",
        "--channels telephone",
        speech="telephone.json",
        note=True,
    ),
)
ADD = (
    _add("a model that is not there", "stt.nemo  out.nemo", "MODEL", "stt.nemo", "does not exist"),
    _add("no file to write", "plain.nemo", "OUT", "nemo-noise add"),
    _add("a file of another kind", "plain.nemo  out.pt", "OUT", "out.pt", ".nemo"),
    _add("a file that is there", "plain.nemo  deep.nemo", "OUT", "deep.nemo", "--overwrite"),
    _add("a folder that cannot be written", "plain.nemo  /proc/out.nemo", "OUT", "/proc", "folder"),
    _add("a misspelt context", "plain.nemo  out.nemo  --context  causal", "context", "'causal'", "causal_statistics"),
    _add("a misspelt fusion", "plain.nemo  out.nemo  --fusion  film", "fusion", "'film'", "early_film"),
    _add("a second context", "aware.nemo  out.nemo", "aware.nemo", "has a noise context already"),
    _add("a model of another kind", "context.nemo  out.nemo", "context.nemo", "noise context can be added to"),
    _add("a folder of Whisper", "whisper  out.nemo", "MODEL", "whisper", ".nemo"),
    _add("a misspelt size", "plain.nemo  out.nemo  context.d_contxt=8", "d_contxt", "did you mean", "d_context"),
    _add("a size in words", "plain.nemo  out.nemo  context.d_context=wide", "d_context", "wide", "a whole number"),
)
TUNE = (
    _tune("a model that is not there", "", "stt.nemo", "does not exist", ".nemo", of="stt.nemo"),
    _said(
        "no speech",
        "tune  plain.nemo  --dev  speech.json  --noise  noises",
        "--train",
        "not given",
        "--train train.json",
    ),
    _tune("speech without text", "", "train", "untold.json", "text", train="untold.json"),
    _tune("speech that is not there", "", "dev", "dev.json", "give a manifest", dev="dev.json"),
    _tune("dev that is train", "", "--dev", "in train as well", "give others", dev="speech_list.json"),
    _tune("texts the model cannot write", "", "cannot write", "language", train="chinese.json"),
    _tune("audio that moved", "", "moved.json:1", "gone/speech.wav", "no such file", train="moved.json"),
    _tune("noise that is not there", "", "noise", "my_noise", "folder of noise", noise="my_noise"),
    _tune("a folder without audio", "", "noise", "nothing", "a folder without audio", noise="nothing"),
    _tune("one short recording as noise", "", "--noise", "noises.json:1", "give more noise", noise="noises"),
    _tune("a context where there is none", "--learn  context", "--learn", "nemo-noise add"),
    _tune("a misspelt way to learn", "--learn  adapter", "learn", "'adapter'", "adapters"),
    _tune("a misspelt guard", "--guard  halt", "guard", "'halt'", "blend", "stop"),
    _tune("an SNR in words", "--snr  loud", "--snr", "'loud'", "-5..20"),
    _tune("steps in words", "--steps  many", "--steps", "'many'", "integer"),
    _tune("percent as a share", "--clean-share  15", "clean", "15", "1 at most"),
    _tune("a file of another kind", "--output  tuned.pt", "output", "tuned.pt", ".nemo"),
    _tune("a GPU that is not there", "--device  cuda:99", "device", "cuda:99", "should be"),
    _tune("a misspelt room", "--rooms  simulated_room", "rooms", "'simulated_room'", "simulated_rooms"),
    _tune("two models", "aware.nemo", "aware.nemo", "one model"),
    _tune("a misspelt override", "trainer.devises=1", "trainer.devises", "did you mean trainer.devices"),
)
TRANSCRIBE = (
    _transcribe("no file", "plain.nemo", "nemo-noise transcribe model.nemo talk.mp3"),
    _transcribe("a model that is not there", "stt.nemo  speech.wav", "stt.nemo", "does not exist"),
    _transcribe("audio that is not there", "plain.nemo  talk.mp3", "FILES", "talk.mp3", "no such file or folder"),
    _transcribe("a text", "plain.nemo  talk.txt", "talk.txt", "audio"),
    _transcribe("a text that is named as audio", "plain.nemo  fake.wav", "fake.wav", "audio"),
    _transcribe("a folder without audio", "plain.nemo  nothing", "nothing", "audio"),
    _transcribe("an unknown format", "plain.nemo  speech.wav  --format  srd", "--format", "srd", "srt"),
    _transcribe(
        "a text as a language model", "plain.nemo  speech.wav  --lm  words.arpa", "--lm", "words.arpa", "ARPA"
    ),
    _transcribe("a language model that is not there", "plain.nemo  speech.wav  --lm  lm.arpa", "--lm", "lm.arpa"),
    _transcribe(
        "a file as a folder", "plain.nemo  speech.wav  --output-dir  speech.json", "output", "speech.json", "folder"
    ),
    _transcribe(
        "a folder that cannot be written",
        "plain.nemo  speech.wav  --output-dir  /proc/texts",
        "--output-dir",
        "/proc/texts",
        "folder that can be written",
    ),
    _transcribe("a second channel of one", "plain.nemo  speech.wav  --channel  2", "channel", "2", "speech.wav"),
    _transcribe("a device of another name", "plain.nemo  speech.wav  --device  gpu", "device", "gpu", "cuda"),
    _transcribe(
        "a model of another kind", "context.nemo  speech.wav", "context.nemo", "cannot transcribe", "ASR model"
    ),
    _transcribe("a beam of nothing", "plain.nemo  speech.wav  --beam  0", "--beam", "'0'", "1"),
)
OTHERS = (
    _said("no speech", "mix  --noise  noises", "--speech", "nemo-noise mix"),
    _said(
        "noise that is not there",
        "mix  --speech  speech.json  --noise  my_noise",
        "--noise",
        "my_noise",
        "folder of noise",
    ),
    _said("an SNR in words", "mix  --speech  speech.json  --noise  noises  --snr  loud", "--snr", "'loud'", "-5..20"),
    _said(
        "a misspelt device", "mix  --speech  speech.json  --devices  telefone", "--devices", "'telefone'", "telephone"
    ),
    _said("nothing of it", "mix  --speech  speech.json  --noise  noises  --utterances  0", "--utterances", "'0'", "1"),
    _said("a misspelt corpus", "prepare  libri  noises  out", "CORPUS", "'libri'", "librispeech"),
    _said("a folder that is not there", "prepare  folder  my_speech  out", "ROOT", "'my_speech'", "working directory"),
    _said("no folder to write", "prepare  folder  noises", "OUT", "nemo-noise prepare folder"),
    _said("a folder without audio", "prepare  folder  nothing  out", "ROOT", "nothing", "audio"),
    _said("an option of another corpus", "prepare  librispeech  noises  out  part=[dev]", "part", "parts"),
    _said("a file as a folder", "demo  speech.json  --quick", "OUTPUT", "speech.json", "folder that can be written"),
    _said("a seed below nothing", "demo  --quick  --seed  -1", "seed", "-1", "0"),
    _said("a misspelt option", "demo  --quik", "--quik", "--quick"),
)
COMMANDS = (*CARD, *ADD, *TUNE, *TRANSCRIBE, *OTHERS)
