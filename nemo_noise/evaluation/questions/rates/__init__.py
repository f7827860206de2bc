# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Error rates: in which noise, room, channel, by which kind, of whose speech."""
