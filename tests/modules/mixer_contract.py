# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What every encoder with mixers in place of attention must keep: streams, caches, sizes, NeMo's models around it."""

from pathlib import Path
from typing import Any, ClassVar

import onnxruntime
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf, open_dict

from nemo.collections.asr.models import ASRModel
from nemo.core.classes.common import Serialization

from nemo_noise.configuration import config_directory
from nemo_noise.modules import (
    CausalStatisticsContextEncoder,
    ContextEncoder,
    FiLMFusion,
    GatedFusion,
    MixerEncoder,
    StatisticsContextEncoder,
)
from tests.contracts import check_encoder, fill_padding, randomize
from tests.models.test_families import outputs
from tests.modules.test_contracts import BANDS, CONTEXT, TINY_CONFORMER, WIDTH
from tests.modules.test_noise_aware import STREAMING, _stream
from tests.recognisers import build_recogniser

STREAMED = [(6, 200), (6, 57), (1, 193)]  # frames of a chunk after the first, feature frames


class MixerEncoderContract:
    """Tests of one kind of encoder; a subclass says which.

    Attributes:
        kind: the class.
        tiny: arguments of a small one, bidirectional.
        causal: further arguments of a causal one.
        variants: name -> further arguments; those that stream have a name that begins with ``causal``.
        tolerance: largest difference between a stream and the whole utterance.
        sizes: recipe, config group, option, millions of parameters.
        refused: further arguments, and the message that refuses them.
    """

    kind: ClassVar[type[MixerEncoder]]
    tiny: ClassVar[dict[str, Any]]
    causal: ClassVar[dict[str, Any]]
    variants: ClassVar[dict[str, dict[str, Any]]]
    tolerance: ClassVar[float]
    sizes: ClassVar[list[tuple[str, str, str, float]]]
    refused: ClassVar[list[tuple[dict[str, Any], str]]]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run a test that asks for a variant, a causal one, a size or a refusal with each of them."""
        causal = [name for name in self.variants if name.startswith("causal")]
        values = {"variant": self.variants, "causal_variant": causal, "size": self.sizes, "refusal": self.refused}
        for name in set(values) & set(metafunc.fixturenames):
            metafunc.parametrize(name, values[name])

    def build(self, **changes: Any) -> MixerEncoder:
        return self.kind(**(self.tiny | changes)).eval()

    def noise_aware(self, context: ContextEncoder, **changes: Any) -> MixerEncoder:
        fusion = {site: FiLMFusion(width, CONTEXT) for site, width in (("features", BANDS), (0, WIDTH), (1, WIDTH))}
        return self.build(context=context, fusion=fusion, **changes)

    def exported(self, path: Path, **changes: Any) -> tuple[MixerEncoder, onnxruntime.InferenceSession]:
        """A causal encoder with a context, and its graph with caches in a file."""
        context, fusion = CausalStatisticsContextEncoder(BANDS, CONTEXT), {0: GatedFusion(WIDTH, CONTEXT)}
        encoder = self.build(context=context, fusion=fusion, **(self.causal | changes))
        randomize(encoder.fusions)
        encoder.export_cache_support = True
        encoder.export(str(path))
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        names = [entry.name for entry in session.get_inputs()]
        assert names == ["audio_signal", "length", "cache_last_channel", "cache_last_time", "cache_last_channel_len"]
        return encoder, session

    def test_encoder_keeps_the_contract(self, variant: str, tmp_path: Path) -> None:
        context = CausalStatisticsContextEncoder if variant == "causal" else StatisticsContextEncoder
        changes = self.variants[variant]
        check_encoder(self.noise_aware(context(BANDS, CONTEXT), **changes), self.build(**changes), tmp_path)

    @pytest.mark.parametrize("has_context", [False, True])
    @pytest.mark.parametrize(("right", "num_frames"), STREAMED)
    def test_a_stream_equals_offline(
        self, causal_variant: str, has_context: bool, right: int, num_frames: int
    ) -> None:
        changes = self.variants[causal_variant] | {"att_context_size": [14, right]}
        if has_context:
            encoder = self.noise_aware(CausalStatisticsContextEncoder(BANDS, CONTEXT), **changes)
            randomize(encoder.fusions)
        else:
            encoder = self.build(**changes)
        length = torch.tensor([num_frames, num_frames - 20])
        audio_signal = fill_padding(torch.randn(2, BANDS, num_frames), length, 0.0)
        offline, offline_length = encoder(audio_signal=audio_signal, length=length)
        streamed = _stream(encoder, audio_signal, length)
        for index, valid in enumerate(offline_length.tolist()):
            assert (offline[index, :, :valid] - streamed[index, :, :valid]).abs().max() < self.tolerance

    @pytest.mark.parametrize(("chunk_size", "shift_size"), [(2, 2), (5, 5), (11, 11), (6, 4)])
    def test_pieces_of_a_stream_may_have_any_size_and_overlap(self, chunk_size: int, shift_size: int) -> None:
        encoder = self.build(**self.causal)
        audio_signal, length = torch.randn(1, BANDS, 169), torch.tensor([169])  # all chunks but the last are whole
        offline = encoder(audio_signal=audio_signal, length=length)[0]
        encoder.setup_streaming_params(chunk_size=chunk_size, shift_size=shift_size, left_chunks=1)
        streamed = _stream(encoder, audio_signal, length)
        num_frames = offline.shape[2]
        assert num_frames == 22 and (offline - streamed[:, :, :num_frames]).abs().max() < self.tolerance

    def test_the_state_of_a_stream_does_not_grow_and_does_not_reach_another(self) -> None:
        encoder = self.build(**self.causal)
        caches = encoder.get_initial_cache_state(batch_size=2)
        shapes = [cache.shape for cache in caches]
        assert shapes[0][2] == -(-encoder.layers[0].mixer.state_size // WIDTH)
        config = encoder.streaming_cfg
        chunk = torch.randn(2, BANDS, config.chunk_size[1] + config.pre_encode_cache_size[1])
        for _ in range(5):
            _, _, *caches = encoder.cache_aware_stream_step(chunk, torch.tensor([chunk.shape[2]] * 2), *caches)
            assert [cache.shape for cache in caches] == shapes
        audio_signal, length = torch.randn(2, BANDS, 160), torch.tensor([160, 160])
        together, alone = _stream(encoder, audio_signal, length), _stream(encoder, audio_signal[1:], length[1:])
        assert torch.allclose(together[1:], alone, atol=self.tolerance / 10)

    def test_an_utterance_does_not_depend_on_its_batch(self, variant: str) -> None:
        encoder = self.build(**self.variants[variant])
        length = torch.tensor([200, 128])
        audio_signal = fill_padding(torch.randn(2, BANDS, 200), length, 0.0)
        together, together_length = encoder(audio_signal=audio_signal, length=length)
        alone = encoder(audio_signal=audio_signal[1:, :, :128], length=length[1:])[0]
        valid = int(together_length[1])
        assert (together[1, :, :valid] - alone[0, :, :valid]).abs().max() < self.tolerance

    def test_a_causal_encoder_depends_on_no_future_and_a_bidirectional_one_does(self) -> None:
        audio_signal, length = torch.randn(1, BANDS, 160), torch.tensor([160])
        changed = audio_signal.clone()
        changed[:, :, 81:] += 1.0
        for changes, is_causal in ((self.causal, True), ({}, False)):
            encoder = self.build(**changes)
            before, after = (encoder(audio_signal=signal, length=length)[0] for signal in (audio_signal, changed))
            assert torch.allclose(before[:, :, :10], after[:, :, :10], atol=1e-6) == is_causal

    def test_a_bidirectional_encoder_refuses_to_stream(self) -> None:
        with pytest.raises(ValueError, match=f"cannot stream: {self.kind.causal_choice}"):
            _stream(self.build(**STREAMING), torch.randn(1, BANDS, 100), torch.tensor([100]))

    @pytest.mark.parametrize("share", [0.5, 0.9])
    def test_every_parameter_gets_a_gradient_also_with_layer_drop(self, variant: str, share: float) -> None:
        encoder = self.build(**self.variants[variant], stochastic_depth_drop_prob=share).train()
        audio_signal, length = torch.randn(2, BANDS, 200), torch.tensor([200, 150])
        encoder(audio_signal=audio_signal, length=length)[0].square().sum().backward()
        gradients = [parameter.grad for parameter in encoder.layers.parameters()]
        assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)
        assert any(parameter.grad.abs().sum() > 0 for parameter in encoder.layers[0].mixer.parameters())

    @pytest.mark.parametrize("family", ["ctc_bpe", "rnnt_bpe", "hybrid_bpe", "aed"])
    def test_nemo_s_decoders_take_the_encoder_by_config_and_it_comes_back_from_disk(
        self, family: str, tmp_path: Path
    ) -> None:
        config = build_recogniser(family, tmp_path).cfg
        own = {name: value for name, value in self.tiny.items() if name not in TINY_CONFORMER}
        with open_dict(config):
            target = {"_target_": f"nemo_noise.modules.{self.kind.__name__}"}
            config.encoder = OmegaConf.merge(config.encoder, target, own)
            config.encoder.context = {"_target_": "nemo_noise.modules.StatisticsContextEncoder", "d_context": CONTEXT}
            config.encoder.context.feat_in = config.encoder.feat_in
            config.encoder.fusion = {0: {"_target_": "nemo_noise.modules.FiLMFusion", "d_context": CONTEXT}}
            config.encoder.fusion[0].d_model = config.encoder.d_model
        model = type(build_recogniser(family, tmp_path))(cfg=config)
        assert isinstance(model.encoder, self.kind)
        randomize(model.encoder.fusions)
        expected = outputs(model)
        model.save_to(str(tmp_path / "mixers.nemo"))
        restored = ASRModel.restore_from(str(tmp_path / "mixers.nemo"), map_location="cpu")
        assert torch.equal(outputs(restored), expected)

    def test_the_sizes_have_the_parameters_of_their_names(self, size: tuple[str, str, str, float]) -> None:
        recipe, group, option, millions = size
        with initialize_config_dir(str(config_directory()), version_base="1.1"):
            config = compose(recipe, [f"{group}@model.encoder={option}"])
        encoder = OmegaConf.to_container(config.model.encoder, resolve=True) | {"context": None, "fusion": None}
        counts = []
        for shallow in (1, 2):  # layers are equal: the whole need not be built
            built = Serialization.from_config_dict(OmegaConf.create(encoder | {"n_layers": shallow}))
            counts.append(sum(parameter.numel() for parameter in built.parameters()))
        total = counts[0] + (encoder["n_layers"] - 1) * (counts[1] - counts[0])
        assert total / 1e6 == pytest.approx(millions, rel=0.02)

    def test_what_does_not_fit_is_refused_by_name_and_value(self, refusal: tuple[dict[str, Any], str]) -> None:
        changes, message = refusal
        with pytest.raises(ValueError, match=message):
            self.build(**changes)
