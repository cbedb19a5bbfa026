# SPDX-License-Identifier: Apache-2.0
"""`python -m ppocrvl`, the same as the program `ppocrvl`."""

from __future__ import annotations

from ppocrvl.cli.main import main

if __name__ == "__main__":
    main()
