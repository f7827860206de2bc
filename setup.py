# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Puts conf/ inside the package when a wheel is built; in a checkout it stays at the top, where a NeMo user looks."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithConfigs(build_py):
    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            shutil.copytree("conf", Path(self.build_lib, "nemo_noise", "conf"), dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithConfigs})
