# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Searches of an attention decoder: NeMo's tokens from cached keys and values, samples of one's own, loops ended."""

from typing import Any

import pytest
import torch
from torch import Tensor

from nemo.collections.asr.modules.transformer.transformer import TransformerDecoderNM
from nemo.collections.asr.modules.transformer.transformer_generators import GreedySequenceGenerator
from nemo.collections.asr.parts.submodules.token_classifier import TokenClassifier

from nemo_noise.inference.decoding.attempt import Encoded, attempt
from nemo_noise.inference.decoding.repetition import loop_start
from nemo_noise.nemo_patches.cached_steps import CachedSteps, can_cache
from nemo_noise.nemo_patches.search_rules import projections_kept

WIDTH, VOCABULARY, END, PAD, START, NO_SPEECH = 32, 40, 2, 0, 3, 5
WITHOUT = {"start_id": None, "no_speech_id": None}


def generator(pre_ln: bool = True, final_norm: bool = True) -> GreedySequenceGenerator:
    """NeMo's search over an untrained decoder whose texts end now and then."""
    torch.manual_seed(1)
    decoder = TransformerDecoderNM(
        vocab_size=VOCABULARY,
        hidden_size=WIDTH,
        num_layers=2,
        inner_size=64,
        num_attention_heads=4,
        max_sequence_length=60,
        hidden_act="relu",
        pre_ln=pre_ln,
        pre_ln_final_layer_norm=final_norm,
    ).eval()
    head = TokenClassifier(WIDTH, VOCABULARY, log_softmax=True).eval()
    with torch.no_grad():
        for parameter in [*decoder.parameters(), *head.parameters()]:
            parameter.add_(0.2 * torch.randn_like(parameter))
        head.mlp.layer0.bias[END] += 1.0
    return GreedySequenceGenerator(
        decoder.embedding, decoder.decoder, head, pad=PAD, bos=1, eos=END, max_sequence_length=60, max_delta_length=-1
    )


def encoded() -> Encoded:
    """Six utterances of unlike lengths, whose prompts are alike but for padding in one."""
    frames = torch.randn(6, 25, WIDTH, generator=torch.Generator().manual_seed(2))
    mask = (torch.arange(25) < torch.tensor([25, 20, 9, 25, 14, 3])[:, None]).float()
    prompts = torch.tensor([[7, START, 8]] * 6)
    prompts[4, 2] = PAD
    return Encoded(prompts, frames, mask, [30.0] * 6, list(range(6)))


def nemo_tokens(search: GreedySequenceGenerator, batch: Encoded) -> list[list[int]]:
    found, *_ = search(batch.prompts, batch.frames, batch.mask)
    return [[token for token in row[3:] if token not in (END, PAD)] for row in found.tolist()]


@pytest.mark.parametrize(("pre_ln", "final_norm"), [(True, True), (True, False), (False, False)])
def test_cached_projections_give_nemos_tokens_and_scores(pre_ln: bool, final_norm: bool) -> None:
    search, batch = generator(pre_ln, final_norm), encoded()
    plain = nemo_tokens(search, batch)
    assert len({tuple(tokens) for tokens in plain}) > 1 and len({len(tokens) for tokens in plain}) > 1
    differences: list[float] = []
    with projections_kept(search):
        assert nemo_tokens(search, batch) == plain
    cached, caches, mems = CachedSteps(search), None, None
    ids, position = batch.prompts, 0
    for _ in range(4):
        theirs, mems, _ = search._one_step_forward(ids, batch.frames, batch.mask, mems, position, return_scores=False)
        ours, caches, _ = cached.step(ids, batch.frames, batch.mask, caches, position, return_scores=False)
        differences.append(float((theirs - ours)[[0, 1, 2, 3, 5]].detach().abs().max()))  # the other has padding
        ids, position = theirs.argmax(-1), 3 if position == 0 else position + 1
    assert max(differences) < 1e-4


def test_what_is_not_nemos_own_decoder_keeps_nemos_step() -> None:
    search = generator()
    assert can_cache(search)
    search.return_xattn_scores = True
    assert not can_cache(search)
    with projections_kept(search):
        assert "_one_step_forward" not in vars(search)


@pytest.mark.parametrize("is_cached", [True, False])
def test_a_greedy_attempt_is_nemos_search_with_its_log_probabilities(is_cached: bool) -> None:
    search, batch = generator(), encoded()
    plain = nemo_tokens(search, batch)
    if is_cached:
        search._one_step_forward = CachedSteps(search).step
    found = attempt(search, batch, temperature=0.0, start_id=START, no_speech_id=NO_SPEECH)
    assert [one.tokens for one in found if not one.is_loop] == [
        tokens for tokens, one in zip(plain, found, strict=True) if not one.is_loop
    ]
    assert sum(not one.is_loop for one in found) >= 3
    for row, one in enumerate(found):
        if one.is_loop or PAD in batch.prompts[row]:  # which NeMo masks in its first step alone
            continue
        log_probs = _log_probs(search, batch, row, one.tokens)
        assert one.mean_log_probability == pytest.approx(log_probs, abs=1e-4)
    probability = _no_speech(search, batch)
    assert [one.no_speech_probability for one in found] == pytest.approx(probability, abs=1e-5)


def _hidden(search: Any, batch: Encoded, row: int, tokens: list[int]) -> Tensor:
    ids = torch.tensor([batch.prompts[row].tolist() + tokens])
    states = search.embedding(ids)
    mask = (ids != PAD).float()
    hidden, _ = search.decoder(states, mask, batch.frames[row : row + 1], batch.mask[row : row + 1])
    return torch.as_tensor(hidden)


def _log_probs(search: Any, batch: Encoded, row: int, tokens: list[int]) -> float:
    with torch.no_grad():
        scores = search.classifier(hidden_states=_hidden(search, batch, row, tokens))[0, 2:].log_softmax(-1)
    targets = [*tokens, END]
    return float(sum(scores[place, token] for place, token in enumerate(targets)) / len(targets))


def _no_speech(search: Any, batch: Encoded) -> list[float]:
    with torch.no_grad():
        return [
            float(search.classifier(hidden_states=_hidden(search, batch, row, []))[0, 1].softmax(-1)[NO_SPEECH])
            for row in range(len(batch.seeds))
        ]


def test_a_sampled_text_does_not_depend_on_its_batch_and_comes_again() -> None:
    search, batch = generator(), encoded()
    together = [one.tokens for one in attempt(search, batch, temperature=0.8, **WITHOUT)]
    alone = [attempt(search, batch.of([row]), temperature=0.8, **WITHOUT)[0].tokens for row in range(6)]
    backwards = attempt(search, batch.of([5, 3, 1]), temperature=0.8, **WITHOUT)
    assert alone == together and [one.tokens for one in backwards] == [together[row] for row in (5, 3, 1)]
    assert together != [one.tokens for one in attempt(search, batch, temperature=0.0, **WITHOUT)]


class _Looping:
    """A search that says the same two tokens for ever."""

    eos = END

    def __init__(self) -> None:
        self.steps = 0

    def _prepare_for_search(self, prompts: Tensor, frames: Tensor) -> tuple[Tensor, int, int]:
        return prompts, len(prompts), 445

    def _one_step_forward(
        self, ids: Tensor, *arguments: Any, return_scores: bool
    ) -> tuple[Tensor, list[Tensor], None]:
        self.steps += 1
        scores = torch.zeros(len(ids), 1, VOCABULARY)
        scores[..., 10 + self.steps % 2] = 20.0
        return scores, [torch.zeros(len(ids), 1, WIDTH)], None


def test_a_loop_ends_early_and_one_turn_of_it_stays() -> None:
    search = _Looping()
    (found,) = attempt(search, encoded().of([0]), temperature=0.0, **WITHOUT)
    assert found.is_loop and found.tokens == [11, 10] and search.steps <= 40


def test_a_text_is_no_longer_than_anybody_talks() -> None:
    search = _Looping()
    short = encoded().of([0])._replace(durations_s=[0.0])
    (found,) = attempt(search, short, temperature=0.0, **WITHOUT)
    assert found.is_loop and search.steps <= 32


@pytest.mark.parametrize("turn", [[4], [4, 5], [4, 5, 6, 7, 8]])
def test_a_loop_begins_at_its_second_turn(turn: list[int]) -> None:
    tokens = [1, 2, 3, *(turn * 32)]
    assert loop_start(tokens) == 3 + len(turn)
    assert loop_start([*tokens, 99]) is None
    assert loop_start([1, 2, 3, *(turn * 5)]) is None
