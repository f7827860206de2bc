# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Files in, texts out: the one call behind `nemo-noise transcribe` and `nemo_noise.transcribe`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from nemo.collections.asr.models import ASRModel
from nemo.utils import logging

from nemo_noise.checks import choice, flag, maybe, number, text, whole
from nemo_noise.data.audio.blocks import AudioError
from nemo_noise.foreign_text import printable
from nemo_noise.inference.adaptation.config import AdaptationConfig
from nemo_noise.inference.decoding.fallback import FALLBACK_OPTIONS, Fallback
from nemo_noise.inference.decoding.guarded_transcription import has_fallback
from nemo_noise.inference.systems import NeMoSystem, System, check_system, open_system
from nemo_noise.inference.transcription.formats import OutputFormat
from nemo_noise.inference.transcription.guards import Guards
from nemo_noise.inference.transcription.outputs import Outputs, outputs_of
from nemo_noise.inference.transcription.recognition import recognise
from nemo_noise.inference.transcription.segments import TranscribedFile
from nemo_noise.inference.transcription.sources import Source, sources_of
from nemo_noise.inference.transcription.system_recogniser import (
    LanguageModel,
    SystemRecogniser,
    default_longest_s,
    keep_confidences,
    search_with,
)
from nemo_noise.inference.voice_activity import VoiceActivity, check_vad
from nemo_noise.progress import progress

__all__ = ["TranscriptionOptions", "transcribe"]

Note = Callable[[str], object]


@dataclass(frozen=True)
class TranscriptionOptions:
    """How files are transcribed.

    Attributes:
        batch_size: pieces of audio at a time.
        max_segment_s: longest piece, seconds; None: 30 for Whisper, 40 for others.
        channel: of the audio, 1 for the first; None: the mean of all.
        language: of a multilingual model, such as `de`; None: its default.
        with_words: whether words get times, where the system has them.
        with_confidence: whether words get confidences, where a NeMo model can give them.
        guards: what is left out.
        fallback: of a NeMo attention model whose search is greedy: Whisper's temperatures and thresholds, where
            `system_options` hold none of them; None: its own search. Other systems have their own.
        vad_filter: whether pieces in which Silero's detector finds no speech are left out.
        vad_parameters: of the detector, as in `{"threshold": 0.5}`, by faster-whisper's names.
        adaptation: how a NeMo model adapts to each piece before it is decoded; None: not at all.
        language_model: a beam search of a NeMo model; None: its own search.
        system_options: of the system, such as `num_beams` of Whisper.

    Raises:
        ValueError: if a number is out of its range.
    """

    batch_size: int = 8
    max_segment_s: float | None = None
    channel: int | None = None
    language: str | None = None
    with_words: bool = True
    with_confidence: bool = False
    guards: Guards = field(default_factory=Guards)
    fallback: Fallback | None = field(default_factory=Fallback)
    vad_filter: bool = False
    vad_parameters: Mapping[str, Any] | None = None
    adaptation: AdaptationConfig | None = None
    language_model: LanguageModel | None = None
    system_options: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        whole(1).check("batch_size", self.batch_size)
        maybe(number(1.0)).check("max_segment_s", self.max_segment_s)
        maybe(whole(1)).check("channel", self.channel)
        maybe(text()).check("language", self.language)
        flag().check("vad_filter", self.vad_filter)
        if self.vad_filter:
            check_vad(self.vad_parameters)
        elif self.vad_parameters:
            raise ValueError("vad_parameters is given without vad_filter: give it too, or leave both out")


def transcribe(
    system: str | Path | System | ASRModel,
    files: str | Path | Sequence[str | Path],
    *,
    formats: Sequence[str | OutputFormat] = (),
    output_dir: str | Path | None = None,
    overwrite: bool = False,
    device: str | torch.device | None = None,
    note: Note = logging.warning,
    **options: Any,
) -> list[TranscribedFile]:
    """Transcribes files of any format and length.

    Long recordings are cut at pauses. A file that cannot be read is noted and has its `error`; the others go on.

    Args:
        system: a `.nemo` file, the name or folder of any other system (see `open_system`), or an open one.
        files: audio and video files, folders, patterns, NeMo manifests, or `-` for the standard input.
        formats: of files that are written, `txt`, `srt`, `vtt`, `tsv`, `json`; none by default.
        output_dir: where they go; None: beside the audio.
        overwrite: whether outputs that are there already are made again; otherwise their recordings are left alone.
        device: `cpu`, `cuda`, `cuda:1`, `mps`; None: a GPU where there is one.
        note: gets a line for each file that fails, and on what was left out.
        options: fields of `TranscriptionOptions`.

    Returns:
        One record for each recording, in order.

    Raises:
        FileNotFoundError: if a file, the system or the language model is not there.
        ValueError: if an option is wrong or does not fit the system.
        TypeError: if an option is for NeMo models, and the system is none.
    """
    chosen = TranscriptionOptions(**options)
    kinds = tuple(dict.fromkeys(choice(OutputFormat, kind, "format") for kind in formats))
    with sources_of(files) as sources:
        plan = outputs_of(sources, kinds, output_dir)
        name = _name_of(system)
        results = dict(_old(sources, plan, name, overwrite=overwrite))
        if results:
            note(_left_alone(len(results), is_beside_audio=output_dir is None))
        claimed = {n: _claimed_s(one, chosen.channel) for n, one in enumerate(sources) if n not in results}
        for place, seconds in claimed.items():
            if isinstance(seconds, str):
                note(f"failed: {seconds}")
                results[place] = TranscribedFile(sources[place].name, name, error=seconds)
        left = [number for number in claimed if number not in results]
        if left:
            recogniser, longest_s = _recogniser(system, device, chosen)
            run = _Run([sources[number] for number in left], [plan[number] for number in left], note)
            total_s = sum(seconds for seconds in claimed.values() if isinstance(seconds, float))
            made = run.results(recogniser, longest_s, chosen, max(1, round(total_s)))
            results |= dict(zip(left, made, strict=True))
        done = [results[number] for number in range(len(sources))]
    failed = [file.error for file in done if file.error is not None]
    if failed and len(done) > 1:
        note("\n".join([f"{len(failed)} of {len(done)} failed:", *(f"  {error}" for error in failed)]))
    return done


def _old(
    sources: Sequence[Source], plan: Sequence[Outputs], system: str, *, overwrite: bool
) -> Iterator[tuple[int, TranscribedFile]]:
    """Recordings whose outputs are there, by their number."""
    for place, (source, outputs) in enumerate(zip(sources, plan, strict=True)):
        if outputs.are_there() and not overwrite:
            outputs.check_system(system)
            yield place, TranscribedFile(source.name, system, outputs=tuple(outputs.paths.values()), is_old=True)


@dataclass(frozen=True)
class _Run:
    """What is transcribed now, and where it goes."""

    sources: list[Source]
    plan: list[Outputs]
    note: Note

    def results(
        self, recogniser: SystemRecogniser, longest_s: float, options: TranscriptionOptions, total: int
    ) -> Iterator[TranscribedFile]:
        shown = 0
        with progress(total, recogniser.name, unit="s of audio") as bar:

            def done(seconds: int) -> None:
                nonlocal shown
                seconds = min(seconds, total - shown)
                shown += seconds
                bar.update(seconds)

            found = recognise(
                recogniser,
                self.sources,
                longest_s=longest_s,
                batch_size=options.batch_size,
                guards=options.guards,
                detector=VoiceActivity(options.vad_parameters) if options.vad_filter else None,
                channel=options.channel,
                language=options.language,
                done=done,
            )
            for number, (_, file) in enumerate(found):
                yield self._kept(file, self.plan[number])
            done(total - shown)

    def _kept(self, file: TranscribedFile, outputs: Outputs) -> TranscribedFile:
        """Writes what there is of a file, and notes what there is not."""
        if file.error is not None:
            self.note(f"failed: {file.error}")
        if file.error is not None and not file.segments:
            return file
        for line in _remarks(file):
            self.note(f"{file.path}: {line}")
        return outputs.write(file)


def _recogniser(
    system: str | Path | System | ASRModel, device: str | torch.device | None, options: TranscriptionOptions
) -> tuple[SystemRecogniser, float]:
    """The recogniser as the options want it, and how long its pieces may be."""
    opened = _opened(system, device, options)
    if not isinstance(system, System) and isinstance(opened, NeMoSystem):
        opened = _with_fallback(opened, options.fallback)
    if options.vad_filter:
        check_vad(options.vad_parameters, sample_rate=opened.sample_rate)
    limit_s, wanted_s = opened.longest_s, options.max_segment_s
    if limit_s is not None and wanted_s is not None and wanted_s > limit_s:
        raise ValueError(f"max_segment_s is {wanted_s:g}, but {opened.name} takes {limit_s:g} s at most")
    if options.language_model is not None:
        search_with(opened, options.language_model)
    if options.with_confidence:
        keep_confidences(opened)
    recogniser = SystemRecogniser(opened, with_words=options.with_words, adaptation=options.adaptation)
    return recogniser, wanted_s or default_longest_s(opened)


def _with_fallback(opened: NeMoSystem, fallback: Fallback | None) -> NeMoSystem:
    """The system with the fallback, where it can have one and its options ask for none."""
    if fallback is None or not has_fallback(opened.model) or FALLBACK_OPTIONS.keys() & opened.options.keys():
        return opened
    return NeMoSystem(opened.name, opened.model, opened.options | fallback.options)


def _opened(
    system: str | Path | System | ASRModel, device: str | torch.device | None, options: TranscriptionOptions
) -> System:
    given = dict(options.system_options or {})
    if isinstance(system, System | ASRModel):
        if given or (options.language is not None and isinstance(system, System)):
            raise ValueError("system is open already: give language and system_options where it is opened")
        if isinstance(system, System):
            return system
        named = {} if options.language is None else {"source_lang": options.language, "target_lang": options.language}
        return NeMoSystem(type(system).__name__, system.eval(), named)
    name = str(system)
    facts = check_system(name, given, where="option")
    if options.language is not None:
        given |= _language_options(options.language, facts.options, name)
        check_system(name, given, where="language")
    on = device or ("cuda" if torch.cuda.is_available() else "cpu")
    return open_system(name, _device(on), given)


def _language_options(language: str, known: frozenset[str] | None, name: str) -> dict[str, str]:
    """How a system is told the language."""
    if known is not None and "language" in known:
        return {"language": language}
    names = [one for one in ("source_lang", "target_lang") if known is None or one in known]
    if not names:
        raise ValueError(f"language is {language!r}, but {name} is of one language: leave it out")
    return dict.fromkeys(names, language)


def _device(name: str | torch.device) -> torch.device:
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, ValueError) as error:
        reason = printable(str(error).splitlines()[0], 60)
        raise ValueError(
            f"device is {str(name)!r}, which is not there ({reason}): should be cpu, cuda, cuda:1 or mps"
        ) from error
    return device


def _name_of(system: str | Path | System | ASRModel) -> str:
    if isinstance(system, System):
        return system.name
    return type(system).__name__ if isinstance(system, ASRModel) else str(system)


def _claimed_s(source: Source, channel: int | None) -> float | str:
    """Seconds that a header claims, 0 where it does not; or why the file cannot be opened."""
    try:
        with source.opened(16000, channel) as stream:
            return stream.duration_s or 0.0
    except (AudioError, OSError) as error:
        return str(error)


def _remarks(file: TranscribedFile) -> Iterator[str]:
    yield from file.remarks
    for dropped in file.dropped:
        where = f"{dropped.start_s:.1f} to {dropped.end_s:.1f} s"
        wrote = f", the system wrote {printable(repr(dropped.text), 80)}" if dropped.text else ""
        yield f"left out {where}: {dropped.reason.value}{wrote}"


def _left_alone(count: int, *, is_beside_audio: bool) -> str:
    """What stands for recordings whose outputs are there; beside the audio these may be the texts of a corpus."""
    remedy = "--overwrite transcribes them again"
    if is_beside_audio:
        remedy += " and replaces the files beside the audio: if those are texts of yours, give --output-dir"
    return f"{_count(count)} transcribed already and left as they are ({remedy})"


def _count(files: int) -> str:
    return "1 file is" if files == 1 else f"{files} files are"
