# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What NeMo's searches of an attention decoder need beside: tokens never to be chosen, caches that stay in order."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from torch import Tensor

from nemo.collections.asr.parts.submodules.multitask_decoding import MultiTaskDecoding
from nemo.collections.common.parts import NEG_INF

from nemo_noise.nemo_patches.cached_steps import CachedSteps, can_cache
from nemo_noise.nemo_patches.wrapping import replace_on, replaced_on

__all__ = ["apply_search_rules", "generator_of", "projections_kept"]

Step = tuple[Tensor, list[Tensor], list[Tensor] | None]


def generator_of(decoding: MultiTaskDecoding) -> Any:
    """NeMo's sequence generator that a decoding object searches with, greedy or beam."""
    search = decoding.decoding
    return search.beam_search if hasattr(search, "beam_search") else search.greedy_search


@contextmanager
def projections_kept(generator: Any) -> Iterator[None]:
    """Make a greedy search of NeMo keep keys and values inside the block, see `cached_steps`; others stay."""
    if not can_cache(generator) or "_one_step_forward" in vars(generator):
        yield
        return
    with replaced_on(generator, "_one_step_forward", CachedSteps(generator).step):
        yield


def apply_search_rules(
    decoding: MultiTaskDecoding, suppressed: Sequence[int] = (), suppressed_at_start: Sequence[int] = ()
) -> None:
    """Make the search of a decoding object, greedy or beam, follow Whisper's rules; once per decoding object.

    NeMo 3.0.0 repeats the caches of a beam search in another order than everything else, so that in a batch an
    utterance goes on with the prompt states of its neighbour; this puts them in order too. The cross-attention scores
    of the prompt (`return_xattn_scores` with a beam) are repeated in NeMo's own code and stay as NeMo gives them.

    Args:
        decoding: what ``EncDecMultiTaskModel`` keeps as ``decoding``.
        suppressed: ids that are never chosen.
        suppressed_at_start: ids that are not chosen as the first one.
    """
    generator = generator_of(decoding)
    one_step = CachedSteps(generator).step if can_cache(generator) else generator._one_step_forward
    rules = _SearchRules(one_step, suppressed, suppressed_at_start)
    replace_on(generator, "_one_step_forward", partial(rules.step))


class _SearchRules:
    """One step of a search, with the rules before and after it."""

    def __init__(
        self, one_step: Callable[..., Step], suppressed: Sequence[int], suppressed_at_start: Sequence[int]
    ) -> None:
        self.one_step = one_step
        self.suppressed = list(suppressed)
        self.suppressed_at_start = [*suppressed, *suppressed_at_start]
        self.num_utterances: int | None = None

    def step(
        self,
        decoder_input_ids: Tensor,
        encoder_hidden_states: Tensor,
        encoder_input_mask: Tensor,
        decoder_mems_list: list[Tensor] | None = None,
        pos: int | Tensor = 0,
        return_scores: bool = True,
    ) -> Step:
        """NeMo's ``_one_step_forward``; a step without caches is the first one of a search."""
        is_first = decoder_mems_list is None
        if is_first:
            self.num_utterances = len(decoder_input_ids)
        elif self.num_utterances is not None:
            if len(decoder_input_ids) > self.num_utterances:  # a beam; a greedy search may have ended some texts
                decoder_mems_list = [_in_order(states, self.num_utterances) for states in decoder_mems_list or []]
            self.num_utterances = None
        scores, mems, attention = self.one_step(
            decoder_input_ids,
            encoder_hidden_states,
            encoder_input_mask,
            decoder_mems_list,
            pos,
            return_scores=return_scores,
        )
        ids = self.suppressed_at_start if is_first else self.suppressed
        if ids:
            scores = scores.clone()
            scores[..., ids] = NEG_INF
        return scores, mems, attention


def _in_order(states: Tensor, num_utterances: int) -> Tensor:
    """Caches [beam * B, U, D] as [B * beam, U, D]."""
    by_beam = states.view(-1, num_utterances, *states.shape[1:])  # [beam, B, U, D]
    return by_beam.transpose(0, 1).reshape(states.shape)
