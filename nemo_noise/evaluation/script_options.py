# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The options of the smaller scripts, checked before a model is loaded: types, ranges, files that must be there."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf, open_dict

from nemo_noise import checks as rules
from nemo_noise.archive import check_checkpoint
from nemo_noise.data.manifests.audio_folder import is_audio, is_pattern
from nemo_noise.data.manifests.folder_texts import is_table
from nemo_noise.data.manifests.given import noise_manifests, speech_manifests
from nemo_noise.data.manifests.manifest import read_manifest, require_audio_files
from nemo_noise.evaluation.device import choose_device
from nemo_noise.evaluation.mixtures.snr_grid import parse_snr_db
from nemo_noise.evaluation.options import check_output
from nemo_noise.evaluation.scoring.text_normalization import parse_steps
from nemo_noise.foreign_text import printable

__all__ = ["check_script"]

ANY = rules.Rule(lambda _: True, "")  # checked where it is used, before anything slow
NAME = rules.maybe(rules.text())
MIXED = {
    "model": rules.text(),
    "speech_manifest": rules.text(),
    "utterance": rules.whole(0),
    "seed": rules.whole(0),
    "output": rules.text(),
}
MEMORY = re.compile(r"\d+(\.\d+)?[bBkKmMgGtT%]")
SCRIPTS: dict[str, dict[str, rules.Rule]] = {
    "profile": {
        "model": rules.text(),
        "baseline": NAME,
        "model_name": NAME,
        "baseline_name": NAME,
        "device": NAME,
        "threads": rules.maybe(rules.whole(1, 4096)),
        "output_dir": rules.text(),
        "measure": rules.mapping("{repeats: 7}"),
    },
    "tune_decoding": {
        "model": rules.text(),
        "dev": rules.text(),
        "test": NAME,
        "language_model": NAME,
        "output": rules.text(),
        "grid": rules.mapping("{beam_size: [2, 4]}"),
        "min_rtfx": rules.number(0),
        "batch_size": rules.whole(1),
        "device": NAME,
        "text_normalization": ANY,
        "report": rules.text(),
    },
    "transcribe_with_adaptation": {
        "model": rules.text(),
        "manifest": rules.text(),
        "output": rules.text(),
        "device": NAME,
        "stream_field": NAME,
        "adaptation": rules.mapping("{max_steps: 5}"),
    },
    "transcribe_aed_streaming": {
        "model": rules.text(),
        "manifest": rules.text(),
        "output": rules.text(),
        "device": NAME,
        "prompt": rules.maybe(rules.mapping("{source_lang: de}")),
        "streaming": rules.mapping("{chunk_s: 1.0}"),
    },
    "plot_attention": {**MIXED, "noise_manifest": NAME, "snr_db": rules.number()},
    "plot_context": {**MIXED, "noise_manifest": rules.text(), "snr_db": ANY},
    "probe_context": {
        "model": rules.text(),
        "speech_manifest": rules.paths(),
        "word_manifest": rules.paths(),
        "word_noise_manifest": rules.paths(),
        "noise_manifests": rules.mapping("{seen: a.json, unseen: b.json}"),
        "num_train": rules.whole(1),
        "num_test": rules.whole(1),
        "crop_s": rules.number(0.1, 3600.0),
        "snr_db": rules.listed(rules.number(), "[-5, 20]"),
        "seed": rules.whole(0),
        "output": rules.text(),
        "picture": NAME,
        "picture_of": rules.text(),
    },
}
SCRIPTS |= {
    "train_ngram": {
        "model": rules.text(),
        "texts": rules.paths(),
        "output": rules.text(),
        "order": rules.whole(2),
        "unit": rules.one_of("token", "word"),
        "unknown_text": rules.one_of("refuse", "skip"),
        "estimator": rules.one_of("auto", "lmplz", "ours"),
        "lmplz_memory": rules.Rule(
            lambda value: isinstance(value, str) and MEMORY.fullmatch(value) is not None, "a text such as 1G, or 50%"
        ),
    },
    "export_attention_model": {"model": rules.text(), "output_dir": rules.text()},
    "import_whisper": {"folder": NAME, "model": NAME, "output": rules.text()},
    "import_wav2vec2": {"folder": rules.text(), "output": rules.text(), "frame_hop": rules.maybe(rules.whole(1))},
    "preview_noise": {
        "speech_manifest": rules.text(),
        "output_dir": rules.text(),
        "sample_rate": rules.whole(1000, 384_000),
        "num_utterances": rules.whole(1, 1000),
        "num_epochs": rules.whole(1, 1000),
        "noise_mix": rules.mapping("{manifest_path: noise.json, snr_db: [0, 10]}"),
        "rooms": rules.mapping("{effects: {reverberation: {...}}}"),
        "devices": rules.mapping("{effects: {gsm: {}}}"),
    },
    "plot_curriculum": {
        "curriculum": rules.mapping("{snr_db: {min: 0, max: 20}}"),
        "until": rules.whole(1),
        "num_times": rules.whole(2, 10_000),
        "picture": rules.text(),
    },
    "prepare_corpus": {
        "corpus": rules.text(),
        "root": rules.text(),
        "output_dir": rules.text(),
        "options": rules.maybe(rules.mapping("{parts: [dev-clean]}")),
        "download": rules.flag(),
        "min_duration_s": rules.number(0),
        "max_duration_s": rules.maybe(rules.number(0)),
        "decode": rules.flag(),
    },
}
ACOUSTICS = {
    "prob": rules.Rule(lambda value: value == 1, "1.0, and the shares in the prob of the effects"),
    "effects": rules.mapping("{gsm: {}}"),
    "seed": rules.whole(0),
    "refresh": ANY,
    "curriculum": ANY,
}
PICTURES = (".png", ".pdf", ".svg", ".jpg")
SPEECH_OPTIONS = ("dev", "test", "manifest", "speech_manifest", "word_manifest")
NOISE_OPTIONS = ("noise_manifest", "word_noise_manifest")
WITH_TEXT = ("dev", "test", "word_manifest")
MANIFESTS = ("dev", "test", "manifest", "speech_manifest", "noise_manifest", "word_manifest", "word_noise_manifest")


def check_script(script: str, cfg: DictConfig) -> DictConfig:
    """Check the configuration of a script.

    Args:
        script: name of its configuration.
        cfg: the configuration.

    Returns:
        The same with manifests where folders or patterns of speech or noise were given; they are written to a folder
        `manifests` beside the output.

    Raises:
        ValueError: an option is missing, unknown, of a wrong type or out of range, or a manifest is broken.
        FileNotFoundError: a model or a language model is missing.
    """
    given = cast(dict[str, Any], OmegaConf.to_container(cfg))
    given.pop("hydra", None)
    rules.check_options({name: value for name, value in given.items() if not _is_reference(value)}, SCRIPTS[script])
    given = {name: value for name, value in _resolved(cfg).items() if name != "hydra"}
    for name, value in given.items():
        if value == rules.MISSING:
            raise ValueError(f"{name} is missing: give {SCRIPTS[script][name].should}")
    rules.check_options(given, SCRIPTS[script])
    if script == "preview_noise":
        for block in ("rooms", "devices"):
            rules.check_options(given[block], ACOUSTICS, block)
        if given["noise_mix"].get("prob", 1) != 1:
            shown = printable(repr(given["noise_mix"]["prob"]), 60)
            raise ValueError(f"noise_mix.prob is {shown}, should be 1.0, and the share in mix_prob")
    if script == "plot_context":
        parse_snr_db(given["snr_db"])
    if "text_normalization" in given:
        parse_steps(given["text_normalization"])
    if "device" in given:
        choose_device(given["device"])
    changed = _with_manifests(cfg, given, SCRIPTS[script])
    _check_files({name: value for name, value in _resolved(changed).items() if name != "hydra"})
    return changed


def _with_manifests(cfg: DictConfig, given: Mapping[str, Any], options: Mapping[str, rules.Rule]) -> DictConfig:
    """Makes manifests of folders and patterns; what is a file, or is not there, stays as it is."""
    folder = Path(given.get("output_dir") or Path(str(given.get("output", "."))).parent) / "manifests"
    found = {name: given[name] for name in SPEECH_OPTIONS if _needs_manifest(given.get(name))}
    made: dict[str, Any] = {}
    for name, value in found.items():
        made[name] = list(speech_manifests(value, folder, option=name, needs_text=name in WITH_TEXT))
    noises = {name: given[name] for name in NOISE_OPTIONS if _needs_manifest(given.get(name))}
    for name, value in noises.items():
        made[name] = [str(path) for paths in noise_manifests({name: value}, folder).values() for path in paths]
    lists = {name: value for name, value in given.get("noise_manifests", {}).items() if _needs_manifest(value)}
    changed = cast(DictConfig, cfg.copy())
    with open_dict(changed):
        for name, paths in made.items():
            if len(paths) > 1 and not options[name].fits(paths):
                raise ValueError(f"{name} is {printable(repr(given[name]), 200)}, {len(paths)} manifests: give one")
            changed[name] = paths if len(paths) > 1 else paths[0]
        for name, written in noise_manifests(lists, folder, option="noise_manifests").items() if lists else ():
            if len(written) > 1:
                raise ValueError(f"noise_manifests.{name} stands for {len(written)} manifests: give one")
            changed.noise_manifests[name] = str(written[0])
    return changed


def _needs_manifest(value: Any) -> bool:
    """Whether a path is a folder, a pattern, audio or a table, so that a manifest has to be made."""
    several = [value] if isinstance(value, str) else value
    if not isinstance(several, list) or not all(isinstance(path, str) for path in several):
        return False
    return any(
        Path(path).is_dir() or is_pattern(path) or (Path(path).is_file() and (is_audio(path) or is_table(Path(path))))
        for path in several
    )


def _is_reference(value: Any) -> bool:
    """Whether a value is missing, or that of another option, which is looked at first."""
    return isinstance(value, str) and (value == rules.MISSING or "${" in value)


def _resolved(cfg: DictConfig) -> dict[str, Any]:
    return cast(dict[str, Any], OmegaConf.to_container(cfg, resolve=True))


def _check_files(given: Mapping[str, Any]) -> None:
    """Look at all that is read, and at the folders of all that is written."""
    for option in ("model", "baseline"):
        name = given.get(option)
        if name is not None and (Path(name).suffix == ".nemo" or len(Path(name).parts) > 2):
            check_checkpoint(name, option)
    manifests = {name: given[name] for name in MANIFESTS if given.get(name) is not None}
    manifests |= {f"noise_manifests.{name}": path for name, path in given.get("noise_manifests", {}).items()}
    for option, paths in manifests.items():
        rules.paths().check(option, paths)
        for path in [paths] if isinstance(paths, str) else paths:
            entries = read_manifest(path)
            require_audio_files(entries)
            if option == "speech_manifest" and "utterance" in given and given["utterance"] >= len(entries):
                raise ValueError(f"utterance is {given['utterance']}, should be from 0 to {len(entries) - 1}")
    texts = given.get("texts", [])
    for path in [texts] if isinstance(texts, str) else texts:
        if not os.path.isfile(path):  # noqa: PTH113  Path.is_file raises for names that are too long
            raise FileNotFoundError(f"texts: {path} does not exist, should be a manifest or a text file")
    if given.get("picture") is not None and Path(given["picture"]).suffix.lower() not in PICTURES:
        raise ValueError(f"picture is {given['picture']!r}, should end in one of {', '.join(PICTURES)}")
    language_model = given.get("language_model")
    if language_model is not None and not Path(language_model).is_file():
        raise FileNotFoundError(f"language_model={language_model} does not exist; train_ngram.py writes one")
    for option in ("output", "picture"):
        if given.get(option) is not None:
            check_output(option, Path(given[option]).absolute().parent)
            if Path(given[option]).is_dir():
                raise ValueError(f"{option} is {given[option]!r}, where there is a folder: should be a file")
    for option in ("output_dir", "report"):
        if given.get(option) is not None:
            check_output(option, given[option])
