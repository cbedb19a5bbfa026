# SPDX-License-Identifier: Apache-2.0
"""The journal: what was kept is found again, wherever the file was cut off."""

from __future__ import annotations

import dataclasses
import errno
import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.parsing.fakes import Stripes, TrueReader, jobs, painted, result

from ppocrvl.errors import OutputError
from ppocrvl.parsing.block_options import BlockOptions
from ppocrvl.parsing.journal import HEADER, Journal
from ppocrvl.parsing.parts import Parts
from ppocrvl.parsing.pipeline import Pages
from ppocrvl.parsing.remembering import Memory
from ppocrvl.requests.request import Request
from ppocrvl.requests.results import Attempt

if TYPE_CHECKING:
    from pathlib import Path


def key(number: int) -> bytes:
    return bytes([number]) * 32


@pytest.fixture(autouse=True)
def _quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of syncs would take most of the time."""
    monkeypatch.setattr(os, "fdatasync", lambda _: None)
    monkeypatch.setattr(os, "fsync", lambda _: None)


VALUES: list[Any] = [{"text": "Grüße\n\u2028 \ud800"}, [1.5, 1e-310, None], "", 0]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A journal with a record for each value."""
    path = tmp_path / "journal"
    fill(path)
    return path


def fill(path: Path) -> None:
    with Journal(path) as journal:
        for number, value in enumerate(VALUES):
            journal.keep(key(number), value)
            assert journal.find(key(number)) == value


def test_kept_is_kept(file: Path) -> None:
    with Journal(file) as journal:
        assert [journal.find(key(n)) for n in range(5)] == [*VALUES, None]
        journal.keep(key(0), "newer")
        assert journal.find(key(0)) == "newer"
    with Journal(file) as journal:
        assert journal.find(key(0)) == "newer"
        assert len(journal) == len(VALUES)
    with Journal(file, redo=True) as journal:
        assert len(journal) == 0
    assert file.read_bytes() == HEADER


def test_cut_off_at_any_byte(file: Path) -> None:
    """What was whole is there; what comes later is found as well."""
    whole = file.read_bytes()
    ends = [0, *(i + 1 for i, byte in enumerate(whole) if byte == 10)]
    for length in range(len(whole) + 1):
        file.write_bytes(whole[:length])
        n_whole = max(0, sum(end <= length for end in ends) - 2)
        for more in range(2):
            with Journal(file) as journal:
                assert len(journal) == n_whole + more, length
                assert [journal.find(key(n)) for n in range(n_whole)] == VALUES[:n_whole]
                journal.keep(key(9), "more")


@settings(max_examples=60)
@given(at=st.integers(0, 10_000), byte=st.integers(0, 255), tail=st.binary(max_size=200))
def test_damage_ends_it_there(
    tmp_path_factory: pytest.TempPathFactory, at: int, byte: int, tail: bytes
) -> None:
    """Nothing that was not kept is found; an overwritten byte costs what comes after it."""
    path = tmp_path_factory.mktemp("journal") / "journal"
    fill(path)
    data = bytearray(path.read_bytes())
    at = len(HEADER) + at % (len(data) - len(HEADER))
    data[at] = byte
    path.write_bytes(data + tail)
    with Journal(path) as journal:
        found = [journal.find(key(n)) for n in range(len(VALUES))]
        assert len(journal) <= len(VALUES)
    assert all(one in (None, value) for one, value in zip(found, VALUES, strict=True))
    assert found[: len(journal)] == VALUES[: len(journal)]


def test_zeros_are_no_record(file: Path) -> None:
    """As a file has them after a power failure."""
    whole = file.read_bytes()
    file.write_bytes(whole + b"\0" * 4096)
    with Journal(file) as journal:
        assert len(journal) == len(VALUES)
    assert file.read_bytes() == whole


def test_only_one_has_it(file: Path) -> None:
    with Journal(file), pytest.raises(OutputError, match="another run writes into this folder"):
        Journal(file, redo=True)
    with Journal(file) as journal:
        assert len(journal) == len(VALUES)


def test_a_file_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    for redo in (False, True):
        path.write_text("ppocrvl, my notes")
        with pytest.raises(OutputError, match="is no journal"):
            Journal(path, redo=redo)
        assert path.read_text() == "ppocrvl, my notes"


def test_a_folder_is_no_journal(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        Journal(tmp_path)


def test_a_full_disk(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a record is taken back, and the next one is whole."""
    before = file.read_bytes()
    write = os.write
    with Journal(file) as journal:

        def full(descriptor: int, data: bytes) -> int:
            if len(data) < 60:
                raise OSError(errno.ENOSPC, "No space left on device")
            return write(descriptor, data[:50])

        monkeypatch.setattr(os, "write", full)
        with pytest.raises(OutputError, match="No space left"):
            journal.keep(key(8), "lost")
        assert file.read_bytes() == before
        assert journal.find(key(8)) is None
        monkeypatch.undo()
        journal.keep(key(9), "there is room again")
    with Journal(file) as journal:
        assert journal.find(key(9)) == "there is room again"


def read_pages(memory: Memory, reader: TrueReader, layout: Stripes) -> list[Any]:
    parts = Parts(layout, reader, memory, BlockOptions())
    with Pages(jobs([3, 0, 2]), parts) as pages:
        return [getattr(page, "data", None) for page in pages]


def test_what_was_read_is_not_read_again(tmp_path: Path) -> None:
    path, models = tmp_path / "journal", {"reader": "a"}
    unbroken = read_pages(Memory(None, models), TrueReader(), Stripes())
    first, layout = TrueReader(), Stripes()
    with Journal(path) as journal:
        assert read_pages(Memory(journal, models), first, layout) == unbroken
    assert (len(first.requests), layout.n_calls) == (5, 3)
    again, layout = TrueReader(), Stripes()
    with Journal(path) as journal:
        assert read_pages(Memory(journal, models), again, layout) == unbroken
        assert (len(again.requests), layout.n_calls) == (0, 0)
        read_pages(Memory(journal, {"reader": "b"}), again, layout)  # another model
    assert (len(again.requests), layout.n_calls) == (5, 3)


def test_it_goes_on_after_any_record(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with Journal(path) as journal:
        unbroken = read_pages(Memory(journal, {}), TrueReader(), Stripes())
    lines = path.read_bytes().splitlines(keepends=True)
    assert len(lines) == 1 + 5 + 3
    for n_lines in range(1, len(lines)):
        path.write_bytes(b"".join(lines[:n_lines]) + lines[n_lines][:-1])
        reader, layout = TrueReader(), Stripes()
        with Journal(path) as journal:
            assert read_pages(Memory(journal, {}), reader, layout) == unbroken
        assert len(reader.requests) + layout.n_calls == len(lines) - n_lines


def test_what_was_cut_short_or_failed_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    cut = TrueReader(answer=lambda _: result("half of", "deadline"))
    with Journal(path) as journal:
        read_pages(Memory(journal, {}), cut, Stripes())
        again = TrueReader()
        read_pages(Memory(journal, {}), again, Stripes())
    assert len(again.requests) == 5


def test_an_answer_comes_back_as_it_was(tmp_path: Path) -> None:
    attempts = (Attempt("first", "x", "repetition", 0.25, (3, 4)),)
    answer = dataclasses.replace(result("x\n"), attempts=attempts)
    with Journal(tmp_path / "journal") as journal:
        memory = Memory(journal, {})
        memory.keep_answer(key(1), answer)
        assert memory.answer(key(1)) == answer
        regions = Stripes().detect(painted(1, 3))
        memory.keep_regions(key(2), regions)
        assert memory.regions(key(2)) == regions


def test_a_key_is_that_of_picture_task_and_options(tmp_path: Path) -> None:
    """Who asks, and for how long, is none of it."""
    pixels = painted(1, 1)
    with Journal(tmp_path / "journal") as journal:
        memory = Memory(journal, {})
        plain = memory.answer_key(Request(pixels))
        assert plain == memory.answer_key(Request(pixels.copy(), tag="x", deadline=3.0))
        others = [
            memory.answer_key(Request(painted(1, 2))),
            memory.answer_key(Request(pixels.reshape(40, 12, 3))),
            memory.answer_key(Request(pixels, task="table")),
            memory.answer_key(Request(pixels, max_tokens=5)),
            memory.page_key(pixels),
            Memory(journal, {"model": 2}).answer_key(Request(pixels)),
        ]
    assert len({plain, *others}) == 7
