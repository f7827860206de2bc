# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What a run shows: the text of one file, or a line for each; and the same as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nemo_noise.foreign_text import printable
from nemo_noise.inference.transcription.formats import OutputFormat, as_data, formats_of, render
from nemo_noise.inference.transcription.segments import TranscribedFile
from nemo_noise.inference.transcription.sources import is_one_file

__all__ = ["Shown"]

TERMINAL = "-"


@dataclass(frozen=True)
class Shown:
    """What is written to files and what is shown.

    Attributes:
        written: formats of files.
        folder: where they go; None: beside the audio.
        kind: in which the one file is shown; None: a line for each file.
    """

    written: tuple[OutputFormat, ...]
    folder: str | None
    kind: OutputFormat | None

    @classmethod
    def of(cls, files: Sequence[str | Path], formats: str | None, output_dir: str | None) -> "Shown":
        """What the options mean: one file without any is shown, all else is written.

        Raises:
            ValueError: if a format is unknown, or several files or formats shall be shown.
        """
        kinds = None if formats is None else formats_of(formats)
        is_one = is_one_file(files)
        is_shown = output_dir == TERMINAL or (is_one and kinds is None and output_dir is None)
        is_stream = is_one and str(files[0]) == TERMINAL
        is_shown = is_shown or (is_stream and output_dir is None)  # it has no folder
        if not is_shown:
            return cls(kinds or (OutputFormat.TXT,), output_dir, None)
        if not is_one or (kinds is not None and len(kinds) > 1):
            what = "several files" if not is_one else f"format={formats}"
            raise ValueError(
                f"output_dir: {what} cannot be written to the standard output; --output-dir FOLDER takes them"
            )
        return cls((), None, (kinds or (OutputFormat.TXT,))[0])

    def text(self, done: Sequence[TranscribedFile], *, is_terminal: bool) -> str:
        """The result for people; on a terminal what could steer it is escaped."""
        if self.kind is None:
            return "\n".join(map(_line, done))
        content = "".join(render(file, self.kind) for file in done if file.error is None or file.segments)
        lines = content.rstrip("\n").split("\n")
        return "\n".join(printable(line.replace("\t", "    ")) for line in lines) if is_terminal else "\n".join(lines)

    def data(self, done: Sequence[TranscribedFile]) -> dict[str, Any]:
        """The result for programs."""
        files = [
            {
                **as_data(file),
                **({"text": None} if file.is_old else {}),
                "outputs": [str(path) for path in file.outputs],
                "was_there": file.is_old,
                "error": file.error,
            }
            for file in done
        ]
        return {"files": files, "failed": [file.path for file in done if file.error is not None]}


def _line(file: TranscribedFile) -> str:
    name = printable(file.path, 200)
    if file.error is not None and not file.segments:
        return f"{name}  failed"
    outputs = ", ".join(printable(path, 200) for path in file.outputs)
    if file.is_old:
        return f"{name}  was there: {outputs}"
    words = len(file.text.split())
    return f"{name}  {file.duration_s:.1f} s, {words} words: {outputs}"
