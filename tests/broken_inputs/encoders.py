# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Broken encoders and decoders, as YAML writes them down."""

import torch

from nemo_noise.modules import CausalLaCTMixer
from tests.broken_inputs.case import Case
from tests.broken_inputs.contexts import CONFORMER, TEMPORAL, built, module


def heard(frames: int, chunk_size: int) -> None:
    """Causal fast weights in training, on an utterance of so many frames."""
    CausalLaCTMixer(32, fast_hidden=8, chunk_size=chunk_size).train()(torch.zeros(1, frames, 32))


WAVEFORM = {"d_model": 32, "n_layers": 1, "n_heads": 4, "conv_dims": 8, "pos_kernel": 4, "pos_groups": 4}
DECODER = {"vocab_size": 16, "hidden_size": 32, "inner_size": 32, "num_layers": 1, "num_attention_heads": 4}

ENCODERS = [
    Case(
        "mamba-heads-do-not-divide",
        built,
        module("Mamba2Mixer", d_model=32, head_dim=24),
        "head_dim",
        "24",
        "must divide expand * d_model = 64",
    ),
    Case(
        "mamba-groups-do-not-divide",
        built,
        module("Mamba2Mixer", d_model=32, head_dim=16, n_groups=3),
        "n_groups",
        "3",
        "divide the number of heads 4",
    ),
    Case(
        "mamba-chunk-of-none", built, module("Mamba2Mixer", d_model=32, chunk_size=0), "chunk_size", "0", "at least 1"
    ),
    Case(
        "mamba-direction-unknown",
        built,
        module("SSMEncoder", direction="backward", head_dim=16, **CONFORMER),
        "direction",
        "'backward'",
        "bidirectional",
    ),
    Case(
        "mamba-attention-every-layer",
        built,
        module("SSMEncoder", attention_every=1, head_dim=16, **CONFORMER),
        "attention_every",
        "1",
        "from 2 to n_layers=2",
    ),
    Case(
        "mamba-causal-behind-other-layers",
        built,
        module("SSMEncoder", direction="causal", head_dim=16, **CONFORMER),
        "causal_downsampling",
        "False",
        "use true",
    ),
    Case(
        "lact-heads-do-not-divide",
        built,
        module("BidirectionalLaCTMixer", d_model=32, fast_heads=5),
        "fast_heads",
        "5",
        "must divide d_model=32",
    ),
    Case(
        "lact-hidden-of-none",
        built,
        module("BidirectionalLaCTMixer", d_model=32, fast_hidden=0),
        "fast_hidden",
        "0",
        "above 0",
    ),
    Case(
        "lact-rule-unknown",
        built,
        module("BidirectionalLaCTMixer", d_model=32, update_rule="adam"),
        "update_rule",
        "'adam'",
        "muon",
    ),
    Case(
        "lact-momentum-without-chunks",
        built,
        module("BidirectionalLaCTMixer", d_model=32, uses_momentum=True),
        "uses_momentum",
        "True",
        "more than one step",
    ),
    Case("lact-window-negative", built, module("CausalLaCTMixer", d_model=32, window=0), "window", "0", "at least 1"),
    Case(
        "lact-attention-heads-do-not-divide",
        built,
        module("CausalLaCTMixer", d_model=32, n_heads=5),
        "n_heads",
        "5",
        "must divide d_model=32",
    ),
    Case(
        "lact-order-unknown",
        built,
        module("LaCTEncoder", order="random", fast_hidden=8, **CONFORMER),
        "order",
        "'random'",
        "bidirectional",
    ),
    Case(
        "lact-chunk-as-long-as-the-utterance",
        heard,
        {"frames": 20, "chunk_size": 20},
        "fast_chunk_size",
        "20",
        "Use a smaller fast_chunk_size",
    ),
    Case(
        "wav2vec-hop-not-divisible",
        built,
        module("Wav2Vec2Encoder", frame_hop=128, **WAVEFORM),
        "frame_hop",
        "128",
        "320, 200, 160 and 80",
    ),
    Case(
        "wav2vec-hop-of-none",
        built,
        module("Wav2Vec2Encoder", frame_hop=0, **WAVEFORM),
        "frame_hop",
        "0",
        "320, 200, 160 and 80",
    ),
    Case(
        "wav2vec-heads-do-not-divide",
        built,
        module("Wav2Vec2Encoder", **{**WAVEFORM, "n_heads": 5}),
        "n_heads",
        "5",
        "multiple of",
    ),
    Case(
        "wav2vec-mask-of-2",
        built,
        module("Wav2Vec2Encoder", mask_time_prob=2.0, **WAVEFORM),
        "mask_time_prob",
        "2.0",
        "from 0 to 1",
    ),
    Case(
        "wav2vec-norm-unknown",
        built,
        module("Wav2Vec2Encoder", conv_norm="batch", **WAVEFORM),
        "conv_norm",
        "'batch'",
        "group",
    ),
    Case(
        "wav2vec-kernel-missing",
        built,
        module("Wav2Vec2Encoder", conv_kernels=[10, 3], **WAVEFORM),
        "conv_kernels",
        "2",
        "one of each",
    ),
    Case(
        "waveform-stride-of-a-frame",
        built,
        module("WaveformPreprocessor", window_stride=0.01),
        "window_stride",
        "0.01",
        "1 / sample_rate",
    ),
    Case(
        "whisper-heads-do-not-divide",
        built,
        module("WhisperEncoder", feat_in=80, d_model=32, n_layers=1, n_heads=5),
        "d_model",
        "32",
        "multiple of n_heads=5",
    ),
    Case(
        "whisper-window-of-part-of-a-frame",
        built,
        module("WhisperFeatures", window_s=0.0055),
        "window_s",
        "0.0055",
        "multiple of window_stride",
    ),
]

DECODERS = [
    Case(
        "gate-kind-unknown",
        built,
        module("DualAttentionDecoder", config_dict=DECODER, gate="layer"),
        "gate",
        "'layer'",
        "scalar, head, channel",
    ),
    Case(
        "decoder-lacks-a-width",
        built,
        module("DualAttentionDecoder", config_dict={**DECODER, "hidden_size": None}),
        "config_dict",
        "hidden_size",
        "lacks",
    ),
    Case(
        "decoder-option-unknown",
        built,
        module("DualAttentionDecoder", config_dict={**DECODER, "heads": 4}),
        "heads",
        "unexpected keyword",
        "DualAttentionDecoder",
    ),
    Case(
        "decoder-heads-do-not-divide",
        built,
        module("DualAttentionDecoder", config_dict={**DECODER, "num_attention_heads": 5}),
        "num_attention_heads",
        "5",
        "divide hidden_size=32",
    ),
    Case(
        "decoder-reads-no-token",
        built,
        module("DualAttentionDecoder", config_dict=DECODER, secondary_tokens=0),
        "secondary_tokens",
        "0",
        "'same', 'frames'",
    ),
    Case(
        "decoder-from-a-name",
        built,
        module("DualAttentionDecoder", config_dict=DECODER, model_name="bert"),
        "model_name",
        "'bert'",
        "leave it out",
    ),
    Case(
        "memory-of-a-negative-layer",
        built,
        module("EncoderLayerMemory", layer=-1, d_encoder=32, d_model=32),
        "layer",
        "-1",
        "from 0",
    ),
    Case(
        "memory-of-frames",
        built,
        module("ContextTokenMemory", context=TEMPORAL, d_model=32),
        "context",
        "TemporalContextEncoder",
        "use one of the utterance",
    ),
    Case(
        "memory-of-no-type", built, module("NoiseTypeMemory", num_types=0, d_model=32), "num_types", "0", "at least 1"
    ),
]


CASES = [*ENCODERS, *DECODERS]
