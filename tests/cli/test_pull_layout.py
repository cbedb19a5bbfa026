# SPDX-License-Identifier: Apache-2.0
"""`ppocrvl pull` of a layout model, alone and with the model that it goes with."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.hub import REVISION, Hub, serve_hub

from ppocrvl.errors import ExitCode
from ppocrvl.exporter import export_layout
from ppocrvl.exporter.layout.synthetic import write_synthetic_layout
from ppocrvl.models import pins
from ppocrvl.models.folder import find_layout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cli.conftest import Done, Program

    Pull = Callable[..., Done]

pytest.importorskip("huggingface_hub", reason='needs huggingface_hub: pip install ".[hub]"')

WEIGHTS = "model.safetensors"
NAME = "Page-Layout"
LAYOUT_REPO = f"owner/{NAME}_safetensors"
CONFIGURATIONS = {"config.json", "preprocessor_config.json"}
FILE = f"{NAME}-F32.gguf"
PAIR = {"model-BF16.gguf", "mmproj-model-BF16.gguf"}


def pinned(data: bytes, name: str) -> pins.PinnedFile:
    return pins.PinnedFile(name, len(data), hashlib.sha256(data).hexdigest())


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint") / NAME
    write_synthetic_layout(folder, image_size=160)
    return folder


@pytest.fixture(scope="module")
def exported(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What the checkpoint is exported to."""
    folder = tmp_path_factory.mktemp("exported")
    path = export_layout(checkpoint, folder, revision=REVISION)
    assert path.name == FILE
    return path.read_bytes()


@pytest.fixture
def hubs(
    served: Hub, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Hub, Hub]]:
    """A pair that is known with its layout model, and that model's checkpoint."""
    layout = Hub(
        {**{path.name: path.read_bytes() for path in checkpoint.iterdir()}, "README.md": b"hello"},
        LAYOUT_REPO,
    )
    llm, mmproj = (pinned(served.files[name], name) for name in sorted(PAIR, reverse=True))
    monkeypatch.setitem(pins.PINS, served.repo, pins.Pin(REVISION, llm, mmproj, LAYOUT_REPO))
    pin = pins.CheckpointPin(REVISION, pinned(layout.files[WEIGHTS], WEIGHTS))
    monkeypatch.setitem(pins.LAYOUT_CHECKPOINTS, LAYOUT_REPO, pin)
    server = serve_hub(served, layout)
    yield served, layout
    server.shutdown()
    server.server_close()


@pytest.fixture
def pull(ppocrvl_program: Program, hubs: tuple[Hub, Hub]) -> Pull:
    def run(repo: str, *arguments: object, **more: str) -> Done:
        return ppocrvl_program("pull", repo, *arguments, HF_ENDPOINT=hubs[1].url, **more)

    return run


@pytest.fixture
def cache(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the layout model at its revision."""
    root = environment["PPOCRVL_CACHE_DIR"]
    monkeypatch.setenv("PPOCRVL_CACHE_DIR", root)
    return Path(root, "models", LAYOUT_REPO.replace("/", "--"), REVISION)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_alone_it_is_fetched_and_exported(
    pull: Pull, hubs: tuple[Hub, Hub], cache: Path, exported: bytes
) -> None:
    done = pull(LAYOUT_REPO)
    assert done.returncode == ExitCode.OK, done.stderr
    assert done.stdout == f"{cache / FILE}\n"
    assert done.stderr == (
        f"ppocrvl: to find regions with it: ppocrvl layout --layout {LAYOUT_REPO} IMAGE\n"
    )
    assert names(cache) == {FILE, NAME}
    assert names(cache / NAME) == {WEIGHTS, *CONFIGURATIONS, "README.md"}
    assert (cache / FILE).read_bytes() == exported
    assert find_layout(layout=LAYOUT_REPO) == cache / FILE
    asked = len(hubs[1].ranges)
    assert pull(LAYOUT_REPO).stdout == done.stdout
    assert pull(LAYOUT_REPO, "--offline").stdout == done.stdout
    assert len(hubs[1].ranges) == asked


def test_model_brings_its_layout_model(
    pull: Pull, hubs: tuple[Hub, Hub], cache: Path, ppocrvl_program: Program, picture: Path
) -> None:
    done = pull(hubs[0].repo)
    assert done.returncode == ExitCode.OK, done.stderr
    folder = Path(done.stdout.removesuffix("\n"))
    assert names(folder) == {*PAIR, FILE}
    assert find_layout(hubs[0].repo) == find_layout(folder) == folder / FILE
    read = ppocrvl_program("ocr", picture, "--model", hubs[0].repo, "--max-tokens", 2)
    assert read.returncode == ExitCode.OK, read.stderr
    report = ppocrvl_program("doctor").stdout
    # The built-in one's and this; the checkpoint's folder has no file of its own.
    assert report.count("\n  layout") == 2
    assert str(folder / FILE) in report
    assert (cache / NAME / WEIGHTS).is_file()


def test_doctor_shows_a_layout_model_that_was_pulled_alone(
    pull: Pull, cache: Path, ppocrvl_program: Program
) -> None:
    pull(LAYOUT_REPO)
    report = ppocrvl_program("doctor").stdout
    assert str(cache / FILE) in report
    assert "\n  error" not in report


def test_model_without_its_layout_model(
    pull: Pull, hubs: tuple[Hub, Hub], cache: Path, tmp_path: Path
) -> None:
    assert pull(hubs[0].repo, "-o", tmp_path / "here", "--no-layout").returncode == ExitCode.OK
    assert names(tmp_path / "here") == PAIR
    assert hubs[1].ranges == []
    assert not cache.exists()


def test_broken_download_of_the_weights_is_taken_up(
    pull: Pull, hubs: tuple[Hub, Hub], cache: Path, exported: bytes
) -> None:
    data = hubs[1].files[WEIGHTS]
    (cache / NAME).mkdir(parents=True)
    sha256 = hashlib.sha256(data).hexdigest()
    (cache / NAME / f".{WEIGHTS}.{sha256[:16]}.part").write_bytes(data[:77_777])
    assert pull(LAYOUT_REPO).returncode == ExitCode.OK
    assert (WEIGHTS, "bytes=77777-") in hubs[1].ranges
    assert (cache / FILE).read_bytes() == exported


def test_wrong_weights_are_removed(pull: Pull, hubs: tuple[Hub, Hub], cache: Path) -> None:
    hubs[1].files[WEIGHTS] = hubs[1].files[WEIGHTS][:-1] + b"!"
    done = pull(LAYOUT_REPO)
    assert done.returncode == ExitCode.HUB
    assert "it was removed, pull it again" in done.stderr
    assert names(cache / NAME) == {*CONFIGURATIONS, "README.md"}


def test_checkpoint_that_cannot_be_exported(pull: Pull, hubs: tuple[Hub, Hub], cache: Path) -> None:
    hubs[1].files["config.json"] = b"{}"
    done = pull(LAYOUT_REPO)
    assert done.returncode == ExitCode.CHECKPOINT
    assert FILE not in names(cache)


def test_repository_without_the_weights(pull: Pull, hubs: tuple[Hub, Hub]) -> None:
    del hubs[1].files["preprocessor_config.json"]
    done = pull(LAYOUT_REPO)
    assert done.returncode == ExitCode.HUB
    assert "has no preprocessor_config.json" in done.stderr


def test_damaged_export_in_the_cache_is_made_again(
    pull: Pull, cache: Path, exported: bytes
) -> None:
    pull(LAYOUT_REPO)
    (cache / FILE).write_bytes(exported[:-1000])
    assert pull(LAYOUT_REPO).returncode == ExitCode.OK
    assert (cache / FILE).read_bytes() == exported


def test_files_of_the_users_own_stay(
    pull: Pull, hubs: tuple[Hub, Hub], tmp_path: Path, exported: bytes
) -> None:
    own = tmp_path / "here" / FILE
    assert pull(LAYOUT_REPO, "-o", own.parent).stdout == f"{own}\n"
    assert own.read_bytes() == exported
    own.write_bytes(b"my own")
    asked = len(hubs[1].ranges)
    for repo in (LAYOUT_REPO, hubs[0].repo):
        done = pull(repo, "-o", own.parent)
        assert done.returncode == ExitCode.OUTPUT
        assert f"{own} is there already, and is another file; move it away" in done.stderr
    assert len(hubs[1].ranges) == asked
    assert own.read_bytes() == b"my own"


def test_another_revision(pull: Pull, hubs: tuple[Hub, Hub], cache: Path) -> None:
    hubs[1].commit = "fedcba9876543210fedcba9876543210fedcba98"
    done = pull(LAYOUT_REPO, "--revision", "main")
    assert done.returncode == ExitCode.OK, done.stderr
    path = cache.with_name(hubs[1].commit) / FILE
    assert done.stdout == f"{path}\n"
    again = pull(LAYOUT_REPO, "--revision", hubs[1].commit, "--offline")
    assert again.stdout == done.stdout


def test_offline(pull: Pull, hubs: tuple[Hub, Hub], cache: Path, exported: bytes) -> None:
    done = pull(LAYOUT_REPO, "--offline")
    assert done.returncode == ExitCode.HUB
    assert f"offline, and the cache has nothing of {LAYOUT_REPO}" in done.stderr
    pull(hubs[0].repo, "--no-layout")
    done = pull(hubs[0].repo, HF_HUB_OFFLINE="1")
    assert done.returncode == ExitCode.HUB
    assert "is the layout model of owner/model, which layout=False (--no-layout)" in done.stderr
    assert pull(hubs[0].repo, "--no-layout", "--offline").returncode == ExitCode.OK
    pull(LAYOUT_REPO)
    (cache / FILE).unlink()
    assert pull(LAYOUT_REPO, "--offline").returncode == ExitCode.OK
    assert (cache / FILE).read_bytes() == exported
    (cache / FILE).unlink()
    (cache / NAME / "config.json").unlink()
    done = pull(LAYOUT_REPO, "--offline")
    assert f"was not pulled completely: no {cache / NAME / 'config.json'}" in done.stderr
    (cache / NAME / WEIGHTS).write_bytes(b"!")
    assert "has SHA-256" in pull(LAYOUT_REPO, "--offline").stderr


@pytest.mark.parametrize("option", [("--no-layout",), ("--llm-file", "*"), ("--mmproj-file", "*")])
def test_option_that_cannot_apply(pull: Pull, option: tuple[str, ...]) -> None:
    done = pull(LAYOUT_REPO, *option)
    assert done.returncode == ExitCode.USAGE
    assert f"cannot apply: {LAYOUT_REPO} is a layout model" in done.stderr


def test_official_layout_is_pinned() -> None:
    repo = pins.PINS["PaddlePaddle/PaddleOCR-VL-1.6-GGUF"].layout
    assert repo == "PaddlePaddle/PP-DocLayoutV3_safetensors"
    pin = pins.LAYOUT_CHECKPOINTS[repo]
    assert re.fullmatch("[0-9a-f]{40}", pin.revision)
    assert pin.weights == replace(pin.weights, name=WEIGHTS, size=133_270_468)
    assert re.fullmatch("[0-9a-f]{64}", pin.weights.sha256)
