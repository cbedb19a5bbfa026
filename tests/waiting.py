# SPDX-License-Identifier: Apache-2.0
"""How long a test waits for what must come: long enough for any machine, to end what hangs."""

from __future__ import annotations

SECONDS = 600
