# SPDX-License-Identifier: Apache-2.0
"""What the server costs against the engine alone, and what it wins against llama-server.

    python benchmarks/server.py MODEL --llama-server PROGRAM [--rounds 3] [--write]

MODEL is a folder with both files, of random weights if need be
(scripts/make_synthetic_checkpoint.py, `ppocrvl export`); PROGRAM is llama-server of the pinned
commit (`PPOCRVL_BUILD_TOOLS`). Crops of noise as PNG files, all different, none of which any
system resizes or pads: as llama-server takes its lower limit on pixels from the file alone, all
read a copy of MODEL in which that limit is one image token. The end token is forbidden, so that
every answer has as many tokens.
`Engine.ocr_many`, `ppocrvl serve` and llama-server take turns, each in a new process every round;
all decode equally many crops together, and clients of both servers wait for an answer before they
ask again. It is an error when prompts or answers differ in their number of tokens, so both servers
had the same work. Then pictures are asked for one by one: wall time less the stages in the result,
by the server and by the engine, is what a request costs at rest. --write puts the table into
docs/server.md.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gguf
import httpx2
import numpy as np
from PIL import Image

import ppocrvl
from document import write_speed
from peak_memory import peak_bytes
from ppocrvl.models.folder import find_model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ppocrvl.requests.options import ReadOptions

SIZES = [(336, 28), (560, 56), (448, 84), (840, 28), (280, 196), (672, 56), (392, 112), (1092, 56)]
"""Width and height of the crops, in turn: 12 to 78 image tokens, 45 in the mean."""
END = 2  # </s>
ENGINE, OURS, THEIRS = "`Engine.ocr_many`", "`ppocrvl serve`", "llama-server"
MIB = 1 << 20
SECONDS = 1200.0
LEAST = 784
"""Pixels of one image token: 28 x 28."""


@dataclass(frozen=True)
class Plan:
    """What is read, and how.

    Attributes:
        model: folder with both files.
        pictures: their number.
        tokens: of each answer.
        parallel: pictures that decode together.
        clients: of a server.
        threads: of each system.
    """

    model: Path
    pictures: int
    tokens: int
    parallel: int
    clients: int
    threads: int

    def crops(self) -> list[bytes]:
        """PNG files of noise."""
        random = np.random.default_rng(1)
        return [
            png(random.integers(0, 256, (*SIZES[n % len(SIZES)][::-1], 3), dtype=np.uint8))
            for n in range(self.pictures)
        ]

    @property
    def options(self) -> ReadOptions:
        """Of the engine."""
        return {
            "max_tokens": self.tokens,
            "min_pixels": LEAST,
            "stop_loops": False,
            "logit_bias": {END: -100.0},
        }

    def body(self, picture: bytes) -> bytes:
        """A chat completion. Each server leaves aside what only the other knows."""
        uri = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
        content = [
            {"type": "image_url", "image_url": {"url": uri}},
            {"type": "text", "text": "OCR:"},
        ]
        values = {
            "messages": [{"role": "user", "content": content}],
            "max_tokens": self.tokens,
            "temperature": 0,
            "logit_bias": {str(END): -100},
            "stop_loops": False,
            "mm_processor_kwargs": {"min_pixels": LEAST},
        }
        return json.dumps(values).encode()


def png(pixels: np.ndarray[Any, Any]) -> bytes:
    """A file as clients would send it."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=1)
    return out.getvalue()


WARM_UP = png(np.full((56, 56, 3), 255, dtype=np.uint8))


@dataclass
class Figures:
    """What one process did.

    Attributes:
        seconds: for all pictures.
        latencies: of each request, in seconds; none for the engine.
        prompts: tokens of each prompt, its picture included.
        overheads: seconds of requests at rest that are in no stage of the engine.
        peak: MiB.
    """

    seconds: float
    latencies: list[float]
    prompts: list[int]
    overheads: list[float]
    peak: float


def stages(timings: dict[str, Any]) -> float:
    """Seconds of the engine's stages."""
    return float(sum(timings[n] for n in ("preprocess", "queue", "encode", "prefill", "decode")))


def read_with_engine(plan: Plan, at_rest: int) -> Figures:
    """In this process."""
    crops = plan.crops()
    with ppocrvl.Engine(
        plan.model, n_parallel=plan.parallel, n_threads=plan.threads, cache_bytes=0
    ) as engine:
        engine.ocr(WARM_UP, **plan.options)
        begin = time.perf_counter()
        results = list(engine.ocr_many(crops, **plan.options))
        seconds = time.perf_counter() - begin
        prompts = []
        for one in results:
            if not isinstance(one, ppocrvl.Result):
                raise one
            check_answer(one.timings.generated_tokens, plan.tokens, ENGINE)
            prompts.append(one.timings.prompt_tokens)
        overheads = []
        for crop in crops[:at_rest]:
            begin = time.perf_counter()
            timings = engine.ocr(crop, **plan.options).timings
            overheads.append(time.perf_counter() - begin - stages(asdict(timings)))
    return Figures(seconds, [], prompts, overheads, peak_bytes() / MIB)


def engine_figures(arguments: list[str]) -> Figures:
    """From a process of its own."""
    command = [sys.executable, __file__, *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Figures(**json.loads(done.stdout))


def command_of(name: str, plan: Plan, program: Path | None, port: int) -> list[str]:
    """How a server is started."""
    paths = find_model(plan.model)
    if name == OURS:
        command = [sys.executable, "-m", "ppocrvl", "serve", "--model", str(plan.model)]
        command += ["--parallel", str(plan.parallel), "--cache-bytes", "0"]
    else:
        command = [str(program), "-m", str(paths.llm), "--mmproj", str(paths.mmproj), "--jinja"]
        command += ["--parallel", str(plan.parallel), "-c", str(2048 * plan.parallel)]
        command += ["--cache-ram", "0"]
    return [*command, "--threads", str(plan.threads), "--port", str(port)]


@contextmanager
def running(command: list[str], port: int) -> Iterator[tuple[httpx2.Client, int]]:
    """A server that is ready, and its process; ended afterwards."""
    url = f"http://127.0.0.1:{port}"
    quiet = subprocess.DEVNULL
    with (
        subprocess.Popen(command, stdout=quiet, stderr=quiet) as process,
        httpx2.Client(base_url=url, timeout=SECONDS) as client,
    ):
        try:
            end = time.monotonic() + SECONDS
            while not is_ready(client):
                if process.poll() is not None or time.monotonic() > end:
                    sys.exit(f"server: this does not start: {' '.join(command)}")
                time.sleep(0.1)
            yield client, process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def is_ready(client: httpx2.Client) -> bool:
    """Whether a server has loaded its model."""
    try:
        return client.get("/health").status_code == 200
    except httpx2.TransportError:
        return False


def read_with_server(name: str, plan: Plan, program: Path | None, at_rest: int) -> Figures:
    """Start a server, let clients ask it, and end it."""
    bodies = [plan.body(crop) for crop in plan.crops()]
    port = free_port()
    with running(command_of(name, plan, program, port), port) as (client, process):

        def ask(body: bytes) -> tuple[float, dict[str, Any]]:
            begin = time.perf_counter()
            answer = client.post(
                "/v1/chat/completions",
                content=body,
                headers={"content-type": "application/json"},
            )
            seconds = time.perf_counter() - begin
            answer.raise_for_status()
            values: dict[str, Any] = answer.json()
            check_answer(values["usage"]["completion_tokens"], plan.tokens, name)
            return seconds, values

        ask(plan.body(WARM_UP))
        with ThreadPoolExecutor(plan.clients) as pool:
            begin = time.perf_counter()
            answers = list(pool.map(ask, bodies))
            seconds = time.perf_counter() - begin
        overheads = []
        for body in bodies[: at_rest if name == OURS else 0]:
            wall, values = ask(body)
            overheads.append(wall - stages(values["ppocrvl"][0]["timings"]))
        peak = peak_bytes(process) / MIB
    prompts = [values["usage"]["prompt_tokens"] for _, values in answers]
    return Figures(seconds, [wall for wall, _ in answers], prompts, overheads, peak)


def check_answer(tokens: int, wanted: int, name: str) -> None:
    """Every answer must be equally long, or the systems had different work."""
    if tokens != wanted:
        sys.exit(f"server: {name} gave an answer of {tokens} tokens, not {wanted}")


def copy_for_small_pictures(model: Path, folder: Path) -> None:
    """Both files, but for the lower limit on a picture's pixels."""
    paths = find_model(model)
    (folder / paths.llm.name).symlink_to(paths.llm.resolve())
    copied = Path(shutil.copyfile(paths.mmproj, folder / paths.mmproj.name))
    field = gguf.GGUFReader(copied, "r+").get_field("clip.vision.image_min_pixels")
    if field is None:
        sys.exit(f"server: {paths.mmproj} has no clip.vision.image_min_pixels")
    field.parts[field.data[0]][0] = LEAST


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def table(found: dict[str, list[Figures]], plan: Plan) -> list[str]:
    """The lines of the document."""
    rate = {
        name: plan.pictures / statistics.median(one.seconds for one in some)
        for name, some in found.items()
    }
    lines = [
        "| | crops/s | of `Engine.ocr_many` | latency p50 | p95 | peak memory |",
        "|---" * 6 + "|",
    ]
    for name, some in found.items():
        latencies = [sorted(one.latencies) for one in some]
        shown = "| | "
        if latencies[0]:
            middle, high = (
                statistics.median(one[round(share * (len(one) - 1))] for one in latencies)
                for share in (0.5, 0.95)
            )
            shown = f"| {middle:.2f} s | {high:.2f} s "
        peak = statistics.median(one.peak for one in some)
        lines.append(
            f"| {name} | {rate[name]:.2f} | {rate[name] / rate[ENGINE]:.1%} {shown}"
            f"| {peak:.0f} MiB |"
        )
    costs = {
        name: 1000 * statistics.median(x for one in found[name] for x in one.overheads)
        for name in (ENGINE, OURS)
    }
    small, large = (pick(w * h for w, h in SIZES) // LEAST for pick in (min, max))
    text = (
        f"{plan.pictures} crops of {small} to {large} image tokens, {plan.tokens} tokens each; "
        f"{plan.parallel} decode together, {plan.clients} clients, {plan.threads} threads. Medians "
        f"of {len(found[OURS])} alternating rounds. A request at rest takes "
        f"{costs[OURS] - costs[ENGINE]:.1f} ms longer than `Engine.ocr`: {costs[OURS]:.1f} ms "
        f"beside the stages of the engine against {costs[ENGINE]:.1f} ms."
    )
    if THEIRS in rate:
        text += (
            f" `ppocrvl serve` answers {rate[OURS] / rate[THEIRS]:.2f} times as many "
            "requests a second as llama-server."
        )
    lines += ["", text]
    return lines


def measure(args: argparse.Namespace, plan: Plan) -> dict[str, list[Figures]]:
    """All rounds of all systems."""
    names = (ENGINE, OURS, THEIRS) if args.llama_server else (ENGINE, OURS)
    found: dict[str, list[Figures]] = {name: [] for name in names}
    for _ in range(args.rounds):
        for name, some in found.items():
            if name == ENGINE:
                some.append(engine_figures([*sys.argv[1:], "--engine-on", str(plan.model)]))
            else:
                some.append(read_with_server(name, plan, args.llama_server, args.at_rest))
            print(f"{name}: {some[-1].seconds:.1f} s", file=sys.stderr, flush=True)
            if some[-1].prompts != found[ENGINE][0].prompts:
                sys.exit(
                    f"server: {name} counts other prompts than {ENGINE}, so it had other work: "
                    f"{some[-1].prompts[:8]} and {found[ENGINE][0].prompts[:8]} tokens"
                )
    return found


def main() -> None:
    """Measure in alternating rounds, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("--llama-server", type=Path, help="the program; without, it is left out")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pictures", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--parallel", type=int, default=4)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--at-rest", type=int, default=16, help="requests one by one, each round")
    parser.add_argument("--write", action="store_true", help="into docs/server.md")
    parser.add_argument("--engine-on", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()

    def plan_on(model: Path) -> Plan:
        return Plan(model, args.pictures, args.tokens, args.parallel, args.clients, args.threads)

    if args.engine_on:
        print(json.dumps(asdict(read_with_engine(plan_on(args.engine_on), args.at_rest))))
        return
    with tempfile.TemporaryDirectory() as folder:
        copy_for_small_pictures(args.model, Path(folder))
        plan = plan_on(Path(folder))
        found = measure(args, plan)
    lines = table(found, plan)
    print("\n".join(lines))
    if args.write:
        write_speed("server", lines)


if __name__ == "__main__":
    main()
