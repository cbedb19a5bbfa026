# SPDX-License-Identifier: Apache-2.0
"""How large a picture may be when the encoder gets it."""

from __future__ import annotations

MAX_REQUEST_PIXELS = 4_096 * 28 * 28
"""Upper bound of the pixel limits: 4,096 image tokens, above every limit of the model family (3,600
in version 1.0, 2,048 for spotting). Attention scores grow with the square: 0.8 GB here."""
