# SPDX-License-Identifier: Apache-2.0
"""Set the sample paper: ``python scripts/make_paper.py samples`` makes paper.pdf of paper.html.

Needs the ``train`` extra (WeasyPrint) and Debian's ``libpango-1.0-0``, ``libpangoft2-1.0-0`` and
``fonts-dejavu``. The file has no date, so it is the same every time.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import weasyprint


def main() -> None:
    """Write the PDF."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("folder", type=Path)
    folder: Path = p.parse_args().folder
    html = weasyprint.HTML(filename=folder / "paper.html")
    html.write_pdf(folder / "paper.pdf", pdf_identifier=b"ppocrvl sample paper")


if __name__ == "__main__":
    main()
