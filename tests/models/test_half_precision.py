# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Whole models in bfloat16 and float16, as NeMo's transcription scripts and mixed precision run them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import DictConfig
from torch import Tensor, nn

from nemo.collections.asr.models import ASRModel

from nemo_noise.data.pairs.context_pairs import collate_context_pairs
from nemo_noise.models import (
    NoiseContextPretrainingModel,
    add_dual_attention,
    add_noise_context,
    import_wav2vec2,
    import_whisper,
)
from nemo_noise.models.wav2vec.contrastive_prediction import draw_distractors
from tests.contracts import HALF_PRECISIONS, ROUNDING, randomize
from tests.models.test_families import audio, outputs, texts
from tests.models.test_wav2vec_pretraining import _batch, _ragged_mask
from tests.recognisers import WIDTH, build_recogniser, noise_aware, write_plain_aed
from tests.wav2vecs import their_model, write_wav2vec2
from tests.whispers import write_whisper

TOKENS = {"_target_": "nemo_noise.modules.HierarchicalContextEncoder", "d_context": 16, "num_tokens": 3}
MODELS = ["ctc", "hybrid_bpe", "aed", "dual_attention", "whisper", "dual_attention_whisper", "wav2vec2"]


def _model(kind: str, folder: Path) -> Any:
    """A tiny model of a kind whose added parts act."""
    torch.manual_seed(1)
    if kind == "wav2vec2":
        write_wav2vec2(folder, "ctc")
        return import_wav2vec2(folder)
    if kind.endswith("whisper"):
        write_whisper(folder)
        model = import_whisper(folder)
        model.save_to(str(folder / "plain.nemo"))
    elif kind == "dual_attention":
        write_plain_aed(folder)
    else:
        model = build_recogniser(kind, folder)
        model.save_to(str(folder / "plain.nemo"))
        model = add_noise_context(folder / "plain.nemo", noise_aware(model.cfg, "per_feature"))
        randomize(model.encoder.fusions)
    if kind.startswith("dual_attention"):
        bands = 80 if kind.endswith("whisper") else WIDTH
        memory = {"_target_": "nemo_noise.modules.ContextTokenMemory", "context": TOKENS | {"feat_in": bands}}
        model = add_dual_attention(folder / "plain.nemo", memory | {"d_model": WIDTH})
        for attention in model.transf_decoder.dual_attentions:
            nn.init.constant_(attention.mix, 1.5)
    return model.eval()


def _whisper_outputs(model: Any) -> Tensor:
    """Log-probabilities of the tokens; those behind the vocabulary are no numbers to compare."""
    signal, length = audio()
    prompt = {"transcript": torch.arange(4, 9).expand(2, -1), "transcript_length": torch.tensor([5, 5])}
    with torch.no_grad():
        scores = model(input_signal=signal[:, :16000], input_signal_length=length.clamp(max=16000), **prompt)[0]
    return scores[..., : model.tokenizer.vocab_size - 8]


def _stock_error(kind: str, folder: Path, dtype: torch.dtype) -> float:
    """What half precision does to the log-probabilities of NeMo's own CTC model, or of transformers' wav2vec 2.0."""
    if kind == "wav2vec2":
        theirs, signal = their_model("ctc"), audio()[0]
        exact = theirs(signal).logits.log_softmax(dim=-1)
        return _error(theirs.to(dtype)(signal.to(dtype)).logits.log_softmax(dim=-1), exact)
    torch.manual_seed(1)
    model = build_recogniser("ctc", folder)
    exact = outputs(model)
    return _error(outputs(model.to(dtype)), exact)


def _error(output: Tensor, exact: Tensor) -> float:
    error = (output.float() - exact.float()).square().mean() / exact.float().square().mean()
    return float(error.detach().sqrt())


@pytest.mark.parametrize("kind", MODELS)
def test_a_halved_model_transcribes_and_is_as_close_to_float32_as_a_stock_model(kind: str, tmp_path: Path) -> None:
    model = _model(kind, tmp_path)
    run: Callable[[Any], Tensor] = _whisper_outputs if kind.endswith("whisper") else outputs
    exact = run(model)
    model.save_to(str(tmp_path / "model.nemo"))
    speech = 0.1 * np.random.default_rng(0).standard_normal(16000).astype(np.float32)
    for dtype in HALF_PRECISIONS:
        allowed = ROUNDING * _stock_error(kind, tmp_path, dtype)
        with torch.autocast("cpu", dtype=dtype):
            assert _error(run(model), exact) < allowed
            assert len(texts(model.transcribe([speech], batch_size=1, verbose=False))) == 1
        halved = ASRModel.restore_from(str(tmp_path / "model.nemo"), map_location="cpu").eval().to(dtype)
        output = run(halved)
        assert output.dtype == dtype and output.isfinite().all() and _error(output, exact) < allowed
        assert len(texts(halved.transcribe([speech], batch_size=1, verbose=False))) == 1


def test_wav2vec_pretrains_under_autocast(tmp_path: Path) -> None:
    write_wav2vec2(tmp_path, "pretraining", "large")
    model, (signal, length), mask = import_wav2vec2(tmp_path).train(), _batch(), _ragged_mask()
    distractors = draw_distractors(mask, 7)
    torch.manual_seed(0)
    exact = model.losses(signal, length, mask=mask, distractors=distractors)
    for dtype in HALF_PRECISIONS:
        model.zero_grad()
        torch.manual_seed(0)
        with torch.autocast("cpu", dtype=dtype):
            losses = model.losses(signal, length, mask=mask, distractors=distractors)
        assert losses["loss"].item() == pytest.approx(exact["loss"].item(), rel=0.05)
        losses["loss"].backward()
        assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


def test_a_context_pretrains_under_autocast(pretraining_config: DictConfig) -> None:
    torch.manual_seed(0)
    model = NoiseContextPretrainingModel(pretraining_config).train()
    dataset = model._train_dl.dataset
    batch = collate_context_pairs([dataset[index] for index in range(8)])
    torch.manual_seed(0)
    exact = model._losses(batch)["loss"]
    for dtype in HALF_PRECISIONS:
        model.zero_grad()
        torch.manual_seed(0)
        with torch.autocast("cpu", dtype=dtype):
            loss = model._losses(batch)["loss"]
        assert loss.item() == pytest.approx(exact.item(), rel=0.05)
        loss.backward()
        assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
