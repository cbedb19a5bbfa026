# SPDX-License-Identifier: Apache-2.0
"""Writes the LLM of a checkpoint as one GGUF file.

python scripts/export_llm.py CHECKPOINT OUTPUT.gguf --type bf16
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ppocrvl.cli.export import (
    ProgressLine,
    add_checkpoint_argument,
    add_common_arguments,
    add_type_argument,
    cleanup_on_termination,
)
from ppocrvl.errors import PpocrvlError
from ppocrvl.export import export_llm


def main() -> int:
    parser = argparse.ArgumentParser(description="Write the LLM of a checkpoint as one GGUF file.")
    add_checkpoint_argument(parser)
    parser.add_argument("output", type=Path, metavar="OUTPUT", help="the file to write")
    add_type_argument(parser, "--type")
    add_common_arguments(parser)
    args = parser.parse_args()
    try:
        with cleanup_on_termination():
            path = export_llm(
                args.checkpoint,
                args.output,
                file_type=args.type,
                name=args.name,
                model_version=args.model_version,
                revision=args.revision,
                progress=ProgressLine(),
            )
    except PpocrvlError as error:
        print(f"export_llm: error: {error}", file=sys.stderr)
        return error.exit_code
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
