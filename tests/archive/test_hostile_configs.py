# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A configuration that would act, fetch, read or exhaust is refused at every door, before anything is built."""

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from nemo.collections.asr.models import ASRModel, EncDecCTCModel
from nemo.core.classes.modelPT import ModelPT

from nemo_noise.archive import restore, trusted_checkpoints
from nemo_noise.archive.checked_config import checked_config
from nemo_noise.models import DualAttentionMultiTaskModel, add_dual_attention, add_noise_context
from nemo_noise.recogniser.transcription import load_model
from tests.archive.archives import CONFIG, WEIGHTS, Change, files_of, with_config, write
from tests.recognisers import build_recogniser

DOORS = {
    "load_model": lambda path: load_model(path, torch.device("cpu")),
    "restore": lambda path: restore(path, "model", device=torch.device("cpu"), kind=ASRModel),
    "add_noise_context": lambda path: add_noise_context(path, {"context": {}, "fusion": {}}),
    "add_dual_attention": lambda path: add_dual_attention(path, {}),
    "dual attention": lambda path: DualAttentionMultiTaskModel.restore_from(path, map_location="cpu"),
    "ASRModel": lambda path: ASRModel.restore_from(path, map_location="cpu"),
    "EncDecCTCModel": lambda path: EncDecCTCModel.restore_from(path, map_location="cpu"),
    "ModelPT": lambda path: ModelPT.restore_from(path, map_location="cpu"),
    "configuration": lambda path: ASRModel.restore_from(path, return_config=True),
}
NEMO = "nemo.collections"
WRITE = f"{NEMO}.asr.parts.utils.diarization_utils.write_txt"
CLEAN = f"{NEMO}.asr.parts.utils.data_simulation_utils.get_cleaned_base_path"
DOWNLOAD = f"{NEMO}.common.tokenizers.megatron_utils._download"
TOKENIZER = f"{NEMO}.common.tokenizers.AutoTokenizer"
FILE = {"w_path": "effect", "val": "text"}

MULTIPLYING = {"b0": [1] * 9} | {f"b{n}": [f"${{b{n - 1}}}"] * 9 for n in range(1, 9)}


def encoder(**extra: Any) -> Change:
    return lambda config: config["encoder"].update(extra)


def root(**extra: Any) -> Change:
    return lambda config: config.update(extra)


HOSTILE: dict[str, tuple[Change, str]] = {
    "a function that writes": (encoder(zz={"_target_": WRITE, **FILE}), "encoder.zz._target_"),
    "one in a list": (encoder(zz=[1, {"_target_": WRITE, **FILE}]), "encoder.zz.1._target_"),
    "one as an argument": (encoder(_args_=[{"_target_": WRITE, **FILE}]), "encoder._args_.0._target_"),
    "one that is bound only": (encoder(zz={"_target_": WRITE, "_partial_": True}), "encoder.zz._target_"),
    "one deep inside": (root(a={"b": {"c": [{"d": {"_target_": WRITE}}]}}), "a.b.c.0.d._target_"),
    "one by reference": (root(name=WRITE, zz={"_target_": "${name}", **FILE}), "zz._target_"),
    "one by a reference upwards": (root(up={"name": WRITE, "zz": {"_target_": "${..name}"}}), "up.zz._target_"),
    "one under Hydra's old name": (encoder(zz={"cls": WRITE, "params": FILE}), "encoder.zz.cls"),
    "one under NeMo's name": (encoder(zz={"target": WRITE, "params": FILE}), "encoder.zz.target"),
    "one in a training block": (root(train_ds={"x": {"_target_": WRITE, **FILE}}), "train_ds.x._target_"),
    "one in the place of the model": (root(target=WRITE), "target"),
    "a configuration below `model`": (root(model={"target": WRITE}), "target"),
    "a function that deletes": (encoder(zz={"_target_": CLEAN, "output_dir": "effect"}), CLEAN),
    "a function that fetches": (
        encoder(zz={"_target_": DOWNLOAD, "path": "effect", "url": "file:///etc/hosts"}),
        DOWNLOAD,
    ),
    "a tokenizer that runs Python": (encoder(zz={"_target_": TOKENIZER, "trust_remote_code": True}), TOKENIZER),
    "remote code alone": (root(tokenizer={"hf_kwargs": {"trust_remote_code": True}}), "trust_remote_code"),
    "remote code as a text": (root(tokenizer={"hf_kwargs": {"trust_remote_code": "yes"}}), "trust_remote_code"),
    "a tokenizer to fetch": (
        root(a={"hf_kwargs": {"pretrained_model_name": "someone/evil"}}),
        "pretrained_model_name",
    ),
    "a shell": (encoder(zz={"_target_": "os.system", "command": "touch effect"}), "os.system"),
    "a process": (encoder(_target_="subprocess.Popen"), "subprocess.Popen"),
    "a builtin": (encoder(zz={"_target_": "builtins.eval", "_args_": ["1"]}), "builtins.eval"),
    "a module behind ours": (
        encoder(zz={"_target_": "nemo_noise.whole_file.os.system"}),
        "nemo_noise.whole_file.os.system",
    ),
    "builtins behind ours": (
        encoder(zz={"_target_": "nemo_noise.whole_file.__builtins__.eval"}),
        "nemo_noise.whole_file.__builtins__.eval",
    ),
    "a function of ours": (
        encoder(zz={"_target_": "nemo_noise.whole_file.write_text"}),
        "nemo_noise.whole_file.write_text",
    ),
    "a method": (encoder(zz={"_target_": "torch.nn.Module.load_state_dict"}), "torch.nn.Module.load_state_dict"),
    "torch.load": (encoder(zz={"_target_": "torch.load", "f": "x"}), "torch.load"),
    "omegaconf": (encoder(zz={"_target_": "omegaconf.OmegaConf.load", "file_": "x"}), "omegaconf.OmegaConf.load"),
    "a class of elsewhere": (encoder(zz={"_target_": "lightning.pytorch.loggers.CSVLogger"}), "CSVLogger"),
    "a module of the working directory": (root(target="neighbour.X"), "neighbour.X"),
    "one that ends as a recogniser": (root(target="neighbour.EncDecMultiTaskModel"), "neighbour.EncDecMultiTaskModel"),
    "one that ends as Whisper": (root(target="neighbour.WhisperModel"), "neighbour.WhisperModel"),
    "models that load models": (root(target=f"{NEMO}.asr.models.ClusteringDiarizer"), "target"),
    "a target that is a list": (encoder(zz={"_target_": ["os.system"]}), "encoder.zz._target_"),
    "a target that is a number": (encoder(zz={"_target_": 5}), "encoder.zz._target_"),
    "the environment": (root(note="${oc.env:A_TOKEN}"), "note"),
    "the environment, escaped": (root(note="\\${oc.env:A_TOKEN}"), "note"),
    "the environment in a text": (root(labels=["a", "x ${oc.env:A_TOKEN} y"]), "labels.1"),
    "the environment in a reference": (root(note="${a.${oc.env:A_TOKEN}}"), "note"),
    "a resolver": (root(note="${oc.create:'{a: 1}'}"), "note"),
    "a reference to its own block": (root(zz={"a": "${zz}"}), "zz"),
    "references that multiply": (root(**MULTIPLYING), "refers to a block"),
    "a function behind a reference": (root(x={"_target_": WRITE}, y="${x}"), "_target_"),
    "texts that multiply": (root(a="${b}${b}", b="${c}${c}", c="x"), "a"),
    "a reference to itself": (root(a="${a}"), "a"),
    "a packed file outside": (root(tokenizer={"model_path": "nemo:../../etc/passwd"}), "tokenizer.model_path"),
    "a packed file that is a folder": (root(tokenizer={"model_path": "nemo:.."}), "tokenizer.model_path"),
    "a profile that makes folders": (root(chakra_profile={"enabled": True, "trace_dir": "."}), "chakra_profile"),
    "a profile that writes later": (root(memory_profile={"enabled": True, "output_path": "."}), "memory_profile"),
    "a language model without an end": (root(decoding={"greedy": {"ngram_lm_model": "/dev/zero"}}), "ngram_lm_model"),
    "phrases of the environment": (root(a={"key_phrases_file": "/proc/self/../self/environ"}), "key_phrases_file"),
    "more references than time": (root(x=1, many=["${x}"] * 300), "more than 200 references"),
    "a long reference": (root(note="${" + "a." * 300 + "a}"), "note"),
    "a rate of 1 Hz": (root(sample_rate=1), "sample_rate"),
    "a filter bank of gigabytes": (lambda config: config["preprocessor"].update(n_fft=2**30), "preprocessor.n_fft"),
}


@pytest.fixture(autouse=True)
def _beside_a_neighbour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory with a module in it, as with notebooks, and a secret in the environment."""
    (tmp_path / "neighbour.py").write_text(
        "open('effect', 'w').close()\nclass X: pass\nclass EncDecMultiTaskModel: pass\nclass WhisperModel: pass\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    monkeypatch.setenv("A_TOKEN", "secret-of-the-environment")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_configuration_is_refused_by_file_key_and_remedy(
    name: str, files: dict[str, bytes], tmp_path: Path
) -> None:
    change, key = HOSTILE[name]
    path = write(tmp_path / "hostile.nemo", with_config(files, change))
    for door in DOORS.values():
        with pytest.raises(ValueError, match="hostile.nemo") as refusal:
            door(str(path))
        said = str(refusal.value)
        assert key in said and "secret" not in said
    assert not (tmp_path / "effect").exists()


def test_a_long_block_cannot_be_referred_to_many_times() -> None:
    text = yaml.safe_dump({"b": [1] * 1000, "c": ["${b}"] * 150})
    with pytest.raises(ValueError, match="a.nemo: .* refers to a block"):
        checked_config(text, "a.nemo")


def test_more_layers_than_the_weights_fill_end_the_construction(files: dict[str, bytes], tmp_path: Path) -> None:
    path = write(tmp_path / "deep.nemo", with_config(files, encoder(n_layers=10**9)))
    with pytest.raises(ValueError, match=r"deep.nemo.*encoder.n_layers=1000000000"):
        load_model(str(path), torch.device("cpu"))


@pytest.mark.parametrize("key", ["d_model", "subsampling_conv_channels", "pos_emb_max_len"])
def test_wider_layers_than_the_weights_fill_are_not_allocated(
    key: str, files: dict[str, bytes], tmp_path: Path
) -> None:
    path = write(tmp_path / "wide.nemo", with_config(files, encoder(**{key: 2**33})))
    with pytest.raises(ValueError, match=rf"wide.nemo.*{key}"):
        load_model(str(path), torch.device("cpu"))


def test_a_recogniser_for_time_stamps_has_none_of_its_own(tmp_path: Path) -> None:
    build_recogniser("aed", tmp_path).save_to(str(tmp_path / "plain.nemo"))
    files = with_config(files_of(tmp_path / "plain.nemo"), root(restore_timestamps_model=True))
    files |= {f"timestamps_asr_{name}": files[name] for name in (CONFIG, WEIGHTS)}
    path = write(tmp_path / "again.nemo", files)
    inner = load_model(str(path), torch.device("cpu")).timestamps_asr_model
    assert inner.timestamps_asr_model is None


def test_a_local_file_is_not_taken_into_the_model(files: dict[str, bytes], tmp_path: Path) -> None:
    (tmp_path / "id_rsa").write_text("secret")
    change = root(
        target=f"{NEMO}.asr.models.EncDecCTCModelBPE",
        tokenizer={"type": "bpe", "dir": None, "model_path": str(tmp_path / "id_rsa")},
    )
    path = write(tmp_path / "thief.nemo", with_config(files, change))
    with pytest.raises(ValueError, match=r"thief.nemo: tokenizer.model_path=.*id_rsa"):
        ASRModel.restore_from(str(path), map_location="cpu")


def test_a_trusted_file_is_restored_as_nemo_does(
    files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "mine.nemo", with_config(files, root(note="${oc.env:A_TOKEN}")))
    with trusted_checkpoints():
        assert ASRModel.restore_from(str(path), map_location="cpu").cfg.note == "secret-of-the-environment"
    with pytest.raises(ValueError, match="NEMO_NOISE_TRUST_CHECKPOINTS=1"):
        ASRModel.restore_from(str(path), map_location="cpu")
    monkeypatch.setenv("NEMO_NOISE_TRUST_CHECKPOINTS", "1")
    assert isinstance(load_model(str(path), torch.device("cpu")), EncDecCTCModel)


def test_a_plain_file_is_restored_with_its_references_resolved(files: dict[str, bytes], tmp_path: Path) -> None:
    change = root(
        test_ds={"manifest_filepath": ["/dev/null", "/dev/shm/test.json"]},
        width=32,
        model_defaults={"width": "${width}", "names": "${labels}", "x": "${.width}", "later": "???"},
    )
    path = write(tmp_path / "plain.nemo", with_config(files, change))
    defaults = load_model(str(path), torch.device("cpu")).cfg.model_defaults
    assert defaults.width == defaults.x == 32 and "z" in defaults.names


def test_a_recipe_as_configuration_is_read_as_nemo_does(files: dict[str, bytes], tmp_path: Path) -> None:
    recipe = {"model": yaml.safe_load(files[CONFIG]), "trainer": {"strategy": {"_target_": "lightning.pytorch.X"}}}
    recipe["model"]["decoder"]["vocabulary"] = "${model.labels}"
    path = write(tmp_path / "recipe.nemo", files | {CONFIG: yaml.safe_dump(recipe).encode()})
    assert "z" in load_model(str(path), torch.device("cpu")).cfg.decoder.vocabulary


@pytest.mark.parametrize("name", ["load_model", "dual attention"])
def test_a_model_that_cannot_be_built_names_its_archive(name: str, files: dict[str, bytes], tmp_path: Path) -> None:
    path = write(tmp_path / "odd.nemo", with_config(files, encoder(n_heads=7)))
    with pytest.raises(ValueError, match="odd.nemo cannot be restored: "):
        DOORS[name](str(path))


def test_weights_of_another_shape_name_their_archive(files: dict[str, bytes], tmp_path: Path) -> None:
    path = write(tmp_path / "narrow.nemo", with_config(files, encoder(conv_kernel_size=7)))
    context = {"_target_": "nemo_noise.modules.AttentiveContextEncoder", "feat_in": 16, "d_context": 8}
    fusion = {0: {"_target_": "nemo_noise.modules.FiLMFusion", "d_model": 32, "d_context": 8}}
    with pytest.raises(ValueError, match=r"narrow.nemo does not fit its own config: .*size mismatch"):
        add_noise_context(path, {"context": context, "fusion": fusion})
