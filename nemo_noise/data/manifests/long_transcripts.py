# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Transcripts that an attention decoder has no positions for: left out by Lhotse's sampler, counted and named."""

from typing import Any

from torch.utils.data import DataLoader

from nemo.collections.common.data.prompt_fn import apply_prompt_format_fn
from nemo.utils import logging

__all__ = ["POSITIONS", "HasPositions", "leave_out_long_transcripts"]

POSITIONS = "max_decoder_positions"  # of a data set's config
PROMPT_ROOM = 64  # tokens; a text has at most one token a byte, so what is this much shorter is not measured
MOST_NAMED = 8


class HasPositions:
    """Whether a cut's prompt and transcript fit into the decoder; logs which do not, each once.

    Args:
        prompt: NeMo's prompt formatter, with its tokenizer.
        positions: tokens that the decoder has positions for; the last token, which is only predicted, needs none.
        source: what the manifest is called in messages.
    """

    def __init__(self, prompt: Any, positions: int, source: str) -> None:
        self.prompt, self.positions, self.source = prompt, positions, source
        self.left_out: set[str] = set()

    def __call__(self, cut: Any) -> bool:
        """Measure one cut."""
        texts = [supervision.text or "" for supervision in getattr(cut, "supervisions", [])]
        if sum(len(text.encode()) for text in texts) + PROMPT_ROOM <= self.positions and not _has_context(cut):
            return True
        tokens = len(apply_prompt_format_fn(cut, self.prompt)["input_ids"])
        if tokens - 1 <= self.positions:
            return True
        if cut.id not in self.left_out:
            self.left_out.add(cut.id)
            self._say(cut, tokens)
        return False

    def _say(self, cut: Any, tokens: int) -> None:
        """The first by name, later ones by their number alone."""
        count = len(self.left_out)
        if count > MOST_NAMED and str(count) != "1" + "0" * (len(str(count)) - 1):  # then at 10, 100, 1000, ...
            return
        logging.warning(
            f"{self.source}: {_file_of(cut)} is left out: its prompt and transcript are {tokens} tokens, the decoder "
            f"has {self.positions} positions ({POSITIONS}). {count} left out so far; cut such recordings up."
        )


def leave_out_long_transcripts(loader: DataLoader[Any], positions: int, source: str) -> None:
    """Let the sampler of a Lhotse loader pass over what does not fit.

    Args:
        loader: as NeMo builds it for a multi-task model.
        positions: that the decoder has.
        source: what the manifest is called in messages.

    Raises:
        ValueError: if the loader makes no prompts, so that the length of its transcripts is unknown.
    """
    wrapped: Any = loader.dataset  # tarred data has lhotse's IterableDatasetWrapper, which holds the sampler
    dataset = getattr(wrapped, "dataset", wrapped)
    prompt = getattr(dataset, "prompt", None)
    if prompt is None:
        raise ValueError(
            f"{POSITIONS}={positions}: {type(dataset).__name__} makes no prompts, expected the Lhotse data set of a "
            "multi-task model (AED, Whisper); leave it out."
        )
    sampler: Any = wrapped.sampler if hasattr(wrapped, "sampler") else loader.sampler
    sampler.filter(HasPositions(prompt, positions, source))


def _has_context(cut: Any) -> bool:
    """Whether a line brings text for the prompt beside its transcript."""
    return bool((getattr(cut, "custom", None) or {}).get("decodercontext"))


def _file_of(cut: Any) -> str:
    """The audio file of a cut."""
    sources = getattr(getattr(cut, "recording", None), "sources", None) or []
    return str(sources[0].source) if sources and isinstance(sources[0].source, str) else str(cut.id)
