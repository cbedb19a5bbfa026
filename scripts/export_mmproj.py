# SPDX-License-Identifier: Apache-2.0
"""Writes the encoder and projector of a checkpoint as one GGUF file.

python scripts/export_mmproj.py CHECKPOINT OUTPUT.gguf --type bf16
"""

import sys

from ppocrvl.cli.export import run_script
from ppocrvl.exporter import export_mmproj

if __name__ == "__main__":
    sys.exit(run_script("export_mmproj", export_mmproj, pixels=True))
