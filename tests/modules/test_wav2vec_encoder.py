# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""wav2vec 2.0: transformers' numbers, any frame hop, no padding, the shared contract, NeMo's models around it."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from omegaconf import OmegaConf, open_dict
from torch import Tensor
from transformers import Wav2Vec2FeatureExtractor
from transformers.models.wav2vec2.modeling_wav2vec2 import _compute_mask_indices

from nemo.collections.asr.models import ASRModel
from nemo.collections.asr.modules import AudioToMelSpectrogramPreprocessor

import nemo_noise  # noqa: F401  registers with NeMo
from nemo_noise.modules import (
    CausalStatisticsContextEncoder,
    CrossAttentionFusion,
    FiLMFusion,
    HierarchicalContextEncoder,
    LogMelFeatures,
    NoiseAwareWav2Vec2Encoder,
    StatisticsContextEncoder,
    Wav2Vec2Encoder,
    WaveformPreprocessor,
)
from nemo_noise.modules.wav2vec.front_end import MaskedGroupNorm, normalize_waveform, strides_for_hop
from nemo_noise.modules.wav2vec.span_mask import draw_span_mask
from tests.contracts import ONNX_TOLERANCE, check_gradients, fill_padding, randomize
from tests.models.test_families import outputs
from tests.recognisers import LABELS, build_recogniser
from tests.wav2vecs import SHAPE_NAMES, our_arguments, their_model

BANDS, CONTEXT = 16, 8
LENGTHS = (8000, 6500, 4000)
TOLERANCE = 1e-4


def waveforms(lengths: tuple[int, ...] = LENGTHS, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Noise [B, 1, T], 0 beyond each length, and the lengths."""
    length = torch.tensor(lengths)
    signal = 0.3 * torch.randn(len(lengths), 1, max(lengths), generator=torch.Generator().manual_seed(seed))
    return fill_padding(signal, length, 0.0), length


def loaded(shape: str, **changes: Any) -> tuple[Any, Wav2Vec2Encoder]:
    """A model of transformers and an encoder of ours with its weights."""
    theirs = their_model("plain", shape)
    ours = Wav2Vec2Encoder(**our_arguments(shape, **changes)).eval()
    ours.load_state_dict({name.removeprefix("encoder."): value for name, value in theirs.state_dict().items()})
    return theirs, ours


def noise_aware(context: Any = None, fusion: Any = None, **changes: Any) -> NoiseAwareWav2Vec2Encoder:
    context = context or StatisticsContextEncoder(BANDS, CONTEXT)
    fusion = fusion or {site: FiLMFusion(32, CONTEXT) for site in ("pre_encode", 0, 1)}
    features = LogMelFeatures(features=BANDS)
    arguments = our_arguments("base", normalizes_waveform=True, mask_time_prob=0.0, **changes)
    return NoiseAwareWav2Vec2Encoder(context=context, fusion=fusion, context_features=features, **arguments)


@pytest.mark.parametrize("shape", SHAPE_NAMES)
def test_every_layer_gives_the_states_of_transformers(shape: str) -> None:
    theirs, ours = loaded(shape)
    signal, length = waveforms((8000,))
    with torch.no_grad():
        expected = theirs(signal[:, 0], output_hidden_states=True)
        states: list[Tensor] = []
        for layer in ours.layers:
            layer.register_forward_hook(lambda _module, _inputs, output: states.append(output))
        output, frames = ours(audio_signal=signal, length=length)
    assert frames.tolist() == [expected.last_hidden_state.shape[1]]
    assert (output.transpose(1, 2) - expected.last_hidden_state).abs().max() < TOLERANCE
    for state, reference in zip(states[:-1], expected.hidden_states[1:-1], strict=True):
        assert (state - reference).abs().max() < TOLERANCE
    assert (ours.extract(signal, length).features - expected.extract_features).abs().max() < TOLERANCE


@pytest.mark.parametrize("shape", ["large", "mixed"])
def test_a_padded_batch_is_that_of_transformers_where_their_norm_does_not_hear_padding(shape: str) -> None:
    theirs, ours = loaded(shape)
    signal, length = waveforms()
    attended = torch.arange(signal.shape[2]) < length[:, None]
    with torch.no_grad():
        expected = theirs(signal[:, 0], attention_mask=attended.long()).last_hidden_state
        output, frames = ours(audio_signal=signal, length=length)
    for index, valid in enumerate(frames.tolist()):
        assert (output[index, :, :valid].T - expected[index, :valid]).abs().max() < TOLERANCE


@pytest.mark.parametrize("shape", SHAPE_NAMES)
def test_padding_does_not_change_output(shape: str) -> None:
    _, ours = loaded(shape, normalizes_waveform=True)
    signal, length = waveforms()
    output, frames = ours(audio_signal=signal, length=length)
    for value in (float("nan"), 1e3):
        assert torch.equal(ours(audio_signal=fill_padding(signal, length, value), length=length)[0], output)
    for index, valid in enumerate(frames.tolist()):
        alone = ours(audio_signal=signal[index : index + 1, :, : length[index]], length=length[index : index + 1])[0]
        assert alone.shape[2] == valid
        assert (alone[0] - output[index, :, :valid]).abs().max() < 1e-5
        assert output[index, :, valid:].abs().sum() == 0


def test_transformers_group_norm_hears_padding_and_ours_does_not() -> None:
    theirs, ours = loaded("base")
    signal, length = waveforms((4000,))
    padded = torch.nn.functional.pad(signal, (0, 8000))
    with torch.no_grad():
        alone = theirs(signal[:, 0]).extract_features
        theirs_padded = theirs(padded[:, 0]).extract_features[:, : alone.shape[1]]
        ours_padded = ours.extract(padded, length).features[:, : alone.shape[1]]
    assert (theirs_padded - alone).abs().max() > 0.1 > TOLERANCE > (ours_padded - alone).abs().max()


def test_masked_group_norm_is_torch_s_without_padding() -> None:
    norm, hidden = MaskedGroupNorm(6), 3.0 + torch.randn(2, 6, 50)
    randomize(norm)
    expected = torch.nn.functional.group_norm(hidden, 6, norm.weight, norm.bias)
    assert torch.allclose(norm(hidden, torch.tensor([50, 50])), expected, atol=1e-5)


def test_the_normalised_waveform_is_that_of_transformers() -> None:
    signal, length = waveforms()
    signal = fill_padding(5.0 * signal + 2.0, length, 0.0)
    extractor = Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True)
    arrays = [signal[index, 0, :valid].numpy() for index, valid in enumerate(length.tolist())]
    expected = extractor(arrays, sampling_rate=16000, padding=True, return_tensors="pt").input_values
    assert torch.allclose(normalize_waveform(signal[:, 0], length), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("hop", "strides", "dilations"),
    [
        (None, [5, 2, 2, 2, 2, 2, 2], [1, 1, 1, 1, 1, 1, 1]),
        (200, [5, 2, 2, 2, 1, 1, 5], [1, 1, 1, 1, 1, 2, 4]),
        (160, [5, 2, 2, 2, 2, 2, 1], [1, 1, 1, 1, 1, 1, 1]),
        (80, [5, 2, 2, 2, 2, 1, 1], [1, 1, 1, 1, 1, 1, 2]),
    ],
)
def test_a_hop_is_made_by_strides_and_dilations(hop: int | None, strides: list[int], dilations: list[int]) -> None:
    assert strides_for_hop((5, 2, 2, 2, 2, 2, 2), hop) == (strides, dilations)


@pytest.mark.parametrize("shape", ["base", "large"])
@pytest.mark.parametrize("hop", [200, 160, 80])
def test_at_another_hop_the_front_end_gives_the_same_frames_where_the_grids_meet(shape: str, hop: int) -> None:
    theirs, ours = loaded(shape, frame_hop=hop)
    signal, length = waveforms((8000,))
    with torch.no_grad():
        coarse = theirs.feature_extractor(signal[:, 0])  # [1, C, T]
        fine, frames = ours.feature_extractor(signal, length)
    assert ours.subsampling_factor == hop and ours.receptive_field == 400
    assert frames.tolist() == [fine.shape[2]] == [(8000 - 400) // hop + 1]
    common = int(np.lcm(hop, 320))
    fine, coarse = fine[:, :, :: common // hop], coarse[:, :, :: common // 320]
    num_common = min(fine.shape[2], coarse.shape[2])
    assert num_common >= 5
    assert (fine[:, :, :num_common] - coarse[:, :, :num_common]).abs().max() < 1e-5


def test_an_utterance_shorter_than_one_frame_is_filled_with_silence() -> None:
    _, ours = loaded("base")
    signal, length = waveforms((300, 120))
    output, frames = ours(audio_signal=signal, length=length)
    assert frames.tolist() == [1, 1] and output.isfinite().all()
    longer, _ = ours(audio_signal=torch.nn.functional.pad(signal, (0, 4000)), length=length)
    assert torch.allclose(longer[:, :, :1], output, atol=1e-6)


def test_log_mel_features_are_nemo_s() -> None:
    options = {"normalize": "NA", "features": BANDS, "n_fft": 512, "window_size": 0.025, "dither": 0.0}
    options["pad_to"] = 0
    signal, length = waveforms()
    expected, expected_length = AudioToMelSpectrogramPreprocessor(**options)(input_signal=signal[:, 0], length=length)
    actual, actual_length = LogMelFeatures(features=BANDS)(input_signal=signal[:, 0], length=length)
    assert torch.equal(actual_length, expected_length) and actual.shape == expected.shape
    assert torch.allclose(actual, expected, atol=1e-4)


def test_spans_are_drawn_as_often_and_as_long_as_by_transformers() -> None:
    length = torch.tensor([200, 90, 9, 10])
    masks = torch.stack([draw_span_mask(length, 200, share=0.65, span=10) for _ in range(400)]).float()
    attended = (torch.arange(200) < length[:, None]).long()
    np.random.seed(0)  # noqa: NPY002  theirs draws from it
    theirs = [_compute_mask_indices((4, 200), 0.65, 10, attention_mask=attended) for _ in range(400)]
    expected = torch.from_numpy(np.stack(theirs)).float().mean(dim=(0, 2))
    shares = masks.mean(dim=(0, 2))
    assert (shares[:2] - expected[:2]).abs().max() < 0.01
    assert shares[2] == 0 and masks[:, 3, :10].mean() == pytest.approx(0.65, abs=0.08)
    assert masks[:, torch.arange(200) >= length[:, None]].sum() == 0
    runs = (masks[:, 0, 1:] - masks[:, 0, :-1]).abs().sum(dim=1)  # spans begin and end
    assert runs.max() <= 2 * 14
    always = draw_span_mask(length, 200, share=0.0, span=10, min_spans=2)
    assert always.sum(dim=1)[[2, 3]].tolist() == [0, 10] and always[0].sum() > 10


def test_masks_layer_drop_and_a_frozen_front_end_act_while_training_alone() -> None:
    signal, length = waveforms()
    drops = {"layer_drop": 0.5, "mask_time_prob": 0.5, "mask_channel_prob": 0.2, "mask_channel_length": 4}
    encoder = Wav2Vec2Encoder(**our_arguments("base", feature_grad_mult=0.0, **drops))
    first, second = (encoder.train()(audio_signal=signal, length=length)[0] for _ in range(2))
    assert not torch.allclose(first, second, atol=1e-3)
    first.square().sum().backward()
    for name, parameter in encoder.named_parameters():
        is_frozen = name.startswith("feature_extractor.")
        assert (parameter.grad is None) == is_frozen and parameter.requires_grad != is_frozen, name
    encoder.eval()
    outputs = [encoder(audio_signal=signal, length=length)[0] for _ in range(2)]
    assert torch.equal(*outputs)
    encoder.freeze(), encoder.unfreeze(partial=True)
    assert not any(parameter.requires_grad for parameter in encoder.feature_extractor.parameters())


def test_the_gradient_of_the_front_end_is_scaled_and_its_output_is_not() -> None:
    signal, length = waveforms((4000,))
    gradients, outputs = [], []
    for scale in (1.0, 0.1):
        _, encoder = loaded("base", feature_grad_mult=scale)
        output = encoder(audio_signal=signal, length=length)[0]
        output.square().sum().backward()
        outputs.append(output)
        gradients.append(encoder.feature_extractor.conv_layers[0].conv.weight.grad)
    assert torch.equal(*outputs) and torch.allclose(gradients[0] * 0.1, gradients[1], rtol=1e-3, atol=1e-5)


def test_all_layers_dropped_leave_what_enters_them() -> None:
    _, encoder = loaded("base", layer_drop=1.0, mask_time_prob=0.05)
    signal, length = waveforms((4000,))
    frames = encoder.extract(signal, length)
    entered = encoder.layer_norm(frames.hidden + encoder.pos_conv_embed(frames.hidden))
    assert torch.allclose(encoder.train().contextualize(frames.hidden, frames.length), entered, atol=1e-5)


@pytest.mark.parametrize("kind", ["statistics", "tokens"])
def test_a_noise_aware_encoder_keeps_the_contract(kind: str, tmp_path: Path) -> None:
    context, fusion = None, None
    if kind == "tokens":
        context = HierarchicalContextEncoder(BANDS, CONTEXT)
        fusion = {site: CrossAttentionFusion(32, CONTEXT) for site in ("pre_encode", 1)}
    encoder = noise_aware(context, fusion).eval()
    plain = Wav2Vec2Encoder(**our_arguments("base", normalizes_waveform=True, mask_time_prob=0.0)).eval()
    keys = encoder.load_state_dict(plain.state_dict(), strict=False)
    assert not keys.unexpected_keys and all(k.startswith(("context_encoder.", "fusions.")) for k in keys.missing_keys)
    signal, length = waveforms()
    inputs = {"audio_signal": signal, "length": length}
    assert torch.equal(encoder(**inputs)[0], plain(**inputs)[0])
    encoder.train()(**inputs)[0].square().sum().backward()
    assert all(any(p.grad.abs().sum() > 0 for p in fusion.parameters()) for fusion in encoder.fusions.values())
    randomize(encoder.fusions), encoder.eval()
    output, frames = encoder(**inputs)
    assert (output - plain(**inputs)[0]).abs().max() > 1e-2
    assert torch.equal(encoder(audio_signal=fill_padding(signal, length, float("nan")), length=length)[0], output)
    added = torch.nn.ModuleList([encoder.context_encoder, encoder.fusions])
    check_gradients(added, lambda: encoder(**inputs)[0].square().sum())
    encoder.export(str(tmp_path / "encoder.onnx"))
    session = onnxruntime.InferenceSession(str(tmp_path / "encoder.onnx"), providers=["CPUExecutionProvider"])
    assert [entry.name for entry in session.get_inputs()] == ["audio_signal", "length"]
    exported, exported_frames = session.run(None, {name: value.numpy() for name, value in inputs.items()})
    assert exported_frames.tolist() == frames.tolist()
    assert (torch.from_numpy(exported) - output).abs().max() < ONNX_TOLERANCE


def test_the_context_hears_the_level_that_the_normalisation_takes_away() -> None:
    encoder = noise_aware().eval()
    randomize(encoder.fusions)
    signal, length = waveforms((4000,))
    loud, quiet = (encoder.noise_context(factor * signal, length) for factor in (1.0, 0.1))
    assert not torch.allclose(loud, quiet, atol=1e-2)


@pytest.mark.parametrize("family", ["ctc", "ctc_bpe", "rnnt_bpe", "hybrid_bpe", "aed"])
def test_nemo_s_decoders_take_the_encoder_by_config_and_it_comes_back_from_disk(family: str, tmp_path: Path) -> None:
    config = build_recogniser(family, tmp_path).cfg
    with open_dict(config):
        config.preprocessor = {"_target_": "nemo_noise.modules.WaveformPreprocessor", "window_stride": 1 / 16000}
        encoder = our_arguments("base") | {"_target_": "nemo_noise.modules.NoiseAwareWav2Vec2Encoder"}
        context = {"_target_": "nemo_noise.modules.StatisticsContextEncoder", "feat_in": BANDS, "d_context": CONTEXT}
        encoder |= {"context": context, "context_features": {"_target_": "nemo_noise.modules.LogMelFeatures"}}
        encoder["context_features"]["features"] = BANDS
        film = {"_target_": "nemo_noise.modules.FiLMFusion", "d_model": 32, "d_context": CONTEXT}
        config.encoder = OmegaConf.create(encoder | {"fusion": {"pre_encode": film, 0: film}})
    model = type(build_recogniser(family, tmp_path))(cfg=config)
    randomize(model.encoder.fusions)
    expected = outputs(model)
    model.save_to(str(tmp_path / "wav2vec.nemo"))
    restored = ASRModel.restore_from(str(tmp_path / "wav2vec.nemo"), map_location="cpu")
    assert torch.equal(outputs(restored), expected)
    if family == "ctc":
        audio = 0.1 * np.random.default_rng(0).standard_normal(16000).astype(np.float32)
        (hypothesis,) = restored.transcribe([audio], timestamps=True, verbose=False)
        assert set(hypothesis.text) <= set(LABELS)
        assert all(0.0 <= char["start"] <= char["end"] <= 1.0 for char in hypothesis.timestamp["char"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frame_hop": 128}, "frame_hop=128 must be a multiple of the first stride 5"),
        ({"conv_norm": "batch"}, "conv_norm='batch' is unknown; use one of \\['group', 'layer'\\]"),
        ({"norm_place": "both"}, "norm_place='both' is unknown"),
        ({"n_heads": 5}, "d_model=32 must be a multiple of n_heads=5"),
        ({"conv_dims": [16, 16]}, "have 2, 7 and 7 entries"),
        ({"layer_drop": 1.5}, "layer_drop=1.5 must be from 0 to 1"),
    ],
)
def test_what_does_not_fit_is_refused_by_name_and_value(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Wav2Vec2Encoder(**our_arguments("base", **changes))


def test_a_context_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="site 'features' does not exist where samples are read"):
        noise_aware(fusion={"features": FiLMFusion(32, CONTEXT)})
    with pytest.raises(ValueError, match="gives a context for every frame"):
        noise_aware(CausalStatisticsContextEncoder(BANDS, CONTEXT))
    with pytest.raises(ValueError, match="fusion.0.d_model=16 must be 32"):
        noise_aware(fusion={0: FiLMFusion(16, CONTEXT)})
    with pytest.raises(ValueError, match="context is not given"):
        NoiseAwareWav2Vec2Encoder(context_features=LogMelFeatures(BANDS), **our_arguments("base"))
    with pytest.raises(ValueError, match="window_stride=0.01 must be 1 / sample_rate=6.25e-05"):
        WaveformPreprocessor(window_stride=0.01)
