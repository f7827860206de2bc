# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Small untrained Whispers in Hugging Face folders, with a tokenizer made on the spot, for the tests."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GenerationConfig, WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration

WORDS = "zero one two three four five six seven eight nine"
CONTROL_TOKENS = [
    "<|endoftext|>",
    "<|startoftranscript|>",
    "<|en|>",
    "<|de|>",
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
    *(f"<|{0.02 * step:.2f}|>" for step in range(51)),
]
SHAPES: dict[str, dict[str, Any]] = {
    "narrow": {"d_model": 32, "heads": (4, 4), "layers": (2, 2), "num_mel_bins": 80, "ffn": (128, 128)},
    "wide": {"d_model": 48, "heads": (6, 3), "layers": (1, 3), "num_mel_bins": 128, "ffn": (192, 96)},
    "deep": {"d_model": 64, "heads": (2, 8), "layers": (4, 1), "num_mel_bins": 128, "ffn": (64, 256)},
}
SHAPE_NAMES = list(SHAPES)


def write_tokenizer(folder: Path) -> Tokenizer:
    """A byte-level tokenizer for the digits' names with Whisper's control tokens behind them, as `tokenizer.json`."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=280, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([WORDS] * 20, trainer)
    tokenizer.add_special_tokens(CONTROL_TOKENS)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    return tokenizer


def write_whisper(folder: Path, shape: str = "narrow", seed: int = 0, is_multilingual: bool = True) -> Any:
    """An untrained Whisper whose window is one second; its biases and norms are moved away from 0 and 1.

    Args:
        folder: where its files go.
        shape: a name in ``SHAPES``.
        seed: draws the weights.
        is_multilingual: whether its prompt names language and task.

    Returns:
        The model of transformers in eval mode.
    """
    tokenizer, sizes = write_tokenizer(folder), SHAPES[shape]
    end = tokenizer.token_to_id("<|endoftext|>")
    config = WhisperConfig(
        vocab_size=tokenizer.get_vocab_size(),
        num_mel_bins=sizes["num_mel_bins"],
        d_model=sizes["d_model"],
        encoder_layers=sizes["layers"][0],
        decoder_layers=sizes["layers"][1],
        encoder_attention_heads=sizes["heads"][0],
        decoder_attention_heads=sizes["heads"][1],
        encoder_ffn_dim=sizes["ffn"][0],
        decoder_ffn_dim=sizes["ffn"][1],
        max_source_positions=50,
        max_target_positions=24,
        decoder_start_token_id=end + 1,
        pad_token_id=end,
        bos_token_id=end,
        eos_token_id=end,
        begin_suppress_tokens=None,
    )
    torch.manual_seed(seed)
    model = WhisperForConditionalGeneration(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "embed_positions" not in name or "decoder" in name:
                parameter.add_(0.2 * torch.randn_like(parameter))
    _describe_prompt(model.generation_config, tokenizer, is_multilingual)
    model.save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=sizes["num_mel_bins"], chunk_length=1).save_pretrained(folder)
    return model


def _describe_prompt(config: GenerationConfig, tokenizer: Tokenizer, is_multilingual: bool) -> None:
    """What OpenAI's checkpoints say in `generation_config.json`; two tokens and the time stamps are never chosen.

    A trained Whisper gives no time stamps after <|notimestamps|>; transformers takes them as ends of segments.
    """
    ids = {token: tokenizer.token_to_id(token) for token in CONTROL_TOKENS}
    config.is_multilingual = is_multilingual
    config.no_timestamps_token_id = ids["<|notimestamps|>"]
    config.return_timestamps = False
    config.max_length = 24
    config.suppress_tokens = [211, 279, *range(ids["<|0.00|>"], tokenizer.get_vocab_size())]
    config.begin_suppress_tokens = [219, 256, ids["<|endoftext|>"]]
    if is_multilingual:
        config.lang_to_id = {token: ids[token] for token in ("<|en|>", "<|de|>")}
        config.task_to_id = {"translate": ids["<|translate|>"], "transcribe": ids["<|transcribe|>"]}
