# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""An archive that would leave its folder, hang or fill the disk is refused by its headers."""

import gzip
import io
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from nemo.collections.asr.models import ASRModel

from nemo_noise.recogniser.transcription import load_model
from tests.archive.archives import CONFIG, WEIGHTS, member, write

Files = dict[str, bytes]
ALIASES = b"a: &a [x, x]\n" + b"".join(
    b"%c: &%c [*%c, *%c]\n" % (b, b, b - 1, b - 1) for b in range(ord("b"), ord("z"))
)


def bomb(path: Path, files: Files) -> Path:
    """A gzip of a member of many zeros, which is small."""
    with gzip.open(path, "wb", compresslevel=1) as file, tarfile.open(fileobj=file, mode="w") as archive:
        for info, content in [member(CONFIG, files[CONFIG]), member("zeros", bytes(40 * 2**20))]:
            archive.addfile(info, io.BytesIO(content))
    return path


def header_bomb(path: Path, files: Files) -> Path:
    """A gzip whose header of a long name is the bomb."""
    with (
        gzip.open(path, "wb", compresslevel=1) as file,
        tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        info, content = member(CONFIG, files[CONFIG], pax_headers={"comment": "x" * (40 * 2**20)})
        archive.addfile(info, io.BytesIO(content))
    return path


def sparse(path: Path, files: Files) -> Path:
    """A member that claims more than it holds."""
    headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "hole"}
    headers["GNU.sparse.realsize"] = str(2**40)
    return write(path, files, [member("hole", b"0\n".ljust(512, b"\0"), pax_headers=headers)])


def many(path: Path, files: Files) -> Path:
    return write(path, files, [member(f"{number}.txt") for number in range(1500)])


def link(kind: bytes, target: str) -> Callable[[Path, Files], Path]:
    return lambda path, files: write(path, files, [member("link", type=kind, linkname=target)])


def named(name: str) -> Callable[[Path, Files], Path]:
    return lambda path, files: write(path, files, [member(name, b"x")])


def weights(held: Any, compression: int = zipfile.ZIP_STORED, **how: Any) -> Callable[[Path, Files], Path]:
    """Weights that grow when they are read."""

    def make(path: Path, files: Files) -> Path:
        plain, packed = io.BytesIO(), io.BytesIO()
        torch.save(held, plain, **how)
        if compression != zipfile.ZIP_STORED:
            with zipfile.ZipFile(plain) as source, zipfile.ZipFile(packed, "w", compression, compresslevel=1) as sink:
                for name in source.namelist():
                    sink.writestr(name, source.read(name))
        return write(path, files | {WEIGHTS: packed.getvalue() or plain.getvalue()})

    return make


class Grown:
    """Eight gibibytes, made by the allowed name of a pickle."""

    def __reduce__(self) -> tuple[Any, ...]:
        return bytearray, (2**33,)


def config(content: bytes) -> Callable[[Path, Files], Path]:
    return lambda path, files: write(path, files | {CONFIG: content})


ARCHIVES: dict[str, tuple[Callable[[Path, Files], Path], str]] = {
    "a name above": (named("../effect"), "'../effect'"),
    "an absolute name": (named("/effect"), "'/effect'"),
    "a backslash": (named("..\\effect"), "outside of its folder"),
    "a name that steers a terminal": (named("../\x1b[31m"), r"\\x1b[31m"),
    "a symbolic link": (link(tarfile.SYMTYPE, "/etc/passwd"), "link or a device"),
    "a hard link": (link(tarfile.LNKTYPE, CONFIG), "link or a device"),
    "a device": (link(tarfile.CHRTYPE, ""), "link or a device"),
    "a pipe": (link(tarfile.FIFOTYPE, ""), "link or a device"),
    "a member twice": (named(f"./{CONFIG}"), "twice"),
    "weights twice": (named(f"a/../{WEIGHTS}"), "outside of its folder"),
    "too many members": (many, "more than 1000 members"),
    "a bomb": (bomb, "unpack to more than"),
    "a bomb in a header": (header_bomb, "unpack to more than"),
    "a hole": (sparse, "hole"),
    "deflated weights": (weights({"x": torch.zeros(2**20)}, zipfile.ZIP_DEFLATED), "unpacks to"),
    "weights that ask for memory": (weights({"x": Grown()}), "bytearray"),
    "such weights as of old": (weights({"x": Grown()}, _use_new_zipfile_serialization=False), "bytearray"),
    "aliases": (config(ALIASES), "alias, *a"),
    "an alias of a value": (config(b"a: &a 1\nb: *a\n"), "alias, *a"),
    "depth": (config(b"[" * 3000 + b"]" * 3000), "deeper than"),
    "a long configuration": (config(b"a: " + b"x" * 3 * 2**20), "at most"),
    "python objects": (config(b"a: !!python/object/apply:os.system ['touch effect']\n"), "no plain YAML"),
    "pairs with the environment": (config(b'a: !!pairs [x: "${oc.env:HOME}"]'), "the tag"),
    "an ordered mapping": (config(b"a: !!omap [_target_: os.system]"), "the tag"),
    "a list": (config(b"[1, 2]"), "must be a mapping"),
    "a text": (config(b"hello"), "must be a mapping"),
    "nothing": (config(b""), "configuration"),
    "bytes": (config(b"\xff\xfe\x00"), "no UTF-8"),
    "no YAML": (config(b"a: [1"), "no YAML"),
    "a number of many digits": (config(b"a: " + b"9" * 10_000), "configuration"),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_hostile_archive_is_refused_at_once(name: str, files: Files, tmp_path: Path) -> None:
    make, reason = ARCHIVES[name]
    path = make(tmp_path / "hostile.nemo", files)
    for door in (lambda: load_model(str(path), torch.device("cpu")), lambda: ASRModel.restore_from(str(path))):
        began = time.monotonic()
        with pytest.raises(ValueError, match="hostile.nemo") as refusal:
            door()
        assert reason.replace(r"\\", "\\") in str(refusal.value)
        assert "\x1b" not in str(refusal.value)
        assert time.monotonic() - began < 5  # what it would be without the limits: minutes, or without an end
    assert not (tmp_path.parent / "effect").exists()


@pytest.mark.parametrize("name", ["no.nemo", "cut.nemo", "empty.nemo"])
def test_what_is_no_archive_is_said_so(name: str, files: Files, tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.nemo", files).read_bytes()
    content = {"no.nemo": b"RIFF" * 9, "cut.nemo": whole[: len(whole) // 2], "empty.nemo": b""}[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=name):
        load_model(str(tmp_path / name), torch.device("cpu"))


def test_an_archive_compressed_as_before_nemo_1_7_is_restored(files: Files, tmp_path: Path) -> None:
    path = write(tmp_path / "old.nemo", files, mode="w:gz")
    assert load_model(str(path), torch.device("cpu")).num_weights > 0


@pytest.mark.parametrize("kind", [torch.int64, torch.complex64, torch.bool])
def test_weights_of_another_kind_of_number_are_refused(tmp_path: Path, files: Files, kind: torch.dtype) -> None:
    state = torch.load(io.BytesIO(files[WEIGHTS]), weights_only=True)
    buffer = io.BytesIO()
    torch.save({name: tensor.to(kind) for name, tensor in state.items()}, buffer)
    path = write(tmp_path / "other.nemo", files | {WEIGHTS: buffer.getvalue()})
    with pytest.raises(ValueError, match=f"other.nemo.* is of type {kind}, must be like"):
        load_model(str(path), torch.device("cpu"))
