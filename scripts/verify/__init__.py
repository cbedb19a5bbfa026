# SPDX-License-Identifier: Apache-2.0
"""The steps of `scripts/verify_official.py`, a file each for what belongs together.

`official` says which files are meant, `work` where everything is put, `journal` what is already
done, and `report` writes it down. The steps are in `files` (pull, export, compare with the official
GGUF), `parity`, `pages` (drawn), `reading`, `quantization`, `speed` and `layout`.
"""
