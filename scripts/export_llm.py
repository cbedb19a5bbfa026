# SPDX-License-Identifier: Apache-2.0
"""Writes the LLM of a checkpoint as one GGUF file.

python scripts/export_llm.py CHECKPOINT OUTPUT.gguf --type bf16
"""

import sys

from ppocrvl.cli.export import run_script
from ppocrvl.exporter import export_llm

if __name__ == "__main__":
    sys.exit(run_script("export_llm", export_llm, pixels=False))
