# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Broken checkpoints: `.nemo` files, Hugging Face folders of Whisper and wav2vec 2.0, tokenizers."""

import io
import json
import struct
import tarfile
from pathlib import Path
from typing import Any

from nemo_noise.models import add_dual_attention, add_noise_context
from nemo_noise.models.hugging_face.folder import read_weights
from nemo_noise.models.wav2vec.checkpoint import import_wav2vec2
from nemo_noise.models.whisper.checkpoint import import_whisper
from nemo_noise.models.whisper.tokenizer import WhisperTokenizer
from tests.broken_inputs.case import Case
from tests.broken_inputs.files import Content, Folder, Missing


def weights(folder: str) -> None:
    read_weights(Path(folder))


def _archive(**files: str) -> bytes:
    """A tar of files, whose names may lead anywhere."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return written.getvalue()


CONFIG = "model_config.yaml"
ASR = "nemo.collections.asr"
CTC = f"target: {ASR}.models.EncDecCTCModel\nencoder: {{_target_: {ASR}.modules.ConvASREncoder}}\n"
CONFORMER = f"""target: {ASR}.models.EncDecCTCModel
preprocessor: {{normalize: all_features}}
encoder: {{_target_: {ASR}.modules.ConformerEncoder}}
"""
PER_FEATURE = CONFORMER.replace("all_features", "per_feature")
STREAMING = CONFORMER.replace("ConformerEncoder}", "ConformerEncoder, att_context_style: chunked_limited}")
STATISTICS = {"_target_": "nemo_noise.modules.StatisticsContextEncoder", "feat_in": 80, "d_context": 8}
NOISE_AWARE = CONFORMER.replace(f"{ASR}.modules.Conf", "nemo_noise.modules.NoiseAwareConf").replace(
    "ConformerEncoder}", "ConformerEncoder, context: {_target_: nemo_noise.modules.TemporalContextEncoder}}"
)
WHISPER = {
    "model_type": "whisper", "d_model": 8, "encoder_layers": 1, "encoder_attention_heads": 1, "num_mel_bins": 80,
    "vocab_size": 16, "encoder_ffn_dim": 8, "max_source_positions": 50, "decoder_ffn_dim": 8, "decoder_layers": 1,
    "decoder_attention_heads": 1, "max_target_positions": 16,
}  # fmt: skip
WAV2VEC = {
    "model_type": "wav2vec2", "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4,
    "intermediate_size": 32, "conv_dim": [8], "conv_kernel": [10], "conv_stride": [5], "vocab_size": 4,
}  # fmt: skip
NO_TENSORS = struct.pack("<Q", 2) + b"{}"


def _nemo(content: bytes | str) -> dict[str, Any]:
    return {"checkpoint": Content("plain.nemo", content), "encoder": {}}


def _folder(config: Any, *files: Content, name: str = "whisper-tiny") -> dict[str, Any]:
    text = config if isinstance(config, str) else json.dumps(config)
    return {"folder": Folder(name, (Content("config.json", text), *files))}


TOKENIZER = Content("tokenizer.json", "{}")
NEMO_FILES = [
    Case(
        "nemo-missing",
        add_noise_context,
        {"checkpoint": Missing("plain.nemo"), "encoder": {}},
        "checkpoint",
        "plain.nemo",
        "must be a .nemo file",
    ),
    Case("nemo-not-a-tar", add_noise_context, _nemo("hello"), "plain.nemo", "no archive", "must be a .nemo file"),
    Case("nemo-empty", add_noise_context, _nemo(b""), "plain.nemo", "no archive", "must be a .nemo file"),
    Case(
        "nemo-cut-off",
        add_noise_context,
        _nemo(_archive(**{CONFIG: "a: 1\n" * 500})[:1000]),
        "plain.nemo",
        "cut off",
        "must be a .nemo file",
    ),
    Case(
        "nemo-that-leaves-its-folder",
        add_noise_context,
        _nemo(_archive(**{CONFIG: "a: 1", "../evil.py": "x"})),
        "plain.nemo",
        "'../evil.py'",
        "outside of its folder",
    ),
    Case(
        "nemo-that-writes-to-the-root",
        add_noise_context,
        _nemo(_archive(**{CONFIG: "a: 1", "/evil.py": "x"})),
        "plain.nemo",
        "'/evil.py'",
        "outside of its folder",
    ),
    Case(
        "nemo-without-config",
        add_noise_context,
        _nemo(_archive(**{"model_weights.ckpt": "x"})),
        "plain.nemo",
        "has no",
        "model_config.yaml",
    ),
    Case(
        "nemo-of-another-encoder",
        add_noise_context,
        _nemo(_archive(**{CONFIG: CTC})),
        "plain.nemo",
        "ConvASREncoder",
        "ConformerEncoder",
    ),
    Case(
        "nemo-of-another-normalization",
        add_noise_context,
        {
            "checkpoint": Content("plain.nemo", _archive(**{CONFIG: CONFORMER})),
            "encoder": {"feature_normalization": "per_feature"},
        },
        "feature_normalization",
        "'per_feature'",
        "leave feature_normalization out",
    ),
    Case(
        "nemo-that-is-normalised-by-the-utterance",
        add_noise_context,
        {
            "checkpoint": Content("plain.nemo", _archive(**{CONFIG: PER_FEATURE})),
            "encoder": {"feature_normalization": "running"},
        },
        "feature_normalization",
        "'running'",
        "use feature_normalization: per_feature",
    ),
    Case(
        "nemo-that-has-a-context",
        add_noise_context,
        {"checkpoint": Content("plain.nemo", _archive(**{CONFIG: NOISE_AWARE})), "encoder": {"context": STATISTICS}},
        "TemporalContextEncoder",
        "'nemo_noise.modules.StatisticsContextEncoder'",
        "restore it as it is",
    ),
    Case(
        "nemo-that-streams",
        add_noise_context,
        {"checkpoint": Content("plain.nemo", _archive(**{CONFIG: STREAMING})), "encoder": {"context": STATISTICS}},
        "plain.nemo",
        "'nemo_noise.modules.StatisticsContextEncoder'",
        "use a causal context such as CausalStatisticsContextEncoder",
    ),
    Case(
        "dual-attention-without-checkpoint",
        add_dual_attention,
        {"checkpoint": Missing("aed.nemo")},
        "checkpoint",
        "aed.nemo",
        "must be a .nemo file",
    ),
    Case(
        "dual-attention-in-a-ctc-model",
        add_dual_attention,
        {"checkpoint": Content("ctc.nemo", _archive(**{CONFIG: CTC}))},
        "ctc.nemo",
        "EncDecCTCModel",
        "EncDecMultiTaskModel",
    ),
]

HUGGING_FACE = [
    Case(
        "whisper-folder-missing",
        import_whisper,
        {"folder": Missing("whisper-tiny")},
        "config.json",
        "does not exist",
        "Hugging Face folder",
    ),
    Case(
        "whisper-config-not-json", import_whisper, _folder("{oops"), "config.json", "{oops", "must hold a JSON object"
    ),
    Case("whisper-config-a-list", import_whisper, _folder("[]"), "config.json", "[]", "must hold a JSON object"),
    Case(
        "whisper-of-another-kind",
        import_whisper,
        _folder({**WHISPER, "model_type": "bert"}),
        "model_type",
        "'bert'",
        "must be 'whisper'",
    ),
    Case(
        "whisper-of-another-activation",
        import_whisper,
        _folder({**WHISPER, "activation_function": "relu"}),
        "activation_function",
        "'relu'",
        "must be 'gelu'",
    ),
    Case(
        "whisper-config-without-a-width",
        import_whisper,
        _folder({"model_type": "whisper", "num_mel_bins": 80}, TOKENIZER),
        "config.json",
        "'max_source_positions'",
        "lacks",
    ),
    Case(
        "whisper-of-other-features",
        import_whisper,
        _folder(WHISPER, Content("preprocessor_config.json", '{"hop_length": 80}')),
        "hop_length",
        "80",
        "must be 160",
    ),
    Case(
        "whisper-without-tokenizer",
        import_whisper,
        _folder(WHISPER),
        "whisper-tiny",
        "tokenizer.json",
        "WhisperTokenizer",
    ),
    Case(
        "tokenizer-missing",
        WhisperTokenizer,
        {"file": Missing("tokenizer.json"), "vocabulary_size": 9},
        "file",
        "tokenizer.json",
        "of Whisper",
    ),
    Case(
        "tokenizer-not-json",
        WhisperTokenizer,
        {"file": Content("tokenizer.json", "{x"), "vocabulary_size": 9},
        "tokenizer.json",
        "cannot be read",
        "of Whisper",
    ),
    Case(
        "weights-missing",
        weights,
        {"folder": Folder("whisper-tiny")},
        "whisper-tiny",
        "no model.safetensors",
        "model.safetensors.index.json",
    ),
    Case(
        "weights-only-pickled",
        weights,
        {"folder": Folder("whisper-tiny", (Content("pytorch_model.bin", b"\x80"),))},
        "whisper-tiny",
        "pytorch_model.bin",
        "Convert them to model.safetensors",
    ),
    Case(
        "weights-not-safetensors",
        weights,
        {"folder": Folder("whisper-tiny", (Content("model.safetensors", "hello"),))},
        "model.safetensors",
        "cannot be read",
        "expected tensors",
    ),
    Case(
        "weights-without-a-shard",
        weights,
        {
            "folder": Folder(
                "whisper-tiny",
                (Content("model.safetensors.index.json", '{"weight_map": {"a": "model-2.safetensors"}}'),),
            )
        },
        "model.safetensors.index.json",
        "model-2.safetensors",
        "not in",
    ),
    Case(
        "weights-index-without-map",
        weights,
        {"folder": Folder("whisper-tiny", (Content("model.safetensors.index.json", "{}"),))},
        "model.safetensors.index.json",
        "weight_map",
        "expected",
    ),
    Case(
        "wav2vec-folder-missing",
        import_wav2vec2,
        {"folder": Missing("wav2vec")},
        "config.json",
        "does not exist",
        "Hugging Face folder",
    ),
    Case(
        "wav2vec-of-another-kind",
        import_wav2vec2,
        _folder({**WAV2VEC, "model_type": "hubert"}, Content("model.safetensors", NO_TENSORS), name="w"),
        "model_type",
        "'hubert'",
        "must be 'wav2vec2'",
    ),
    Case(
        "wav2vec-with-an-adapter",
        import_wav2vec2,
        _folder({**WAV2VEC, "add_adapter": True}, Content("model.safetensors", NO_TENSORS), name="w"),
        "add_adapter",
        "True",
        "must be False",
    ),
    Case(
        "wav2vec-without-weights",
        import_wav2vec2,
        _folder(WAV2VEC, name="wav2vec"),
        "wav2vec",
        "no model.safetensors",
        "model.safetensors.index.json",
    ),
    Case(
        "wav2vec-config-without-a-width",
        import_wav2vec2,
        _folder({"model_type": "wav2vec2"}, Content("model.safetensors", NO_TENSORS), name="w"),
        "config.json",
        "'hidden_size'",
        "lacks",
    ),
]

CASES = [*NEMO_FILES, *HUGGING_FACE]
