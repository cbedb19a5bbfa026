# SPDX-License-Identifier: Apache-2.0
"""Measures one program with one layout model. Started by layout.py, with a job as JSON."""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from peak_memory import peak_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

SIDE = 800
# Where a step of ours begins a stage. Before the first are steps of the backbone.
BEGINNINGS = {"enc.": "encoder", "mask.": "masks", "dec.": "decoder"}


def page() -> NDArray[np.float32]:
    """[3, 800, 800]: dark and coloured lines on white."""
    generator = np.random.default_rng(0)
    pixels = np.ones((3, SIDE, SIDE), np.float32)
    for _ in range(400):
        y, x = (int(n) for n in generator.integers(0, SIDE - 100, 2))
        height, width = (int(n) for n in generator.integers(2, (10, 100)))
        pixels[:, y : y + height, x : x + width] = generator.random((3, 1, 1), np.float32)
    return pixels


def cpu_seconds() -> float:
    """Of this process, all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def of_stages(steps: list[tuple[str, float]]) -> dict[str, float]:
    """Seconds by stage; "keep" copies what a trace keeps."""
    found: dict[str, float] = {}
    stage = "backbone"
    for name, seconds in steps:
        stage = next((s for begin, s in BEGINNINGS.items() if name.startswith(begin)), stage)
        if name != "keep":
            found[stage] = found.get(stage, 0.0) + seconds
    return found


def ours(job: dict[str, Any]) -> tuple[Callable[[], object], Callable[[], dict[str, Any]]]:
    """The extension."""
    from ppocrvl.support.native import _native  # noqa: PLC0415

    model = _native.LayoutModel(job["path"], job["threads"], precision=job["precision"])
    pixels = page()

    def more() -> dict[str, Any]:
        steps = model.run_pixels(pixels, trace=True)["step_seconds"]
        return {"stages": of_stages(steps), "kernels": model.kernels}

    return lambda: model.run_pixels(pixels), more


def onnx(job: dict[str, Any]) -> tuple[Callable[[], object], Callable[[], dict[str, Any]]]:
    """ONNX Runtime."""
    import onnxruntime  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = job["threads"]
    session = onnxruntime.InferenceSession(job["path"], options, providers=["CPUExecutionProvider"])
    pixels = page()[None]
    return lambda: session.run(None, {"pixels": pixels}), dict


def transformers(job: dict[str, Any]) -> tuple[Callable[[], object], Callable[[], dict[str, Any]]]:
    """The reference implementation; counts the operations of its parts, too."""
    import torch  # noqa: PLC0415
    from torch.utils.flop_counter import FlopCounterMode  # noqa: PLC0415
    from transformers import PPDocLayoutV3ForObjectDetection  # noqa: PLC0415

    torch.set_num_threads(job["threads"])
    loaded: Any = PPDocLayoutV3ForObjectDetection.from_pretrained(job["path"], dtype=torch.float32)
    model = loaded.eval()
    pixels = torch.from_numpy(page()[None])

    def run() -> object:
        with torch.inference_mode():
            return model(pixel_values=pixels)

    def more() -> dict[str, Any]:
        with FlopCounterMode(display=False, depth=4) as counter:
            run()
        counts = {
            name.rpartition("ForObjectDetection.")[2]: float(sum(by_operation.values()))
            for name, by_operation in counter.get_flop_counts().items()
        }
        parts = {"backbone": counts["model.backbone"]}
        masks = sum(n for name, n in counts.items() if name.startswith("model.encoder.mask"))
        parts["encoder"] = counts["model.encoder"] - masks
        parts["masks"] = masks
        parts["decoder"] = float(counter.get_total_flops()) - sum(parts.values())
        return {"operations": parts}

    return run, more


def main() -> None:
    """Measure, and print one line."""
    job = json.loads(sys.argv[1])
    begin = time.perf_counter()
    makers = {"ONNX Runtime": onnx, "transformers": transformers}
    run, more = makers.get(job["program"], ours)(job)
    load = time.perf_counter() - begin
    run()
    seconds, cpu = [], []
    for _ in range(job["pages"]):
        began, used = time.perf_counter(), cpu_seconds()
        run()
        seconds.append(time.perf_counter() - began)
        cpu.append(cpu_seconds() - used)
    outcome = {
        "load": load,
        "seconds": statistics.median(seconds),
        "cpu": statistics.median(cpu),
        "peak": peak_bytes(),
        **more(),
    }
    print(f"\n{json.dumps(outcome)}", flush=True)


if __name__ == "__main__":
    main()
