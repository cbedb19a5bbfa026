# SPDX-License-Identifier: Apache-2.0
"""Makes ``scripts/`` importable: the tiny model's modules live there, outside the package."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
