# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl pull`, from a local server that plays the hub."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import importlib
import importlib.util
import io
import logging
import re
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

import ppocrvl
from ppocrvl.errors import ExitCode, MissingExtraError, OptionError
from ppocrvl.models import hub, pins

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Done, Program
    from tests.hub import Hub

    Pull = Callable[..., Done]

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("huggingface_hub") is None,
    reason='needs huggingface_hub: pip install ".[hub]"',
)

LLM, MMPROJ = "model-BF16.gguf", "mmproj-model-BF16.gguf"


REVISION = "0123456789abcdef0123456789abcdef01234567"

GIVES_UP = [0] * 5
"""Downloads without a byte, after one with some, until huggingface_hub tries no more."""


@pytest.fixture(autouse=True)
def _small_download(monkeypatch: pytest.MonkeyPatch) -> None:
    """huggingface_hub writes what came by 10 MB, and waits a second between its tries."""
    module = importlib.import_module("huggingface_hub.file_download")
    monkeypatch.setattr(module.constants, "DOWNLOAD_CHUNK_SIZE", 100_000)
    clock = SimpleNamespace(**{**vars(module.time), "sleep": lambda _: None})
    monkeypatch.setattr(module, "time", clock)


@pytest.fixture
def pull(ppocrvl_program: Program, served: Hub) -> Pull:
    """Runs `ppocrvl pull owner/model …` against the server."""

    def run(*arguments: object, **more: str) -> Done:
        return ppocrvl_program("pull", served.repo, *arguments, HF_ENDPOINT=served.url, **more)

    return run


def go_on(model: object) -> str:
    return f"ppocrvl: to read with it: ppocrvl ocr --model {model} IMAGE\n"


def assert_pulled(folder: Path, served: Hub) -> None:
    assert {path.name for path in folder.iterdir()} == {LLM, MMPROJ}
    for name in (LLM, MMPROJ):
        assert (folder / name).read_bytes() == served.files[name]


def test_pair_is_fetched_and_its_folder_printed(
    pull: Pull, served: Hub, environment: dict[str, str], ppocrvl_program: Program, picture: Path
) -> None:
    done = pull()
    assert done.returncode == ExitCode.OK, done.stderr
    folder = Path(done.stdout.removesuffix("\n"))
    assert folder == Path(environment["PPOCRVL_CACHE_DIR"], "models", "owner--model", REVISION)
    assert_pulled(folder, served)
    assert done.stderr == go_on(served.repo)  # and no progress where nobody watches
    read = ppocrvl_program("ocr", picture, "--model", served.repo, "--max-tokens", 2)
    assert read.returncode == ExitCode.OK, read.stderr


def test_pull_as_a_process_of_its_own(
    ppocrvl_process: Program, served: Hub, tmp_path: Path
) -> None:
    done = ppocrvl_process("pull", served.repo, "-o", tmp_path, HF_ENDPOINT=served.url)
    assert (done.returncode, done.stdout) == (0, f"{tmp_path}\n")
    assert done.stderr == go_on(tmp_path)


def test_second_pull_fetches_nothing(pull: Pull, served: Hub, tmp_path: Path) -> None:
    first = pull("-o", tmp_path / "here")
    assert len(served.ranges) == 2
    assert pull("-o", tmp_path / "here").stdout == first.stdout == f"{tmp_path / 'here'}\n"
    assert len(served.ranges) == 2


def test_broken_connection_is_taken_up_in_the_same_run(
    pull: Pull, served: Hub, tmp_path: Path
) -> None:
    served.breaks = [1_000_000]
    done = pull("-o", tmp_path / "here")
    assert done.returncode == ExitCode.OK, done.stderr
    assert served.ranges == [(LLM, None), (LLM, "bytes=1000000-"), (MMPROJ, None)]
    assert_pulled(tmp_path / "here", served)


def test_next_run_goes_on_where_the_last_one_ended(pull: Pull, served: Hub, tmp_path: Path) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    sha256 = hashlib.sha256(served.files[LLM]).hexdigest()
    (folder / f".{LLM}.{sha256[:16]}.part").write_bytes(served.files[LLM][:777_777])
    assert pull("-o", folder).returncode == ExitCode.OK
    assert served.ranges[0] == (LLM, "bytes=777777-")
    assert_pulled(folder, served)


def test_run_that_gives_up_leaves_what_it_has(pull: Pull, served: Hub, tmp_path: Path) -> None:
    served.breaks = [500_000, *GIVES_UP]
    done = pull("-o", tmp_path)
    assert done.returncode == ExitCode.HUB
    assert "a new try goes on where this one ended" in done.stderr
    assert [path.stat().st_size for path in tmp_path.iterdir()] == [500_000]
    served.ranges.clear()
    assert pull("-o", tmp_path).returncode == ExitCode.OK
    assert served.ranges[0] == (LLM, "bytes=500000-")
    assert_pulled(tmp_path, served)


def test_part_that_is_too_long_is_fetched_anew(pull: Pull, served: Hub, tmp_path: Path) -> None:
    sha256 = hashlib.sha256(served.files[LLM]).hexdigest()
    part = tmp_path / f".{LLM}.{sha256[:16]}.part"
    part.write_bytes(served.files[LLM] + b"too long")
    assert pull("-o", tmp_path).returncode == ExitCode.OK
    assert_pulled(tmp_path, served)


def test_wrong_hash_removes_the_file(pull: Pull, served: Hub, tmp_path: Path) -> None:
    served.stated_hash = "ab" * 32
    done = pull("-o", tmp_path / "here")
    assert done.returncode == ExitCode.HUB
    assert re.search(f"has SHA-256 [0-9a-f]{{64}}, not {'ab' * 32}; it was removed", done.stderr)
    assert done.stdout == ""
    assert list((tmp_path / "here").iterdir()) == []


def test_file_that_is_no_model_is_removed(pull: Pull, served: Hub, tmp_path: Path) -> None:
    served.files[MMPROJ] = served.files[LLM]
    done = pull("-o", tmp_path / "here")
    assert done.returncode == ExitCode.HUB
    assert f"{MMPROJ} of owner/model is no mmproj file" in done.stderr
    assert [path.name for path in (tmp_path / "here").iterdir()] == [LLM]


def test_damaged_gguf_is_removed(pull: Pull, served: Hub, tmp_path: Path) -> None:
    served.files[LLM] = b"GGUF but no more"
    done = pull("-o", tmp_path / "here")
    assert done.returncode == ExitCode.HUB
    assert "cannot be used, and was removed" in done.stderr


def test_files_of_the_users_own_stay(pull: Pull, pinned: Hub, tmp_path: Path) -> None:
    """Whatever has the name of a file of the model, online and offline."""
    pull("-o", tmp_path)
    own = tmp_path / MMPROJ
    own.write_bytes(b"my own")
    pinned.ranges.clear()
    offline = pull("-o", tmp_path, "--offline")
    assert offline.returncode == ExitCode.HUB
    assert "has SHA-256" in offline.stderr
    (tmp_path / LLM).unlink()
    online = pull("-o", tmp_path)
    assert online.returncode == ExitCode.OUTPUT
    assert f"{own} is there already, and is another file; move it away" in online.stderr
    assert pinned.ranges == []  # said before anything is fetched
    assert [path.name for path in tmp_path.iterdir()] == [MMPROJ]
    assert own.read_bytes() == b"my own"


def test_right_file_that_is_no_model_stays(pull: Pull, served: Hub, tmp_path: Path) -> None:
    served.files[MMPROJ] = served.files[LLM]
    own = tmp_path / MMPROJ
    own.write_bytes(served.files[MMPROJ])
    done = pull("-o", tmp_path)
    assert done.returncode == ExitCode.HUB
    assert f"{own} is no mmproj file of this model\n" in done.stderr
    assert own.read_bytes() == served.files[MMPROJ]


def test_line_to_go_on_with_names_the_folder_of_one_of_several(pull: Pull, served: Hub) -> None:
    pull()
    served.commit = "fedcba9876543210fedcba9876543210fedcba98"
    done = pull()
    assert done.stderr == go_on(done.stdout.removesuffix("\n"))


def test_pull_is_public(
    served: Hub, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", served.url)
    monkeypatch.setenv("PPOCRVL_CACHE_DIR", environment["PPOCRVL_CACHE_DIR"])
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    assert_pulled(ppocrvl.pull(served.repo), served)


def test_bar_on_a_terminal(served: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("HF_ENDPOINT", served.url)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    # transformers in another test of this process turns them off.
    importlib.import_module("huggingface_hub.utils").enable_progress_bars()
    ppocrvl.pull(served.repo, folder=tmp_path)
    assert re.search(rf"\r{MMPROJ}: 100%", terminal.getvalue())


def test_damaged_file_in_the_cache_is_replaced(pull: Pull, served: Hub) -> None:
    folder = Path(pull().stdout.removesuffix("\n"))
    (folder / LLM).write_bytes(b"damaged")
    assert pull().returncode == ExitCode.OK
    assert_pulled(folder, served)


def test_hub_that_states_no_hashes(pull: Pull, served: Hub, tmp_path: Path) -> None:
    served.states_hashes = False
    for _ in range(2):
        assert pull("-o", tmp_path).returncode == ExitCode.OK
        assert_pulled(tmp_path, served)
    (tmp_path / LLM).write_bytes(b"my own")
    done = pull("-o", tmp_path)
    assert done.returncode == ExitCode.OUTPUT
    assert (tmp_path / LLM).read_bytes() == b"my own"
    (tmp_path / LLM).rename(tmp_path / "my-own")
    served.ranges.clear()
    assert pull("-o", tmp_path).returncode == ExitCode.OK
    assert (LLM, None) not in served.ranges  # what was fetched is not lost
    assert (tmp_path / LLM).read_bytes() == served.files[LLM]


def test_part_of_another_commit_is_not_taken_up(pull: Pull, served: Hub, tmp_path: Path) -> None:
    served.states_hashes = False
    served.breaks = [500_000, *GIVES_UP]
    assert pull("-o", tmp_path).returncode == ExitCode.HUB
    served.commit = "fedcba9876543210fedcba9876543210fedcba98"
    data = served.files[LLM]
    served.files[LLM] = data[:-1] + bytes([data[-1] ^ 1])
    served.ranges.clear()
    assert pull("-o", tmp_path).returncode == ExitCode.OK
    assert served.ranges[0] == (LLM, None)
    assert (tmp_path / LLM).read_bytes() == served.files[LLM]


def test_two_pulls_at_once_fetch_each_file_once(
    served: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one's server stands still until the second one has met the lock."""
    constants = importlib.import_module("huggingface_hub.constants")
    log = logging.getLogger("huggingface_hub.utils._fixes")
    begun, waits = threading.Event(), threading.Event()

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "Still waiting to acquire lock" in record.getMessage():
                waits.set()

    def half_sent(_: str) -> None:
        begun.set()
        waits.wait(60)

    def pull() -> Path:
        return ppocrvl.pull(served.repo, folder=tmp_path)

    served.half_sent = half_sent
    monkeypatch.setenv("HF_ENDPOINT", served.url)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(constants, "FILELOCK_LOG_EVERY_SECONDS", 0.05)
    monkeypatch.setattr(log, "level", logging.INFO)
    log.addHandler(listener := Listener())
    try:
        first = threading.Thread(target=pull)
        first.start()
        assert begun.wait(60)
        assert pull() == tmp_path
        first.join()
    finally:
        log.removeHandler(listener)
    assert waits.is_set()
    assert sorted(served.ranges, key=str) == [(MMPROJ, None), (LLM, None)]
    assert_pulled(tmp_path, served)


def test_file_system_without_locks(
    pull: Pull, served: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", flock)
    folder = tmp_path / "here"
    assert pull("-o", folder).returncode == ExitCode.OK
    assert_pulled(folder, served)


def test_folder_that_is_a_file(pull: Pull, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    for folder in (path, path / "below"):
        done = pull("-o", folder)
        assert done.returncode == ExitCode.OUTPUT
        assert done.stderr.startswith(f"ppocrvl: error: cannot write {folder / LLM}: ")


@pytest.mark.parametrize("commit", ["../../../../elsewhere", "", ".."])
def test_commit_that_is_no_name(pull: Pull, served: Hub, commit: str) -> None:
    served.commit = commit
    done = pull()
    assert done.returncode == ExitCode.HUB
    assert f"is at commit {commit!r}, which is none" in done.stderr


def test_want_of_memory_is_no_failed_download(
    pull: Pull, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(hub, "_receive", fail)
    done = pull("-o", tmp_path)
    assert done.returncode == ExitCode.ENGINE
    assert "out of memory" in done.stderr


def test_missing_repository(ppocrvl_program: Program, served: Hub) -> None:
    done = ppocrvl_program("pull", "owner/other", HF_ENDPOINT=served.url)
    assert done.returncode == ExitCode.HUB
    assert done.stderr.startswith("ppocrvl: error: cannot fetch owner/other (RepositoryNotFound")
    assert done.stderr.count("\n") == 1


def test_nobody_answers(ppocrvl_program: Program) -> None:
    done = ppocrvl_program("pull", "owner/model", HF_ENDPOINT="http://127.0.0.1:9")
    assert done.returncode == ExitCode.HUB
    assert "check the name, the connection" in done.stderr


def test_repository_of_several_models(pull: Pull, served: Hub, tmp_path: Path) -> None:
    served.files["model-Q8_0.gguf"] = served.files[LLM]
    done = pull()
    assert done.returncode == ExitCode.HUB
    assert f"there are 2 ({LLM}, model-Q8_0.gguf); name it by llm" in done.stderr
    assert pull("--llm-file", "*Q4*").returncode == ExitCode.HUB
    assert pull("-o", tmp_path, "--llm-file", "*Q8_0*").stdout == f"{tmp_path}\n"
    # a second one in the same folder: then the folder alone does not name a model
    assert pull("-o", tmp_path, "--llm-file", "*BF16*").stdout == f"{tmp_path / LLM}\n"


def test_names_from_the_hub_stay_in_the_folder(pull: Pull, served: Hub, tmp_path: Path) -> None:
    served.files["../../" + MMPROJ] = served.files.pop(MMPROJ)
    pull("-o", tmp_path / "a" / "b")
    assert not (tmp_path / MMPROJ).exists()


def test_offline_with_and_without_cache(pull: Pull, served: Hub) -> None:
    for options in ({"arguments": ("--offline",)}, {"HF_HUB_OFFLINE": "1"}):
        arguments = options.pop("arguments", ())
        done = pull(*arguments, **options)
        assert done.returncode == ExitCode.HUB
        assert "offline, and the cache has nothing of owner/model" in done.stderr
    online = pull()
    asked = len(served.ranges)
    assert pull("--offline").stdout == online.stdout
    assert pull("--offline", "--revision", REVISION).stdout == online.stdout
    assert pull(HF_HUB_OFFLINE="1").stdout == online.stdout
    assert len(served.ranges) == asked
    other = pull("--offline", "--revision", "v2")
    assert f"the cache has {REVISION} of owner/model where v2 is wanted" in other.stderr


def test_offline_with_half_a_model(pull: Pull, tmp_path: Path) -> None:
    pull("-o", tmp_path)
    (tmp_path / MMPROJ).unlink()
    done = pull("-o", tmp_path, "--offline")
    assert done.returncode == ExitCode.HUB
    assert "was not pulled completely" in done.stderr


@pytest.fixture
def pinned(served: Hub, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """The served model as one that ppocrvl knows byte by byte."""
    llm, mmproj = (
        pins.PinnedFile(
            name, len(served.files[name]), hashlib.sha256(served.files[name]).hexdigest()
        )
        for name in (LLM, MMPROJ)
    )
    monkeypatch.setitem(pins.PINS, served.repo, pins.Pin(REVISION, llm, mmproj))
    return served


def test_pinned_hash_is_what_counts(pull: Pull, pinned: Hub, tmp_path: Path) -> None:
    pinned.stated_hash = "ab" * 32  # not even asked
    assert pull("-o", tmp_path / "good").returncode == ExitCode.OK
    pinned.files[LLM] = pinned.files[LLM][:-1] + b"!"
    bad = pull("-o", tmp_path / "bad")
    assert bad.returncode == ExitCode.HUB
    assert "it was removed" in bad.stderr


def test_pinned_hash_is_checked_offline(pull: Pull, pinned: Hub, tmp_path: Path) -> None:
    pull("-o", tmp_path)
    assert pull("-o", tmp_path, "--offline").stdout == f"{tmp_path}\n"
    (tmp_path / LLM).write_bytes(pinned.files[LLM] + b"!")
    assert "has SHA-256" in pull("-o", tmp_path, "--offline").stderr


def test_disk_that_cannot_be_written(
    pull: Pull, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(hub, "_receive", full)
    done = pull("-o", tmp_path)
    assert done.returncode == ExitCode.OUTPUT
    assert re.search(r"cannot write .*: No space left", done.stderr)


def test_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with pytest.raises(MissingExtraError, match=r'pip install "ppocrvl\[hub\]"'):
        ppocrvl.pull("owner/model")


@pytest.mark.parametrize("repo", ["", "model", "a/b/c", "../x", "owner/../x", "https://hub/x"])
def test_name_that_is_no_repository(repo: str) -> None:
    with pytest.raises(OptionError, match="OWNER/NAME"):
        ppocrvl.pull(repo)


def test_official_pair_is_pinned() -> None:
    pin = pins.PINS["PaddlePaddle/PaddleOCR-VL-1.6-GGUF"]
    assert re.fullmatch("[0-9a-f]{40}", pin.revision)
    assert (pin.llm.size, pin.mmproj.size) == (935_769_056, 881_770_560)
    for file in (pin.llm, pin.mmproj):
        assert re.fullmatch("[0-9a-f]{64}", file.sha256)
