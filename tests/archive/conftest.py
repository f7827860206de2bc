# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The files of a tiny recogniser, as NeMo saves it."""

import pytest

from tests.archive.archives import files_of
from tests.evaluation.tiny_models import tiny_ctc


@pytest.fixture(scope="package")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    path = tmp_path_factory.mktemp("plain") / "plain.nemo"
    tiny_ctc().save_to(str(path))
    return files_of(path)
