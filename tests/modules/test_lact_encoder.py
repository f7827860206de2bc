# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The LaCT encoder keeps the contract of mixers; its fast weights learn along a stream, also in an exported graph."""

from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

import nemo_noise  # noqa: F401  registers with NeMo
from nemo_noise.modules import LaCTEncoder, NoiseAwareLaCTEncoder
from tests.modules.mixer_contract import MixerEncoderContract
from tests.modules.test_contracts import BANDS, TINY_CONFORMER
from tests.modules.test_noise_aware import STREAMING

CAUSAL = STREAMING | {"order": "apply_then_update"}


class TestLaCTEncoder(MixerEncoderContract):
    kind = LaCTEncoder
    tiny: ClassVar = TINY_CONFORMER | {"window": 6, "fast_chunk_size": 8, "fast_hidden": 16}
    causal: ClassVar = CAUSAL
    variants: ClassVar = {
        "bidirectional": {},
        "causal": CAUSAL,
        "causal with momentum": CAUSAL | {"uses_momentum": True},
    }
    tolerance = 1e-3
    sizes: ClassVar = [
        ("lact/noise_aware_lact_ctc_bpe", "lact_size", option, millions)
        for option, millions in (("small_4m", 4.1), ("base_23m", 23.3), ("paper_212m", 212.2))
    ]
    refused: ClassVar[list[tuple[dict[str, Any], str]]] = [
        ({"order": "update_then_apply"}, "order='update_then_apply' is unknown; use one of"),
        ({"fast_heads": 5}, "fast_heads=5 must divide d_model=32"),
        (CAUSAL | {"fast_chunk_size": 0}, "chunk_size=0 must be at least 1"),
        (
            CAUSAL | {"causal_downsampling": False},
            "order='apply_then_update' with causal_downsampling=False would hear",
        ),
        (CAUSAL | {"conv_context_size": None}, "conv_context_size=\\[4, 4\\] would hear the future"),
        (CAUSAL | {"att_context_style": "regular"}, "att_context_style='regular' and att_context_size=\\[14, 6\\]"),
    ]

    def test_the_fast_weights_learn_with_layer_drop(self, variant: str) -> None:
        encoder = self.build(**self.variants[variant], stochastic_depth_drop_prob=0.5).train()
        audio_signal, length = torch.randn(2, BANDS, 200), torch.tensor([200, 150])
        encoder(audio_signal=audio_signal, length=length)[0].square().sum().backward()
        assert encoder.layers[0].mixer.fast_weights.gate.grad.abs().sum() > 0

    def test_an_export_with_caches_streams_as_torch_does(self, tmp_path: Path) -> None:
        encoder, session = self.exported(tmp_path / "stream.onnx")
        names = [entry.name for entry in session.get_inputs()]
        chunk = encoder.streaming_cfg.chunk_size[1] + encoder.streaming_cfg.pre_encode_cache_size[1]
        channel, time, channel_len = encoder.get_initial_cache_state(batch_size=1)
        caches = [channel.transpose(0, 1).numpy(), time.transpose(0, 1).numpy(), channel_len.numpy()]
        for turn in range(4):  # 28 frames: the fast weights learn three times
            audio_signal, length = torch.randn(1, BANDS, chunk), torch.tensor([chunk])
            with torch.no_grad():
                expected = encoder.forward_for_export(audio_signal, length, *map(torch.from_numpy, caches))
            actual = session.run(None, dict(zip(names, [audio_signal.numpy(), length.numpy(), *caches], strict=True)))
            assert (expected[0] - torch.from_numpy(actual[0])).abs().max() < 1e-4, turn
            caches = actual[2:]

    def test_the_earlier_name_is_the_same_class(self) -> None:
        assert NoiseAwareLaCTEncoder is LaCTEncoder

    def test_a_chunk_that_can_never_adapt_is_named_when_training_begins(self) -> None:
        encoder = self.build(**(CAUSAL | {"fast_chunk_size": 64})).train()
        message = "fast_chunk_size=64, but the longest utterance of the batch has 26 frames"
        with pytest.raises(ValueError, match=message):
            encoder(audio_signal=torch.randn(1, BANDS, 200), length=torch.tensor([200]))
