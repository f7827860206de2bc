# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Whisper's encoder with a noise context: warm start, what the context reads of the window, half precision, ONNX."""

from pathlib import Path
from typing import Any

import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from nemo_noise.modules import (
    AttentiveContextEncoder,
    CausalStatisticsContextEncoder,
    ConstantContextEncoder,
    ContextEncoder,
    CrossAttentionFusion,
    FiLMFusion,
    Fusion,
    HierarchicalContextEncoder,
    NoiseAwareWhisperEncoder,
    StatisticsContextEncoder,
    WhisperEncoder,
    WhisperFeatures,
    noise_before,
    shuffled_context,
)
from tests.contracts import ONNX_TOLERANCE, check_gradients, check_halved, fill_padding, half_precision, randomize

BANDS, WIDTH, CONTEXT, FRAMES = 80, 32, 8, 100
WHISPER: dict[str, Any] = {"feat_in": BANDS, "d_model": WIDTH, "n_layers": 2, "n_heads": 4, "max_positions": 50}
KINDS = ["attentive", "statistics", "constant", "causal", "tokens"]


def _parts(kind: str) -> tuple[ContextEncoder, dict[int | str, Fusion]]:
    films: dict[int | str, Fusion] = {"features": FiLMFusion(BANDS, CONTEXT)}
    films |= {site: FiLMFusion(WIDTH, CONTEXT) for site in (0, 1, "encoder_output")}
    if kind == "tokens":
        sites: tuple[int | str, ...] = (0, 1)
        return HierarchicalContextEncoder(BANDS, CONTEXT), {
            site: CrossAttentionFusion(WIDTH, CONTEXT) for site in sites
        }
    attentive = AttentiveContextEncoder(BANDS, CONTEXT, d_hidden=16)
    contexts: dict[str, ContextEncoder] = {
        "attentive": attentive,
        "statistics": StatisticsContextEncoder(BANDS, CONTEXT, feature_std=0.5),
        "constant": ConstantContextEncoder(attentive),
        "causal": CausalStatisticsContextEncoder(BANDS, CONTEXT, stride=2, feature_std=0.5),
    }
    return contexts[kind], films


def _encoder(kind: str = "attentive") -> NoiseAwareWhisperEncoder:
    torch.manual_seed(0)
    context, fusion = _parts(kind)
    return NoiseAwareWhisperEncoder(context, fusion, **WHISPER).eval()


def _window(*lengths: int) -> tuple[Tensor, Tensor]:
    """Features of whole windows [B, D, FRAMES] and how many frames are audio [B]."""
    generator = torch.Generator().manual_seed(1)
    return 0.5 * torch.randn(len(lengths), BANDS, FRAMES, generator=generator), torch.tensor(lengths)


@pytest.mark.parametrize("kind", KINDS)
def test_a_noise_aware_whisper_keeps_the_contract(kind: str, tmp_path: Path) -> None:
    encoder, plain = _encoder(kind), WhisperEncoder(**WHISPER).eval()
    keys = encoder.load_state_dict(plain.state_dict(), strict=False)
    assert not keys.unexpected_keys and all(k.startswith(("context_encoder.", "fusions.")) for k in keys.missing_keys)
    signal, length = _window(100, 60, 31)
    inputs = {"audio_signal": signal, "length": length}
    expected, expected_length = plain(**inputs)
    output, output_length = encoder(**inputs)
    assert torch.equal(output, expected) and torch.equal(output_length, expected_length)
    encoder.train()(**inputs)[0].square().sum().backward()
    assert all(any(p.grad.abs().sum() > 0 for p in fusion.parameters()) for fusion in encoder.fusions.values())
    randomize(encoder.fusions), randomize(encoder.context_encoder), encoder.eval()
    output, _ = encoder(**inputs)
    assert (output - expected).abs().max() > 1e-2, "the context must be able to act"
    added = nn.ModuleList([encoder.context_encoder, encoder.fusions])
    check_gradients(added, lambda: encoder(**inputs)[0].pow(3).sum())
    torch.save(encoder.state_dict(), tmp_path / "encoder.pt")
    randomize(encoder, seed=2)
    encoder.load_state_dict(torch.load(tmp_path / "encoder.pt", weights_only=True))
    assert torch.equal(encoder(**inputs)[0], output)
    alone = torch.cat([encoder(audio_signal=signal[n : n + 1], length=length[n : n + 1])[0] for n in range(3)])
    assert torch.allclose(alone, output, atol=1e-5)
    encoder.export(str(tmp_path / "encoder.onnx"))
    session = onnxruntime.InferenceSession(str(tmp_path / "encoder.onnx"), providers=["CPUExecutionProvider"])
    assert [entry.name for entry in session.get_inputs()] == ["audio_signal", "length"]
    for count in (3, 1):
        exported = session.run(None, {name: value[:count].numpy() for name, value in inputs.items()})[0]
        assert (torch.from_numpy(exported) - output[:count]).abs().max() < ONNX_TOLERANCE


@pytest.mark.parametrize("kind", ["attentive", "statistics", "tokens"])
def test_the_context_reads_the_audio_of_the_window_and_not_what_is_behind_it(kind: str) -> None:
    encoder = _encoder(kind)
    signal, length = _window(100, 60, 31)
    context = encoder.noise_context(signal, length)
    for value in (float("nan"), 1e3):
        assert torch.equal(encoder.noise_context(fill_padding(signal, length, value), length), context)
    assert not torch.allclose(encoder.noise_context(signal, torch.full_like(length, FRAMES))[1], context[1], atol=1e-4)
    assert encoder.noise_context(signal, torch.zeros_like(length)).isfinite().all()


def test_the_encoder_reads_what_is_behind_the_audio_as_ever() -> None:
    encoder, plain = _encoder(), WhisperEncoder(**WHISPER).eval()
    encoder.load_state_dict(plain.state_dict(), strict=False)
    signal, length = _window(100, 60)
    filled = fill_padding(signal, length, -1.5)
    expected = plain(audio_signal=filled, length=length)[0]
    assert torch.equal(encoder(audio_signal=filled, length=length)[0], expected)
    assert not torch.allclose(plain(audio_signal=signal, length=length)[0][1], expected[1], atol=1e-3)


def test_the_features_count_the_frames_of_the_audio_if_asked_and_stay_the_same() -> None:
    signal, length = 0.1 * torch.randn(5, 16000), torch.tensor([16000, 15999, 161, 160, 0])
    window, audio = WhisperFeatures(window_s=1.0), WhisperFeatures(window_s=1.0, frame_count="audio")
    (features, frames), (same, counted) = (module(input_signal=signal, length=length) for module in (window, audio))
    assert torch.equal(features, same)
    assert frames.tolist() == [100] * 5 and counted.tolist() == [100, 100, 2, 1, 0]
    with pytest.raises(ValueError, match="frame_count='speech' must be one of \\['window', 'audio'\\]"):
        WhisperFeatures(frame_count="speech")


def test_half_precision_costs_what_it_costs_the_plain_encoder() -> None:
    plain = WhisperEncoder(**WHISPER).eval()
    randomize(plain, seed=3)  # untrained layers add next to nothing, and so round next to nothing
    encoder = _encoder("statistics")
    encoder.load_state_dict(plain.state_dict(), strict=False)
    randomize(encoder.fusions)
    signal, length = _window(100, 100)

    def run(module: nn.Module, dtype: torch.dtype) -> Tensor:
        return module(audio_signal=signal, length=length)[0]  # features stay float32

    check_halved(half_precision(encoder, run), half_precision(plain, run), "Whisper with a context")


class _Recogniser(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.preprocessor, self.encoder = WhisperFeatures(window_s=1.0, frame_count="audio"), _encoder("statistics")


def test_a_pre_roll_reaches_the_context_and_not_the_window() -> None:
    model = _Recogniser().eval()
    randomize(model.encoder.context_encoder)
    signal, length = 0.1 * torch.randn(2, 8000), torch.tensor([8000, 4000])
    before, before_length = 0.01 * torch.randn(2, 16000), torch.tensor([16000, 0])
    features, frames = model.preprocessor(input_signal=signal, length=length)
    earlier, earlier_frames = model.preprocessor(input_signal=before, length=before_length)
    with noise_before(model, before, before_length):
        context = model.encoder.noise_context(features, frames)
        assert torch.equal(model.encoder(audio_signal=features, length=frames)[1], torch.tensor([50, 50]))
    joined = torch.cat([earlier[:1, :, : int(earlier_frames[0])], features[:1, :, : int(frames[0])]], dim=2)
    assert torch.allclose(context[:1], model.encoder.noise_context(joined, torch.tensor([150])), atol=1e-6)
    assert torch.allclose(context[1], model.encoder.noise_context(features, frames)[1], atol=1e-6)


def test_a_shuffled_context_is_that_of_the_neighbour() -> None:
    encoder = _encoder("statistics")
    randomize(encoder.fusions)
    signal, length = _window(100, 60)
    expected = encoder(audio_signal=signal, length=length)[0]
    with shuffled_context(encoder):
        assert not torch.allclose(encoder(audio_signal=signal, length=length)[0], expected, atol=1e-4)


def test_parts_that_do_not_fit_are_refused_by_name() -> None:
    context, fusion = _parts("attentive")
    with pytest.raises(ValueError, match="site 'pre_encode' does not exist in Whisper"):
        NoiseAwareWhisperEncoder(context, {"pre_encode": FiLMFusion(WIDTH, CONTEXT)}, **WHISPER)
    with pytest.raises(ValueError, match="fusion.0.d_model=16 must be 32"):
        NoiseAwareWhisperEncoder(context, {0: FiLMFusion(16, CONTEXT)}, **WHISPER)
    with pytest.raises(ValueError, match="needs both context and fusion; context is not given"):
        NoiseAwareWhisperEncoder(None, fusion, **WHISPER)
    with pytest.raises(ValueError, match="context.feat_in=40 must equal the encoder's feat_in=80"):
        NoiseAwareWhisperEncoder(AttentiveContextEncoder(40, CONTEXT), fusion, **WHISPER)
    with pytest.raises(ValueError, match="context.stride=4 must equal the encoder's subsampling_factor=2"):
        NoiseAwareWhisperEncoder(CausalStatisticsContextEncoder(BANDS, CONTEXT, stride=4), fusion, **WHISPER)
    plain = NoiseAwareWhisperEncoder(**WHISPER).eval()
    assert plain.state_dict().keys() == WhisperEncoder(**WHISPER).state_dict().keys() and not plain.uses_context
