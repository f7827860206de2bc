# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""`python -m nemo_noise` is `nemo-noise`."""

from nemo_noise.command_line import main

if __name__ == "__main__":
    main()
