# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What an exported graph lacks to be a recogniser: features, tokens, sample rate; kept as JSON beside it."""

import json
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import DictConfig, OmegaConf
from tokenizers import decoders
from torch import nn

from nemo.collections.asr.models import ASRModel
from nemo.core.classes.common import Serialization

from nemo_noise import whole_file
from nemo_noise.archive import read_config
from nemo_noise.archive.checked_config import checked_config
from nemo_noise.data.manifests.strict_json import parse_object
from nemo_noise.foreign_text import printable
from nemo_noise.recogniser.facts import Family, family_of, sample_rate_of, vocabulary_of

__all__ = ["GraphDescription", "Spelling", "build_features", "describe_graph", "description_of", "write_description"]

PIECE, BYTES = "\N{LOWER ONE EIGHTH BLOCK}", "\u0120"  # begin a word in SentencePiece and in byte-level vocabularies
REMEDY = (
    "give the .nemo that it was exported from (beside it by the same name, or as transcribe={nemo: model.nemo}), or "
    "write its description: nemo_noise.export.write_graph_description(model, 'model.onnx')"
)


class GraphDescription(NamedTuple):
    """The configuration of the features, the tokens without the blank, and samples per second."""

    preprocessor: Mapping[str, Any]
    tokens: tuple[str, ...]
    sample_rate: int


def describe_graph(model: ASRModel) -> GraphDescription:
    """Describe the graph that `model.export()` writes of a CTC model.

    Raises:
        TypeError: the model is no CTC model, whose one graph would give the text.
    """
    if family_of(model) is not Family.CTC:
        raise TypeError(f"{type(model).__name__} is no CTC model: its one graph gives no text.")
    preprocessor = OmegaConf.to_container(model.cfg.preprocessor, resolve=True)
    return GraphDescription(dict(preprocessor), tuple(map(str, vocabulary_of(model))), sample_rate_of(model))


def write_description(description: GraphDescription, path: Path) -> None:
    """Write a description as JSON."""
    whole_file.write_text(path, json.dumps(description._asdict(), ensure_ascii=False, indent=1))


def description_of(graph: Path, nemo: str | None) -> GraphDescription:
    """Find the description of a graph: a `.nemo` that is given, JSON or `.nemo` beside it.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it does not hold what a CTC model has.
    """
    if nemo is not None:
        return _of_nemo(Path(nemo).expanduser())
    if graph.with_suffix(".json").is_file():
        return _of_json(graph.with_suffix(".json"))
    if graph.with_suffix(".nemo").is_file():
        return _of_nemo(graph.with_suffix(".nemo"))
    raise FileNotFoundError(f"{graph} is a graph alone, without its features and tokens: {REMEDY}.")


def build_features(values: Mapping[str, Any], where: str) -> nn.Module:
    """The preprocessor of a description, checked as that of a foreign `.nemo`, for inference: nothing is drawn.

    Raises:
        ValueError: the configuration names what may not be built.
    """
    config = checked_config(OmegaConf.to_yaml(OmegaConf.create({"preprocessor": dict(values)})), where)
    features: nn.Module = Serialization.from_config_dict(config.preprocessor)
    featurizer: Any = getattr(features, "featurizer", None)
    if featurizer is not None and hasattr(featurizer, "dither"):
        featurizer.dither, featurizer.pad_to = 0.0, 0  # as NeMo's transcribe sets them
    return features.eval()


class Spelling(str, Enum):
    """How the tokens of a vocabulary spell a text."""

    LETTERS = "letters"
    PIECES = "pieces of SentencePiece"
    BYTES = "pieces of bytes"

    @classmethod
    def of(cls, vocabulary: Sequence[str]) -> "Spelling":
        """Found by the marks in it."""
        if any(token.startswith(PIECE) for token in vocabulary):
            return cls.PIECES
        return cls.BYTES if any(token.startswith(BYTES) for token in vocabulary) else cls.LETTERS

    def text(self, tokens: Sequence[str]) -> str:
        """The text of tokens; control tokens as in <|en|> are left out."""
        kept = [token for token in tokens if not (token.startswith("<|") and token.endswith("|>"))]
        if self is Spelling.BYTES:
            return str(decoders.ByteLevel().decode(kept)).strip()
        text = "".join(kept)
        return (text.replace(PIECE, " ") if self is Spelling.PIECES else text).strip()


def _of_nemo(path: Path) -> GraphDescription:
    config = read_config(path, "transcribe.nemo")
    tokens = OmegaConf.select(config, "decoder.vocabulary") or config.get("labels")
    rate = config.get("sample_rate") or OmegaConf.select(config, "preprocessor.sample_rate")
    if config.get("joint") is not None or not isinstance(rate, int) or not tokens:
        raise ValueError(f"{path} is no CTC model with tokens and a sample rate, which a graph of one file needs.")
    return GraphDescription(_plain(config.preprocessor), tuple(map(str, tokens)), int(rate))


def _of_json(path: Path) -> GraphDescription:
    try:
        values = parse_object(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path}: {printable(error, 200)}; should be as write_graph_description writes it") from error
    tokens, rate, preprocessor = (values.get(name) for name in ("tokens", "sample_rate", "preprocessor"))
    if not isinstance(tokens, list) or not tokens or not all(isinstance(token, str) for token in tokens):
        raise ValueError(f"{path} must hold preprocessor, tokens (texts) and sample_rate (Hz): {REMEDY}.")
    if type(rate) is not int or not 1000 <= rate <= 768000 or not isinstance(preprocessor, dict):
        raise ValueError(f"{path} must hold preprocessor, tokens (texts) and sample_rate (Hz): {REMEDY}.")
    return GraphDescription(preprocessor, tuple(tokens), rate)


def _plain(config: DictConfig) -> dict[str, Any]:
    return dict(OmegaConf.to_container(config, resolve=True))
