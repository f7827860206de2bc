# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Hugging Face models as systems: Whisper, wav2vec 2.0 and its kin, Parakeet, by transformers' own classes.

Safetensors only, and no program of the folder: its `config.json` names sizes, never code.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
import transformers
from transformers.models.auto import modeling_auto as auto

from nemo_noise import checks
from nemo_noise.archive.finite_weights import check_model
from nemo_noise.foreign_text import printable
from nemo_noise.inference.systems.contract import System, TimedWord, Waveforms, with_options
from nemo_noise.inference.systems.ctc_words import timed_words, valid_frames
from nemo_noise.inference.systems.hub import folder_of
from nemo_noise.inference.systems.kinds import Kind
from nemo_noise.models.hugging_face.folder import check_own_file, find_weights, read_features, read_json
from nemo_noise.models.hugging_face.json_fields import JsonFields
from nemo_noise.recogniser.config_facts import ModelFacts
from nemo_noise.recogniser.transcription import Transcript, add_weights
from nemo_noise.recogniser.waveforms import check_waveforms

__all__ = ["HUGGING_FACE_OPTIONS", "check_hugging_face", "open_hugging_face"]

FETCHED = ("*.json", "*.safetensors", "*.txt", "*.model")
THRESHOLD = checks.maybe(checks.number())
TEMPERATURE = checks.Rule(
    lambda value: checks.is_number(value, 0) or checks.are_numbers(value, 0),
    "a number, 0 or more, or a list of some",
)
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
HUGGING_FACE_OPTIONS = {
    "language": checks.maybe(checks.text()),
    "task": checks.maybe(checks.one_of("transcribe", "translate")),
    "num_beams": checks.whole(1, 100),
    "max_new_tokens": checks.maybe(checks.whole(1)),
    "temperature": TEMPERATURE,
    "compression_ratio_threshold": THRESHOLD,
    "logprob_threshold": THRESHOLD,
    "no_speech_threshold": THRESHOLD,
    "dtype": checks.one_of(*DTYPES),
}
CTC_OPTIONS = ("dtype",)
# Where the hub's attention kernels, quantisation and other weights are named: transformers would fetch and run them.
NOT_READ = ("auto_map", "attn_implementation", "experts_implementation", "quantization_config", "torch_dtype", "dtype")
REFUSED = {
    "quantization_config": "save the weights in full, not quantised",
    "transformers_weights": "the weights must be model.safetensors",
}
# Decoders that continue a text: they need a prompt, which is no waveform.
PROMPTED = ("granite_speech", "granite_speech_plus", "voxtral", "voxtral_realtime", "qwen3_asr", "vibevoice",
            "vibevoice_asr", "fun_asr_nano", "dia", "pop2piano", "speecht5", "kyutai_speech_to_text")  # fmt: skip
GENERATING = (
    auto.MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING_NAMES,
    getattr(auto, "MODEL_FOR_RNNT_MAPPING_NAMES", {}),
    getattr(auto, "MODEL_FOR_TDT_MAPPING_NAMES", {}),
)


class _Facts(NamedTuple):
    """What the JSON of a folder says: the class, whether it is a CTC model, and samples per second."""

    class_name: str
    is_ctc: bool
    sample_rate: int


@dataclass(frozen=True)
class Parts:
    """A model with what turns waveforms into its features and numbers into text."""

    model: Any
    features: Any
    tokenizer: Any


def open_hugging_face(name: str, device: torch.device, options: Mapping[str, Any] | None = None) -> System:
    """Load a folder in Hugging Face's format, or `owner/name` of the hub.

    Args:
        name: the folder or name.
        device: where it runs.
        options: some of `HUGGING_FACE_OPTIONS`; what is left out is the model's own default.

    Raises:
        ValueError: the folder holds no recogniser, only pickled weights, weights that do not fit, or parts that would
            run programs; or an option is unknown or wrong.
    """
    given = dict(options or {})
    folder = folder_of(name, FETCHED)
    facts = _facts(folder)
    _check_options(given, facts, where="transcribe", shown=name)
    _check_language(given, folder, where="transcribe", shown=name)
    parts = _load(folder, facts, DTYPES[given.get("dtype", "float32")], device)
    digest = hashlib.sha256(facts.class_name.encode())
    add_weights(digest, parts.model.state_dict())
    for described in (parts.model.config, getattr(parts.model, "generation_config", None), parts.features):
        digest.update(_described(described).encode())
    mark = with_options(digest.hexdigest()[:16], given)
    kind = CTCSystem if facts.is_ctc else GeneratingSystem
    return kind(name, parts, device=device, fingerprint=mark, options=given)


def check_hugging_face(name: str, options: Mapping[str, Any], *, where: str, shown: str) -> ModelFacts:
    """Read and check the JSON of a folder, and the options that `where` holds; no weights.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: it holds no recogniser that transformers reads, or parts that would run programs.
    """
    folder = folder_of(name, FETCHED)
    facts = _facts(folder)
    _check_options(options, facts, where=where, shown=shown)
    _check_language(options, folder, where=where, shown=shown)
    find_weights(folder)
    return ModelFacts(facts.class_name, facts.sample_rate, options=frozenset(HUGGING_FACE_OPTIONS))


def _facts(folder: Path) -> _Facts:
    theirs = JsonFields(folder / "config.json", read_json(folder / "config.json", "a recogniser"), "a recogniser")
    for field, should in REFUSED.items():
        if theirs.values.get(field) is not None:
            raise theirs.refusal(field, f"cannot be read: {should}")
    if (folder / "adapter_config.json").exists():
        raise ValueError(f"{folder} holds adapter_config.json: merge the adapter into the weights, and save them.")
    names = theirs.values.get("architectures")
    class_name = names[0] if isinstance(names, list) and names else None
    is_ctc = class_name in auto.MODEL_FOR_CTC_MAPPING_NAMES.values()
    if not is_ctc and not any(class_name in known.values() for known in GENERATING):
        raise theirs.refusal(
            "architectures",
            "must name a recogniser of transformers, such as WhisperForConditionalGeneration, Wav2Vec2ForCTC or "
            "ParakeetForCTC",
        )
    if theirs.values.get("model_type") in PROMPTED:
        raise theirs.refusal("model_type", "needs a prompt in text beside the audio, which is not supported")
    rate = read_features(folder, "a recogniser").whole("sampling_rate", default=16000, low=1000, high=768000)
    return _Facts(str(class_name), is_ctc, rate)


def _check_options(options: Mapping[str, Any], facts: _Facts, *, where: str, shown: str) -> None:
    for option in options:
        known = CTC_OPTIONS if facts.is_ctc else tuple(HUGGING_FACE_OPTIONS)
        if option not in known:
            raise ValueError(
                f"{where} holds {printable(repr(option), 60)}{checks.near_names(str(option), known)}, which "
                f"{printable(shown)} ({facts.class_name}) does not take: should be some of {', '.join(known)}"
            )
    checks.check_options(options, HUGGING_FACE_OPTIONS, where)


def _check_language(options: Mapping[str, Any], folder: Path, *, where: str, shown: str) -> None:
    """Refuse a language or task for a Whisper that has English alone."""
    asked = [name for name in ("language", "task") if options.get(name) is not None]
    if asked and read_json(folder / "generation_config.json").get("is_multilingual") is False:
        raise ValueError(
            f"{where}.{asked[0]} is {printable(repr(options[asked[0]]), 60)}, and {printable(shown)} only transcribes "
            f"English: leave {asked[0]} out"
        )


class _HuggingFaceSystem(System):
    kind = Kind.HUGGING_FACE.value

    def __init__(
        self, name: str, parts: Parts, *, device: torch.device, fingerprint: str, options: Mapping[str, Any]
    ) -> None:
        self.name, self.device, self.fingerprint = name, device, fingerprint
        self.model, self.features, self.tokenizer = parts.model, parts.features, parts.tokenizer
        self.options = {key: value for key, value in options.items() if key != "dtype"}
        self.sample_rate = int(self.features.sampling_rate)
        self.parameter_count = sum(parameter.numel() for parameter in self.model.parameters())

    def _inputs(self, waveforms: Waveforms, **options: Any) -> dict[str, torch.Tensor]:
        made = self.features(list(waveforms), sampling_rate=self.sample_rate, return_tensors="pt", **options)
        tensors = {key: value.to(self.device) for key, value in made.items()}
        return {
            key: value.to(self.model.dtype) if value.is_floating_point() else value for key, value in tensors.items()
        }


class CTCSystem(_HuggingFaceSystem):
    """A CTC model of transformers, searched greedily. Padding changes no text: what has no mask runs alone."""

    def transcribe(self, waveforms: Waveforms) -> list[Transcript]:
        """As `System.transcribe`."""
        return [
            Transcript(self.tokenizer.decode(ids, skip_special_tokens=True).strip()) for ids in self._ids(waveforms)
        ]

    def transcribe_words(self, waveforms: Waveforms) -> list[list[TimedWord]]:
        """As `TimesWords.transcribe_words`, from the frames in which the letters of a word stand."""
        lengths = [len(waveform) / self.sample_rate for waveform in waveforms]
        found = zip(self._ids(waveforms), lengths, strict=True)
        return [timed_words(self.tokenizer, ids, length_s) for ids, length_s in found]

    def _ids(self, waveforms: Waveforms) -> list[torch.Tensor]:
        """The best token of each frame, [T] each."""
        if not len(waveforms):
            return []
        waveforms = check_waveforms(waveforms, "waveforms")
        if len(waveforms) > 1 and not self._has_masks():
            return [self._ids([waveform])[0] for waveform in waveforms]
        options = {} if len(waveforms) == 1 else {"padding": True}
        inputs = self._inputs(waveforms, **options)
        with torch.inference_mode():
            best = self.model(**inputs).logits.argmax(-1).cpu()  # [B, T]
        if len(waveforms) == 1:
            return list(best)
        frames = valid_frames(self.model, inputs["attention_mask"]) or []
        return [row[:count] for row, count in zip(best, frames, strict=True)]

    def _has_masks(self) -> bool:
        masks = getattr(self.features, "return_attention_mask", True)
        return bool(masks) and valid_frames(self.model, torch.ones(1, self.sample_rate, dtype=torch.long)) is not None


class GeneratingSystem(_HuggingFaceSystem):
    """A model of transformers that generates its text: Whisper, Moonshine, Parakeet's transducers.

    Audio beyond Whisper's window is read in windows with time stamps, as transformers does.
    """

    def transcribe(self, waveforms: Waveforms) -> list[Transcript]:
        """As `System.transcribe`."""
        if not len(waveforms):
            return []
        waveforms = check_waveforms(waveforms, "waveforms")
        window = getattr(self.features, "n_samples", None)  # Whisper's
        if window is None:
            return self._generate(waveforms, padding=True, return_attention_mask=True)
        short = [number for number, waveform in enumerate(waveforms) if len(waveform) <= window]
        found = dict(zip(short, self._whisper([waveforms[number] for number in short]), strict=True))
        for number, waveform in enumerate(waveforms):
            if number not in found:
                long = {"truncation": False, "padding": "longest", "return_attention_mask": True}
                found[number] = self._generate([waveform], {"return_timestamps": True}, **long)[0]
        return [found[number] for number in range(len(waveforms))]

    def _whisper(self, waveforms: Waveforms) -> list[Transcript]:
        return self._generate(waveforms, return_attention_mask=True) if len(waveforms) else []

    def _generate(
        self, waveforms: Waveforms, settings: Mapping[str, Any] | None = None, **features: Any
    ) -> list[Transcript]:
        options = dict(self.options)
        if isinstance(options.get("temperature"), list):
            options["temperature"] = tuple(options["temperature"])
        torch.manual_seed(0)  # above a temperature of 0 tokens are drawn
        with torch.inference_mode():
            output = self.model.generate(**self._inputs(waveforms, **features), **options, **(settings or {}))
        tokens = getattr(output, "sequences", output)
        return [Transcript(text.strip()) for text in self.tokenizer.batch_decode(tokens, skip_special_tokens=True)]


def _load(folder: Path, facts: _Facts, dtype: torch.dtype, device: torch.device) -> Parts:
    find_weights(folder)
    for file in folder.iterdir():
        check_own_file(file)
    local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    weights: dict[str, Any] = {"local_files_only": True, "use_safetensors": True, "output_loading_info": True}
    values = _without_programs(read_json(folder / "config.json", "a recogniser"))
    try:
        config = transformers.AutoConfig.for_model(**values)
        model, loaded = getattr(transformers, facts.class_name).from_pretrained(
            str(folder),
            config=config,
            dtype=dtype,
            **weights,
        )
        features = transformers.AutoFeatureExtractor.from_pretrained(str(folder), **local)
        tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder), **local)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, ImportError, RuntimeError) as error:
        raise ValueError(f"{folder} cannot be read by transformers: {printable(error, 400)}") from error
    if loaded["missing_keys"] or loaded.get("mismatched_keys"):
        lost = sorted(map(str, loaded["missing_keys"] or loaded["mismatched_keys"]))
        raise ValueError(
            f"{folder} lacks {len(lost)} tensor(s) of {facts.class_name}, such as {printable(lost[0], 100)}: "
            "config.json and the weights must agree"
        )
    check_model(model, folder)
    return Parts(model.to(device).eval(), features, tokenizer)


def _described(part: Any) -> str:
    """A configuration without where it was read and by which version."""
    values: dict[str, Any] = {} if part is None else part.to_dict()
    kept = {
        name: value for name, value in values.items() if not name.startswith("_") and name != "transformers_version"
    }
    return json.dumps(kept, sort_keys=True, default=str)


def _without_programs(values: Mapping[str, Any]) -> dict[str, Any]:
    """A config without what transformers would fetch or run, in its parts as well."""
    kept = {name: value for name, value in values.items() if name not in NOT_READ and not name.startswith("_")}
    return {name: _without_programs(value) if isinstance(value, dict) else value for name, value in kept.items()}
