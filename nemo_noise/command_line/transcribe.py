# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""`nemo-noise transcribe`: audio and video files to text and subtitles."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from nemo_noise.command_line.arguments import Device, Json, Verbose, check_folder, key_values
from nemo_noise.command_line.session import WRONG_INPUT, session

STDOUT = "-"
# What options of the work are called here, for errors that begin with them.
TYPED = {
    "model": "SYSTEM",
    "files": "FILES",
    "max_segment_s": "--max-segment",
    "output_dir": "--output-dir",
    "vad_filter": "--vad-filter",
    "vad_parameters": "--vad-parameter",
    **{name: f"--{name}" for name in ("format", "lm", "language", "device", "channel", "beam")},
}
EXAMPLE = "nemo-noise transcribe model.nemo talk.mp3"

Arguments = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SYSTEM FILES...",
        help="SYSTEM: a .nemo file, a pretrained NeMo name, or any other system (Whisper, wav2vec 2.0 ...). FILES: "
        "audio or video files, folders, quoted patterns, NeMo manifests, or - for the standard input.",
        show_default=False,
    ),
]
Model = Annotated[
    str | None, typer.Option("--model", "-m", metavar="SYSTEM", help="The system, in place of the first argument.")
]
Formats = Annotated[
    str | None,
    typer.Option(
        "--format",
        "-f",
        metavar="NAMES",
        help="Of the files that are written: txt, srt, vtt, tsv, json, several as in srt,json, or all. Default: the "
        "text of one file to the terminal, of several as txt.",
    ),
]
OutputDir = Annotated[
    str | None,
    typer.Option(
        "--output-dir",
        "-o",
        metavar="FOLDER",
        help="Where they go, by the names of the audio; - for the terminal. Default: beside the audio.",
    ),
]
Overwrite = Annotated[bool, typer.Option(help="Transcribe again what is there already.")]
BatchSize = Annotated[int, typer.Option(help="Pieces of audio at a time.", min=1)]
MaxSegment = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        help="Longest piece; long recordings are cut at pauses. Default: 30 for Whisper, 40 for others.",
    ),
]
Channel = Annotated[
    int | None, typer.Option(help="Take this channel, 1 for the first. Default: the mean of all.", min=1)
]
Language = Annotated[str | None, typer.Option(help="Of a multilingual model, such as de. Default: the model's own.")]
Timestamps = Annotated[bool, typer.Option(help="Times of words, where the system has them.")]
Confidence = Annotated[bool, typer.Option(help="Confidences of words in json, where a NeMo model can give them.")]
Adapt = Annotated[bool, typer.Option(help="Adapt a NeMo CTC model or transducer to each piece (docs/adaptation.md).")]
Lm = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Language model for a beam search: .arpa of the model's tokens or of words, or KenLM's .bin.",
    ),
]
LmWeight = Annotated[float, typer.Option(help="Of the language model, in natural logarithms.", min=0.0)]
Beam = Annotated[int | None, typer.Option(help="Hypotheses of a beam search. Default: 8 with --lm, else none.", min=1)]
Compression = Annotated[
    float,
    typer.Option(help="Text that zlib makes so many times smaller is a loop, and left out; 0: none is.", min=0.0),
]
MinLevel = Annotated[
    float, typer.Option(help="Pieces that nowhere reach this level, dB of full scale, are not transcribed.", max=0.0)
]
Guarded = Annotated[bool, typer.Option("--guards/--no-guards", help="Leave out loops, silence and steady noise.")]
Fallbacks = Annotated[
    bool,
    typer.Option(
        "--fallback/--no-fallback",
        help="Search a text of a NeMo Whisper or Canary again at higher temperatures where it fails Whisper's "
        "thresholds; thresholds: --option log_prob_threshold=-1.",
    ),
]
VadFilter = Annotated[
    bool, typer.Option("--vad-filter", help="Leave out pieces in which Silero's detector finds no speech.")
]
VadParameters = Annotated[
    list[str] | None,
    typer.Option("--vad-parameter", metavar="KEY=VALUE", help="Of the detector, such as threshold=0.3."),
]
SystemOption = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="KEY=VALUE", help="Of the system, such as num_beams=4; may be given again."),
]


def transcribe(
    arguments: Arguments = None,
    model: Model = None,
    formats: Formats = None,
    output_dir: OutputDir = None,
    overwrite: Overwrite = False,
    language: Language = None,
    timestamps: Timestamps = True,
    confidence: Confidence = False,
    channel: Channel = None,
    max_segment: MaxSegment = None,
    batch_size: BatchSize = 8,
    adapt: Adapt = False,
    lm: Lm = None,
    lm_weight: LmWeight = 0.5,
    beam: Beam = None,
    guards: Guarded = True,
    min_level: MinLevel = -70.0,
    compression_ratio_threshold: Compression = 2.4,
    fallback: Fallbacks = True,
    vad_filter: VadFilter = False,
    vad_parameter: VadParameters = None,
    option: SystemOption = None,
    device: Device = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Turn audio and video files into text, subtitles and times of words.

    nemo-noise transcribe model.nemo talk.mp3 talks/ --format srt,json --output-dir out/

    A file that cannot be read is named, the others go on; exit status 2. After a stop the same command goes on.
    """
    system, files = _system_and_files(arguments or [], model)
    log = _log_in(output_dir)
    with session(as_json=as_json, verbose=verbose, log=log, resumes=True, loads=True, names=TYPED) as current:
        from nemo_noise.inference.transcription.summary import Shown
        from nemo_noise.inference.transcription.transcribing import transcribe as transcribe_files

        shown = Shown.of(files, formats, output_dir)
        done = transcribe_files(
            system,
            files,
            formats=shown.written,
            output_dir=shown.folder,
            overwrite=overwrite,
            device=device,
            note=current.note,
            batch_size=batch_size,
            max_segment_s=max_segment,
            channel=channel,
            language=language,
            with_words=timestamps,
            with_confidence=confidence,
            **_guards(guards, min_level, compression_ratio_threshold, has_fallback=guards and fallback),
            **_voice_activity(vad_filter, vad_parameter),
            **_search(adapt, lm, lm_weight=lm_weight, beam=beam, option=option),
        )
        current.result(shown.text(done, is_terminal=current.out.isatty()), shown.data(done))
        _fail_if_any_did([file.error for file in done])


def _guards(are_on: bool, min_level: float, compression_ratio: float, *, has_fallback: bool) -> dict[str, Any]:
    from nemo_noise.inference.decoding.fallback import Fallback
    from nemo_noise.inference.transcription.guards import NO_GUARDS, Guards

    ratio = compression_ratio or None
    return {
        "guards": Guards(lowest_db=min_level, compression_ratio=ratio) if are_on else NO_GUARDS,
        "fallback": Fallback(compression_ratio_threshold=ratio) if has_fallback else None,
    }


def _voice_activity(vad_filter: bool, vad_parameter: list[str] | None) -> dict[str, Any]:
    return {"vad_filter": vad_filter, "vad_parameters": key_values(vad_parameter or [], "--vad-parameter")}


def _search(
    adapt: bool, lm: str | None, *, lm_weight: float, beam: int | None, option: list[str] | None
) -> dict[str, Any]:
    from nemo_noise.inference.adaptation.config import AdaptationConfig
    from nemo_noise.inference.transcription.system_recogniser import LanguageModel

    searched = None if lm is None and beam is None else LanguageModel(lm, lm_weight, beam or 8)
    return {
        "adaptation": AdaptationConfig() if adapt else None,
        "language_model": searched,
        "system_options": key_values(option or [], "--option"),
    }


def _fail_if_any_did(errors: Sequence[str | None]) -> None:
    """Exits with the status of wrong input, after all that could be done was done."""
    if any(error is not None for error in errors):
        raise typer.Exit(WRONG_INPUT)


def _log_in(output_dir: str | None) -> Path | None:
    """The log file in the output folder, which has to be one that can be written; None where there is none."""
    if output_dir is None or output_dir == STDOUT:
        return None
    check_folder("--output-dir", Path(output_dir))
    return Path(output_dir) / "nemo-noise.log"


def _system_and_files(arguments: Sequence[str], model: str | None) -> tuple[str, Sequence[str]]:
    """The system, which is the first argument or an option, and the files."""
    system, files = (model, arguments) if model is not None else (next(iter(arguments), None), arguments[1:])
    if system is None or not files:
        raise typer.BadParameter(f"expected a system and files, as in: {EXAMPLE}")
    return system, files
