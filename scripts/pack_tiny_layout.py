# SPDX-License-Identifier: Apache-2.0
"""Make the committed files of the built-in layout model from a trained checkpoint.

    python scripts/pack_tiny_layout.py RUN/model

writes ``models/tiny-layout``, the checkpoint with its matrices in float16, and exports it to the
package's GGUF file.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from safetensors.torch import load_file, save_file

from ppocrvl import export_layout
from ppocrvl.models.folder import BUILT_IN_FOLDER

TARGET = Path(__file__).resolve().parent.parent / "models" / "tiny-layout"
FILES = ("config.json", "preprocessor_config.json")


def main() -> None:
    """Write checkpoint and GGUF file."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("checkpoint", type=Path)
    checkpoint: Path = p.parse_args().checkpoint
    TARGET.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(checkpoint / name, TARGET / name)
    # Norms keep float32: their variances may be beyond float16's range.
    tensors = {
        name: value.half() if value.is_floating_point() and value.ndim > 1 else value
        for name, value in load_file(checkpoint / "model.safetensors").items()
    }
    save_file(tensors, TARGET / "model.safetensors", metadata={"format": "pt"})
    print(export_layout(TARGET, BUILT_IN_FOLDER, layout_type="f16"))


if __name__ == "__main__":
    main()
