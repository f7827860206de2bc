# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Whisper as a NeMo multi-task model: prompts, training, searches, `transcribe` and `.nemo` are NeMo's."""

from collections.abc import Mapping
from typing import Any

from lightning.pytorch import Trainer
from omegaconf import DictConfig, OmegaConf

from nemo.collections.asr.models import EncDecMultiTaskModel
from nemo.core.classes.common import PretrainedModelInfo

from nemo_noise.archive.class_paths import with_target
from nemo_noise.models.decoder_positions import FittingTranscriptsMixin
from nemo_noise.models.whisper.languages import check_languages, slots_of_line
from nemo_noise.models.whisper.tokenizer import WhisperTokenizer
from nemo_noise.modules import FrameCount
from nemo_noise.nemo_patches.search_rules import apply_search_rules
from nemo_noise.recogniser.facts import check_rates

__all__ = ["WhisperModel"]


class WhisperModel(FittingTranscriptsMixin, EncDecMultiTaskModel):
    """Whisper (Radford et al., 2022, arXiv 2212.04356) on NeMo's attention encoder-decoder.

    Features, encoder, decoder and head are ``nemo_noise.modules.Whisper*``. Weights come from a Hugging Face folder by
    ``import_whisper`` and go back by ``export_whisper``.

    Args:
        cfg: as ``conf/parts/base/whisper.yaml``; ``tokenizer`` has ``type: whisper``, ``file`` (a `tokenizer.json`),
            ``vocabulary_size`` and ``is_multilingual``; ``suppress_tokens`` and ``begin_suppress_tokens`` are ids that
            a search never chooses, or not as the first.
        trainer: Lightning's trainer.

    Raises:
        ValueError: if features and encoder do not fit, rates disagree, a noise context would read the silence behind
            the audio, or the tokenizer is no Whisper tokenizer.
    """

    default_positions = 448

    def __init__(self, cfg: DictConfig, trainer: Trainer | None = None) -> None:
        cfg = with_target(cfg, type(self), restore_timestamps_model=False)
        super().__init__(cfg=cfg, trainer=trainer)
        frames, expected = self.preprocessor.num_frames, 2 * self.encoder.max_positions
        if frames != expected:
            raise ValueError(
                f"preprocessor.window_s={cfg.preprocessor.window_s} is {frames} frames, but encoder.max_positions="
                f"{self.encoder.max_positions} needs {expected}."
            )
        reads_audio = getattr(self.preprocessor, "frame_count", FrameCount.AUDIO) is FrameCount.AUDIO
        if getattr(self.encoder, "context_encoder", None) is not None and not reads_audio:
            raise ValueError(
                "preprocessor.frame_count=window, but encoder.context would read the silence behind the audio as "
                "noise: should be preprocessor.frame_count=audio."
            )
        check_rates(self, type(self).__name__)
        self._apply_search_rules()

    @classmethod
    def list_available_models(cls) -> list[PretrainedModelInfo]:
        """None is published; see ``import_whisper``."""
        return []

    def transcribe(self, audio: Any, *arguments: Any, **options: Any) -> Any:
        """NeMo's ``transcribe``; ``source_lang`` and ``taskname`` (`asr`, `translate`) choose the prompt.

        Raises:
            ValueError: if time stamps are asked for, or audio is longer than the window.
        """
        if options.get("timestamps") or getattr(options.get("override_config"), "timestamps", None):
            raise ValueError("timestamps=True is not supported: the prompt is <|notimestamps|>.")
        return super().transcribe(audio, *arguments, **options)

    def change_decoding_strategy(self, decoding_cfg: DictConfig | None) -> None:
        """Choose another search, such as ``{strategy: beam, beam: {beam_size: 4}}``."""
        super().change_decoding_strategy(decoding_cfg)
        self._apply_search_rules()

    def change_prompt(self, prompt_format: str | None = None, prompt_defaults: Any = None) -> None:
        """Choose other defaults of the prompt; NeMo 3.0.0 builds the prompt from the old ones.

        Raises:
            ValueError: if a language or task is unknown.
        """
        super().change_prompt(prompt_format, prompt_defaults)
        super().change_prompt(self.prompt_format, self.cfg.prompt_defaults)
        self.prompt.encode_dialog(self.prompt.get_default_dialog_slots())

    def change_vocabulary(self, *arguments: Any, **options: Any) -> None:
        """Raise a NotImplementedError: Whisper's prompt is part of its vocabulary."""
        raise NotImplementedError(
            "WhisperModel cannot change its vocabulary: its prompt tokens are part of it. For another tokenizer train "
            "a model with conf/recipes/whisper, and take the encoder by init_from_nemo_model with include: [encoder]."
        )

    def _apply_search_rules(self) -> None:
        tokens = [list(self.cfg.get(name) or []) for name in ("suppress_tokens", "begin_suppress_tokens")]
        apply_search_rules(self.decoding, *tokens)

    def prompt_of(self, fields: Mapping[str, Any], options: Mapping[str, Any] | None = None) -> dict[str, str]:
        """The options of ``transcribe`` that prompt an utterance by the fields of its manifest line.

        ``source_lang``, ``lang``, ``language``, ``target_lang`` and ``taskname`` of the line count; ``options`` of
        ``transcribe`` fill what it leaves out.

        Raises:
            ValueError: if a language or task cannot be prompted.
        """
        (turn,) = self.prompt.get_default_dialog_slots()
        given = {name: options[name] for name in turn["slots"] if options and options.get(name) is not None}
        return slots_of_line(fields, turn["slots"] | given, self.tokenizer)

    def _setup_dataloader_from_config(self, config: Any) -> Any:
        """NeMo's, after the languages of the manifests were checked."""
        (turn,) = self.prompt.get_default_dialog_slots()
        check_languages(config.get("manifest_filepath") or [], turn["slots"], self.tokenizer)
        return super()._setup_dataloader_from_config(config)

    def _setup_tokenizer(self, tokenizer_cfg: DictConfig) -> None:
        kind = tokenizer_cfg.get("type")
        if kind != "whisper":
            raise ValueError(f"tokenizer.type={kind!r} must be whisper, with tokenizer.file a tokenizer.json.")
        self.tokenizer_cfg = OmegaConf.to_container(tokenizer_cfg, resolve=True)
        self.tokenizer_type, self.tokenizer_dir = kind, None
        options = {key: value for key, value in self.tokenizer_cfg.items() if key not in ("type", "file")}
        file = self.register_artifact("tokenizer.file", tokenizer_cfg.file)
        self.tokenizer = WhisperTokenizer(file, **options)
        self._derive_tokenizer_properties()

    def _transcribe_on_begin(self, audio: Any, trcfg: Any) -> None:
        """Fill the prompt with the configured defaults, before NeMo fills it with Canary's."""
        (turn,) = self.prompt.get_default_dialog_slots()
        given: dict[str, Any] = next((given["slots"] for given in trcfg.prompt if given["role"] == "user"), {})
        known = {name: value for name, value in given.items() if value is not None}
        trcfg.prompt = [{"role": "user", "slots": turn["slots"] | known}]
        super()._transcribe_on_begin(audio, trcfg)

    def _transcribe_input_manifest_processing(
        self, audio_files: list[Any], temp_dir: str, trcfg: Any
    ) -> dict[str, Any]:
        """NeMo's, with padding at the end, as in the rest of the window."""
        options = super()._transcribe_input_manifest_processing(audio_files, temp_dir, trcfg)
        return dict(options) | {"pad_direction": "right"}

    def _may_be_make_dict_and_fix_paths(self, json_items: list[Any], manifest_path: Any, trcfg: Any) -> list[Any]:
        """NeMo's, with each line of a manifest prompted in its own language, not in Canary's."""
        defaults = next(turn["slots"] for turn in trcfg.prompt if turn["role"] == "user")
        if manifest_path is not None:
            check_languages(manifest_path, defaults, self.tokenizer)
        lines = [
            item | slots_of_line(item, defaults, self.tokenizer) if isinstance(item, dict) else item
            for item in json_items
        ]
        entries = super()._may_be_make_dict_and_fix_paths(lines, manifest_path, trcfg)
        return [entry | dict.fromkeys(("lang", "language", "target_lang")) for entry in entries]

    def _transcribe_input_tensor_processing(self, audio_tensors: Any, temp_dir: str, trcfg: Any) -> dict[str, Any]:
        options = super()._transcribe_input_tensor_processing(audio_tensors, temp_dir, trcfg)
        return dict(options) | {"pad_direction": "right"}
