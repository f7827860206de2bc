# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""bfloat16 and float16, by ``.to(dtype)`` and under autocast: every encoder costs about what a stock encoder costs."""

import copy
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import WhisperFeatureExtractor

from nemo.collections.asr.modules import ConformerEncoder
from nemo.collections.asr.parts.preprocessing.features import normalize_batch

import nemo_noise  # noqa: F401  registers with NeMo
from nemo_noise.modules import (
    AttentiveContextEncoder,
    CausalStatisticsContextEncoder,
    ContextEncoder,
    FiLMFusion,
    LogMelFeatures,
    NoiseAwareWav2Vec2Encoder,
    StatisticsContextEncoder,
    TemporalContextEncoder,
    WhisperEncoder,
    WhisperFeatures,
    noise_before,
)
from nemo_noise.modules.precision import ExactConstants, packed_size, packed_state, unpacked_state
from tests.contracts import HALF_PRECISIONS, ROUNDING, Halved, check_halved, fill_padding, half_precision, randomize
from tests.modules import test_lact_encoder, test_ssm_encoder
from tests.modules.mixer_contract import MixerEncoderContract
from tests.modules.test_contracts import BANDS, CONTEXT, CONTEXTS, FUSIONS, TINY_CONFORMER, WIDTH, _encoder
from tests.modules.test_noise_aware import STREAMING, _stream
from tests.wav2vecs import SHAPE_NAMES, our_arguments, their_model

NORMALIZATIONS: list[Any] = ["per_feature", "running", {"mean": -8.0, "std": 4.0}]
UNSCALED = (AttentiveContextEncoder, TemporalContextEncoder)  # they have no fixed scale
LACT_ROUNDING = 5.0  # orthogonalised steps make rounding errors larger


def log_mel(frames: int = 200, batch: int = 2) -> tuple[Tensor, Tensor]:
    """Features as a preprocessor with ``normalize: NA`` gives them [B, D, T], and lengths."""
    length = torch.tensor([frames - 40 * index for index in range(batch)])
    raw = 4.0 * torch.randn(batch, BANDS, frames, generator=torch.Generator().manual_seed(0)) - 8.0
    return fill_padding(raw, length, 0.0), length


def encode(audio_signal: Tensor, length: Tensor) -> Callable[[nn.Module, torch.dtype], Tensor]:
    """How an encoder is run."""
    return lambda encoder, dtype: encoder(audio_signal=audio_signal.to(dtype), length=length)[0]


def scaled(context: type[ContextEncoder]) -> ContextEncoder:
    """A context encoder for features that are not normalised."""
    return context(BANDS, CONTEXT, **({} if context in UNSCALED else {"feature_mean": -8.0, "feature_std": 4.0}))


@cache
def stock(**changes: Any) -> dict[tuple[torch.dtype, str], Halved]:
    """What half precision does to NeMo's own Conformer, on features that its preprocessor normalised."""
    raw, length = log_mel()
    normalized = normalize_batch(raw, length, "per_feature")[0]
    torch.manual_seed(0)
    return half_precision(ConformerEncoder(**(TINY_CONFORMER | changes)).eval(), encode(normalized, length))


@pytest.mark.parametrize("context", CONTEXTS)
def test_every_context_fusion_and_normalisation_keeps_the_rounding_of_a_stock_encoder(
    context: type[ContextEncoder],
) -> None:
    raw, length = log_mel()
    for fusion in FUSIONS:
        if fusion.reads_tokens and context.layout == "frames":
            continue
        for normalization in NORMALIZATIONS:
            encoder = _encoder(scaled(context), fusion, feature_normalization=normalization).eval()
            randomize(encoder.fusions)
            halves = half_precision(encoder, encode(raw, length))
            check_halved(halves, stock(), f"{context.__name__}, {fusion.__name__}, {normalization}")


@pytest.mark.parametrize(
    ("mixers", "rounding"),
    [(test_ssm_encoder.TestSSMEncoder(), ROUNDING), (test_lact_encoder.TestLaCTEncoder(), LACT_ROUNDING)],
    ids=["ssm", "lact"],
)
def test_mixers_keep_the_rounding_of_a_stock_encoder(mixers: MixerEncoderContract, rounding: float) -> None:
    raw, length = log_mel()
    for kind, changes in mixers.variants.items():
        encoder = mixers.build(feature_normalization="running", **changes)
        check_halved(half_precision(encoder, encode(raw, length)), stock(), kind, rounding)


def _streaming_encoders() -> dict[str, tuple[nn.Module, float]]:
    """Causal encoders with a context, and how much more than stock half precision may cost them."""
    encoders: dict[str, tuple[nn.Module, float]] = {}
    for normalization in ("running", {"mean": -8.0, "std": 4.0}):
        changes = STREAMING | {"feature_normalization": normalization}
        conformer = _encoder(scaled(CausalStatisticsContextEncoder), FiLMFusion, **changes).eval()
        encoders[f"conformer, {normalization}"] = (conformer, ROUNDING)
    changes = {"feature_normalization": "running"}
    for mixers, rounding in (
        (test_ssm_encoder.TestSSMEncoder(), ROUNDING),
        (test_lact_encoder.TestLaCTEncoder(), LACT_ROUNDING),
    ):
        for kind, arguments in mixers.variants.items():
            if kind.startswith("causal"):
                context = scaled(CausalStatisticsContextEncoder)
                encoder = mixers.noise_aware(context, **(arguments | changes))
                encoders[f"{mixers.kind.__name__}, {kind}"] = (encoder, rounding)
    return encoders


def test_streams_with_caches_in_half_precision_give_what_the_whole_utterance_gives() -> None:
    raw, length = log_mel(frames=800, batch=1)  # a count of frames in bfloat16 stops at 256
    for name, (encoder, rounding) in _streaming_encoders().items():
        randomize(encoder.fusions)
        with torch.no_grad():
            exact = encoder(audio_signal=raw, length=length)[0]
            for dtype in HALF_PRECISIONS:
                halved = copy.deepcopy(encoder).to(dtype)
                streamed = _stream(halved, raw.to(dtype), length, dtype)[:, :, : exact.shape[2]]
                with torch.autocast("cpu", dtype=dtype):
                    mixed = _stream(encoder, raw, length)[:, :, : exact.shape[2]]
                for way, output in (("to", streamed), ("autocast", mixed)):
                    assert output.dtype == stock()[dtype, way].dtype, name
                    error = (output.float() - exact).square().mean() / exact.square().mean()
                    assert error.sqrt() <= rounding * stock()[dtype, way].error, f"{name}: {dtype} by {way}"


@pytest.mark.parametrize("dtype", HALF_PRECISIONS)
def test_a_state_goes_through_a_cache_of_half_precision_bit_for_bit(dtype: torch.dtype) -> None:
    state = torch.tensor([[1e13, -3.0, 257.0, 1e-20, 0.1]])  # sums of a stream: beyond float16, finer than bfloat16
    packed = packed_state(state, dtype)
    assert packed.dtype == dtype and packed.shape[1] == packed_size(5, dtype) == 10
    padded = nn.functional.pad(packed, (0, 6))
    assert torch.equal(unpacked_state(padded, 5), state)
    assert torch.equal(unpacked_state(torch.zeros(1, 16, dtype=dtype), 5), torch.zeros(1, 5))
    assert torch.equal(unpacked_state(packed_state(state, torch.float32), 5), state)


def test_constants_follow_the_device_and_keep_their_precision() -> None:
    module = nn.Sequential(nn.Linear(2, 2), ExactConstants(third=torch.tensor([1.0 / 3.0])))
    assert module.bfloat16()[1].third.item() == torch.tensor(1.0 / 3.0).item() and module[0].weight.itemsize == 2
    assert module.to("meta")[1].third.device.type == "meta"
    assert not [name for name in module.state_dict() if "third" in name]


def test_spectrograms_of_a_halved_model_are_those_of_float32() -> None:
    signal, length = 0.1 * torch.randn(2, 16000), torch.tensor([16000, 9000])
    for features in (WhisperFeatures(window_s=1.0), LogMelFeatures(features=32)):
        exact = features(input_signal=signal, length=length)[0]
        for dtype in HALF_PRECISIONS:
            halved = copy.deepcopy(features).to(dtype)
            assert torch.equal(halved(input_signal=signal, length=length)[0], exact)
            with torch.autocast("cpu", dtype=dtype):
                assert torch.equal(features(input_signal=signal, length=length)[0], exact)
    theirs = WhisperFeatureExtractor(feature_size=80, chunk_length=1)(
        signal[0].numpy(), sampling_rate=16000, return_tensors="pt"
    )
    ours = WhisperFeatures(window_s=1.0).bfloat16()(input_signal=signal[:1], length=length[:1])[0]
    assert (ours - theirs.input_features).abs().max() < 1e-4


def test_whisper_keeps_the_rounding_of_transformers_encoder() -> None:
    encoder = WhisperEncoder(feat_in=BANDS, d_model=WIDTH, n_layers=2, n_heads=4, max_positions=50).eval()
    audio_signal, length = torch.randn(2, BANDS, 100), torch.tensor([100, 100])
    theirs = half_precision(encoder.whisper, lambda module, dtype: module(audio_signal.to(dtype)).last_hidden_state)
    # the features stay float32: what Whisper's preprocessor gives is rounded by the encoder
    ours = half_precision(encoder, lambda module, dtype: module(audio_signal=audio_signal, length=length)[0])
    check_halved(ours, theirs, "Whisper", rounding=1.01)


@pytest.mark.parametrize("shape", SHAPE_NAMES)
def test_wav2vec_keeps_the_rounding_of_transformers_model(shape: str) -> None:
    signal, length = 0.3 * torch.randn(2, 1, 8000), torch.tensor([8000, 8000])
    theirs = half_precision(
        their_model("plain", shape), lambda module, dtype: module(signal[:, 0].to(dtype)).last_hidden_state
    )
    arguments = our_arguments(shape)
    plain = NoiseAwareWav2Vec2Encoder(**arguments).eval()
    weights = their_model("plain", shape).state_dict()
    plain.load_state_dict({name.removeprefix("encoder."): value for name, value in weights.items()})

    def run(module: nn.Module, dtype: torch.dtype) -> Tensor:
        return module(audio_signal=signal, length=length)[0]  # samples stay float32

    check_halved(half_precision(plain, run), theirs, shape)
    context = StatisticsContextEncoder(BANDS, CONTEXT, feature_mean=-8.0, feature_std=4.0)
    fusion = {site: FiLMFusion(arguments["d_model"], CONTEXT) for site in ("pre_encode", 0)}
    parts = {"context": context, "fusion": fusion, "context_features": LogMelFeatures(features=BANDS)}
    aware = NoiseAwareWav2Vec2Encoder(**parts, **(arguments | {"normalizes_waveform": True})).eval()
    aware.load_state_dict(plain.state_dict(), strict=False)
    randomize(aware.fusions)
    check_halved(half_precision(aware, run), theirs, f"{shape} with a context")


def test_training_under_autocast_reaches_every_added_parameter_with_finite_gradients() -> None:
    raw, length = log_mel()
    for context in CONTEXTS:
        encoder = _encoder(scaled(context), FiLMFusion, feature_normalization="per_feature").train()
        randomize(encoder.fusions)
        for dtype in HALF_PRECISIONS:
            encoder.zero_grad()
            with torch.autocast("cpu", dtype=dtype):
                output = encoder(audio_signal=raw, length=length)[0]
            output.float().square().mean().backward()
            added = [*encoder.fusions.parameters(), *encoder.context_encoder.parameters()]
            assert all(p.grad is not None and p.grad.isfinite().all() for p in added), (context, dtype)


def test_a_preroll_reaches_the_context_in_half_precision() -> None:
    class Recogniser(nn.Module):
        preprocessor = staticmethod(lambda input_signal, length: (raw[:, :, :100], torch.tensor([100, 100])))

    raw, length = log_mel()
    model = Recogniser()
    model.encoder = _encoder(scaled(StatisticsContextEncoder), FiLMFusion, feature_normalization="per_feature").eval()
    randomize(model.encoder.fusions)
    exact = model.encoder(audio_signal=raw, length=length)[0]
    model = model.bfloat16()
    with torch.no_grad(), noise_before(model, torch.zeros(2, 16000), torch.tensor([16000, 16000])):
        output = model.encoder(audio_signal=raw.bfloat16(), length=length)[0]
    assert output.dtype == torch.bfloat16 and output.isfinite().all() and not torch.allclose(output.float(), exact)
