# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Does a noise context learn more of the noise with sensors beside the audio?"""
