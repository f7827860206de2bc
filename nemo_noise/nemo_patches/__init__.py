# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""All that is changed or registered in NeMo, Lightning and Lhotse."""

import nemo.collections.asr.models  # noqa: F401  whole, before anything of ours is imported
