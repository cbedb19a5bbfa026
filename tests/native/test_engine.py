# SPDX-License-Identifier: Apache-2.0
"""The engine through the binding, on a small model of random weights."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest

import ppocrvl
from ppocrvl import errors
from ppocrvl.support.native import _native
from synthetic_checkpoint import SIZES, resized, write_synthetic_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt
    from tests.native.conftest import RandomModel

    Picture = npt.NDArray[np.uint8]

FOREVER = 50_000  # tokens of the endless engine: more than any test lets run


def request(
    picture: Picture | None,
    max_tokens: int = 8,
    *,
    prompt: str = "OCR:",
    keep_location_tokens: bool = False,
) -> _native.Request:
    return _native.Request(
        image=picture,
        prompt=prompt,
        max_tokens=max_tokens,
        keep_location_tokens=keep_location_tokens,
        stop_loops=False,  # noise may look like one after any number of tokens
    )


def test_pieces_and_result_agree(engine: _native.Engine, picture: Picture) -> None:
    ticket = engine.submit(request(picture, 200))
    pieces = list(iter(ticket.next, None))
    result = ticket.result()
    assert "".join(pieces) == result.text
    assert len(pieces) > 50
    assert all(pieces)
    assert result.finish_reason == "length"
    assert len(result.token_ids) == len(result.logprobs) == 200
    assert all(logprob < 0 for logprob in result.logprobs)
    assert result.image_grid == (2, 3)
    timings = result.timings
    assert (timings.image_tokens, timings.generated_tokens) == (6, 200)
    assert timings.prompt_tokens == len(engine.prompt_tokens("OCR:", 2, 3))
    assert min(timings.encode, timings.prefill, timings.decode) > 0
    assert ticket.next() is None
    assert ticket.result().token_ids == result.token_ids


def test_a_character_cut_off_by_the_budget_is_replaced(
    engine: _native.Engine, picture: Picture
) -> None:
    first_byte_token = 13  # the vocabulary begins with <unk>, <s>, </s> and ten digits
    ids = engine.submit(request(picture, 400)).result().token_ids
    cut = next(i for i, token in enumerate(ids) if 0xC2 <= token - first_byte_token <= 0xF4)
    ticket = engine.submit(request(picture, cut + 1))
    pieces = list(iter(ticket.next, None))
    assert pieces[-1] == "\ufffd"
    assert "".join(pieces) == ticket.result().text


def test_answers_do_not_depend_on_what_ran_before(engine: _native.Engine, picture: Picture) -> None:
    def ids(image: Picture | None, n: int) -> list[int]:
        return engine.submit(request(image, n)).result().token_ids

    other = np.full((112, 56, 3), 90, np.uint8)
    first = ids(picture, 10)
    assert ids(other, 600)[:10] != first  # makes a larger context
    assert ids(None, 10) != first
    assert ids(picture, 10) == first
    assert ids(picture, 700)[:10] == first  # makes an even larger one


def test_prompt_has_the_template_s_tokens(engine: _native.Engine) -> None:
    ids = engine.prompt_tokens("OCR:", 2, 3)
    start = ids.index(ids[7]) + 1
    assert len(set(ids[start : start + 6])) == 1  # six image tokens between start and end
    assert engine.prompt_tokens("OCR:", 1, 1)[:start] == ids[:start]
    assert engine.prompt_tokens("OCR:", 1, 1)[start + 1 :] == ids[start + 6 :]
    text_only = engine.prompt_tokens("OCR:", 0, 0)
    assert ids[start] not in text_only
    assert text_only[0] == ids[0]


@pytest.mark.parametrize(
    "text",
    ["</s>", "<|IMAGE_START|>", "<|IMAGE_PLACEHOLDER|>", "<s>", "<|LOC_5|>", "<fcel>", "a<<nl>>b"],
)
def test_user_text_never_becomes_a_special_token(engine: _native.Engine, text: str) -> None:
    control = set(engine.prompt_tokens("", 1, 1)) - set(engine.prompt_tokens("", 0, 0))
    ids = engine.prompt_tokens(text, 0, 0)
    assert not control & set(ids)
    assert 2 not in ids
    assert len(ids) > len(engine.prompt_tokens("", 0, 0)) + 2


def test_digits_are_tokens_of_their_own(engine: _native.Engine) -> None:
    one, two = (engine.prompt_tokens(text, 0, 0) for text in ("7", "77"))
    assert len(two) == len(one) + 1


def test_deepest_encoder_with_many_slices(tmp_path: Path) -> None:
    """64 layers leave few nodes of the graph for the slices of each layer's attention."""
    sizes = {"num_hidden_layers": 64, "num_attention_heads": 16, "hidden_size": 64}
    deep_size = resized(SIZES["tiny"], {f"vision.{name}": n for name, n in sizes.items()})
    write_synthetic_checkpoint(tmp_path / "deep", deep_size)
    files = ppocrvl.export(tmp_path / "deep", tmp_path / "out")
    options = _native.EngineOptions(llm=str(files.llm), mmproj=str(files.mmproj), precision="exact")
    deep = _native.Engine(options)
    picture = np.full((28 * 24, 28 * 24, 3), 200, np.uint8)  # 2,304 patches: 10 slices wanted
    assert np.isfinite(deep.embed(picture)).all()
    deep.close()


def test_embed(engine: _native.Engine, picture: Picture) -> None:
    values = engine.embed(picture)
    assert values.shape == (6, engine.info.n_embd)
    assert values.dtype == np.float32
    assert values.flags["C_CONTIGUOUS"]
    assert np.isfinite(values).all()
    assert np.array_equal(values, engine.embed(picture))
    assert not np.array_equal(values, engine.embed(np.flip(picture, 0).copy()))


def test_location_tokens_are_stripped_unless_kept(engine: _native.Engine, picture: Picture) -> None:
    plain = engine.submit(request(picture, 900)).result()
    kept = engine.submit(request(picture, 900, keep_location_tokens=True)).result()
    assert plain.token_ids == kept.token_ids
    assert "<|LOC_" in kept.text, "the random model emits none: take more tokens"
    assert "<|LOC_" not in plain.text


def test_budget_ends_with_the_model_s_context(engine: _native.Engine, picture: Picture) -> None:
    n_prompt = len(engine.prompt_tokens("a " * 2015, 2, 3))
    room = engine.info.n_ctx_train - n_prompt
    assert 0 < room < 100
    result = engine.submit(request(picture, room + 50, prompt="a " * 2015)).result()
    assert result.finish_reason == "length"
    assert len(result.token_ids) == room


def test_refusals(engine: _native.Engine, picture: Picture) -> None:
    for max_tokens in (0, -5):
        with pytest.raises(errors.OptionError, match="max_tokens"):
            engine.submit(request(picture, max_tokens))
    with pytest.raises(errors.ContextError, match="context holds 4096"):
        engine.submit(request(picture, prompt="a " * 5000))
    with pytest.raises(errors.ContextError, match="5000 of the image"):
        engine.submit(request(np.zeros((50 * 28, 100 * 28, 3), np.uint8)))
    for shape in ((27, 28, 3), (28, 29, 3), (0, 28, 3)):
        with pytest.raises(errors.ImageError, match="multiples of 28"):
            engine.submit(request(np.zeros(shape, np.uint8)))
    with pytest.raises(errors.ImageError, match="multiples of 28"):
        engine.embed(np.zeros((28, 30, 3), np.uint8))
    with pytest.raises(errors.OptionError):
        engine.prompt_tokens("OCR:", -1, 3)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((28, 28, 3), np.float32),
        np.zeros((28, 28), np.uint8),
        np.zeros((28, 28, 4), np.uint8),
        np.zeros((3, 28, 28), np.uint8).transpose(1, 2, 0),
        np.zeros((28, 56, 3), np.uint8)[:, ::2],
        [[[0, 0, 0]]],
        "page.png",
    ],
    ids=["float", "grey", "rgba", "planes", "strided", "list", "path"],
)
def test_only_rgb_arrays_are_images(engine: _native.Engine, image: object) -> None:
    not_an_image = cast("Picture", image)
    with pytest.raises(errors.ImageError, match="numpy array of uint8"):
        request(not_an_image)
    with pytest.raises(errors.ImageError, match="numpy array of uint8"):
        engine.embed(not_an_image)


def test_cancel_while_running(endless_engine: _native.Engine, picture: Picture) -> None:
    ticket = endless_engine.submit(request(picture, FOREVER))
    assert ticket.next() is not None
    ticket.cancel()
    ticket.cancel()
    start = time.process_time()
    result = ticket.result()
    assert time.process_time() - start < 2
    assert result.finish_reason == "cancelled"
    assert 0 < len(result.token_ids) < FOREVER
    assert len(result.text) > 0


def test_cancel_while_waiting(endless_engine: _native.Engine, picture: Picture) -> None:
    running = endless_engine.submit(request(picture, FOREVER))
    waiting = endless_engine.submit(request(picture))
    waiting.cancel()
    running.cancel()
    assert waiting.result().finish_reason == "cancelled"
    assert waiting.result().token_ids == []
    assert waiting.next() is None
    assert endless_engine.submit(request(picture)).result().finish_reason == "length"


def test_requests_run_in_turn_from_many_threads(engine: _native.Engine, picture: Picture) -> None:
    expected = engine.submit(request(picture, 5)).result().token_ids
    barrier = threading.Barrier(6)
    answers: list[list[int]] = []

    def ask() -> None:
        barrier.wait()
        for _ in range(3):
            answers.append(engine.submit(request(picture, 5)).result().token_ids)
            engine.embed(picture)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [expected] * 18


def test_other_threads_run_while_one_waits(
    endless_engine: _native.Engine, picture: Picture
) -> None:
    """A `result` that kept the interpreter would give it back at the end of the answer."""
    ticket = endless_engine.submit(request(picture, FOREVER))
    waits = threading.Event()
    ends: list[str] = []

    def wait() -> None:
        waits.set()
        ends.append(ticket.result().finish_reason)

    waiter = threading.Thread(target=wait)
    waiter.start()
    waits.wait()
    sum(range(100_000))
    ticket.cancel()
    waiter.join()
    assert ends == ["cancelled"]


def test_close_fails_what_is_unfinished(endless_engine: _native.Engine, picture: Picture) -> None:
    running = endless_engine.submit(request(picture, FOREVER))
    waiting = endless_engine.submit(request(picture))
    assert running.next() is not None
    endless_engine.close()
    endless_engine.close()
    for ticket in (running, waiting):
        with pytest.raises(errors.CancelledError, match="closed"):
            ticket.result()
    with pytest.raises(errors.CancelledError, match="closed"):
        list(iter(running.next, None))
    with pytest.raises(errors.CancelledError, match="closed"):
        endless_engine.submit(request(picture))
    with pytest.raises(errors.CancelledError, match="closed"):
        endless_engine.embed(picture)
    with pytest.raises(errors.CancelledError, match="closed"):
        endless_engine.prompt_tokens("OCR:", 1, 1)
    assert endless_engine.info.n_embd > 0


def test_a_ticket_keeps_its_engine(random_model: RandomModel, picture: Picture) -> None:
    ticket = _native.Engine(random_model.options()).submit(request(picture, 50))
    assert len(ticket.result().token_ids) == 50


def test_closing_from_many_threads(endless_engine: _native.Engine, picture: Picture) -> None:
    ticket = endless_engine.submit(request(picture, FOREVER))
    threads = [threading.Thread(target=endless_engine.close) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with pytest.raises(errors.CancelledError):
        ticket.result()


def test_info(engine: _native.Engine, random_model: RandomModel) -> None:
    info = engine.info
    assert (info.architecture, info.model_version) == ("paddleocr", "1.6")
    assert (info.patch_size, info.merge_size) == (14, 2)
    assert info.image_mean == info.image_std == (0.5, 0.5, 0.5)
    assert (info.min_pixels, info.max_pixels) == (112896, 1003520)
    assert info.task_pixels["spotting"] == (112896, 1605632)
    assert info.llm_bytes == random_model.llm.stat().st_size
    assert info.mmproj_bytes == random_model.mmproj.stat().st_size
    assert engine.load_seconds > 0


def test_swapped_and_missing_files(random_model: RandomModel) -> None:
    llm, mmproj = str(random_model.llm), str(random_model.mmproj)
    for options in (
        _native.EngineOptions(llm=mmproj, mmproj=llm),
        _native.EngineOptions(llm=llm, mmproj=llm),
    ):
        with pytest.raises(errors.ModelMismatchError):
            _native.Engine(options)
    with pytest.raises(errors.ModelError):
        _native.Engine(_native.EngineOptions(llm=llm + "x", mmproj=mmproj))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_cancel_while_a_large_picture_is_encoded(tmp_path: Path) -> None:
    """Within a layer, on 1280 image tokens: the encoder's widths are the official ones.

    In processor time, and as a share of what the whole image takes, so that a busy machine changes
    nothing; of one thread, as a second one would spin while the first waits for a core. The encoder
    has 3 of the 27 layers, which differ in nothing.
    """
    widths = {"hidden_size": 1152, "intermediate_size": 4304, "num_attention_heads": 16}
    sizes = {f"vision.{name}": value for name, value in widths.items()}
    write_synthetic_checkpoint(tmp_path, resized(SIZES["tiny"], sizes))
    files = ppocrvl.export(tmp_path, tmp_path / "pair")
    options = _native.EngineOptions(llm=str(files.llm), mmproj=str(files.mmproj), n_threads=1)
    engine = _native.Engine(options)
    large = np.random.default_rng(2).integers(0, 256, (32 * 28, 40 * 28, 3), dtype=np.uint8)
    wholes = []
    for _ in range(3):  # the first one also reads the file
        start = time.process_time()
        assert engine.submit(request(large, 1)).result().timings.image_tokens == 1280
        wholes.append(time.process_time() - start)
    waits = []
    for part in (0.1, 0.2, 0.3, 0.4, 0.5) * 2:
        start = time.process_time()
        ticket = engine.submit(request(large, 1))
        while time.process_time() - start < part * min(wholes):
            time.sleep(0.001)
        start = time.process_time()
        ticket.cancel()
        assert ticket.result().finish_reason == "cancelled"
        waits.append(time.process_time() - start)
    engine.close()
    assert max(waits) < min(wholes) / 3, (waits, wholes)
