# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Every shipped recipe, made tiny, run line by line as NeMo's example scripts run one."""

import json
import sys
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import soundfile
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

import nemo.collections.asr.models as asr_models
from nemo.utils.exp_manager import exp_manager
from nemo.utils.trainer_utils import resolve_trainer_cfg

import nemo_noise.models
from nemo_noise.configuration import config_directory
from tests.recognisers import special_tokenizer_directory, tokenizer_directory
from tests.whispers import write_tokenizer

MODEL_CLASSES = {  # by the folder and the end of a recipe's name, as the scripts of examples/asr choose them
    "wav2vec2_pretraining": nemo_noise.models.Wav2Vec2PretrainingModel,
    "noise_context_pretraining": nemo_noise.models.NoiseContextPretrainingModel,
    "whisper": nemo_noise.models.WhisperModel,
    "dual_attention_fast-conformer_aed": nemo_noise.models.DualAttentionMultiTaskModel,
    "_aed": asr_models.EncDecMultiTaskModel,
    "_hybrid_transducer_ctc_bpe": asr_models.EncDecHybridRNNTCTCBPEModel,
    "_transducer_bpe": asr_models.EncDecRNNTBPEModel,
    "_tdt_bpe": asr_models.EncDecRNNTBPEModel,
    "_ctc_char": asr_models.EncDecCTCModel,
    "_ctc_bpe": asr_models.EncDecCTCModelBPE,
    "_ctc_bpe_streaming": asr_models.EncDecCTCModelBPE,
}
ONLY_LHOTSE = ("whisper", "_aed")  # NeMo's multi-task models have no other loader
OWN_LOADER = ("noise_context_pretraining",)
CONFORMER = [
    "model.encoder.n_layers=1",
    "model.encoder.subsampling_conv_channels=16",
    "model.preprocessor.features=32",
]
WIDTHS = ["model.encoder.d_model=32", "model.encoder.n_heads=4"]


def recipes() -> list[str]:
    """Every config that trains a model, ``folder/name``, but the demo's, which tests/demo trains."""
    found = []
    folder = config_directory() / "recipes"
    for path in sorted(folder.rglob("*.yaml")):
        name = path.relative_to(folder).with_suffix("").as_posix()
        text = path.read_text(encoding="utf-8")
        is_recipe = "- /base/trainer" in text or ("\nexp_manager:" in text and "\nmodel:" in text)
        if is_recipe and path.parent.name != "demo":
            found.append(name)
    return found


def write_corpus(folder: Path) -> Path:
    """Four utterances of two seconds with what an AED's manifest needs, two noises."""
    rng = np.random.default_rng(0)
    for name, count, text in (("speech", 4, "one two three"), ("noise", 2, "")):
        lines = []
        for index in range(count):
            envelope = np.repeat(rng.random(20), 1600)
            soundfile.write(folder / f"{name}{index}.wav", 0.1 * envelope * rng.standard_normal(32000), 16000)
            line = {"audio_filepath": str(folder / f"{name}{index}.wav"), "duration": 2.0, "text": text}
            lines.append(json.dumps(line | {"source_lang": "en", "target_lang": "en", "speaker": f"s{index}"}))
        (folder / f"{name}_list.json").write_text("\n".join(lines))
    return folder


def composed(recipe: str, corpus: Path, *further: str) -> DictConfig:
    """A recipe as Hydra gives it to a script: required values and tiny sizes, nothing of its trainer changed."""
    folder, name = recipe.split("/")
    with initialize_config_dir(str(config_directory() / "recipes" / folder), version_base="1.1"):
        return compose(name, [*tiny_overrides(recipe, corpus), *further])


def tiny_overrides(recipe: str, corpus: Path) -> list[str]:
    """The words of a command line that give a recipe its required values and tiny sizes."""
    overrides = [f"model.{part}.manifest_filepath={corpus}/speech_list.json" for part in ("train_ds", "validation_ds")]
    overrides += [f"model.{part}.{key}" for part in ("train_ds", "validation_ds") for key in ("num_workers=0",)]
    overrides += [f"model.{part}.batch_size=2" for part in ("train_ds", "validation_ds")]
    return overrides + _tiny(recipe, corpus)


def _tiny(recipe: str, corpus: Path) -> list[str]:
    """What makes a recipe small, and what only its user knows."""
    noise = f"{corpus}/noise_list.json"
    folder, name = recipe.split("/")
    if folder == "noise_context":
        sizes = ["train_ds.num_pairs=4", "validation_ds.num_pairs=4", "encoder.context_encoder.d_context=8"]
        return [f"model.train_ds.noise_manifest={noise}", *(f"model.{size}" for size in sizes)]
    tiny = ["model.optim.sched.warmup_steps=0"]
    if folder == "whisper":
        tokens = write_tokenizer(corpus).get_vocab_size()
        tiny += [f"model.tokenizer.file={corpus}/tokenizer.json", f"model.tokenizer.vocabulary_size={tokens}"]
        tiny += ["model.preprocessor.window_s=2.0", "model.encoder.max_positions=100"]
        if name == "whisper":
            return [*tiny, "model.size={d_model: 32, n_layers: 1, n_heads: 4}", f"model.train_ds.noise_path={noise}"]
        tiny.append("model.size={d_model: 32, n_layers: 3, n_heads: 4}")  # a fusion acts after the third layer
        return [*tiny, f"model.train_ds.augmentor.noise_mix.manifest_path={noise}"]
    if folder == "wav2vec":
        tiny += [*WIDTHS, "model.encoder.n_layers=1", "model.encoder.conv_dims=16"]
    else:
        tiny += [*WIDTHS, *CONFORMER]
    if name != "wav2vec2_pretraining" and name != "wav2vec2_ctc_char":
        tiny.append(f"model.train_ds.augmentor.noise_mix.manifest_path={noise}")
    if name == "wav2vec2_pretraining":
        tiny += ["model.quantizer.num_codes=8", "model.masking.span=5"]
    if name.endswith("_aed"):
        special, words = special_tokenizer_directory(corpus), tokenizer_directory(corpus)
        tiny += [f"model.tokenizer.langs.spl_tokens.dir={special}", f"model.tokenizer.langs.en.dir={words}"]
    elif "_bpe" in name:
        tiny.append(f"model.tokenizer.dir={tokenizer_directory(corpus)}")
    if "transducer" in name or "tdt" in name:
        tiny += ["model.model_defaults.pred_hidden=16", "model.model_defaults.joint_hidden=16"]
        tiny += [] if "tdt" in name else ["model.loss.loss_name=pytorch"]
    if folder == "lact":
        tiny.append("model.encoder.fast_chunk_size=8")  # two seconds are 50 frames
    return tiny


def loaders(recipe: str) -> list[bool | None]:
    """The values of ``use_lhotse`` that a recipe offers; None where it has a loader of its own."""
    if recipe.endswith(OWN_LOADER):
        return [None]
    return [True] if recipe.endswith(ONLY_LHOTSE) else [False, True]


def model_class(recipe: str) -> type:
    """The class that the script of a recipe builds."""
    name = recipe.split("/")[1]
    return next(kind for end, kind in MODEL_CLASSES.items() if name.endswith(end))


def run(config: DictConfig, kind: type) -> Any:
    """The lines of NeMo's example scripts, in their order."""
    trainer = pl.Trainer(**resolve_trainer_cfg(config.trainer))
    exp_manager(trainer, config.get("exp_manager", None))
    model = kind(cfg=config.model, trainer=trainer)
    model.maybe_init_from_pretrained_checkpoint(config)
    trainer.fit(model)
    has_test = hasattr(config.model, "test_ds") and config.model.test_ds.manifest_filepath is not None
    if has_test and model.prepare_test(trainer):
        trainer.test(model)
    return model


def on_a_cpu(folder: Path, devices: int = 1) -> list[str]:
    """Changes of the trainer that a machine without a GPU asks for, and where its files go."""
    changes = [
        "trainer.accelerator=cpu",
        f"trainer.devices={devices}",
        "trainer.max_steps=1",
        f"exp_manager.exp_dir={folder}",
    ]
    return [*changes, "+trainer.limit_val_batches=1", "++trainer.enable_progress_bar=false"]


def main(corpus: str, folder: str, devices: str, *names: str) -> None:
    """Run recipes one after the other in as many processes; Lightning starts the further ones."""
    for name in names:
        for use_lhotse in loaders(name):
            changes = on_a_cpu(Path(folder) / name.replace("/", "_") / str(use_lhotse), int(devices))
            changes += [] if use_lhotse is None else [f"model.train_ds.use_lhotse={str(use_lhotse).lower()}"]
            model = run(composed(name, Path(corpus), *changes), model_class(name))
            print(f"RAN {name} {use_lhotse} rank {model.global_rank} steps {model.trainer.global_step}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
