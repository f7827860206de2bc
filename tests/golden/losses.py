# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Twenty training steps of a golden checkpoint on one batch, with Lightning's trainer and the model's own step."""

import platform
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from omegaconf import open_dict
from torch.utils.data import DataLoader

from nemo.collections.asr.data.audio_to_text_lhotse_prompted import PromptedAudioToTextMiniBatch
from nemo.collections.asr.models import ASRModel
from nemo.core.classes.modelPT import ModelPT

import nemo_noise  # noqa: F401  registers with NeMo
from tests.golden.outputs import pairs, recordings

STEPS = 20
LEARNING_RATE = 5e-4  # small: what differs in the last digit stays there
CHECKPOINTS = Path(__file__).parent / "checkpoints"
FAMILIES = [
    "noise_aware_ctc",
    "noise_aware_rnnt_bpe",
    "noise_aware_hybrid_bpe",
    "noise_aware_aed",
    "lact_ctc",
    "ssm_ctc",
    "dual_attention_aed",
    "whisper",
    "wav2vec2_pretraining",
    "pretraining_spans",
    "pretraining_cells",
    "pretraining_sensors",
]


class _Record(pl.Callback):
    def __init__(self) -> None:
        self.losses: list[float] = []

    def on_train_batch_end(self, trainer: Any, model: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.losses.append(float(outputs["loss"]))


def train(name: str, folder: Path) -> list[float]:
    """The loss of every step; dropout is off, as its draws differ between makes of processors."""
    kind = ModelPT if "pretraining" in name else ASRModel
    model = kind.restore_from(str(CHECKPOINTS / f"{name}.nemo"), map_location="cpu")
    with open_dict(model.cfg):
        model.cfg.optim.lr = LEARNING_RATE
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    record, threads = _Record(), torch.get_num_threads()
    trainer = pl.Trainer(
        max_steps=STEPS,
        accelerator="cpu",
        devices=1,
        logger=False,
        callbacks=[record],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
        default_root_dir=folder,
    )
    model.set_trainer(trainer)
    torch.set_num_threads(1)
    try:
        torch.manual_seed(0)
        trainer.fit(model, train_dataloaders=DataLoader([_batch(name)] * STEPS, batch_size=None, collate_fn=_as_it_is))
    finally:
        torch.set_num_threads(threads)
    return record.losses


def fingerprint() -> dict[str, str]:
    """On what sums are added in the same order."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    fields = dict(reversed([[part.strip() for part in line.split(":", 1)] for line in lines if ":" in line]))
    named = " ".join(fields.get(name, "") for name in ("model name", "cpu family", "model", "stepping"))
    isa = torch.backends.cpu.get_cpu_capability()
    return {"cpu": named.strip() or platform.processor() or "unknown", "isa": isa, "torch": torch.__version__}


def _as_it_is(batch: Any) -> Any:
    return batch


def _batch(name: str) -> Any:
    """What the loader of a family gives."""
    if name.startswith("pretraining"):
        return pairs()
    signal, length = recordings()
    text, text_length = torch.tensor([[5, 7, 9, 6], [8, 6, 5, 0]]), torch.tensor([4, 3])
    if not name.endswith("aed") and name != "whisper":
        return signal, length, text, text_length
    prompt, prompt_length = torch.arange(10, 15).expand(2, -1).contiguous(), torch.tensor([5, 5])
    return PromptedAudioToTextMiniBatch(
        audio=signal,
        audio_lens=length,
        transcript=text,
        transcript_lens=text_length,
        prompt=prompt,
        prompt_lens=prompt_length,
        prompted_transcript=torch.cat([prompt, text], dim=1),
        prompted_transcript_lens=prompt_length + text_length,
    )
