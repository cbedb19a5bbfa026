# SPDX-License-Identifier: Apache-2.0
"""Our files in upstream's own, unmodified program."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import socket
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import ppocrvl
from ppocrvl.cli.main import run_command
from ppocrvl.engine.stages import ARRAYS
from ppocrvl.errors import EngineError, ExitCode
from ppocrvl.parity import stock
from ppocrvl.parity.made_images import made_image
from ppocrvl.parity.run import Case, stock_stages

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow


@pytest.mark.timeout(3600)
def test_llama_mtmd_cli_reads_the_sample(stock_tools: Path, samples: Path) -> None:
    models = Path(ppocrvl.__file__).parent / "models" / "builtin"
    command = [str(stock_tools / "llama-mtmd-cli"), "-m", str(models / "tiny-en-BF16.gguf")]
    command += ["--mmproj", str(models / "mmproj-tiny-en-BF16.gguf")]
    command += ["--image", str(samples / "hello.png"), "-p", "OCR:", "--jinja"]
    command += ["--temp", "0", "-n", "200"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    truth = (samples / "hello.txt").read_text(encoding="utf-8").strip()
    assert truth in done.stdout


@pytest.mark.reference
@pytest.mark.timeout(3600)
def test_parity_shows_where_stock_mtmd_deviates(
    stock_tools: Path,
    tiny_checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ppocrvl.export(tiny_checkpoint, tmp_path / "model", llm_type="f32", mmproj_type="f32")
    command = ["parity", str(tiny_checkpoint), str(tmp_path / "model"), "--against", "stock"]
    command += ["--stock-program", str(stock_tools / stock.PROGRAM), "--max-tokens", "4", "--json"]
    for size in ((28, 28), (900, 40)):
        made_image(*size).save(tmp_path / f"{size[0]}.png")
        command += ["--image", str(tmp_path / f"{size[0]}.png")]
    assert run_command(command) == ExitCode.OK
    rows = map(json.loads, capsys.readouterr().out.splitlines())
    for row, stage in zip(rows, ("patches", "pixels"), strict=True):
        failed = [one["stage"] for one in row["stock_stages"] if one["passed"] is False]
        assert failed[0] == stage  # the letterbox; in a square picture, the positions
        assert all(one["note"] == "" for one in row["stock_stages"] if one["stage"] == "encoded")


@pytest.mark.timeout(3600)
def test_stock_program_goes_on_after_a_picture_that_fails(stock_tools: Path) -> None:
    program = stock_tools / stock.PROGRAM
    case = Case("good.png", made_image(120, 60), "ocr", 3, None)
    with ppocrvl.Engine() as engine, stock.Stock(program, engine.paths) as upstream:
        before = stock_stages(upstream, engine, case)
        process = upstream._process
        assert process is not None
        with pytest.raises(EngineError, match="failed: tokenizing failed"):
            upstream.run(case.image, prompt="no marker", image_token=1, max_tokens=1)
        after = stock_stages(upstream, engine, case)
        assert upstream._process is process
        for stage in ARRAYS:
            np.testing.assert_array_equal(getattr(before, stage), getattr(after, stage))
        assert before.token_ids == after.token_ids
        process.kill()
        with pytest.raises(EngineError, match=r"good\.png: .* failed with exit code -9"):
            stock_stages(upstream, engine, case)
        assert stock_stages(upstream, engine, case).token_ids == before.token_ids


@pytest.fixture
def server(stock_tools: Path) -> Iterator[str]:
    """The address of llama-server with the built-in model."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    models = Path(ppocrvl.__file__).parent / "models" / "builtin"
    command = [str(stock_tools / "llama-server"), "-m", str(models / "tiny-en-BF16.gguf")]
    command += ["--mmproj", str(models / "mmproj-tiny-en-BF16.gguf"), "--jinja", "-c", "2048"]
    command += ["--port", str(port), "--threads", "1"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        address = f"http://127.0.0.1:{port}"
        try:
            while process.poll() is None:
                with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/health"):
                    break
                time.sleep(0.1)
            yield address
        finally:
            process.terminate()


@pytest.mark.timeout(3600)
def test_llama_server_renders_the_prompt(server: str) -> None:
    picture = base64.b64encode(b"the template does not look at it").decode()
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}}
    text = {"type": "text", "text": "Table Recognition:"}
    start, end = "<|begin_of_sentence|>User: ", "Table Recognition:\nAssistant:\n"
    for content, expected in (
        ([image, text], f"{start}<media>{end}"),
        ([text, image], f"{start}<media>{end}"),  # pictures come first all the same
        ("Table Recognition:", start + end),
    ):
        body = json.dumps({"messages": [{"role": "user", "content": content}]}).encode()
        request = urllib.request.Request(f"{server}/apply-template", body, method="POST")
        with urllib.request.urlopen(request, timeout=600) as answer:
            prompt = json.load(answer)["prompt"]
        assert re.sub(r"<__media[^>]*__>", "<media>", prompt) == expected


@pytest.mark.timeout(3600)
def test_our_client_reads_on_llama_server(
    server: str, samples: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = samples / "hello.png"
    truth = (samples / "hello.txt").read_text(encoding="utf-8").strip()
    for command in (
        ["ocr", str(picture), "--server", server],
        ["client", str(picture), "--url", f"{server}/v1", "--no-stream"],
        ["client", str(picture), "--url", server, "--stream"],
    ):
        assert run_command(command) == ExitCode.OK
        assert capsys.readouterr().out == f"{truth}\n"
    with ppocrvl.Client(server) as client, ppocrvl.Engine() as engine:
        there = client.ocr(picture)
        # Another server does not say which limits its model has: the official ones are taken.
        here = engine.ocr(picture, min_pixels=112_896)
    assert there.text == here.text == truth
    assert there.resized == here.resized
    assert there.finish_reason == here.finish_reason == "stop"
    assert there.timings.prompt_tokens == here.timings.prompt_tokens
    assert there.confidence == pytest.approx(here.confidence, abs=0.02)
