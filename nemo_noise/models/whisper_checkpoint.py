# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A Whisper from a Hugging Face folder, and back into one."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration
from transformers.models.whisper.tokenization_whisper import WhisperTokenizer as HuggingFaceTokenizer

from nemo_noise import whole_file
from nemo_noise.configuration import config_directory
from nemo_noise.models.hugging_face_folder import read_json, read_weights
from nemo_noise.models.whisper import WhisperModel
from nemo_noise.models.whisper_names import to_hugging_face, to_nemo

__all__ = ["export_whisper", "import_whisper", "load_whisper_weights", "whisper_config"]

FRAMES_PER_SECOND = 100
ENGLISH_ONLY_VOCABULARY = 51864
FIXED = {"activation_function": "gelu", "scale_embedding": False, "tie_word_embeddings": True}
FEATURES = {"sampling_rate": 16000, "hop_length": 160, "n_fft": 400}


def import_whisper(folder: str | Path) -> WhisperModel:
    """Build a NeMo model from a Whisper in a Hugging Face folder; its output is the same.

    Args:
        folder: holds `config.json`, `model.safetensors` (or its shards with their index) and `tokenizer.json`;
            `generation_config.json` and `preprocessor_config.json` are read where they are.

    Returns:
        The model in eval mode; save it with ``save_to`` while the folder is still there.

    Raises:
        FileNotFoundError: if the folder or a file is missing.
        ValueError: if it is no Whisper, has only pickled weights, or lacks tensors.
    """
    model = WhisperModel(cfg=whisper_config(folder))
    load_whisper_weights(model, folder)
    return model.eval()


def whisper_config(folder: str | Path) -> DictConfig:
    """The config of a ``WhisperModel`` for a Hugging Face folder.

    Args:
        folder: as in ``import_whisper``.

    Returns:
        The ``model`` section, resolved; ``hugging_face`` in it keeps the folder's own JSON for the way back.

    Raises:
        FileNotFoundError: if the folder or a file is missing.
        ValueError: if it is no Whisper.
    """
    path = Path(folder)
    theirs = read_json(path / "config.json", "a Whisper")
    generation = read_json(path / "generation_config.json") or theirs
    if theirs.get("model_type") != "whisper":
        raise ValueError(f"{path / 'config.json'}: model_type={theirs.get('model_type')!r} must be 'whisper'.")
    for name, value in FIXED.items():
        if theirs.get(name, value) != value:
            raise ValueError(f"{path / 'config.json'}: {name}={theirs[name]!r} must be {value!r}, as in Whisper.")
    try:
        parts = _parts(theirs)
    except KeyError as error:
        raise ValueError(f"{path / 'config.json'} lacks {error}, which that of a Whisper has.") from error
    _check_features(path, theirs)
    if not (path / "tokenizer.json").is_file():
        raise FileNotFoundError(
            f"{path} has no tokenizer.json. With vocab.json and merges.txt in it, transformers' "
            "WhisperTokenizer.from_pretrained(folder).save_pretrained(folder) writes one."
        )
    config = OmegaConf.merge(OmegaConf.load(config_directory() / "base" / "whisper.yaml"), {"model": parts})
    is_multilingual = generation.get("is_multilingual", theirs["vocab_size"] != ENGLISH_ONLY_VOCABULARY)
    added = {
        "tokenizer": {"file": str(path / "tokenizer.json"), "is_multilingual": bool(is_multilingual)},
        "suppress_tokens": generation.get("suppress_tokens") or [],
        "begin_suppress_tokens": generation.get("begin_suppress_tokens") or [],
        "hugging_face": {"config": theirs, "generation_config": generation if generation is not theirs else None},
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
    expected = model.state_dict()
    state = to_nemo(read_weights(Path(folder)), num_rows=model.transf_decoder.vocab_size)
    missing = [name for name in expected if name not in state and not is_added(name)]
    surplus = [name for name in state if name not in expected]
    shapes = [name for name in state if name in expected and state[name].shape != expected[name].shape]
    for names, problem in ((missing, "lacks"), (surplus, "has too many, by"), (shapes, "has other shapes in")):
        if names:
            raise ValueError(f"The checkpoint in {folder} {problem} {len(names)} tensor(s), such as {names[0]}.")
    model.load_state_dict(state, strict=False)


def export_whisper(model: WhisperModel, folder: str | Path) -> None:
    """Write a plain ``WhisperModel`` as a Hugging Face folder that transformers' Whisper classes load.

    Args:
        model: the model; its weights are written in float32.
        folder: made if it is not there.

    Raises:
        ValueError: if the model has parts that a plain Whisper has not, or a window that is no whole second.
    """
    window_s = 2 * model.encoder.max_positions / FRAMES_PER_SECOND
    if not window_s.is_integer():
        raise ValueError(f"preprocessor.window_s={window_s} must be whole seconds, as transformers' features want.")
    state = to_hugging_face(model.state_dict(), model.tokenizer.vocabulary_size)
    original = OmegaConf.to_container(model.cfg.get("hugging_face") or OmegaConf.create())
    values = (original.get("config") or _token_ids(model)) | _their_parts(model.cfg) | {"dtype": "float32"}
    values.pop("torch_dtype", None)
    theirs = WhisperForConditionalGeneration(WhisperConfig(**values))
    theirs.load_state_dict({name: tensor.detach().cpu().float() for name, tensor in state.items()})
    features = WhisperFeatureExtractor(feature_size=model.cfg.preprocessor.features, chunk_length=int(window_s))
    with whole_file.writing_folder(folder) as path:
        theirs.save_pretrained(path)
        if original.get("generation_config"):
            text = json.dumps(original["generation_config"], indent=2)
            whole_file.write_text(path / "generation_config.json", f"{text}\n")
        features.save_pretrained(path)
        model.tokenizer.tokenizer.save(str(path / "tokenizer.json"))
        HuggingFaceTokenizer.from_pretrained(path, local_files_only=True).save_pretrained(path)
        model.tokenizer.tokenizer.save(str(path / "tokenizer.json"))  # as it was, not as transformers completes it


def _parts(theirs: Mapping[str, Any]) -> dict[str, Any]:
    """What a Whisper's `config.json` says about the parts of the model."""
    window_s = 2 * theirs["max_source_positions"] / FRAMES_PER_SECOND
    return {
        "size": {
            "d_model": theirs["d_model"],
            "n_layers": theirs["encoder_layers"],
            "n_heads": theirs["encoder_attention_heads"],
        },
        "preprocessor": {"features": theirs["num_mel_bins"], "window_s": window_s},
        "tokenizer": {"vocabulary_size": theirs["vocab_size"]},
        "encoder": {
            "d_ff": theirs["encoder_ffn_dim"],
            "max_positions": theirs["max_source_positions"],
            "dropout": theirs.get("dropout", 0.0),
            "dropout_att": theirs.get("attention_dropout", 0.0),
            "dropout_ff": theirs.get("activation_dropout", 0.0),
            "layer_drop": theirs.get("encoder_layerdrop", 0.0),
        },
        "transf_decoder": {
            "config_dict": {
                "inner_size": theirs["decoder_ffn_dim"],
                "num_layers": theirs["decoder_layers"],
                "num_attention_heads": theirs["decoder_attention_heads"],
                "max_sequence_length": theirs["max_target_positions"],
                "embedding_dropout": theirs.get("dropout", 0.0),
                "ffn_dropout": theirs.get("dropout", 0.0),
                "attn_layer_dropout": theirs.get("dropout", 0.0),
                "attn_score_dropout": theirs.get("attention_dropout", 0.0),
            }
        },
    }


def _their_parts(config: DictConfig) -> dict[str, Any]:
    """What the config of a ``WhisperModel`` says, in the words of `config.json`."""
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


def _token_ids(model: WhisperModel) -> dict[str, Any]:
    """The ids in the `config.json` of a model that did not come from one."""
    end = model.tokenizer.eos_id
    tokens = {"decoder_start_token_id": model.tokenizer.bos_id, "begin_suppress_tokens": None}
    return tokens | dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), end)


def _check_features(path: Path, theirs: Mapping[str, Any]) -> None:
    """Refuse features other than Whisper's."""
    features = read_json(path / "preprocessor_config.json")
    expected = FEATURES | {"feature_size": theirs["num_mel_bins"]}
    for name, value in expected.items():
        if features.get(name, value) != value:
            raise ValueError(f"{path / 'preprocessor_config.json'}: {name}={features[name]} must be {value}.")
