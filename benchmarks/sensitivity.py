# SPDX-License-Identifier: Apache-2.0
"""What each kind of tensor costs in quality at 4 bits: what the presets were chosen by.

    python benchmarks/sensitivity.py --work /tmp/sensitivity

Quantizes the built-in model again and again, one kind of tensor at 4 bits (Q4_0) and all others in
BF16, and prints the divergence of its predictions from those of the BF16 files. Draws pictures in
the fonts that the model was trained on (scripts/tiny/packages.txt).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import ppocrvl
from ppocrvl.evaluation import agreement, read_dataset

ROOT = Path(__file__).resolve().parent.parent
TYPE = "Q4_0"
KINDS = (
    "output.weight",
    "token_embd.weight",
    *(f"blk.*.attn_{name}.weight" for name in ("q", "k", "v", "output")),
    *(f"blk.*.ffn_{name}.weight" for name in ("gate", "up", "down")),
    "blk.0.*.weight",
    "blk.{last_llm}.*.weight",
    *(f"v.blk.*.attn_{name}.weight" for name in ("q", "k", "v", "out")),
    "v.blk.*.ffn_up.weight",
    "v.blk.*.ffn_down.weight",
    "v.blk.0.*.weight",
    "v.blk.{last_vision}.*.weight",
    "mm.1.weight",
    "mm.2.weight",
)


def main() -> None:
    """Draw, quantize, compare, print a row for each kind."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="folder for files, 50 MB")
    parser.add_argument("--lines", type=int, default=60)
    parser.add_argument("--blocks", type=int, default=20)
    args = parser.parse_args()
    work: Path = args.work
    pictures, source, out = work / "pictures", work / "bf16", work / "one"
    script = [sys.executable, str(ROOT / "scripts" / "make_eval_set.py"), str(pictures)]
    counts = ["--lines", str(args.lines), "--blocks", str(args.blocks), "--tables", "0"]
    subprocess.run([*script, *counts], check=True)
    items = read_dataset(pictures)
    ppocrvl.export(ROOT / "models" / "tiny-en", source)
    layers = {
        f"last_{part.part.role}".replace("mmproj", "vision"): part.part.sizes.n_layer - 1
        for part in ppocrvl.inspect_model(source).parts
        if part.part.sizes is not None
    }
    print(f"| at {TYPE} | share of its file | KL, nats a token | same token |")
    print("|---|---|---|---|")
    for kind in KINDS:
        pattern = kind.format(**layers)
        # Q8_0 pads the encoder's FFN, which 32 does not divide; then nothing stays in it.
        keep = {"*": "BF16", pattern: TYPE}
        if pattern.startswith("blk."):
            keep["v.*"] = "BF16"
        files = ppocrvl.quantize(source, out, llm_type="Q8_0", mmproj_type="Q8_0", keep=keep)
        file = files.mmproj if pattern.startswith(("v.", "mm.")) else files.llm
        elements = {True: 0, False: 0}
        for tensor in file.tensors:
            elements[tensor.type == TYPE] += tensor.shape[0] * tensor.shape[-1]
        found = agreement(out, source, items)["ocr"]
        share = elements[True] / sum(elements.values())
        print(f"| {pattern} | {share:.1%} | {found.kl:.5f} | {found.top1:.2%} |", flush=True)


if __name__ == "__main__":
    main()
