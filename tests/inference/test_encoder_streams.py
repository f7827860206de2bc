# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""An encoder that streams inside `transcribe`: a causal one says what it says offline, and is left as it was."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from nemo_noise.inference.streaming.chunked import ChunkPlan
from nemo_noise.inference.streaming.encoder_streams import (
    CacheAwareStream,
    NotStreamableError,
    OverlappingStream,
    non_causal_part,
    plan_stream,
    streamed,
)
from nemo_noise.models import WhisperModel
from nemo_noise.recogniser.transcription import transcribe
from tests.contracts import randomize
from tests.evaluation.tiny_models import streaming_encoder, tiny_ctc
from tests.recognisers import build_recogniser


def _bursts(seed: int, count: int) -> np.ndarray:
    """Noise whose level and colour change every tenth of a second."""
    generator = np.random.default_rng(seed)
    pieces = []
    for _ in range(-(-count // 1600)):
        kernel = generator.standard_normal(8) * 10.0 ** generator.uniform(-3, 0)
        pieces.append(np.convolve(generator.standard_normal(1600), kernel, mode="same"))
    return np.concatenate(pieces)[:count].astype(np.float32)


WAVEFORMS = [_bursts(seed, count) for seed, count in enumerate((16000, 23456, 17610, 9000))]


def _lively(**changes: Any) -> Any:
    """A streaming model whose texts are not all alike."""
    model = tiny_ctc(streaming_encoder(**changes), normalize="NA")
    randomize(model.encoder)
    with torch.no_grad():
        model.decoder.decoder_layers[0].weight.normal_(std=3.0, generator=torch.Generator().manual_seed(0))
        model.decoder.decoder_layers[0].bias.zero_()
    return model.eval()


@pytest.mark.parametrize(
    ("changes", "chunk_ms", "size"),
    [
        ({}, 160, (28, 3)),
        ({"att_context_size": [[28, 3], [28, 0], [28, 6]]}, 160, (28, 3)),
        ({"att_context_style": "regular", "att_context_size": [28, 0]}, 80, None),
        ({"att_context_style": "regular", "att_context_size": [-1, 0]}, 200, None),
        ({"att_context_size": [-1, 3]}, 160, (-1, 3)),
        ({"has_context": True}, 160, (28, 3)),
    ],
)
def test_a_causal_model_says_in_a_stream_what_it_says_offline(changes: Any, chunk_ms: int, size: Any) -> None:
    model = _lively(**changes)
    stream = plan_stream(model, chunk_ms, left_s=1.0)
    assert isinstance(stream, CacheAwareStream) and stream.att_context_size == size
    assert stream.latency_ms == chunk_ms + 10  # half a window of 20 ms
    offline = transcribe(model, WAVEFORMS)
    assert len(set(offline)) == len(WAVEFORMS) and all(offline)
    with streamed(model, stream) as steps_s:
        assert transcribe(model, WAVEFORMS) == offline
    assert len(steps_s) >= 1000 * 23456 / 16000 / chunk_ms and min(steps_s) > 0
    assert transcribe(model, WAVEFORMS) == offline


def test_states_and_lengths_of_a_stream_are_those_of_offline_for_every_length() -> None:
    model = _lively(has_context=True)
    audio_signal, length = torch.randn(60, 16, 60, generator=torch.Generator().manual_seed(0)), torch.arange(1, 61)
    encoder = model.encoder
    with torch.no_grad():
        states, lengths = encoder(audio_signal=audio_signal, length=length)
        with streamed(model, plan_stream(model, 160, 1.0)):
            stepped, stepped_lengths = encoder(audio_signal=audio_signal, length=length)
    assert torch.equal(stepped_lengths, lengths)
    for index, valid in enumerate(lengths.tolist()):
        assert (stepped[index, :, :valid] - states[index, :, :valid]).abs().max() < 1e-4
        assert stepped[index, :, valid:].abs().sum() == 0


def test_another_look_ahead_streams_as_the_model_does_offline_with_it_and_is_put_back() -> None:
    model = _lively(att_context_size=[[28, 6], [28, 1], [28, 0]])
    model.encoder.set_default_att_context_size([28, 1])
    with_less = transcribe(model, WAVEFORMS)
    model.encoder.set_default_att_context_size([28, 6])
    chunk_size = list(model.encoder.streaming_cfg.chunk_size)
    offline = transcribe(model, WAVEFORMS)
    assert with_less != offline
    with streamed(model, plan_stream(model, 80, 1.0)):
        assert transcribe(model, WAVEFORMS) == with_less
    assert transcribe(model, WAVEFORMS) == offline
    assert model.encoder.att_context_size == [28, 6] and model.encoder.streaming_cfg.chunk_size == chunk_size
    assert "forward" not in model.encoder.__dict__


@pytest.mark.parametrize("family", ["rnnt_bpe", "tdt_bpe", "hybrid_bpe", "ctc_bpe"])
def test_transducers_stream_too(family: str, tmp_path: Path) -> None:
    torch.manual_seed(3)
    model = build_recogniser(family, tmp_path)
    config = OmegaConf.to_container(model.cfg)
    config["preprocessor"]["normalize"] = "NA"
    changes = {"causal_downsampling": True, "conv_context_size": "causal", "conv_norm_type": "layer_norm"}
    config["encoder"].update(changes, att_context_style="chunked_limited", att_context_size=[28, 1])
    model = type(model)(cfg=OmegaConf.create(config)).eval()
    randomize(model.encoder)
    offline = transcribe(model, WAVEFORMS)
    with streamed(model, plan_stream(model, 160, 1.0)):
        assert transcribe(model, WAVEFORMS) == offline
    assert any(offline)


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"causal_downsampling": False}, "its subsampling"),
        ({"conv_context_size": None}, "its convolutions"),
        ({"att_context_style": "regular", "att_context_size": [-1, -1]}, "its attention"),
        ({"has_context": True, "is_causal_context": False}, "its context"),
        ({"normalize": "per_feature"}, "the normalisation of its features"),
        ({}, None),
    ],
)
def test_the_non_causal_part_is_named(changes: Any, part: str | None) -> None:
    normalize = changes.pop("normalize", "NA")
    assert non_causal_part(tiny_ctc(streaming_encoder(**changes), normalize=normalize)) == part


def test_a_model_that_hears_the_future_hears_overlapping_chunks() -> None:
    model = tiny_ctc()
    randomize(model.encoder)
    randomize(model.decoder)
    stream = plan_stream(model, 200, left_s=0.4)  # 5 frames of 40 ms
    assert isinstance(stream, OverlappingStream)
    assert stream.plan == ChunkPlan(chunk=3, left=10, right=2) and stream.normalization == "per_feature"
    assert stream.latency_ms == 5 * 40 + 10  # half a window of 20 ms
    offline = transcribe(model, WAVEFORMS)
    with streamed(model, stream) as steps_s:
        chunked = transcribe(model, WAVEFORMS)
    assert len(chunked) == len(offline) and len(steps_s) > 4 * 1000 / 120
    with streamed(model, OverlappingStream(ChunkPlan(1000, 0, 0), 0.0, "per_feature")):
        assert transcribe(model, WAVEFORMS) == offline  # one chunk is the whole utterance


def test_what_cannot_stream_says_why(tmp_path: Path) -> None:
    model = tiny_ctc(streaming_encoder(att_context_size=[[28, 3], [28, 0]]), normalize="NA")
    with pytest.raises(NotStreamableError, match="100 ms is not a multiple of the encoder's frame of 40 ms"):
        plan_stream(model, 100, 1.0)
    with pytest.raises(NotStreamableError, match=r"chunks of 2 frames is not among its .*\[28, 3\].*: 160, 40 ms"):
        plan_stream(model, 80, 1.0)
    with pytest.raises(NotStreamableError, match="transcribe_aed_streaming.py streams it"):
        plan_stream(build_recogniser("aed", tmp_path), 80, 1.0)
    with pytest.raises(NotStreamableError, match="a window of fixed length") as caught:
        plan_stream(WhisperModel.__new__(WhisperModel), 320, 5.0)
    assert "transcribe_aed_streaming" not in str(caught.value)  # which refuses it as well
