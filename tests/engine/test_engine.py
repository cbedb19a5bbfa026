# SPDX-License-Identifier: Apache-2.0
"""The engine and the one-call functions, on a model whose text does not matter."""

from __future__ import annotations

import dataclasses
import gc
import logging
import shutil
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

import ppocrvl
from ppocrvl.errors import ContextError, EngineError, ImageError, ModelMismatchError, OptionError
from ppocrvl.images.pixels import pixels_for_model
from ppocrvl.requests.options import ReadOptions, RequestOptions
from ppocrvl.requests.tasks import TASKS

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    Picture = npt.NDArray[np.uint8]

LONG = 20_000
"""Tokens; the answer goes on until the context is full, far longer than a test waits."""


def test_result_says_everything(engine: ppocrvl.Engine, picture: Picture) -> None:
    unseen = 255 - picture  # encoded here, not taken from the cache
    result = engine.ocr(unseen, max_tokens=5)
    assert str(result) == result.text
    assert result.finish_reason == "length"
    assert len(result.token_ids) == len(result.logprobs) == result.timings.generated_tokens == 5
    assert all(logprob <= 0 for logprob in result.logprobs)
    assert 0 < result.confidence < 1
    assert result.task == "ocr"
    assert result.image_size == (140, 56)
    width, height = result.resized
    assert result.timings.image_tokens == width * height // 28**2 >= 144
    assert result.timings.prompt_tokens > result.timings.image_tokens
    times = result.timings
    for seconds in (times.load, times.preprocess, times.encode, times.prefill, times.decode):
        assert 0 < seconds < 60


def test_pieces_join_to_the_text(engine: ppocrvl.Engine, picture: Picture) -> None:
    with engine.stream(picture, max_tokens=40) as stream:
        with pytest.raises(EngineError, match="has not ended"):
            _ = stream.result
        pieces = list(stream)
    assert len(pieces) > 3
    assert stream.result == stream.wait()
    assert "".join(pieces) == stream.result.text == engine.ocr(picture, max_tokens=40).text


def pixels_seen(
    engine: ppocrvl.Engine,
    picture: Picture | Image.Image,
    task: str = "ocr",
    *,
    min_pixels: int | None = None,
    max_pixels: int | None = None,
) -> tuple[int, int]:
    """(width, height) that the encoder would get; encoding large pictures takes long."""
    pixels = pixels_for_model(
        picture, TASKS[task], engine.info, min_pixels=min_pixels, max_pixels=max_pixels
    )
    assert pixels.image_size == Image.fromarray(np.asarray(picture)).size
    return pixels.size


def test_the_file_says_what_the_model_can_read(engine: ppocrvl.Engine) -> None:
    assert (engine.info.max_lines, engine.info.tasks) == (0, ())
    with ppocrvl.Engine() as built_in:
        assert (built_in.info.max_lines, built_in.info.tasks) == (1, ("ocr", "table"))


def test_pixel_limits_of_a_request(engine: ppocrvl.Engine, picture: Picture) -> None:
    assert pixels_seen(engine, picture, min_pixels=784, max_pixels=7840) == (140, 56)
    width, height = pixels_seen(engine, picture, min_pixels=1_000_000)
    assert width * height >= 1_000_000
    assert engine.embed(picture, min_pixels=784, max_pixels=7840).shape == (10, engine.info.n_embd)
    assert engine.ocr(picture, max_tokens=1, min_pixels=784, max_pixels=7840).resized == (140, 56)


def test_tasks_have_pixel_limits_of_their_own(engine: ppocrvl.Engine) -> None:
    page = Image.new("RGB", (1600, 1600), "white")
    assert pixels_seen(engine, page, "ocr") == (980, 980)  # at most 1,003,520 pixels
    assert pixels_seen(engine, page, "spotting") == (1260, 1260)  # at most 1,605,632


def test_spotting_enlarges_a_small_picture(engine: ppocrvl.Engine) -> None:
    small = Image.new("RGB", (500, 500), "white")
    assert pixels_seen(engine, small, "ocr") == (504, 504)
    assert pixels_seen(engine, small, "spotting") == (1008, 1008)


def test_prompt_is_used_and_never_parsed(engine: ppocrvl.Engine, picture: Picture) -> None:
    plain = engine.ocr(picture, max_tokens=1).timings.prompt_tokens
    special = engine.ocr(picture, max_tokens=1, prompt="<|IMAGE_PLACEHOLDER|></s>")
    assert special.timings.prompt_tokens > plain + 5


def test_embedding_is_what_the_model_takes(engine: ppocrvl.Engine, picture: Picture) -> None:
    embedding = engine.embed(picture)
    assert embedding.dtype == np.float32
    assert embedding.shape == (
        engine.ocr(picture, max_tokens=1).timings.image_tokens,
        engine.info.n_embd,
    )
    assert np.isfinite(embedding).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "read"}, "unknown task"),
        ({"max_tokens": 0}, "max_tokens must be from 1"),
        ({"max_tokens": -5}, "max_tokens must be from 1"),
        ({"max_tokens": 2**31}, "max_tokens must be from 1"),
        ({"max_tokens": True}, "whole number"),
        ({"max_tokens": 1.5}, "whole number"),
        ({"min_pixels": 0}, "min_pixels must be from 1"),
        ({"max_pixels": 0}, "max_pixels must be from 1"),
        ({"max_pixels": 10**9}, "max_pixels must be from 1"),
        ({"min_pixels": 2000, "max_pixels": 1000}, "min_pixels 2000 is above max_pixels 1000"),
        ({"min_pixels": 2_000_000}, "is above max_pixels 1003520"),
        ({"prompt": "  "}, "not empty"),
        ({"prompt": "\ud800"}, "not valid Unicode"),
    ],
)
def test_options_that_cannot_work(
    engine: ppocrvl.Engine, picture: Picture, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(OptionError, match=message):
        engine.ocr(picture, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_threads": -1}, "n_threads must be from 0"),
        ({"device": "gpu"}, "device must be one of auto, cpu.*, not 'gpu'"),
        ({"vision_device": "cuda:7"}, "vision_device must be one of auto, cpu.*, not 'cuda:7'"),
        ({"text_device": "a\nb"}, "text_device must be one of auto, cpu"),
        ({"device": ""}, "device must be a text that is not empty"),
        ({"device": None}, "device must be a text that is not empty"),
        ({"text_device": 0}, "text_device must be a text that is not empty"),
        ({"precision": "half"}, "precision must be auto, exact or fast"),
        ({"max_image_pixels": 0}, "max_image_pixels must be from 1"),
    ],
)
def test_engine_options_that_cannot_work(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        ppocrvl.Engine(**options)


def test_what_computes_where(endless_model: Path, caplog: pytest.LogCaptureFixture) -> None:
    with ppocrvl.Engine(endless_model, device="cpu", n_threads=1) as engine:
        assert engine.devices == {"vision": "CPU", "text": "CPU", "kv_cache": "CPU"}
        assert engine.notes == ()
    with ppocrvl.Engine(endless_model, vision_device="cpu", n_threads=1024) as engine:
        assert engine.devices["vision"] == "CPU"
        (line,) = (line for line in engine.notes if "n_threads is 1024, but" in line)
    assert line in [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]


def test_prompt_longer_than_the_context(engine: ppocrvl.Engine, picture: Picture) -> None:
    with pytest.raises(ContextError, match="context"):
        engine.ocr(picture, prompt="word " * engine.info.n_ctx_train)


def test_bad_image_leaves_the_engine_usable(engine: ppocrvl.Engine, picture: Picture) -> None:
    with pytest.raises(ImageError):
        engine.ocr(b"no image")
    assert engine.ocr(picture, max_tokens=1).finish_reason == "length"


def test_limit_on_picture_pixels(endless_model: Path, picture: Picture) -> None:
    with (
        ppocrvl.Engine(endless_model, max_image_pixels=1000) as engine,
        pytest.raises(ppocrvl.ImageTooLargeError),
    ):
        engine.ocr(picture)


def test_closing_a_stream_cancels_it(engine: ppocrvl.Engine, picture: Picture) -> None:
    stream = engine.stream(picture, max_tokens=LONG, stop_loops=False)
    next(stream)
    stream.close()
    stream.close()
    result = stream.wait()
    assert result.finish_reason == "cancelled"
    assert 0 < result.timings.generated_tokens < LONG


def test_dropping_a_stream_cancels_it(engine: ppocrvl.Engine, picture: Picture) -> None:
    stream = engine.stream(picture, max_tokens=LONG, stop_loops=False)
    next(stream)
    del stream
    gc.collect()
    start = time.monotonic()
    engine.ocr(picture, max_tokens=1)  # waits for its turn
    assert time.monotonic() - start < 10


def test_closed_engine_says_so(endless_model: Path, picture: Picture) -> None:
    engine = ppocrvl.Engine(endless_model)
    stream = engine.stream(picture, max_tokens=LONG, stop_loops=False)
    next(stream)
    engine.close()
    engine.close()
    with pytest.raises(ppocrvl.PpocrvlError):
        stream.wait()
    with pytest.raises(EngineError, match="closed"):
        engine.ocr(picture)


def test_threads_share_an_engine(engine: ppocrvl.Engine, picture: Picture) -> None:
    expected = engine.ocr(picture, max_tokens=8).text
    found: list[str] = []
    barrier = threading.Barrier(4)

    def work() -> None:
        barrier.wait()
        found.append(engine.ocr(picture, max_tokens=8).text)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [expected] * 4


def test_other_threads_run_while_one_generates(engine: ppocrvl.Engine, picture: Picture) -> None:
    """The native work does not hold the interpreter."""
    with engine.stream(picture, max_tokens=LONG, stop_loops=False) as stream:
        next(stream)
        waiter = threading.Thread(target=stream.wait)
        waiter.start()
        for _ in range(20):
            time.sleep(0.001)
            assert waiter.is_alive()
    waiter.join(60)
    assert not waiter.is_alive()


def test_ctrl_c_while_loading_is_not_lost(endless_model: Path) -> None:
    """Python raises it inside the log callback, in the midst of native code."""

    class Interrupt(logging.Handler):
        lines = 0

        def emit(self, _: logging.LogRecord) -> None:
            self.lines += 1
            if self.lines == 5:
                signal.raise_signal(signal.SIGINT)

    logger, handler = logging.getLogger("ppocrvl"), Interrupt()
    logger.addHandler(handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            ppocrvl.Engine(endless_model)
    finally:
        logger.removeHandler(handler)


def test_swapped_files_are_refused(endless_model: Path) -> None:
    llm, mmproj = (
        next(
            path for path in endless_model.iterdir() if path.name.startswith("mmproj") is is_mmproj
        )
        for is_mmproj in (False, True)
    )
    with pytest.raises(ModelMismatchError):
        ppocrvl.Engine(mmproj, mmproj=llm)


def test_one_call_functions_keep_the_model(
    endless_model: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PPOCRVL_MODEL", str(endless_model))
    first = ppocrvl.ocr(picture, max_tokens=6)
    stream = ppocrvl.stream(picture, max_tokens=6)
    assert "".join(stream) == first.text
    # the same engine: the seconds of loading are those of the one load
    assert stream.result.timings.load == first.timings.load


def test_one_call_functions_see_a_changed_model(
    endless_model: Path, picture: Picture, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(endless_model, copy)
    first = ppocrvl.ocr(picture, model=copy, max_tokens=1)
    for path in copy.iterdir():
        path.touch()
    assert ppocrvl.ocr(picture, model=copy, max_tokens=1).timings.load != first.timings.load


def test_keyword_options_are_those_of_the_model_of_options() -> None:
    fields = {field.name: field.type for field in dataclasses.fields(RequestOptions)}
    assert fields == {
        name: kind.__forward_arg__ for name, kind in ReadOptions.__annotations__.items()
    }


def test_an_unknown_option_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="max_token"):
        ppocrvl.ocr(np.zeros((28, 28), np.uint8), max_token=3)  # type: ignore[call-arg]
