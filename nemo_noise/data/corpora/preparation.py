# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Any of the corpora by its name: found, checked, written as manifests."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from nemo_noise.checks import check_options, listed, near_names, text, whole
from nemo_noise.data.corpora.chime4 import find_chime4
from nemo_noise.data.corpora.demand import find_demand
from nemo_noise.data.corpora.fleurs import find_fleurs
from nemo_noise.data.corpora.folder import find_noise, find_speech, has_texts
from nemo_noise.data.corpora.librispeech import find_librispeech
from nemo_noise.data.corpora.musan import find_musan
from nemo_noise.data.corpora.recordings import CorpusError, Found, LeftOut, Limits, Prepared, write_corpus
from nemo_noise.data.corpora.voices import find_voices

__all__ = ["CORPORA", "Corpus", "prepare_corpus"]


class Corpus(NamedTuple):
    """How a corpus is read, and whether its lines need a text."""

    find: Callable[..., Iterator[Found | LeftOut]]
    needs_text: bool


CORPORA = {
    "librispeech": Corpus(find_librispeech, needs_text=True),
    "fleurs": Corpus(find_fleurs, needs_text=True),
    "chime4": Corpus(find_chime4, needs_text=True),
    "voices": Corpus(find_voices, needs_text=True),
    "musan": Corpus(find_musan, needs_text=False),
    "demand": Corpus(find_demand, needs_text=False),
    "speech_folder": Corpus(find_speech, needs_text=True),
    "noise_folder": Corpus(find_noise, needs_text=False),
}
FOLDER = "folder"  # one of the last two, by what it holds
_NAMES, _NUMBERS = listed(text(), "[a, b]"), listed(whole(1), "[1, 5]")
OPTIONS = {
    **dict.fromkeys(("languages", "parts", "splits"), _NAMES),
    **dict.fromkeys(("channels", "microphones"), _NUMBERS),
    **dict.fromkeys(("text", "track"), text()),
}


def prepare_corpus(
    name: str,
    root: str | Path,
    out_dir: str | Path,
    *,
    options: Mapping[str, Any] | None = None,
    min_duration_s: float = 0.1,
    max_duration_s: float | None = None,
    decode: bool = True,
    show_progress: bool = True,
) -> dict[str, Prepared]:
    """Writes the manifests of a corpus that lies on disk.

    Args:
        name: key of `CORPORA`; `folder` is a speech folder where there are transcripts, else a noise folder.
        root: folder of the corpus.
        out_dir: folder for the manifests and `preparation.json`.
        options: of the corpus, such as `{parts: [dev-clean]}`; see its `find_...`.
        min_duration_s: shortest recording, seconds.
        max_duration_s: longest recording, seconds; None for no limit.
        decode: whether every sample is read; without it, truncated, silent and NaN files pass.
        show_progress: whether a bar is drawn.

    Returns:
        Name of the manifest -> what became of it.

    Raises:
        CorpusError: if there is no such corpus, folder or option.
    """
    if name not in (FOLDER, *CORPORA):
        near = near_names(str(name), (FOLDER, *CORPORA))
        raise CorpusError(f"corpus: is {name!r}{near}, expected one of {', '.join((*CORPORA, FOLDER))}")
    folder = Path(root).expanduser()
    if name == FOLDER:
        name = "speech_folder" if folder.is_dir() and has_texts(folder) else "noise_folder"
    corpus = CORPORA[name]
    allowed = list(inspect.signature(corpus.find).parameters)[1:]
    unknown = sorted(set(options or {}) - set(allowed))
    if unknown:
        raise CorpusError(f"options: {name} has no {unknown[0]!r}, expected {', '.join(allowed)}")
    try:
        check_options(options or {}, OPTIONS, "options")
    except ValueError as error:
        raise CorpusError(str(error)) from error
    if not folder.is_dir():
        raise CorpusError(f"root: {folder}: no such folder, expected that of {name}")
    limits = Limits(corpus.needs_text, min_duration_s, max_duration_s, decode)
    return write_corpus(corpus.find(folder, **(options or {})), out_dir, limits=limits, show_progress=show_progress)
