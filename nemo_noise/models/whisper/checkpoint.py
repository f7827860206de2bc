# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Import of a Whisper from a Hugging Face or a faster-whisper (CTranslate2) folder, and export into the former."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import DictConfig, OmegaConf
from torch import Tensor
from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration
from transformers.models.whisper.tokenization_whisper import WhisperTokenizer as HuggingFaceTokenizer

from nemo_noise import whole_file
from nemo_noise.configuration import config_directory
from nemo_noise.foreign_text import printable
from nemo_noise.models.hugging_face.folder import (
    check_own_file,
    is_reference,
    opaque_text,
    read_features,
    read_json,
    read_model_config,
    read_weights,
)
from nemo_noise.models.hugging_face.json_fields import JsonFields
from nemo_noise.models.hugging_face.sizes import Size, check_layers, check_sizes, load_weights
from nemo_noise.models.whisper.ctranslate2 import (
    check_vocabulary,
    is_ctranslate2,
    read_ctranslate2_whisper,
    whisper_tensors,
)
from nemo_noise.models.whisper.folder_prompt import NAMES, default_slots
from nemo_noise.models.whisper.model import WhisperModel
from nemo_noise.models.whisper.names import to_hugging_face, to_nemo
from nemo_noise.models.whisper.tokenizer import END, START, TASKS, WhisperTokenizer

__all__ = ["export_whisper", "import_whisper", "load_whisper_weights", "whisper_config"]

FRAMES_PER_SECOND = 100
ENGLISH_ONLY_VOCABULARY = 51864
KIND = "a Whisper"
FIXED = {"activation_function": "gelu", "scale_embedding": False, "tie_word_embeddings": True}
FEATURES = {"sampling_rate": 16000, "hop_length": 160, "n_fft": 400, "dither": 0.0, "padding_value": 0.0}
EMBEDDING = "decoder.embed_tokens.weight"
SIZES = {
    "d_model": Size(EMBEDDING, 1),
    "vocab_size": Size(EMBEDDING, 0),
    "num_mel_bins": Size("encoder.conv1.weight", 1),
    "max_source_positions": Size("encoder.embed_positions.weight", 0),
    "max_target_positions": Size("decoder.embed_positions.weight", 0),
    "encoder_ffn_dim": Size("encoder.layers.0.fc1.weight", 0),
    "decoder_ffn_dim": Size("decoder.layers.0.fc1.weight", 0),
}
TOKEN_IDS = ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id")
# How the class is built, not what the model is; transformers fetches and runs what some of them name.
NOT_EXPORTED = ("torch_dtype", "attn_implementation", "experts_implementation", "auto_map", "quantization_config")


def import_whisper(folder: str | Path) -> WhisperModel:
    """Build a NeMo model from a Whisper in a Hugging Face or a faster-whisper (CTranslate2) folder.

    Its output is the same; weights of 16 or 8 bits become float32, as their file has rounded them.

    The sizes in `config.json` are compared with the tensors before anything is built. Language and task that
    `generation_config.json` sets become the defaults of the prompt.

    Args:
        folder: holds `config.json`, `model.safetensors` (or its shards with their index) and `tokenizer.json`;
            `generation_config.json`, `processor_config.json` and `preprocessor_config.json` are read where they are.
            That of faster-whisper holds `model.bin`, `vocabulary.txt` (or `.json`), `config.json`, `tokenizer.json`.

    Returns:
        The model in eval mode; save it with ``save_to`` while the folder is still there.

    Raises:
        FileNotFoundError: if the folder or a file is missing.
        ValueError: if it is no Whisper, has only pickled weights, lacks tensors, or holds a value that is wrong.
    """
    config = whisper_config(folder)
    source = _source(Path(folder))
    weights = source.weights()
    _check_sizes(source.config, weights)
    model = WhisperModel(cfg=config)
    state = to_nemo(weights, num_rows=model.transf_decoder.vocab_size)
    load_weights(model, state, folder, may_lack=lambda name: False)
    return model.eval()


def whisper_config(folder: str | Path) -> DictConfig:
    """The config of a ``WhisperModel`` for a folder.

    Args:
        folder: as in ``import_whisper``.

    Returns:
        The ``model`` section, resolved; ``hugging_face`` in it keeps the folder's own JSON as text for the way back.

    Raises:
        FileNotFoundError: if the folder or a file is missing.
        ValueError: if it is no Whisper, or a value is wrong.
    """
    path = Path(folder)
    theirs, generation, _ = _source(path)
    if theirs.values.get("model_type") != "whisper":
        raise theirs.refusal("model_type", "must be 'whisper'")
    theirs.fixed(FIXED)
    parts = _parts(theirs)
    _check_features(path, theirs)
    check_own_file(path / "tokenizer.json")
    if not (path / "tokenizer.json").is_file():
        raise FileNotFoundError(
            f"{path} has no tokenizer.json. With vocab.json and merges.txt in it, transformers' "
            "WhisperTokenizer.from_pretrained(folder).save_pretrained(folder) writes one."
        )
    if is_reference(str(path)):
        raise ValueError(f"folder={path} holds '${{', which a configuration would resolve: rename the folder.")
    vocabulary_size = theirs.whole("vocab_size")
    is_multilingual = generation.boolean("is_multilingual", default=vocabulary_size != ENGLISH_ONLY_VOCABULARY)
    tokenizer = WhisperTokenizer(path / "tokenizer.json", vocabulary_size, is_multilingual)
    _check_tokens(theirs, generation, tokenizer)
    values = dict(theirs.values)
    if is_ctranslate2(path):
        check_vocabulary(path, tokenizer)
        values |= _token_ids(tokenizer)
    config = OmegaConf.merge(OmegaConf.load(config_directory() / "parts" / "base" / "whisper.yaml"), {"model": parts})
    kept = {"config": values, "generation_config": None if generation is theirs else generation.values}
    added = {
        "prompt_defaults": [{"role": "user", "slots": default_slots(generation, tokenizer)}],
        "tokenizer": {"file": str(path / "tokenizer.json"), "is_multilingual": is_multilingual},
        "suppress_tokens": generation.whole_numbers("suppress_tokens", low=0, high=vocabulary_size - 1),
        "begin_suppress_tokens": generation.whole_numbers("begin_suppress_tokens", low=0, high=vocabulary_size - 1),
        "hugging_face": {name: None if values is None else opaque_text(values) for name, values in kept.items()},
    }
    config = OmegaConf.merge(config, {"model": added})
    OmegaConf.resolve(config)
    return OmegaConf.create(OmegaConf.to_container(config.model))


def load_whisper_weights(
    model: WhisperModel, folder: str | Path, is_added: Callable[[str], bool] = lambda name: False
) -> None:
    """Load the weights of a Hugging Face folder into a model of that shape.

    Args:
        model: a Whisper, or a model derived from it.
        folder: as in ``import_whisper``.
        is_added: whether a tensor of that name is one that a derived model has and a plain Whisper has not.

    Raises:
        FileNotFoundError: if there are no weights.
        ValueError: if they are pickled, incomplete, or of another shape.
    """
    state = to_nemo(_source(Path(folder)).weights(), num_rows=model.transf_decoder.vocab_size)
    load_weights(model, state, folder, may_lack=is_added)


def export_whisper(model: WhisperModel, folder: str | Path) -> None:
    """Write a plain ``WhisperModel`` as a Hugging Face folder that transformers' Whisper classes load.

    Args:
        model: the model; its weights are written in float32.
        folder: made if it is not there.

    Raises:
        TypeError: if the model is no Whisper.
        ValueError: if the model has parts that a plain Whisper has not, or a window that is no whole second.
    """
    if not isinstance(model, WhisperModel):
        raise TypeError(f"model is a {type(model).__name__}, must be a WhisperModel to go into a Whisper's folder.")
    if getattr(model.encoder, "context_encoder", None) is not None:
        raise ValueError(
            "model: its encoder has a noise context, which a Hugging Face folder cannot hold; keep it as a .nemo, or "
            "export the encoder to ONNX."
        )
    window_s = 2 * model.encoder.max_positions / FRAMES_PER_SECOND
    if not window_s.is_integer():
        raise ValueError(f"preprocessor.window_s={window_s} must be whole seconds, as transformers' features need.")
    state = to_hugging_face(model.state_dict(), model.tokenizer.vocabulary_size)
    original = _original(model.cfg)
    values = (
        (original["config"] or _token_ids(model.tokenizer)) | _hugging_face_fields(model.cfg) | {"dtype": "float32"}
    )
    kept = {name: value for name, value in values.items() if name not in NOT_EXPORTED and not name.startswith("_")}
    theirs = WhisperForConditionalGeneration(WhisperConfig(**kept))
    theirs.load_state_dict({name: tensor.detach().cpu().float() for name, tensor in state.items()})
    features = WhisperFeatureExtractor(feature_size=model.cfg.preprocessor.features, chunk_length=int(window_s))
    with whole_file.writing_folder(folder) as path:
        theirs.save_pretrained(path)
        if original["generation_config"]:
            text = json.dumps(_prompted(original["generation_config"], model), indent=2)
            whole_file.write_text(path / "generation_config.json", f"{text}\n")
        features.save_pretrained(path)
        model.tokenizer.tokenizer.save(str(path / "tokenizer.json"))
        HuggingFaceTokenizer.from_pretrained(path, local_files_only=True).save_pretrained(path)
        model.tokenizer.tokenizer.save(str(path / "tokenizer.json"))  # as it was, not as transformers completes it


class _Source(NamedTuple):
    """What a folder holds: the fields of its configurations, which may be one, and how its weights are read."""

    config: JsonFields
    generation: JsonFields
    weights: Callable[[], dict[str, Tensor]]


def _source(path: Path) -> _Source:
    if is_ctranslate2(path):
        config, generation, file = read_ctranslate2_whisper(path)
        return _Source(config, generation, partial(whisper_tensors, file))
    theirs = read_model_config(path, KIND)
    generation_file = path / "generation_config.json"
    generation = JsonFields(generation_file, read_json(generation_file), KIND) if generation_file.is_file() else theirs
    return _Source(theirs, generation, partial(read_weights, path))


def _original(config: DictConfig) -> dict[str, dict[str, Any] | None]:
    """The JSON of the folder that a model came from; older `.nemo` files hold it as a mapping, not as text."""
    kept = config.get("hugging_face") or {}
    found: dict[str, dict[str, Any] | None] = {}
    for name in ("config", "generation_config"):
        value = kept.get(name)
        try:
            found[name] = json.loads(value) if isinstance(value, str) else value and OmegaConf.to_container(value)
        except ValueError as error:
            raise ValueError(f"hugging_face.{name} of the model must be JSON as text ({printable(error)}).") from error
    return found


def _prompted(generation: dict[str, Any], model: WhisperModel) -> dict[str, Any]:
    """A `generation_config.json` with the model's own language and task."""
    (turn,) = model.prompt.get_default_dialog_slots()
    slots = {"source_lang": model.tokenizer.language_code(turn["slots"]["source_lang"])}
    slots["taskname"] = NAMES[TASKS[turn["slots"]["taskname"]]]
    if not model.tokenizer.is_multilingual or slots == default_slots(
        JsonFields(Path("generation_config.json"), generation, KIND), model.tokenizer
    ):
        return generation
    task = "translate" if slots["taskname"] == "translate" else "transcribe"
    return generation | {"language": slots["source_lang"], "task": task, "forced_decoder_ids": None}


def _check_sizes(theirs: JsonFields, weights: Mapping[str, Tensor]) -> None:
    plain = {name.removeprefix("model."): tensor for name, tensor in weights.items()}
    for part in ("encoder", "decoder"):
        check_layers(theirs, f"{part}_layers", theirs.whole(f"{part}_layers"), weights=plain, prefix=f"{part}.layers.")
    check_sizes(theirs, {name: theirs.whole(name) for name in SIZES}, weights=plain, places=SIZES)


def _check_tokens(theirs: JsonFields, generation: JsonFields, tokenizer: WhisperTokenizer) -> None:
    """Refuse the tokenizer of another Whisper, and ids that it lacks."""
    own = {"decoder_start_token_id": (START, tokenizer.bos_id), "eos_token_id": (END, tokenizer.eos_id)}
    for fields in (theirs, generation):
        for name in TOKEN_IDS:
            value = fields.values.get(name)
            if value is None:
                continue
            number = fields.whole(name, low=0, high=tokenizer.vocabulary_size - 1)
            token, expected = own.get(name, ("", number))
            if number != expected:
                raise ValueError(
                    f"{fields.file}: {name}={number}, but {token} is {expected} in tokenizer.json: the tokenizer is "
                    "that of another Whisper."
                )


def _parts(theirs: JsonFields) -> dict[str, Any]:
    window_s = 2 * theirs.whole("max_source_positions") / FRAMES_PER_SECOND
    d_model, heads = theirs.whole("d_model"), theirs.divides("encoder_attention_heads", "d_model")
    if d_model % 2:
        raise theirs.refusal("d_model", "must be even")
    dropout, dropout_att = (theirs.number(name, default=0.0) for name in ("dropout", "attention_dropout"))
    return {
        "size": {"d_model": d_model, "n_layers": theirs.whole("encoder_layers"), "n_heads": heads},
        "preprocessor": {"features": theirs.whole("num_mel_bins"), "window_s": window_s},
        "tokenizer": {"vocabulary_size": theirs.whole("vocab_size")},
        "encoder": {
            "d_ff": theirs.whole("encoder_ffn_dim"),
            "max_positions": theirs.whole("max_source_positions"),
            "dropout": dropout,
            "dropout_att": dropout_att,
            "dropout_ff": theirs.number("activation_dropout", default=0.0),
            "layer_drop": theirs.number("encoder_layerdrop", default=0.0),
        },
        "transf_decoder": {
            "config_dict": {
                "inner_size": theirs.whole("decoder_ffn_dim"),
                "num_layers": theirs.whole("decoder_layers"),
                "num_attention_heads": theirs.divides("decoder_attention_heads", "d_model"),
                "max_sequence_length": theirs.whole("max_target_positions"),
                "embedding_dropout": dropout,
                "ffn_dropout": dropout,
                "attn_layer_dropout": dropout,
                "attn_score_dropout": dropout_att,
            }
        },
    }


def _hugging_face_fields(config: DictConfig) -> dict[str, Any]:
    encoder, decoder = config.encoder, config.transf_decoder.config_dict
    return {
        "d_model": encoder.d_model,
        "num_mel_bins": config.preprocessor.features,
        "vocab_size": config.tokenizer.vocabulary_size,
        "max_source_positions": encoder.max_positions,
        "max_target_positions": decoder.get("max_sequence_length", 448),
        "encoder_layers": encoder.n_layers,
        "encoder_attention_heads": encoder.n_heads,
        "encoder_ffn_dim": encoder.get("d_ff") or 4 * encoder.d_model,
        "decoder_layers": decoder.num_layers,
        "decoder_attention_heads": decoder.num_attention_heads,
        "decoder_ffn_dim": decoder.inner_size,
    }


def _token_ids(tokenizer: WhisperTokenizer) -> dict[str, Any]:
    end = tokenizer.eos_id
    tokens = {"decoder_start_token_id": tokenizer.bos_id, "begin_suppress_tokens": None}
    return tokens | dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), end)


def _check_features(path: Path, theirs: JsonFields) -> None:
    features = read_features(path, KIND)
    frames = 2 * theirs.whole("max_source_positions")
    window = {"nb_max_frames": frames, "n_samples": frames * FEATURES["hop_length"]}
    if frames % FRAMES_PER_SECOND == 0:
        window["chunk_length"] = frames // FRAMES_PER_SECOND
    known = {"feature_extractor_type": "WhisperFeatureExtractor", "do_normalize": False}
    features.fixed(FEATURES | known | {"feature_size": theirs.whole("num_mel_bins")} | window)
