# SPDX-License-Identifier: Apache-2.0
"""What each quantization costs in quality and wins in bytes, memory and speed.

    python benchmarks/quantization.py --work /tmp/quantization                 # all of it
    python benchmarks/quantization.py --work /tmp/quantization --only prepare  # files, untimed
    python benchmarks/quantization.py --work /tmp/quantization --only tiny     # quality
    python benchmarks/quantization.py --work /tmp/quantization --only full     # memory, speed
    python benchmarks/quantization.py --work /tmp/quantization --only write    # the document

Writes the tables and plots of docs/quantization.md. Quality is measured with the built-in model on
pictures that scripts/make_eval_set.py draws (needs the fonts of scripts/tiny/packages.txt), memory
and speed with random weights of the official size. Every figure is kept in the work folder (20 GB),
and what is there is not measured again; --fresh forgets it. Speed: processes that read one picture
of 1140 x 140 with 64 tokens, in alternating rounds, medians; PyTorch in the same rounds. --peer
names llama-mtmd-cli, which must read the three presets of both models.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageDraw

import ppocrvl
from figures import Figures
from machine import cpu_name
from model_files import ROOT, Variant, draw, run, source_files, types
from ppocrvl.evaluation import Summary, agreement, evaluate, read_dataset
from ppocrvl.evaluation.comparison import Row, plot
from ppocrvl.quantizer.presets import PRESETS
from ppocrvl.support.native import _native

if TYPE_CHECKING:
    from collections.abc import Sequence

DOCUMENT = ROOT / "docs" / "quantization.md"
PLOTS = ROOT / "docs" / "quantization"
TOKENS = 64
MIB = 1 << 20


VARIANTS = (
    Variant("bf16", {}),
    *(Variant(name, {"preset": name}, has_importance=True) for name in reversed(tuple(PRESETS))),
    *(
        Variant(f"{name}, no imatrix", {"preset": name}, is_timed=False)
        for name in reversed(tuple(PRESETS))
    ),
    types("Q8_0", "Q8_0"),
    types("Q6_K", "Q6_K"),
    types("Q5_K_M", "Q5_K"),
    types("Q5_0", "Q5_0"),
    types("Q4_K_M", "Q4_K"),
    types("Q4_0", "Q4_0"),
    types("IQ4_XS", "IQ4_NL"),
    types("Q4_1", "Q4_1", is_timed=False),
    types("Q4_0", "Q4_0", has_importance=True, is_timed=False),
    types("IQ4_XS", "IQ4_NL", has_importance=True, is_timed=False),
    types("Q4_K_M", "Q8_0", is_timed=False),
    types("Q8_0", "Q4_0", is_timed=False),
    types("Q8_0", "IQ4_NL", has_importance=True, is_timed=False),
    types("Q3_K_M", "Q8_0", has_importance=True, is_timed=False),
    types("IQ3_XXS", "Q8_0", has_importance=True, is_timed=False),
    types("Q2_K", "Q8_0", has_importance=True, is_timed=False),
    types("IQ2_M", "Q8_0", has_importance=True, is_timed=False),
)
REFERENCES = ("float32", "bfloat16")


def measure_quality(
    work: Path, figures: Figures, counts: tuple[int, int, int], variants: Sequence[Variant]
) -> None:
    """Reads the set with the variants of the built-in model."""
    items = read_dataset(draw(work / "pictures", *counts))
    first: list[str] | None = None
    for variant in variants:
        folder = work / "tiny" / variant.name
        if variant.name not in figures.values:
            with ppocrvl.Engine(folder) as engine:
                found = evaluate(engine, items, model=variant.name, max_tokens=700)
            some = items[:: max(1, len(items) // 150)]
            agreements = agreement(folder, work / "tiny" / "bf16", some)
            tokens = sum(a.n_tokens for a in agreements.values())
            texts = [reading.text for reading in found.readings]
            read = [r for r in found.readings if r.finish_reason == "stop"]
            figures[variant.name] = {
                "n_bytes": found.n_bytes,
                "n": len(found.readings),
                "unended": len(found.readings) - len(read),
                "cer": sum(r.character_errors for r in read) / sum(len(r.item.text) for r in read),
                "tasks": {task: vars_of(summary) for task, summary in found.tasks.items()},
                "top1": sum(a.n_equal for a in agreements.values()) / tokens,
                "kl": sum(a.kl * a.n_tokens for a in agreements.values()) / tokens,
                "texts": texts,
            }
        values = figures.values[variant.name]
        first = first or values["texts"]
        same = sum(a == b for a, b in zip(first, values["texts"], strict=True)) / len(first)
        print(
            f"{variant.name:24} {values['n_bytes'] / 1e6:6.2f} MB  CER {values['cer']:.2%}  same "
            f"{same:.1%}  top-1 {values['top1']:.2%}  KL {values['kl']:.5f}  "
            f"unended {values['unended']}",
            flush=True,
        )


def vars_of(summary: Summary) -> dict[str, Any]:
    """The figures of a summary that the document shows."""
    return {name: getattr(summary, name) for name in ("n", "cer", "exact", "cells", "teds")}


def measure_speed(work: Path, figures: Figures, rounds: int, variants: Sequence[Variant]) -> None:
    """Reads one picture with the variants and with PyTorch, in alternating rounds."""
    picture = work / "crop.png"
    image = Image.new("RGB", (1140, 140), "white")
    ImageDraw.Draw(image).text((20, 40), "0123456789 " * 8, fill="black", font_size=40)
    image.save(picture)
    worker = ROOT / "benchmarks" / "read_once.py"
    for number in range(rounds):
        for name in (*REFERENCES, *(variant.name for variant in variants)):
            runs = figures.values.get(name, [])
            if len(runs) > number:
                continue
            is_ours = name not in REFERENCES
            system, model = (
                ("ppocrvl", work / "full" / name) if is_ours else (name, work / "checkpoint")
            )
            started = time.monotonic()
            command: list[str | Path] = [
                sys.executable,
                worker,
                system,
                model,
                picture,
                str(TOKENS),
            ]
            found = json.loads(run(command).splitlines()[-1])
            found["llm_bytes"], found["mmproj_bytes"] = sizes(model) if is_ours else (0, 0)
            figures[name] = [*runs, found]
            print(
                f"round {number + 1}  {name:24} encode {found['encode']:6.2f} s  prefill "
                f"{found['prefill']:6.2f} s  decode {found['tokens'] / found['decode']:6.1f}/s"
                f"  peak {found['peak'] / MIB:6.0f} MiB  ({time.monotonic() - started:.0f} s)",
                flush=True,
            )


def sizes(folder: Path) -> tuple[int, int]:
    """Bytes of the language model's file and of the other."""
    files = {path.name.startswith("mmproj"): path.stat().st_size for path in folder.glob("*.gguf")}
    return files[False], files[True]


def read_with_peer(work: Path, peer: Path, figures: Figures) -> None:
    """The presets of both models in llama-mtmd-cli: it must end well."""
    for size, picture in (("tiny", ROOT / "samples" / "hello.png"), ("full", work / "crop.png")):
        for preset in PRESETS:
            folder = work / size / preset
            llm, mmproj = next(folder.glob("[!m]*.gguf"), None), next(folder.glob("mmproj*.gguf"))
            llm = llm or next(p for p in folder.glob("*.gguf") if p != mmproj)
            command: list[str | Path] = [peer, "-m", llm, "--mmproj", mmproj, "--image", picture]
            printed = run([*command, "-p", "OCR:", "--jinja", "--temp", "0", "-n", "16"])
            figures[f"peer, {size}, {preset}"] = printed.strip()[:200]
            print(f"llama-mtmd-cli reads {size}, {preset}", flush=True)


def table_head(*columns: str) -> list[str]:
    """The first two lines of a table in Markdown."""
    return [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]


def quality_table(figures: dict[str, Any]) -> list[str]:
    """The built-in model's rows."""
    base = figures["bf16"]
    columns = "MB", "CER", "change", "same text", "same token", "KL", "endless", "cells"
    lines = table_head("language model, vision side", *columns)
    for name, row in figures.items():
        same = sum(a == b for a, b in zip(base["texts"], row["texts"], strict=True))
        cells = row["tasks"].get("table", {}).get("cells")
        lines.append(
            f"| {name} | {row['n_bytes'] / 1e6:.2f} | {row['cer']:.2%} | "
            f"{100 * (row['cer'] - base['cer']):+.2f} | {same / row['n']:.1%} | "
            f"{row['top1']:.2%} | {row['kl']:.5f} | {row['unended']} | "
            f"{'' if cells is None else f'{cells:.1%}'} |"
        )
    return lines


def medians(runs: list[dict[str, float]]) -> dict[str, float]:
    """Of each figure over the rounds; of memory the largest."""
    found = {key: statistics.median(one[key] for one in runs) for key in runs[0]}
    found["peak"] = max(one["peak"] for one in runs)
    return found


def speed_table(figures: dict[str, Any]) -> list[str]:
    """The full-size rows, with ratios to the BF16 files."""
    rows = {name: medians(runs) for name, runs in figures.items()}
    base = rows["bf16"]

    def rate(row: dict[str, float], stage: str) -> float:
        amount = {"encode": 1.0, "prefill": row["prompt_tokens"], "decode": row["tokens"]}[stage]
        return amount / row[stage]

    columns = "MB", "peak, MiB", "encode, s", "prefill, tokens/s", "decode, tokens/s"
    lines = table_head("language model, vision side", *columns)
    for name, row in rows.items():
        n_bytes = row["llm_bytes"] + row["mmproj_bytes"]
        files = f"{row['llm_bytes'] / 1e6:.0f} + {row['mmproj_bytes'] / 1e6:.0f}" if n_bytes else ""
        label = f"transformers, {name}" if name in REFERENCES else name
        lines.append(
            f"| {label} | {files} | {row['peak'] / MIB:.0f} | "
            f"{row['encode']:.2f} ({rate(row, 'encode') / rate(base, 'encode'):.2f} x) | "
            f"{rate(row, 'prefill'):.0f} ({rate(row, 'prefill') / rate(base, 'prefill'):.2f} x) | "
            f"{rate(row, 'decode'):.1f} ({rate(row, 'decode') / rate(base, 'decode'):.2f} x) |"
        )
    return lines


def replace_between(text: str, name: str, lines: list[str]) -> str:
    """The document with new lines between the markers of that name."""
    begin, end = (
        f"<!-- {name}: written by benchmarks/quantization.py -->",
        f"<!-- end of {name} -->",
    )
    before, rest = text.split(begin)
    _, after = rest.split(end)
    return "\n".join([before + begin, "", *lines, "", end]) + after


def write_document(quality: dict[str, Any], speed: dict[str, Any]) -> None:
    """Puts the tables into docs/quantization.md, and draws the plots."""
    text = DOCUMENT.read_text(encoding="utf-8")
    timed = {k: v for k, v in speed.items() if not k.startswith("peer, ")}
    if quality:
        text = replace_between(text, "quality", quality_table(quality))
    if timed:
        cpu = cpu_name()
        features = ", ".join(_native.cpu_features())
        rounds = min(len(runs) for runs in timed.values())
        note = f"Measured on: {cpu}, {features}; {rounds} rounds."
        text = replace_between(text, "speed", [*speed_table(timed), "", note])
    DOCUMENT.write_text(text, encoding="utf-8")
    PLOTS.mkdir(exist_ok=True)
    rows = []
    for name, row in quality.items():
        runs = timed.get(name)
        seconds = None
        if runs:
            middle = medians(runs)
            seconds = middle["encode"] + middle["prefill"] + middle["decode"]
        rows.append(
            Row(name, "built-in model", row["n_bytes"], row["n"], row["cer"], None, 0, None, None,
                row["top1"], row["kl"], seconds, None)
        )  # fmt: skip
    if rows:
        plot(rows, PLOTS)


def main() -> None:
    """Measure what is asked for, and write it down."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="folder for all files, 20 GB")
    parser.add_argument("--only", choices=("prepare", "tiny", "full", "write"))
    parser.add_argument("--rounds", type=int, default=3, help="of timing")
    parser.add_argument("--lines", type=int, default=300)
    parser.add_argument("--blocks", type=int, default=60)
    parser.add_argument("--tables", type=int, default=40)
    parser.add_argument(
        "--variants", nargs="+", metavar="NAME", help="only these, and bf16 (default: all)"
    )
    parser.add_argument("--peer", type=Path, help="llama-mtmd-cli built from the pinned source")
    parser.add_argument("--fresh", action="store_true", help="forget earlier figures and files")
    args = parser.parse_args()
    work: Path = args.work
    wanted = {"bf16", *(args.variants or (variant.name for variant in VARIANTS))}
    variants = [variant for variant in VARIANTS if variant.name in wanted]
    timed = [variant for variant in variants if variant.is_timed]
    if args.fresh:
        for folder in (work / "tiny", work / "full"):
            shutil.rmtree(folder, ignore_errors=True)
    work.mkdir(parents=True, exist_ok=True)
    quality = Figures(work / "quality.json", fresh=args.fresh)
    speed = Figures(work / "speed.json", fresh=args.fresh)
    if args.only in (None, "prepare", "tiny"):
        source_files(work, "tiny", variants)
    if args.only in (None, "prepare", "full"):
        source_files(work, "full", timed)
    if args.only in (None, "tiny"):
        measure_quality(work, quality, (args.lines, args.blocks, args.tables), variants)
    if args.only in (None, "full"):
        measure_speed(work, speed, args.rounds, timed)
        if args.peer:
            read_with_peer(work, args.peer, speed)
    if args.only != "prepare":
        write_document(quality.values, speed.values)


if __name__ == "__main__":
    main()
