# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The shared contract: what every context encoder, fusion and noise-aware encoder must keep."""

import copy
import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import NamedTuple

import onnxruntime
import torch
from torch import Tensor, nn

from nemo.core.classes.common import typecheck
from nemo.core.classes.module import NeuralModule

from nemo_noise.modules import CausalContextEncoder, ContextEncoder, Fusion, NoiseAwareConformerEncoder

HALF_PRECISIONS = (torch.bfloat16, torch.float16)
MAX_STATE_BYTES = 4096
ONNX_TOLERANCE = 1e-4
STREAM_TOLERANCE = 1e-5
ROUNDING = 3.0  # times what half precision does to NeMo's or transformers' own encoder


class Halved(NamedTuple):
    """What half precision gives and what it costs: the type of the output, and its error relative to float32."""

    dtype: torch.dtype
    error: float


def features(feat_in: int, lengths: tuple[int, ...] = (120, 97, 64), seed: int = 0) -> tuple[Tensor, Tensor]:
    """Random features [B, D, T], zero beyond each length, and the lengths [B]."""
    length = torch.tensor(lengths)
    audio_signal = torch.randn(len(lengths), feat_in, max(lengths), generator=torch.Generator().manual_seed(seed))
    return fill_padding(audio_signal, length, 0.0), length


def fill_padding(audio_signal: Tensor, length: Tensor, value: float) -> Tensor:
    """The same features with ``value`` in the padding."""
    padding = torch.arange(audio_signal.shape[2]) >= length[:, None]
    return audio_signal.masked_fill(padding.unsqueeze(1), value)


def randomize(module: nn.Module, seed: int = 1) -> None:
    """Move every parameter away from its start, so that nothing is the identity by accident."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))


def check_ports(module: NeuralModule, inputs: dict[str, Tensor], output: Tensor) -> None:
    """The ports name the arguments of forward, and the output has as many axes as its port says."""
    arguments = set(inspect.signature(inspect.unwrap(type(module).forward)).parameters) - {"self"}
    assert arguments == set(module.input_types) == set(inputs)
    (port,) = module.output_types.values()
    assert output.dim() == len(port.axes)


def check_gradients(module: nn.Module, loss: Callable[[], Tensor]) -> None:
    """Every parameter gets a gradient that is finite and not all zero."""
    module.zero_grad()
    loss().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, f"no gradient for {name}"
        assert parameter.grad.isfinite().all(), f"gradient of {name} is not finite"
        assert parameter.grad.abs().sum() > 0, f"gradient of {name} is zero"


def check_onnx(module: nn.Module, inputs: dict[str, Tensor], axes: dict[str, dict[int, str]], path: Path) -> None:
    """The exported graph keeps the names of the inputs and agrees with torch, also at another batch and length."""
    module.eval()
    with typecheck.disable_checks():  # the exporter passes the arguments by position
        arguments = tuple(inputs.values())
        torch.onnx.export(
            module, arguments, str(path), input_names=list(inputs), dynamic_axes=axes, opset_version=17, dynamo=False
        )
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    assert [entry.name for entry in session.get_inputs()] == list(inputs)
    for feed in (inputs, {name: value[:2] for name, value in inputs.items()}):
        with torch.no_grad():
            expected = module(**feed)
        expected = expected if isinstance(expected, Tensor) else expected[0]
        (actual, *_) = session.run(None, {name: value.numpy() for name, value in feed.items()})
        assert (torch.from_numpy(actual) - expected).abs().max() < ONNX_TOLERANCE


def check_context_encoder(context: ContextEncoder, tmp_path: Path) -> None:
    """Run the whole contract of a context encoder."""
    randomize(context)
    context.eval()
    audio_signal, length = features(context.feat_in)
    output = context(audio_signal=audio_signal, length=length)
    assert output.shape[0] == 3 and output.shape[-1] == context.d_context
    check_ports(context, {"audio_signal": audio_signal, "length": length}, output)
    for value in (float("nan"), 1e3):
        filled = fill_padding(audio_signal, length, value)
        assert torch.equal(context(audio_signal=filled, length=length), output)
    alone = context(audio_signal=audio_signal[1:2, :, :97], length=length[1:2])
    assert torch.allclose(alone[0], output[1, : alone.shape[1]] if output.dim() == 3 else output[1], atol=1e-5)
    for empty in (torch.zeros_like(audio_signal), audio_signal * 1e4):
        assert context(audio_signal=empty, length=length).isfinite().all()
    assert context(audio_signal=audio_signal, length=torch.zeros_like(length)).isfinite().all()
    check_context_in_half_precision(context)
    check_gradients(context, lambda: context(audio_signal=audio_signal, length=length).square().sum())
    torch.save(context.state_dict(), tmp_path / "context.pt")
    state = torch.load(tmp_path / "context.pt", weights_only=True)
    randomize(context, seed=2)
    context.load_state_dict(state)
    assert torch.equal(context(audio_signal=audio_signal, length=length), output)
    axes = {"audio_signal": {0: "batch", 2: "time"}, "length": {0: "batch"}}
    check_onnx(context, {"audio_signal": audio_signal, "length": length}, axes, tmp_path / "context.onnx")
    if isinstance(context, CausalContextEncoder):
        check_causal_context(context)


def half_precision(
    module: nn.Module, run: Callable[[nn.Module, torch.dtype], Tensor]
) -> dict[tuple[torch.dtype, str], Halved]:
    """Run a module in bfloat16 and float16, by ``.to(dtype)`` and under autocast.

    Args:
        module: in float32.
        run: gives the output of a module whose inputs are to be of a type.

    Returns:
        Type of number and way -> the output's type and its error; every output is finite.
    """
    with torch.no_grad():
        exact = run(module, torch.float32)
        results = {}
        for dtype in HALF_PRECISIONS:
            ways: dict[str, tuple[nn.Module, torch.dtype, AbstractContextManager[object]]] = {
                "to": (copy.deepcopy(module).to(dtype), dtype, nullcontext()),
                "autocast": (module, torch.float32, torch.autocast("cpu", dtype=dtype)),
            }
            for way, (halved, input_dtype, context) in ways.items():
                with context:
                    output = run(halved, input_dtype)
                assert output.isfinite().all(), f"{dtype} by {way} is not finite"
                error = (output.float() - exact).square().mean() / exact.square().mean()
                results[dtype, way] = Halved(output.dtype, float(error.sqrt()))
    return results


def check_halved(
    ours: dict[tuple[torch.dtype, str], Halved],
    stock: dict[tuple[torch.dtype, str], Halved],
    name: str,
    rounding: float = ROUNDING,
) -> None:
    """Half precision gives the stock module's type, and costs no more than a few times what it costs there."""
    for (dtype, way), halved in ours.items():
        expected = stock[dtype, way]
        assert halved.dtype == expected.dtype, f"{name}: {dtype} by {way} gives {halved.dtype}"
        times = halved.error / expected.error
        assert times <= rounding, f"{name}: {dtype} by {way} costs {times:.1f} times what stock costs"


def check_context_in_half_precision(context: ContextEncoder) -> None:
    """A minute of log-mel features that are not normalised has the context of float32, rounded."""
    raw = 4.0 * torch.randn(1, context.feat_in, 6000, generator=torch.Generator().manual_seed(2)) - 12.0
    length = torch.tensor([6000])
    halves = half_precision(context, lambda module, dtype: module(audio_signal=raw.to(dtype), length=length))
    for (dtype, way), halved in halves.items():
        assert way == "autocast" or halved.dtype == dtype
        assert halved.error < 4.0 * torch.finfo(dtype).eps, f"{dtype} by {way}: {halved.error}"


def check_causal_context(context: CausalContextEncoder) -> None:
    """The future changes nothing, a stream equals the whole, and the state stays small."""
    audio_signal, length = features(context.feat_in, lengths=(128, 120))
    whole = context(audio_signal=audio_signal, length=length)
    changed = audio_signal.clone()
    changed[:, :, 64 + 1 :] += 5.0
    steps = 64 // context.stride + 1
    assert torch.equal(context(audio_signal=changed, length=length)[:, :steps], whole[:, :steps])
    state = audio_signal.new_zeros(2, context.state_size)
    assert state[0].numel() * state.element_size() <= MAX_STATE_BYTES
    pieces, start = [], 0
    for width in (3, 1, 7, 5):
        end = min(start + width * context.stride, 128)
        chunk = audio_signal[:, :, start:end]
        piece, state = context.step(chunk, (length - start).clamp(0, end - start), state=state, num_kept=end - start)
        pieces.append(piece)
        start = end
    assert torch.allclose(torch.cat(pieces, dim=1), whole, atol=STREAM_TOLERANCE)


def check_fusion(fusion: Fusion, tmp_path: Path) -> None:
    """Run the whole contract of a fusion."""
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(3, 24, fusion.d_model, generator=generator)
    context = torch.randn(3, 1, fusion.d_context, generator=generator)
    fused = fusion(features=hidden, context=context)
    assert torch.equal(fused, hidden), "a fusion must be the identity when it is made"
    check_ports(fusion, {"features": hidden, "context": context}, fused)
    last_layer = [name for name, parameter in fusion.named_parameters() if parameter.abs().sum() == 0]
    fusion(features=hidden, context=context).square().sum().backward()
    assert any(dict(fusion.named_parameters())[name].grad.abs().sum() > 0 for name in last_layer)
    randomize(fusion)
    fused = fusion(features=hidden, context=context)
    assert not torch.allclose(fused, hidden)
    if fusion.reads_tokens:
        tokens = torch.randn(3, 5, fusion.d_context, generator=generator)
        in_order, reversed_ = (fusion(features=hidden, context=order) for order in (tokens, tokens.flip(1)))
        assert torch.allclose(in_order, reversed_, atol=1e-6), "the order of tokens must not count"
    else:
        by_frame = fusion(features=hidden, context=context.expand(-1, 24, -1).contiguous())
        assert torch.allclose(by_frame, fused, atol=1e-6)
    check_gradients(fusion, lambda: fusion(features=hidden, context=context).square().sum())
    torch.save(fusion.state_dict(), tmp_path / "fusion.pt")
    state = torch.load(tmp_path / "fusion.pt", weights_only=True)
    randomize(fusion, seed=2)
    fusion.load_state_dict(state)
    assert torch.equal(fusion(features=hidden, context=context), fused)
    axes = {"features": {0: "batch", 1: "time"}, "context": {0: "batch"}}
    check_onnx(fusion, {"features": hidden, "context": context}, axes, tmp_path / "fusion.onnx")


def check_encoder(encoder: NoiseAwareConformerEncoder, plain: nn.Module, tmp_path: Path) -> None:
    """Run the whole contract of an encoder with a noise context against its plain parent."""
    audio_signal, length = features(encoder._feat_in)
    keys = encoder.load_state_dict(plain.state_dict(), strict=False)
    assert not keys.unexpected_keys
    assert all(key.startswith(("context_encoder.", "fusions.")) for key in keys.missing_keys)
    encoder.eval(), plain.eval()
    expected, expected_length = plain(audio_signal=audio_signal, length=length)
    output, output_length = encoder(audio_signal=audio_signal, length=length)
    assert torch.equal(output, expected) and torch.equal(output_length, expected_length)
    assert torch.equal(
        encoder(audio_signal=fill_padding(audio_signal, length, float("nan")), length=length)[0], output
    )
    encoder.train()
    encoder(audio_signal=audio_signal, length=length)[0].square().sum().backward()
    assert all(any(p.grad.abs().sum() > 0 for p in fusion.parameters()) for fusion in encoder.fusions.values())
    randomize(encoder.fusions), encoder.eval()
    output, output_length = encoder(audio_signal=audio_signal, length=length)
    assert not torch.allclose(output, expected, atol=1e-3), "the context must be able to act"
    for value in (float("nan"), 1e3):
        filled = encoder(audio_signal=fill_padding(audio_signal, length, value), length=length)[0]
        valid = torch.arange(output.shape[2]) < output_length[:, None]
        assert torch.allclose(filled.transpose(1, 2)[valid], output.transpose(1, 2)[valid], atol=1e-6)
    added = nn.ModuleList([encoder.context_encoder, encoder.fusions])
    check_gradients(added, lambda: encoder(audio_signal=audio_signal, length=length)[0].square().sum())
    torch.save(encoder.state_dict(), tmp_path / "encoder.pt")
    state = torch.load(tmp_path / "encoder.pt", weights_only=True)
    randomize(encoder, seed=2)
    encoder.load_state_dict(state)
    assert torch.equal(encoder(audio_signal=audio_signal, length=length)[0], output)
    encoder.export(str(tmp_path / "encoder.onnx"))
    session = onnxruntime.InferenceSession(str(tmp_path / "encoder.onnx"), providers=["CPUExecutionProvider"])
    assert [entry.name for entry in session.get_inputs()] == ["audio_signal", "length"]
    exported = session.run(None, {"audio_signal": audio_signal.numpy(), "length": length.numpy()})[0]
    difference = (torch.from_numpy(exported) - output).transpose(1, 2)[valid].abs().max()
    assert difference < ONNX_TOLERANCE
