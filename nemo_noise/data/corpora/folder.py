# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""A folder of one's own as a corpus: noise by its subfolders, or speech with transcripts."""

from collections.abc import Iterator
from pathlib import Path

from nemo_noise.data.corpora.recordings import CorpusError, Found, LeftOut
from nemo_noise.data.manifests.audio_folder import audio_files, noise_lines, what_else
from nemo_noise.data.manifests.folder_texts import HOW, find_texts
from nemo_noise.foreign_text import printable

__all__ = ["find_noise", "find_speech", "has_texts"]


def has_texts(root: Path) -> bool:
    """Whether there are transcripts of the audio in a folder."""
    try:
        return find_texts(root, [file.absolute() for file in audio_files(root)]) is not None
    except ValueError:
        return False


def find_noise(root: Path) -> Iterator[Found | LeftOut]:
    """Finds the noises of a folder, in one manifest; `label` is the subfolder.

    Args:
        root: the folder.

    Raises:
        CorpusError: if there is no audio.
    """
    files = _audio(root)
    for file, line in zip(files, noise_lines(root, files), strict=True):
        yield Found("noise", file, None, {"label": line["label"]})


def find_speech(root: Path) -> Iterator[Found | LeftOut]:
    """Finds the utterances of a folder whose transcripts lie beside them, in one of the ways of `folder_texts`.

    Args:
        root: the folder.

    Raises:
        CorpusError: if there is no audio or no text.
    """
    files = [file.absolute() for file in _audio(root)]
    try:
        texts = find_texts(root, files)
    except ValueError as error:
        raise CorpusError(str(error)) from error
    if texts is None:
        raise CorpusError(f"{root}: {len(files)} files of audio without any text, expected {HOW}")
    for spoken in texts.spoken:
        yield Found("speech", spoken.audio, spoken.text, spoken.fields)
    for file in sorted(set(files) - {spoken.audio for spoken in texts.spoken}):
        yield Found("speech", file, None, {})


def _audio(root: Path) -> list[Path]:
    files = audio_files(root)
    if not files:
        raise CorpusError(
            f"root is {printable(repr(str(root)), 200)}, a folder without audio: {what_else(root)}; "
            "give a folder of recordings"
        )
    return files
