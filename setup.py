# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What pyproject.toml cannot say: conf/ moves inside the package of a wheel, and the links of the README become whole.

In a checkout conf/ stays at the top, where a NeMo user looks. PyPI shows the README without the files that it links
to, so there every link leads to the tag of this version.
"""

import re
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HOST = "github.com/nemo-noise/nemo-noise"
ROOT = Path(__file__).parent
LINK = re.compile(r"(!?)(\[(?:[^][]|\[[^]]*\]\([^)]*\))*\])\((?!https?://|mailto:|#)([^)\s]+)\)")


class BuildWithConfigs(build_py):
    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            shutil.copytree("conf", Path(self.build_lib, "nemo_noise", "conf"), dirs_exist_ok=True)


def version() -> str:
    text = (ROOT / "nemo_noise" / "__init__.py").read_text(encoding="utf-8")
    return re.findall(r'^__version__ = "(.+)"$', text, re.MULTILINE)[0]


def readme() -> str:
    def whole(found: re.Match[str]) -> str:
        is_image, text, target = found.groups()
        kind = "raw" if is_image else "blob"
        return f"{is_image}{text}(https://{HOST}/{kind}/v{version()}/{target})"

    return LINK.sub(whole, (ROOT / "README.md").read_text(encoding="utf-8"))


setup(
    version=version(),
    long_description=readme(),
    long_description_content_type="text/markdown",
    cmdclass={"build_py": BuildWithConfigs},
)
