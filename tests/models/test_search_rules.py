# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The rules around NeMo's searches: what a step passes on, in which order, and what it never scores."""

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from nemo.collections.common.parts import NEG_INF

from nemo_noise.nemo_patches.search_rules import apply_search_rules


class _Recorder:
    """Stands in for NeMo's generator: remembers the caches that it was given."""

    def __init__(self) -> None:
        self.caches: list[list[Tensor] | None] = []

    def _one_step_forward(self, *arguments: Any, return_scores: bool) -> tuple[Tensor, list[Tensor], None]:
        self.caches.append(arguments[3])
        return torch.zeros(len(arguments[0]), 1, 4), [torch.zeros(1)], None


def test_caches_are_put_in_order_once_and_tokens_are_suppressed() -> None:
    generator = _Recorder()
    apply_search_rules(SimpleNamespace(decoding=SimpleNamespace(beam_search=generator)), [1], [3])
    utterances, beam = 2, 3
    wrong = torch.arange(utterances).repeat(beam).view(-1, 1, 1)  # 0 1 0 1 0 1, as NeMo repeats them
    states = mask = torch.zeros(1)
    for _ in range(2):  # two searches
        first, *_ = generator._one_step_forward(torch.zeros(utterances, 4), states, mask, None, 0)
        assert first[0, 0].tolist() == [0.0, NEG_INF, 0.0, NEG_INF]
        later, *_ = generator._one_step_forward(torch.zeros(utterances * beam, 1), states, mask, [wrong], 4)
        assert later[0, 0].tolist() == [0.0, NEG_INF, 0.0, 0.0]
        assert generator.caches[-1][0].flatten().tolist() == [0, 0, 0, 1, 1, 1]
        generator._one_step_forward(torch.zeros(utterances * beam, 1), states, mask, [wrong], 5)
        assert torch.equal(generator.caches[-1][0], wrong), "from then on NeMo keeps the order itself"
