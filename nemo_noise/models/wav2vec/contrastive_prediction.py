# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The pretext task of wav2vec 2.0: find the code of a hidden frame among those of other hidden frames.

Baevski et al., 2020 (arXiv 2006.11477), section 3.2. The quantiser is NeMo's. NeMo's ``ContrastiveLoss`` shares one
codebook among the groups and fails where utterances hide different numbers of frames, so the loss is ours.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from nemo.collections.asr.parts.submodules.ssl_quantizers import GumbelVectorQuantizer

__all__ = ["ContrastiveHead", "ContrastiveTask", "contrastive_loss", "draw_distractors"]


class ContrastiveTask(NamedTuple):
    """N hidden frames of a batch, utterance after utterance.

    ``predicted`` and ``targets`` [N, P] are the transformer's and the quantiser's; ``codes`` [N] are equal where the
    codes are; ``diversity`` is the loss that is 0 where all codes are used alike.
    """

    predicted: Tensor
    targets: Tensor
    codes: Tensor
    diversity: Tensor


class ContrastiveHead(nn.Module):
    """A product quantiser of the front end's frames, and projections of both sides of the comparison.

    Args:
        d_model: width D of the transformer.
        d_features: width E of the front end's frames.
        num_groups: codebooks G.
        num_codes: codes V in each; 2 x 320 in the paper.
        d_code: width of the concatenated codes.
        d_projection: width P of what is compared.
        temperature: of the Gumbel softmax: at the start, at the end, and its factor per step.
        dropout: on the frames before they are quantised.

    Raises:
        ValueError: if the groups do not divide the width of the codes.
    """

    def __init__(
        self,
        d_model: int,
        d_features: int,
        *,
        num_groups: int = 2,
        num_codes: int = 320,
        d_code: int = 256,
        d_projection: int = 256,
        temperature: tuple[float, float, float] = (2.0, 0.5, 0.999995),
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if d_code % num_groups:
            raise ValueError(f"d_code={d_code} must be a multiple of num_groups={num_groups}.")
        self.num_entries = num_groups * num_codes
        self.dropout = nn.Dropout(dropout)
        self.quantizer = GumbelVectorQuantizer(
            dim=d_features,
            num_vars=num_codes,
            temp=tuple(temperature),
            groups=num_groups,
            combine_groups=False,
            vq_dim=d_code,
            time_first=True,
        )
        self.project_hid = nn.Linear(d_model, d_projection)
        self.project_q = nn.Linear(d_code, d_projection)

    def forward(self, states: Tensor, features: Tensor, mask: Tensor) -> ContrastiveTask:
        """Predictions and targets of the N hidden frames; no other frame, and no padding, is quantised or counted.

        ``states`` [B, T, D] are the transformer's, ``features`` [B, T, E] the front end's; ``mask`` [B, T] is
        True where hidden, at least once.
        """
        hidden = self.dropout(features)[mask].unsqueeze(0)  # [1, N, E]
        quantized, diversity, _ = self.quantizer(hidden)
        codes = quantized[0].detach().unique(dim=0, return_inverse=True)[1]  # [N]
        return ContrastiveTask(self.project_hid(states[mask]), self.project_q(quantized[0]), codes, diversity)


def draw_distractors(mask: Tensor, num_distractors: int) -> Tensor:
    """For every hidden frame, K other hidden frames of the same utterance, drawn evenly and with replacement.

    ``mask`` [B, T] is True where hidden. The result [N, K] holds indices into the hidden frames; the frame itself
    where its utterance has no other.
    """
    counts = mask.sum(dim=1)  # [B]
    count = counts.repeat_interleave(counts)  # [N], of the frame's own utterance
    first = (counts.cumsum(dim=0) - counts).repeat_interleave(counts)
    place = torch.arange(len(count), device=mask.device) - first
    others = (count - 1).unsqueeze(1)
    drawn = torch.rand(len(count), num_distractors, dtype=torch.float64, device=mask.device)
    drawn = torch.minimum((drawn * others).long(), (others - 1).clamp_min(0))
    drawn = drawn + ((drawn >= place.unsqueeze(1)) & (others > 0))
    return first.unsqueeze(1) + drawn


def contrastive_loss(task: ContrastiveTask, distractors: Tensor, temperature: float = 0.1) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy of finding the right target, by cosine similarity, among it and its distractors.

    ``distractors`` [N, K] are indices into the hidden frames; one with the code of the frame itself does not count.

    Returns:
        The loss in nats, and how often the right one came first, in [0, 1].
    """
    predicted, targets = (functional.normalize(side.float(), dim=1) for side in (task.predicted, task.targets))
    similarity = predicted @ targets.T / temperature  # [N, N]
    right = similarity.diagonal().unsqueeze(1)  # [N, 1]
    is_same = task.codes[distractors] == task.codes.unsqueeze(1)
    wrong = similarity.gather(1, distractors).masked_fill(is_same, -torch.inf)  # [N, K]
    logits = torch.cat([right, wrong], dim=1)
    loss = functional.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long, device=logits.device))
    return loss, (right >= wrong.amax(dim=1, keepdim=True)).float().mean()
