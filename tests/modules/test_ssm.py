# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""State-space duality and the Mamba-2 mixer: three forms, one result; transformers' weights; silent padding."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nemo_noise.modules.mixers.ssm.mixer import BidirectionalMamba2Mixer, Mamba2Mixer, MixerState
from nemo_noise.modules.mixers.ssm.state_space_duality import (
    _carry_at_once,
    _carry_in_turn,
    chunked_scan,
    recurrent_scan,
)

WIDTH = 32


def _mixer(n_groups: int = 1, **changes: Any) -> Mamba2Mixer:
    arguments: dict[str, Any] = {"d_model": WIDTH, "d_state": 16, "head_dim": 16, "n_groups": n_groups}
    return Mamba2Mixer(**(arguments | {"chunk_size": 8} | changes)).eval()


def _scan_inputs(num_frames: int, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    shapes = {"x": (2, num_frames, 4, 8), "B": (2, num_frames, 2, 6), "C": (2, num_frames, 2, 6), "D": (4,)}
    inputs = {name: torch.randn(shape, dtype=dtype) for name, shape in shapes.items()}
    inputs["dt"] = torch.rand(2, num_frames, 4, dtype=dtype)
    inputs["A"] = -torch.rand(4, dtype=dtype) * 4.0
    inputs["state"] = torch.randn(2, 4, 8, 6, dtype=dtype)
    return inputs


def _masked(num_frames: int, lengths: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    hidden = torch.randn(len(lengths), num_frames, WIDTH)
    return hidden, torch.arange(num_frames) < torch.tensor(lengths)[:, None]


def _peer(n_groups: int) -> nn.Module:
    mamba2 = pytest.importorskip("transformers.models.mamba2.modeling_mamba2")
    config = mamba2.Mamba2Config(
        hidden_size=WIDTH,
        state_size=16,
        head_dim=16,
        num_heads=4,
        n_groups=n_groups,
        num_hidden_layers=1,
        chunk_size=16,
    )
    peer: nn.Module = mamba2.Mamba2Mixer(config, 0).eval()
    return peer


@pytest.mark.parametrize("num_frames", [1, 7, 8, 37])
@pytest.mark.parametrize("chunk_size", [1, 4, 8, 64])
def test_chunks_of_any_size_give_what_the_recurrence_gives(num_frames: int, chunk_size: int) -> None:
    inputs = _scan_inputs(num_frames)
    expected, actual = recurrent_scan(**inputs), chunked_scan(**inputs, chunk_size=chunk_size)
    assert torch.allclose(actual.y, expected.y, atol=1e-4)
    assert torch.allclose(actual.state, expected.state, atol=1e-4)
    exact = {name: value.double() for name, value in inputs.items()}
    difference = chunked_scan(**exact, chunk_size=chunk_size).y - recurrent_scan(**exact).y
    assert difference.abs().max() < 1e-12


def test_states_carried_at_once_are_those_carried_in_turn() -> None:
    added, log_decay, state = torch.randn(2, 5, 2, 6, 3, 4), -torch.rand(2, 5, 6), torch.randn(2, 2, 6, 3, 4)
    for one, other in zip(
        _carry_at_once(added, log_decay, state), _carry_in_turn(added, log_decay, state), strict=True
    ):
        assert torch.allclose(one, other, atol=1e-5)


def test_gradients_of_the_chunked_form_are_right() -> None:
    inputs = {name: value.requires_grad_() for name, value in _scan_inputs(5, torch.float64).items()}
    names = list(inputs)

    def scan(*values: Tensor) -> tuple[Tensor, Tensor]:
        return tuple(chunked_scan(**dict(zip(names, values, strict=True)), chunk_size=2))

    assert torch.autograd.gradcheck(scan, tuple(inputs.values()), fast_mode=True)


@pytest.mark.parametrize("largest_step", [1e-3, 0.1, 5.0])
def test_the_forms_agree_for_small_and_for_large_steps(largest_step: float) -> None:
    inputs = _scan_inputs(200)
    inputs["dt"], inputs["A"] = inputs["dt"] * largest_step, torch.tensor([-1.0, -4.0, -10.0, -16.0])
    expected, actual = recurrent_scan(**inputs), chunked_scan(**inputs)
    assert (actual.y - expected.y).abs().max() < 1e-4 * expected.y.abs().max().clamp_min(1.0)
    assert torch.allclose(actual.state, expected.state, atol=1e-4)


def test_gradients_stay_finite_where_a_head_forgets_at_once() -> None:
    inputs = _scan_inputs(40)
    inputs["dt"], inputs["A"] = torch.full((2, 40, 4), 5.0).requires_grad_(), torch.full((4,), -16.0)
    inputs["x"].requires_grad_()
    y, _ = chunked_scan(**inputs, chunk_size=32)
    y.square().sum().backward()
    assert inputs["dt"].grad.isfinite().all() and inputs["x"].grad.isfinite().all()


def test_steps_of_zero_pass_a_frame_over() -> None:
    inputs = _scan_inputs(12)
    inputs["dt"] = torch.zeros(2, 12, 4).requires_grad_()
    y, state = chunked_scan(**inputs, chunk_size=4)
    assert torch.equal(state, inputs["state"])
    remembered = torch.einsum("bhpn,btgn->btghp", inputs["state"], inputs["C"])[:, :, [0, 0, 1, 1], [0, 1, 2, 3]]
    assert torch.allclose(y, remembered + inputs["D"][:, None] * inputs["x"], atol=1e-5)
    y.sum().backward()
    assert inputs["dt"].grad.isfinite().all()


@pytest.mark.parametrize("n_groups", [1, 2])
def test_weights_go_to_transformers_and_back_and_outputs_and_gradients_agree(n_groups: int) -> None:
    peer, mixer = _peer(n_groups), _mixer(n_groups)
    peer.load_state_dict(mixer.state_dict(), strict=True)
    with torch.no_grad():
        for parameter in peer.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    mixer.load_state_dict(peer.state_dict(), strict=True)
    ours = torch.randn(2, 45, WIDTH).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    weight = torch.randn(2, 45, WIDTH)
    actual, expected = mixer(ours), peer(theirs)
    assert torch.allclose(actual, expected, atol=1e-5)
    (actual * weight).sum().backward(), (expected * weight).sum().backward()
    assert torch.allclose(ours.grad, theirs.grad, atol=1e-4)
    peer_gradients = {name: parameter.grad for name, parameter in peer.named_parameters()}
    for name, parameter in mixer.named_parameters():
        scale = peer_gradients[name].abs().max()
        assert (parameter.grad - peer_gradients[name]).abs().max() < 1e-4 * scale.clamp_min(1.0), name


@pytest.mark.parametrize("n_groups", [1, 2])
@pytest.mark.parametrize("widths", [(40,), (3, 1, 17, 0, 2, 17), (8, 8, 24)])
def test_a_stream_equals_the_whole_whatever_the_chunks(n_groups: int, widths: tuple[int, ...]) -> None:
    mixer = _mixer(n_groups)
    hidden = torch.randn(2, 40, WIDTH)
    whole, state = mixer(hidden), mixer.initial_state(hidden)
    pieces = []
    for piece in hidden.split(widths, dim=1):
        mixed, state = mixer.stream(piece, state)
        state = mixer.state_from(mixer.numbers_of(state))
        pieces.append(mixed)
    assert torch.allclose(torch.cat(pieces, dim=1), whole, atol=1e-5)


@pytest.mark.parametrize("n_groups", [1, 2])
def test_single_steps_equal_the_whole_and_leave_its_state(n_groups: int) -> None:
    mixer = _mixer(n_groups)
    hidden = torch.randn(2, 21, WIDTH)
    whole, expected = mixer.stream(hidden, mixer.initial_state(hidden))
    state, frames = mixer.initial_state(hidden), []
    for frame in hidden.unbind(dim=1):
        mixed, state = mixer.step(frame, state)
        frames.append(mixed)
    assert torch.allclose(torch.stack(frames, dim=1), whole, atol=1e-4)
    assert torch.allclose(state.convolution, expected.convolution, atol=1e-6)
    assert torch.allclose(state.memory, expected.memory, atol=1e-4)


@pytest.mark.parametrize("use_bias", [False, True])
@pytest.mark.parametrize("value", [math.nan, 1e3])
def test_padding_changes_neither_output_nor_state(use_bias: bool, value: float) -> None:
    mixer = _mixer(use_bias=use_bias)
    hidden, mask = _masked(30, (30, 19, 1, 0))
    filled = hidden.masked_fill(~mask.unsqueeze(2), value)
    mixed, state = mixer.stream(filled, mixer.initial_state(filled), mask)
    assert (mixed[~mask] == 0).all()
    for index, length in enumerate((30, 19, 1)):
        alone = hidden[index : index + 1, :length]
        expected, expected_state = mixer.stream(alone, mixer.initial_state(alone))
        assert torch.allclose(mixed[index, :length], expected[0], atol=1e-6)
        for ours, theirs in zip(state, expected_state, strict=True):
            assert torch.allclose(ours[index], theirs[0], atol=1e-6)
    assert (state.memory[3] == 0).all() and (state.convolution[3] == 0).all()


def test_a_stream_that_has_ended_keeps_its_state() -> None:
    mixer = _mixer(use_bias=True)
    hidden = torch.randn(1, 9, WIDTH)
    _, state = mixer.stream(hidden, mixer.initial_state(hidden))
    _, later = mixer.stream(torch.randn(1, 5, WIDTH), state, torch.zeros(1, 5, dtype=torch.bool))
    assert torch.equal(later.memory, state.memory) and torch.equal(later.convolution, state.convolution)


def test_a_mixer_hears_the_past_alone() -> None:
    mixer = _mixer()
    hidden = torch.randn(1, 30, WIDTH)
    changed = hidden.clone()
    changed[:, 17:] += 1.0
    before, after = mixer(hidden), mixer(changed)
    assert torch.equal(before[:, :16], after[:, :16]) and not torch.allclose(before[:, 17:], after[:, 17:], atol=1e-3)


def test_two_directions_hear_past_and_future_and_no_padding() -> None:
    mixer = BidirectionalMamba2Mixer(_mixer(), _mixer())
    hidden, mask = _masked(30, (30, 19))
    filled = hidden.masked_fill(~mask.unsqueeze(2), math.nan)
    mixed = mixer(filled, mask)
    assert torch.allclose(mixed[1, :19], mixer(hidden[1:, :19])[0], atol=1e-6)
    turned = BidirectionalMamba2Mixer(mixer.backward_mixer, mixer.forward_mixer)
    assert torch.allclose(turned(hidden.flip(1)).flip(1), mixer(hidden), atol=1e-6)
    changed = hidden.clone()
    changed[0, 20] += 1.0
    difference = (mixer(changed) - mixer(hidden))[0].abs().amax(dim=1)
    assert (difference[[0, 10, 29]] > 1e-6).all()


def test_every_parameter_learns_also_with_padding_that_is_no_number() -> None:
    mixer = BidirectionalMamba2Mixer(_mixer(use_bias=True), _mixer(use_bias=True)).train()
    hidden, mask = _masked(30, (30, 19))
    mixer(hidden.masked_fill(~mask.unsqueeze(2), math.nan), mask).square().sum().backward()
    for name, parameter in mixer.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_half_precision_stays_near_and_keeps_its_type() -> None:
    mixer = _mixer()
    hidden = torch.randn(2, 40, WIDTH)
    expected = mixer(hidden)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = mixer(hidden)
    assert (mixed - expected).abs().max() < 0.05 * expected.abs().max()
    half = mixer.bfloat16()(hidden.bfloat16())
    assert half.dtype == torch.bfloat16 and (half - expected).abs().max() < 0.05 * expected.abs().max()


@pytest.mark.parametrize("is_bidirectional", [False, True])
def test_an_exported_mixer_agrees_at_other_lengths(is_bidirectional: bool, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    mixer = BidirectionalMamba2Mixer(_mixer(2), _mixer(2)) if is_bidirectional else _mixer(2)
    hidden, mask = _masked(30, (30, 19))
    axes = {"hidden": {0: "batch", 1: "time"}, "mask": {0: "batch", 1: "time"}}
    path = str(tmp_path / "mixer.onnx")
    torch.onnx.export(
        mixer.eval(), (hidden, mask), path, input_names=list(axes), dynamic_axes=axes, opset_version=17, dynamo=False
    )
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for num_frames, lengths in ((30, (30, 19)), (53, (53, 2, 20)), (5, (5,))):
        hidden, mask = _masked(num_frames, lengths)
        (actual,) = session.run(None, {"hidden": hidden.numpy(), "mask": mask.numpy()})
        assert (torch.from_numpy(actual) - mixer(hidden, mask)).abs().max() < 1e-4


def test_the_state_has_the_size_that_it_says() -> None:
    mixer = _mixer(2)
    hidden = torch.randn(3, 5, WIDTH)
    _, state = mixer.stream(hidden, mixer.initial_state(hidden))
    assert isinstance(state, MixerState)
    assert state.memory.shape == (3, 4, 16, 16) and state.convolution.shape == (3, 3, 64 + 2 * 2 * 16)
    assert mixer.numbers_of(state).shape == (3, mixer.state_size)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"d_state": 0}, "d_state=0 must be at least 1"),
        ({"head_dim": 24}, "head_dim=24 must divide expand \\* d_model = 64"),
        ({"n_groups": 3}, "n_groups=3 must divide the number of heads 4"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(changes: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _mixer(**changes)


def test_directions_of_different_width_are_refused() -> None:
    with pytest.raises(ValueError, match=r"forward_mixer.d_model=32 must equal backward_mixer.d_model=64"):
        BidirectionalMamba2Mixer(_mixer(), _mixer(d_model=64))
