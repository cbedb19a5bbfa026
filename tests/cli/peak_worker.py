# SPDX-License-Identifier: Apache-2.0
"""Runs `ppocrvl …`; the last line on stderr is the most memory that it took, and PDFium's process.

python -m tests.cli.peak_worker ARGUMENT…
"""

from __future__ import annotations

import os
import sys

from peak_memory import peak_bytes
from ppocrvl.cli.main import run_command
from watching import Watch


def main() -> None:
    watch = Watch()
    watch.watch_pdfium()
    code = run_command(sys.argv[1:])
    sys.stderr.write(f"{peak_bytes()} {watch.pdfium_peak}\n")
    sys.stderr.flush()
    os._exit(code)


main()
