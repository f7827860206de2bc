# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Two cross-attentions and a gate: NeMo's decoder at the start, the formula afterwards."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nemo.collections.asr.modules.transformer import get_nemo_transformer

from nemo_noise.modules import (
    ContextTokenMemory,
    DualAttentionDecoder,
    EncoderLayerMemory,
    HierarchicalContextEncoder,
    NoiseTypeMemory,
    SecondaryMemory,
    StatisticsContextEncoder,
    TemporalContextEncoder,
    attention_maps_of,
    shuffled_context,
)
from tests.contracts import check_gradients, check_onnx, check_ports, features, fill_padding, randomize

WIDTH, HEADS, VOCABULARY, SPEECH = 32, 4, 40, 11
CONFIG: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": WIDTH,
    "inner_size": 48,
    "num_layers": 2,
    "num_attention_heads": HEADS,
    "max_sequence_length": 32,
    "num_token_types": 0,
}
GATES = ["scalar", "head", "channel"]
SECONDARY: list[Any] = ["same", "frames", 5]


def _pair(gate: str, tokens: Any = "same", pre_ln: bool = True) -> tuple[nn.Module, DualAttentionDecoder]:
    """NeMo's decoder with random weights, and ours with the same."""
    torch.manual_seed(0)
    config = CONFIG | {"pre_ln": pre_ln}
    plain = get_nemo_transformer(config_dict=config, encoder=False, pre_ln_final_layer_norm=pre_ln).eval()
    randomize(plain)
    dual = DualAttentionDecoder(config, gate=gate, secondary_tokens=tokens, pre_ln_final_layer_norm=pre_ln).eval()
    dual.load_state_dict(plain.state_dict())  # strict
    return plain, dual


def _inputs(tokens: Any, seed: int = 3) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    length = torch.tensor([SPEECH, 8, 5])
    mask = (torch.arange(SPEECH) < length[:, None]).float()
    states = torch.randn(3, SPEECH, WIDTH, generator=generator)
    if tokens != "same":
        count = SPEECH if tokens == "frames" else tokens
        states = torch.cat([states, torch.randn(3, count, WIDTH, generator=generator)], dim=1)
        mask = torch.cat([mask, mask if tokens == "frames" else torch.ones(3, count)], dim=1)
    return {
        "input_ids": torch.randint(1, VOCABULARY, (3, 7), generator=generator),
        "decoder_mask": torch.ones(3, 7),
        "encoder_embeddings": states,
        "encoder_mask": mask,
    }


def _speech_only(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    cut = {name: inputs[name][:, :SPEECH] for name in ("encoder_embeddings", "encoder_mask")}
    return inputs | cut


@pytest.mark.parametrize("pre_ln", [True, False])
@pytest.mark.parametrize("tokens", SECONDARY)
@pytest.mark.parametrize("gate", GATES)
def test_at_the_start_the_output_is_nemo_s_bit_for_bit(gate: str, tokens: Any, pre_ln: bool) -> None:
    plain, dual = _pair(gate, tokens, pre_ln)
    inputs = _inputs(tokens)
    assert torch.equal(dual(**inputs), plain(**_speech_only(inputs)))


def test_the_secondary_starts_as_a_copy_of_the_primary_and_a_trained_one_stays_as_it_is() -> None:
    _, dual = _pair("scalar")
    attention = dual.dual_attentions[1]
    assert torch.equal(attention.secondary.key_net.weight, attention.key_net.weight)
    randomize(dual)
    trained = copy.deepcopy(dual.state_dict())
    assert not torch.equal(attention.secondary.key_net.weight, attention.key_net.weight)
    again = DualAttentionDecoder(CONFIG | {"pre_ln": True})
    again.load_state_dict(trained)
    assert all(torch.equal(value, trained[name]) for name, value in again.state_dict().items())
    del trained["_decoder.layers.0.second_sub_layer.mix"]
    with pytest.raises(RuntimeError, match="second_sub_layer.mix"):
        again.load_state_dict(trained)


@pytest.mark.parametrize("gate", GATES)
def test_the_open_gate_mixes_as_the_formula_says(gate: str) -> None:
    _, dual = _pair(gate, 5)
    attention = dual.dual_attentions[0]
    randomize(attention)
    with torch.no_grad():
        attention.mix.fill_(20.0)  # tanh is 1: the gate alone decides
    inputs = _inputs(5)
    queries, states = torch.randn(3, 7, WIDTH), inputs["encoder_embeddings"]
    additive = (1 - inputs["encoder_mask"])[:, None, None] * -10000.0
    attention.keeps_maps = True
    output, extra = attention(queries, states, states, additive)
    attention.secondary_tokens = "same"
    primary_only, secondary_only = copy.deepcopy(attention), attention.secondary
    with torch.no_grad():
        primary_only.mix.zero_()
    p = primary_only(queries, states[:, :SPEECH], states[:, :SPEECH], additive[..., :SPEECH])[0]
    s = secondary_only(queries, states[:, SPEECH:], states[:, SPEECH:], None)[0]
    alpha = attention.gate(torch.cat([queries, p, s], dim=2)).sigmoid()
    assert extra["xatt_scores"].shape == (3, HEADS, 7, SPEECH + 5)
    assert extra["xatt_scores"][..., SPEECH:].abs().max() == 0.0
    assert torch.allclose(attention.last_maps.alpha, alpha, atol=1e-6)
    assert torch.allclose(attention.last_maps.secondary.sum(dim=3), torch.ones(3, HEADS, 7), atol=1e-6)
    if gate != "head":
        assert torch.allclose(output, alpha * p + (1 - alpha) * s, atol=1e-5)
        return
    for head in range(HEADS):  # with one head's gate open and all others closed, only that head's part moves
        with torch.no_grad():
            attention.secondary_tokens = 5
            attention.gate.weight.zero_()
            attention.gate.bias.fill_(40.0)
            attention.gate.bias[head] = -40.0
        taken = attention(queries, states, states, additive)[0] - p
        columns = slice(head * WIDTH // HEADS, (head + 1) * WIDTH // HEADS)
        lost = _found(attention, queries, states[:, :SPEECH], additive[..., :SPEECH])[..., columns]
        gained = _found(attention.secondary, queries, states[:, SPEECH:], None)[..., columns]
        bias = (attention.secondary.out_projection.bias - attention.out_projection.bias) / HEADS
        expected = gained @ attention.secondary.out_projection.weight[:, columns].T
        expected = expected - lost @ attention.out_projection.weight[:, columns].T + bias
        assert torch.allclose(taken, expected, atol=1e-5)


def _found(attention: Any, queries: Tensor, memory: Tensor, mask: Tensor | None) -> Tensor:
    """torch's own attention with the weights of one of NeMo's, before the output projection."""
    parts = (attention.query_net(queries), attention.key_net(memory), attention.value_net(memory))
    query, key, value = (part.unflatten(2, (HEADS, -1)).transpose(1, 2) for part in parts)
    found = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    return found.transpose(1, 2).flatten(2)


@pytest.mark.parametrize("tokens", SECONDARY)
@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("value", [1e3, float("nan")])
def test_padding_of_the_speech_changes_nothing(value: float, gate: str, tokens: Any) -> None:
    _, dual = _pair(gate, tokens)
    randomize(dual, seed=5)
    inputs = _inputs(tokens)
    states = inputs["encoder_embeddings"].clone()
    padding = (inputs["encoder_mask"] == 0).unsqueeze(2)
    filled = inputs | {"encoder_embeddings": states.masked_fill(padding, value)}
    assert torch.equal(dual(**filled), dual(**inputs))


@pytest.mark.parametrize("tokens", SECONDARY)
@pytest.mark.parametrize("gate", GATES)
def test_the_gradient_reaches_every_new_parameter(gate: str, tokens: Any) -> None:
    _, dual = _pair(gate, tokens)
    inputs = _inputs(tokens)
    dual(**inputs).square().sum().backward()
    if tokens != "same":  # as copies that read the same, both attentions say the same: nothing to choose yet
        assert all(attention.mix.grad.abs() > 0 for attention in dual.dual_attentions)
    randomize(dual)
    for attention in dual.dual_attentions:  # a bias of keys moves all scores alike: it has no gradient in any softmax
        for part in (attention, attention.secondary):
            part.key_net.bias.requires_grad_(False)
    added = nn.ModuleList(
        nn.ModuleDict({"gate": attention.gate, "value": attention.secondary.value_net})
        for attention in dual.dual_attentions
    )
    check_gradients(added, lambda: dual(**inputs).square().sum())


@pytest.mark.parametrize("tokens", SECONDARY)
def test_token_by_token_with_memories_equals_all_at_once(tokens: Any) -> None:
    _, dual = _pair("scalar", tokens)
    randomize(dual, seed=5)
    inputs = _inputs(tokens)
    whole = dual(**inputs)
    decoder, memories, pieces, calls = dual.decoder, None, [], []
    for attention in dual.dual_attentions:
        attention.secondary.key_net.register_forward_hook(lambda *_: calls.append(1))
    with torch.inference_mode():
        for step in range(7):
            embedded = dual.embedding(inputs["input_ids"][:, step : step + 1], start_pos=step)
            memories, _ = decoder(
                embedded,
                inputs["decoder_mask"][:, step : step + 1],
                inputs["encoder_embeddings"],
                inputs["encoder_mask"],
                memories,
                return_mems=True,
            )
            pieces.append(memories[-1][:, -1:])
    assert torch.allclose(torch.cat(pieces, dim=1), whole, atol=1e-5)
    assert len(calls) == len(dual.dual_attentions), "keys are projected once an utterance, not once a token"


def test_kept_keys_follow_the_memory_and_the_weights() -> None:
    _, dual = _pair("scalar", 5)
    randomize(dual, seed=5)
    inputs = _inputs(5)
    with torch.no_grad():
        before = dual(**inputs)
        assert torch.equal(dual(**inputs), before)
        dual.dual_attentions[0].key_net.weight.mul_(2.0)
        changed = dual(**inputs)
        assert not torch.equal(changed, before)
        inputs["encoder_embeddings"].mul_(0.5)
        after = dual(**inputs)
        assert not torch.equal(after, changed)
        unmasked = dual(**inputs | {"encoder_mask": torch.ones_like(inputs["encoder_mask"])})
        assert torch.equal(dual(**inputs), after)
        for attention in dual.dual_attentions:
            attention.projections.enabled = False
        assert torch.equal(dual(**inputs), after)
        assert torch.equal(dual(**inputs | {"encoder_mask": torch.ones_like(inputs["encoder_mask"])}), unmasked)
        other = dual(**_inputs(5, seed=4))
        assert not torch.equal(other, after)


@pytest.mark.parametrize("tokens", SECONDARY)
@pytest.mark.parametrize("gate", GATES)
def test_the_exported_decoder_agrees(gate: str, tokens: Any, tmp_path: Path) -> None:
    _, dual = _pair(gate, tokens)
    randomize(dual, seed=5)
    axes = {"input_ids": {0: "batch", 1: "tokens"}, "decoder_mask": {0: "batch", 1: "tokens"}}
    axes |= {"encoder_embeddings": {0: "batch", 1: "time"}, "encoder_mask": {0: "batch", 1: "time"}}
    with torch.no_grad():
        dual(**_inputs(tokens))  # what is kept from here must not become a constant of the graph
        check_onnx(dual, _inputs(tokens), axes, tmp_path / "decoder.onnx")


def test_maps_are_kept_only_when_asked_for() -> None:
    _, dual = _pair("channel", 5)
    inputs = _inputs(5)
    dual(**inputs)
    assert all(attention.last_maps is None for attention in dual.dual_attentions)
    with attention_maps_of(dual) as attentions:
        dual(**inputs)
    dual(**_inputs(5, seed=9))
    assert [tuple(attention.last_maps.alpha.shape) for attention in attentions] == [(3, 7, WIDTH)] * 2
    assert attentions[0].last_maps.primary[2, :, :, 5:].abs().max() == 0.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"gate": "word"}, "gate='word' is unknown; use one of scalar, head, channel"),
        ({"secondary_tokens": 0}, "secondary_tokens=0 must be 'same', 'frames' or a positive number"),
        ({"pretrained": True}, "pretrained=True has no meaning here"),
        (
            {"config_dict": {"vocab_size": 8}},
            "config_dict lacks hidden_size, inner_size, num_",
        ),
    ],
)
def test_a_decoder_that_cannot_be_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DualAttentionDecoder(**({"config_dict": CONFIG} | arguments))


MEMORIES = {
    "utterance": lambda: ContextTokenMemory(StatisticsContextEncoder(16, 24), WIDTH),
    "tokens": lambda: ContextTokenMemory(HierarchicalContextEncoder(16, 24, num_tokens=3), WIDTH),
    "layer": lambda: EncoderLayerMemory(1, 20, WIDTH),
    "types": lambda: NoiseTypeMemory(6, WIDTH),
}


@pytest.mark.parametrize("kind", MEMORIES)
def test_a_secondary_memory_keeps_its_ports_padding_gradients_and_export(kind: str, tmp_path: Path) -> None:
    memory: SecondaryMemory = MEMORIES[kind]().eval()
    randomize(memory)
    audio_signal, length = features(16)
    hidden = torch.randn(3, 9, 20)
    inputs = {"audio_signal": audio_signal, "length": length, "hidden": hidden}
    output = memory(**inputs)
    assert output.shape == (3, 9 if memory.num_tokens == "frames" else memory.num_tokens, WIDTH)
    check_ports(memory, inputs, output)
    filled = inputs | {"audio_signal": fill_padding(audio_signal, length, float("nan"))}
    assert torch.equal(memory(**filled), output)
    check_gradients(memory, lambda: memory(**inputs).square().sum())
    axes = {"audio_signal": {0: "batch", 2: "time"}, "length": {0: "batch"}, "hidden": {0: "batch", 1: "frames"}}
    if kind in ("utterance", "tokens"):  # the others do not read the audio
        check_onnx(memory, {name: inputs[name] for name in ("audio_signal", "length")}, axes, tmp_path / "memory.onnx")
    with shuffled_context(memory):
        assert torch.equal(memory(**inputs), output.roll(1, dims=0))


def test_memories_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="TemporalContextEncoder gives a context for every frame"):
        ContextTokenMemory(TemporalContextEncoder(16, 24, stride=8), WIDTH)
    with pytest.raises(ValueError, match="layer=-1 must be the number of an encoder layer"):
        EncoderLayerMemory(-1, 20, WIDTH)
    with pytest.raises(ValueError, match="num_types=0 must be at least 1"):
        NoiseTypeMemory(0, WIDTH)
    audio_signal, length = features(16)
    with pytest.raises(ValueError, match="hidden is not given; it is the output of layer 1"):
        EncoderLayerMemory(1, 20, WIDTH)(audio_signal=audio_signal, length=length)
