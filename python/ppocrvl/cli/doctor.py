# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl doctor`: what is installed, and whether it works."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from ppocrvl.errors import ExitCode

if TYPE_CHECKING:
    import argparse

NAME = "doctor"
HELP = "show versions, devices and models, and read a test image"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print the report; exit code 1 if the self-test fails."""
    from ppocrvl.inspection.doctor import examine

    report = examine()
    text = (
        json.dumps(report, indent=2, ensure_ascii=False) if args.json else "\n".join(_lines(report))
    )
    sys.stdout.write(text + "\n")
    return ExitCode.OK if report["self_test"]["ok"] else ExitCode.INTERNAL


def _lines(report: dict[str, Any]) -> list[str]:
    packages = (
        f"{name} {version or '(not installed)'}" for name, version in report["packages"].items()
    )
    lines = [
        _line("ppocrvl", report["ppocrvl"]),
        _line("llama.cpp", report["llama_cpp"]),
        _line("compiler", f"{report['compiler']}, {report['build_type']}"),
        _line("options", report["build_options"] or "none beyond the defaults"),
        _line("python", f"{report['python']} on {report['platform']}"),
        _line("packages", ", ".join(packages)),
        _line("CPU features", " ".join(report["cpu_features"])),
        _line("kernels", " ".join(report["vision_kernels"]) or "llama.cpp's own"),
        _line("quantization", report["quantization"]),
    ]
    for device in report["devices"]:
        memory = f", {device['memory_total'] / 2**30:.1f} GiB" if device["memory_total"] else ""
        lines.append(
            _line("device", f"{device['name']} ({device['kind']}): {device['description']}{memory}")
        )
    for model in report["models"]:
        lines.append(_line("model", f"{model['source']}: {model['path']}"))
        lines.extend(
            _line(
                f"  {role}",
                "{path}, {bytes:,} bytes, sha256 {sha256}".format(**model[role]),
            )
            for role in ("llm", "mmproj", "layout")
            if role in model
        )
        if "error" in model:
            lines.append(_line("  error", model["error"]))
    test = report["self_test"]
    lines.extend(_line("note", text) for text in test.get("notes", ()))
    if test["ok"]:
        where = " and ".join(sorted({test["devices"]["vision"], test["devices"]["text"]}))
        outcome = f"passed: read {test['text']!r} in {test['seconds']:.2f} s on {where}"
    elif "error" in test:
        outcome = f"FAILED: {test['error']}"
    else:
        outcome = f"FAILED: read {test['text']!r} where {test['expected']!r} stands"
    return [*lines, _line("self-test", outcome)]


def _line(name: str, value: str) -> str:
    return f"{name:<14}{value}"
