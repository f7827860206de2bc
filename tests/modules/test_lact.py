# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""LaCT mixers: streams equal the whole, padding is silent, nobody hears the batch, the graph agrees."""

import copy
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from nemo_noise.modules.mixers.lact.mixer import BidirectionalLaCTMixer, CausalLaCTMixer, LaCTMixer
from nemo_noise.modules.mixers.lact.window_attention import WindowAttention

WIDTH = 32
SIZES: dict[str, Any] = {"n_heads": 4, "fast_heads": 4, "fast_hidden": 16}


def _causal(**changes: Any) -> CausalLaCTMixer:
    return CausalLaCTMixer(WIDTH, **(SIZES | {"window": 6, "chunk_size": 5} | changes)).eval()


def _bidirectional(**changes: Any) -> BidirectionalLaCTMixer:
    return BidirectionalLaCTMixer(WIDTH, **(SIZES | {"window": 6} | changes)).eval()


MIXERS = {
    "causal": _causal(),
    "causal with momentum": _causal(uses_momentum=True),
    "causal without Muon": _causal(update_rule="gradient", initial_rate=0.5),
    "bidirectional": _bidirectional(),
    "bidirectional without Muon": _bidirectional(update_rule="gradient", initial_rate=0.5),
}
CAUSAL = [name for name in MIXERS if name.startswith("causal")]


def _masked(num_frames: int, lengths: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    return torch.randn(len(lengths), num_frames, WIDTH), torch.arange(num_frames) < torch.tensor(lengths)[:, None]


@pytest.mark.parametrize("kind", CAUSAL)
@pytest.mark.parametrize("pieces", [(40,), (1,) * 40, (3, 1, 17, 2, 17), (5, 5, 30)])
def test_a_stream_equals_the_whole_whatever_the_pieces(kind: str, pieces: tuple[int, ...]) -> None:
    mixer, hidden = copy.deepcopy(MIXERS[kind]).double(), torch.randn(2, 40, WIDTH).double()
    whole, state = mixer(hidden), mixer.initial_state(hidden)
    mixed = []
    for piece in hidden.split(pieces, dim=1):
        output = mixer.stream(piece, state)
        numbers = mixer.numbers_of(output.state)
        assert numbers.shape == (2, mixer.state_size)
        state = mixer.state_from(numbers)
        mixed.append(output.hidden)
    assert (torch.cat(mixed, dim=1) - whole).abs().max() < 1e-9


def test_at_a_useful_size_a_stream_equals_the_whole_in_float32() -> None:
    mixer = CausalLaCTMixer(128, n_heads=4, fast_heads=2, fast_hidden=128, window=64, chunk_size=64).eval()
    hidden = torch.randn(1, 300, 128)
    whole, state, mixed = mixer(hidden), mixer.initial_state(hidden), []
    for piece in hidden.split((14,) * 10 + (160,), dim=1):
        output = mixer.stream(piece, state)
        state = output.state
        mixed.append(output.hidden)
    assert torch.allclose(torch.cat(mixed, dim=1), whole, atol=1e-4)


@pytest.mark.parametrize("kind", MIXERS)
@pytest.mark.parametrize("value", [math.nan, 1e3])
def test_padding_and_neighbours_change_nothing(kind: str, value: float) -> None:
    mixer = MIXERS[kind]
    hidden, mask = _masked(30, (30, 19, 1, 0))
    mixed = mixer(hidden.masked_fill(~mask.unsqueeze(2), value), mask)
    assert (mixed[~mask] == 0).all()
    for index, length in enumerate((30, 19, 1)):
        alone = mixer(hidden[index : index + 1, :length])
        assert torch.allclose(mixed[index, :length], alone[0], atol=1e-5)


def test_a_stream_that_has_ended_keeps_its_state() -> None:
    mixer, hidden = _causal(), torch.randn(1, 9, WIDTH)
    _, state = mixer.stream(hidden, mixer.initial_state(hidden))
    _, later = mixer.stream(torch.randn(1, 7, WIDTH), state, torch.zeros(1, 7, dtype=torch.bool))
    assert torch.equal(mixer.numbers_of(later), mixer.numbers_of(state))


def test_an_utterance_begins_anew() -> None:
    for mixer in MIXERS.values():
        first, second = torch.randn(2, 23, WIDTH), torch.randn(2, 31, WIDTH)
        expected = mixer(second)
        mixer(first)
        assert torch.equal(mixer(second), expected)


def test_a_causal_mixer_hears_the_past_alone_and_beyond_its_window() -> None:
    mixer, hidden = _causal(), torch.randn(1, 30, WIDTH)
    changed = hidden.clone()
    changed[:, 17] += 1.0
    difference = (mixer(changed) - mixer(hidden))[0].abs().amax(dim=1)
    assert (difference[:17] == 0).all()
    assert difference[29] > 1e-5  # beyond the window of 6: through the fast weights


def test_a_bidirectional_mixer_hears_everything() -> None:
    mixer, hidden = _bidirectional(), torch.randn(1, 30, WIDTH)
    changed = hidden.clone()
    changed[:, 15] += 1.0
    assert ((mixer(changed) - mixer(hidden))[0].abs().amax(dim=1) > 1e-6).all()


def test_a_chunk_as_long_as_the_utterance_can_never_adapt_and_is_refused_in_training() -> None:
    mixer = _causal(chunk_size=20).train()
    with pytest.raises(ValueError, match="fast_chunk_size=20, but the longest utterance of the batch has 20 frames"):
        mixer(torch.randn(2, 20, WIDTH))
    mixer(torch.randn(2, 21, WIDTH))
    mixer(torch.randn(2, 12, WIDTH))  # a short batch among longer ones is no mistake
    assert _causal(chunk_size=20)(torch.randn(2, 12, WIDTH)).isfinite().all()


@pytest.mark.parametrize("kind", MIXERS)
def test_every_parameter_learns_also_with_padding_that_is_no_number(kind: str) -> None:
    mixer = MIXERS[kind].train()
    hidden, mask = _masked(30, (30, 19))
    mixer.zero_grad()
    mixer(hidden.masked_fill(~mask.unsqueeze(2), math.nan), mask).square().sum().backward()
    mixer.eval()
    for name, parameter in mixer.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_the_rates_begin_at_the_initial_rate() -> None:
    mixer = _causal(initial_rate=0.01)
    assert torch.allclose(mixer._rates(torch.zeros(1, 3, WIDTH))[..., :3], torch.tensor(0.01), atol=1e-6)


@pytest.mark.parametrize("kind", MIXERS)
def test_half_precision_stays_near(kind: str) -> None:
    mixer, hidden = MIXERS[kind], torch.randn(2, 20, WIDTH)
    expected = mixer(hidden)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (mixer(hidden) - expected).abs().max() < 0.1 * expected.abs().max()
    half = copy.deepcopy(mixer).bfloat16()(hidden.bfloat16())
    assert half.dtype == torch.bfloat16 and (half - expected).abs().max() < 0.1 * expected.abs().max()


def test_window_attention_is_torch_s_within_a_window_of_everything_and_turned_positions() -> None:
    attention = WindowAttention(WIDTH, 4, left=40, right=40)
    queries, keys, values = torch.randn(3, 2, 20, WIDTH).unbind()
    valid = torch.ones(2, 20, dtype=torch.bool)
    actual = attention(queries, keys, values, valid)
    later = attention(*(torch.cat([torch.randn(2, 7, WIDTH), each], 1) for each in (queries, keys, values)),
                      torch.cat([torch.zeros(2, 7, dtype=torch.bool), valid], 1))  # fmt: skip
    assert torch.allclose(later[:, 7:], actual, atol=1e-5)  # only distances count
    attention.constants.frequencies.zero_()
    plain = [each.unflatten(2, (4, 8)).transpose(1, 2) for each in (queries, keys, values)]
    expected = F.scaled_dot_product_attention(*plain).transpose(1, 2).flatten(2)
    assert torch.allclose(attention(queries, keys, values, valid), expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["causal", "causal with momentum", "bidirectional"])
def test_an_exported_mixer_agrees_at_other_lengths(kind: str, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    mixer = MIXERS[kind]
    axes, path = {"hidden": {0: "batch", 1: "time"}, "mask": {0: "batch", 1: "time"}}, str(tmp_path / "mixer.onnx")
    example = _masked(12, (12, 9))
    torch.onnx.export(mixer, example, path, input_names=list(axes), dynamic_axes=axes, opset_version=17, dynamo=False)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for num_frames, lengths in ((12, (12, 9)), (53, (53, 2, 20)), (4, (4,))):
        hidden, mask = _masked(num_frames, lengths)
        (actual,) = session.run(None, {"hidden": hidden.numpy(), "mask": mask.numpy()})
        # Newton-Schulz amplifies rounding, and machines round differently: the graph may err as torch itself does.
        exact = copy.deepcopy(mixer).double()(hidden.double(), mask)
        allowed = 10 * (mixer(hidden, mask) - exact).abs().max() + 1e-6
        assert (torch.from_numpy(actual) - exact).abs().max() < allowed
        assert allowed < 1e-3


@pytest.mark.parametrize(
    ("make", "changes", "message"),
    [
        (_causal, {"fast_heads": 5}, "fast_heads=5 must divide d_model=32"),
        (_causal, {"n_heads": 3}, "n_heads=3 must divide d_model=32"),
        (_causal, {"chunk_size": 0}, "chunk_size=0 must be at least 1"),
        (_causal, {"fast_hidden": 0}, "fast_hidden=0 must be above 0"),
        (_causal, {"update_rule": "adam"}, "update_rule='adam' is unknown; use one of"),
        (_bidirectional, {"uses_momentum": True}, "uses_momentum=True needs more than one step"),
    ],
)
def test_what_does_not_fit_is_refused_by_name_and_value(make: Any, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**changes)


def test_the_fast_weights_of_the_paper_s_size_are_those_that_it_says() -> None:
    mixer: LaCTMixer = BidirectionalLaCTMixer(768, n_heads=12, fast_heads=4, fast_hidden=1536)
    assert sum(parameter.numel() for parameter in mixer.fast_weights.parameters()) == 3 * 4 * 192 * 1536
