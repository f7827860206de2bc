# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The state-space encoder keeps the contract of mixers, also where some layers keep NeMo's attention."""

from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from nemo.collections.asr.modules import ConformerEncoder

import nemo_noise  # noqa: F401  registers with NeMo
from nemo_noise.modules import MixerLayer, SSMEncoder
from tests.modules.mixer_contract import MixerEncoderContract
from tests.modules.test_contracts import BANDS, TINY_CONFORMER
from tests.modules.test_noise_aware import STREAMING

CAUSAL = STREAMING | {"direction": "causal"}
SIZES = {"small_9m": (9.0, 7.3), "base_19m": (19.4, 15.6), "large_48m": (48.2, 38.8), "xlarge_151m": (151.0, 121.0)}
RECIPES = ("ssm/noise_aware_ssm_ctc_bpe", "ssm/noise_aware_ssm_ctc_bpe_streaming")


class TestSSMEncoder(MixerEncoderContract):
    kind = SSMEncoder
    tiny: ClassVar = TINY_CONFORMER | {"d_state": 8, "head_dim": 16, "chunk_size": 8}
    causal: ClassVar = CAUSAL
    variants: ClassVar = {
        "bidirectional": {},
        "causal": CAUSAL,
        "bidirectional with attention": {"attention_every": 2},
        "causal with attention": CAUSAL | {"attention_every": 2},
    }
    tolerance = 1e-4
    sizes: ClassVar = [
        (recipe, "ssm_size", option, millions)
        for option, both in SIZES.items()
        for recipe, millions in zip(RECIPES, both, strict=True)
    ]
    refused: ClassVar[list[tuple[dict[str, Any], str]]] = [
        ({"direction": "backwards"}, "direction='backwards' is unknown; use one of"),
        ({"attention_every": 1}, "attention_every=1 must be from 2 to n_layers=2"),
        ({"head_dim": 24}, "head_dim=24 must divide"),
        (CAUSAL | {"causal_downsampling": False}, "causal_downsampling=False would hear the future"),
        (CAUSAL | {"conv_context_size": None}, "conv_context_size=\\[4, 4\\] would hear the future"),
        (CAUSAL | {"att_context_style": "regular"}, "att_context_style='regular' and att_context_size=\\[14, 6\\]"),
    ]

    def test_without_attention_no_mask_is_quadratic_in_time(self) -> None:
        length = torch.tensor([30, 20])
        padding, attention = self.build()._create_masks([-1, -1], length, 30, None, length.device)
        assert attention is None and padding.shape == (2, 30) and padding.sum() == 10
        theirs = self.build(attention_every=2)._create_masks([-1, -1], length, 30, None, length.device)
        assert torch.equal(theirs[0], padding) and theirs[1].shape == (2, 30, 30)

    def test_attention_layers_are_nemo_s_and_the_rest_keeps_the_conformer_s_names(self) -> None:
        conformer = ConformerEncoder(**(TINY_CONFORMER | {"n_layers": 4}))
        encoder = self.build(n_layers=4, attention_every=2)
        assert [isinstance(layer, MixerLayer) for layer in encoder.layers] == [True, False, True, False]
        keys = encoder.load_state_dict(conformer.state_dict(), strict=False)
        assert all(".self_attn." in key or ".norm_self_att." in key for key in keys.unexpected_keys)
        assert all(".mixer." in key or ".norm_mixer." in key for key in keys.missing_keys)
        assert keys.unexpected_keys and keys.missing_keys

    @pytest.mark.parametrize("attention_every", [None, 2])
    def test_an_export_with_caches_streams_as_offline(self, tmp_path: Path, attention_every: int | None) -> None:
        encoder, session = self.exported(tmp_path / "stream.onnx", attention_every=attention_every)
        names = [entry.name for entry in session.get_inputs()]
        chunk = encoder.streaming_cfg.chunk_size[1] + encoder.streaming_cfg.pre_encode_cache_size[1]
        channel, time, channel_len = encoder.get_initial_cache_state(batch_size=1)
        caches = [channel.transpose(0, 1).numpy(), time.transpose(0, 1).numpy(), channel_len.numpy()]
        expected_caches = [torch.from_numpy(cache) for cache in caches]
        for _ in range(3):
            audio_signal, length = torch.randn(1, BANDS, chunk), torch.tensor([chunk])
            with torch.no_grad():
                expected = encoder.forward_for_export(audio_signal, length, *expected_caches)
            feed = dict(zip(names, [audio_signal.numpy(), length.numpy(), *caches], strict=True))
            actual = session.run(None, feed)  # each goes on from its own state
            for one, other in zip(expected, actual, strict=True):
                assert (one - torch.from_numpy(other)).abs().max() < 1e-4
            caches, expected_caches = actual[2:], list(expected[2:])
