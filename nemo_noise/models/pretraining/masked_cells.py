# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The pretext task of hidden cells: holes in time *and* frequency, and the code of the noise in each.

A spectrogram is a grid of cells, some frames by some bands. Rectangles of cells are set to 0.0 (missing). The target
in a hidden cell is a random-projection code of the *noise alone*, which is nowhere in the input: next to the
hole there is the mixture, and copying it copies the speech.
"""

import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from nemo.core.classes.common import typecheck
from nemo.core.classes.module import NeuralModule
from nemo.core.neural_types import LengthsType, MaskType, NeuralType, SpectrogramType

from nemo_noise.models.pretraining.codes import MaskedCodeLoss, code_statistics
from nemo_noise.models.pretraining.masked_spans import CodePredictor, MaskedFeatures, NoiseCodes, check_spans
from nemo_noise.models.pretraining.task import Encoding, PretextTask, TaskLoss, Views
from nemo_noise.modules import ContextEncoder

__all__ = ["CellMasking", "MaskedCells"]


class CellMasking(NeuralModule):
    """Hides rectangles of a spectrogram on a grid of steps and groups of bands, so a cell is hidden as a whole.

    Every rectangle has the same number of steps and a number of groups drawn between the two bounds; the highest of
    all groups is a span of silence over all bands. Rectangles may overlap; how many there are is chosen so that
    ``share`` of the cells is hidden on average.

    Args:
        num_groups: groups G of neighbouring bands.
        groups_per_span: range [fewest, most] of the groups that one rectangle hides, within 1 and G.
        frames_per_step: frames of one step.
        steps_per_span: steps that one rectangle hides.
        share: part of the cells that is hidden, in (0, 1).
        window_stride: seconds from one frame to the next.
    """

    def __init__(
        self,
        *,
        num_groups: int = 4,
        groups_per_span: Sequence[int] = (2, 4),
        frames_per_step: int = 8,
        steps_per_span: int = 4,
        share: float = 0.4,
        window_stride: float = 0.01,
    ) -> None:
        super().__init__()
        check_spans("CellMasking", frames_per_step, steps_per_span, share=share, window_stride=window_stride)
        fewest, most = groups_per_span
        if not 1 <= fewest <= most <= num_groups:
            raise ValueError(
                f"CellMasking: groups_per_span={list(groups_per_span)} must be [fewest, most] within 1 and "
                f"num_groups={num_groups}."
            )
        self.num_groups = num_groups
        self.groups_per_span = (fewest, most)
        self.frames_per_step = frames_per_step
        self.steps_per_span = steps_per_span
        self.share = share

    @property
    def input_types(self) -> dict[str, NeuralType]:
        """Features [B, D, T] and their lengths [B] in frames."""
        return {
            "features": NeuralType(("B", "D", "T"), SpectrogramType()),
            "length": NeuralType(tuple("B"), LengthsType()),
        }

    @property
    def output_types(self) -> dict[str, NeuralType]:
        """Masked features [B, D, T] and the hidden cells [B, S, G]."""
        return {
            "features": NeuralType(("B", "D", "T"), SpectrogramType()),
            "mask": NeuralType(("B", "T", "D"), MaskType()),
        }

    @typecheck()
    def forward(self, features: Tensor, length: Tensor) -> MaskedFeatures:
        """The features with 0.0 in random rectangles, and the mask [B, S, G], S = T // frames_per_step.

        Frames beyond ``length`` are never hidden; D is a multiple of G.
        """
        num_steps = features.shape[2] // self.frames_per_step
        steps = torch.div(length, self.frames_per_step, rounding_mode="floor").clamp_max(num_steps)
        mask = self._rectangles(steps, num_steps)  # [B, S, G]
        hidden = mask.repeat_interleave(self.frames_per_step, dim=1)
        hidden = hidden.repeat_interleave(features.shape[1] // self.num_groups, dim=2).transpose(1, 2)
        hidden = nn.functional.pad(hidden, (0, features.shape[2] - hidden.shape[2]))  # [B, D, T]
        return MaskedFeatures(features.masked_fill(hidden, 0.0), mask)

    def _rectangles(self, steps: Tensor, num_steps: int) -> Tensor:
        """Union of random rectangles within the first ``steps`` [B] of ``num_steps``: [B, S, G]."""
        device, (fewest, most) = steps.device, self.groups_per_span
        # A cell stays visible if every one of n rectangles misses it: (1 - area / cells) ** n = 1 - share.
        area = self.steps_per_span * (fewest + most) / 2
        missed = (1.0 - area / (steps.clamp_min(1) * self.num_groups)).clamp_min(1e-6).log()
        counts = (math.log(1.0 - self.share) / missed).round().clamp_min(1)  # [B]
        largest = int(counts.max()) if len(counts) else 1
        shape = (len(steps), largest, 1, 1)
        heights = torch.randint(fewest, most + 1, shape, device=device)
        lowest = (torch.rand(shape, device=device) * (self.num_groups - heights + 1)).long()
        starts = (steps[:, None, None, None] - self.steps_per_span).clamp_min(0) + 1
        starts = (torch.rand(shape, device=device) * starts).long()
        is_drawn = torch.arange(largest, device=device)[None, :, None, None] < counts[:, None, None, None]
        step = torch.arange(num_steps, device=device)[None, None, :, None]
        group = torch.arange(self.num_groups, device=device)[None, None, None, :]
        inside = (step >= starts) & (step < starts + self.steps_per_span)
        inside = inside & (group >= lowest) & (group < lowest + heights) & is_drawn  # [B, N, S, G]
        return inside.any(dim=1) & (step[0] < steps[:, None, None])


class MaskedCells(PretextTask):
    """Name the code of the noise in every hidden cell of a ``CellMasking``.

    Every group of bands has its own codes (``NoiseCodes`` over the bands of the group); one predictor scores all
    groups of a step. The arguments are those of ``MaskedSpans``, codes and cepstra for each group.
    """

    def __init__(
        self,
        encoder: ContextEncoder,
        masking: nn.Module,
        *,
        num_cepstra: int = 6,
        code_dim: int = 8,
        num_codes: int = 64,
        d_hidden: int = 128,
    ) -> None:
        super().__init__(encoder, masking)
        if not isinstance(masking, CellMasking):
            raise ValueError(
                f"MaskedCells: model.masking={type(masking).__name__} must be CellMasking, which hides cells."
            )
        feat_in, groups, step = encoder.feat_in, masking.num_groups, masking.frames_per_step
        if feat_in % groups:
            raise ValueError(f"MaskedCells: num_groups={groups} must divide feat_in={feat_in}.")
        sizes = {"frames_per_step": step, "num_cepstra": num_cepstra, "code_dim": code_dim, "num_codes": num_codes}
        self.num_codes = num_codes
        self.codes = nn.ModuleList(NoiseCodes(feat_in // groups, **sizes) for _ in range(groups))
        self.predictor = CodePredictor(
            feat_in, encoder.d_context, num_codes=groups * num_codes, frames_per_step=step, d_hidden=d_hidden
        )
        self.loss = MaskedCodeLoss()

    def targets(self, noise_features: Tensor, mixture: Tensor, mixture_length: Tensor, *, mask: Tensor) -> Tensor:
        """Codes [B, S, G] of the noise in the hidden cells; as ``NoiseCodes.at_mask``, with a mask [B, S, G]."""
        groups = noise_features.chunk(len(self.codes), dim=1)  # G times [B, D / G, T]
        codes = [
            cast(NoiseCodes, named).at_mask(bands, mixture, mixture_length, mask=mask[:, :, group])
            for group, (named, bands) in enumerate(zip(self.codes, groups, strict=True))
        ]
        return torch.stack(codes, dim=2)

    def scores(self, features: Tensor, context: Tensor) -> Tensor:
        """Scores of every code in every cell, of masked features [B, D, T] and a context [B, C]: [B, S, G, V]."""
        scores: Tensor = self.predictor(features=features, context=context)  # [B, S, G * V]
        return scores.view(*scores.shape[:2], -1, self.num_codes)

    def forward(self, views: Views, encoding: Encoding) -> TaskLoss:
        """Cross-entropy over the hidden cells; see ``PretextTask``."""
        mask = views.mask  # [B, S, G]
        codes = self.targets(views.spectrum(views.noise), views.audio, views.length, mask=mask)
        scores = self.scores(views.features, encoding.context)
        loss = self.loss(logits=scores.flatten(1, 2), codes=codes.flatten(1), mask=mask.flatten(1))
        return TaskLoss(loss, code_statistics(scores[mask], codes[mask], self.num_codes))
