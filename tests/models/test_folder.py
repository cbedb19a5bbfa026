# SPDX-License-Identifier: Apache-2.0
"""Which two files are the model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from gguf import GGUFWriter

from ppocrvl.errors import (
    ModelAmbiguousError,
    ModelFormatError,
    ModelNotFoundError,
    OptionError,
)
from ppocrvl.models import folder as model_folder
from ppocrvl.models.folder import ModelPaths, find_layout, find_model
from ppocrvl.models.pins import LAYOUT_CHECKPOINTS, PINS

if TYPE_CHECKING:
    from collections.abc import Iterator

LLM, MMPROJ, LAYOUT = "paddleocr", "clip", "ppdoclayout"


def write_header(path: Path, architecture: str) -> Path:
    """A GGUF file with nothing but its architecture."""
    writer = GGUFWriter(path, architecture)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model folder whose names say the wrong thing."""
    write_header(tmp_path / "mmproj-but-no.gguf", LLM)
    write_header(tmp_path / "B.GGUF", MMPROJ)
    (tmp_path / "README.md").write_text("no model")
    return tmp_path


@pytest.fixture(autouse=True)
def _no_model_named(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(model_folder.MODEL_VARIABLE, raising=False)
    yield
    model_folder._role.cache_clear()


def test_folder_is_sorted_by_headers_not_names(folder: Path) -> None:
    assert find_model(folder) == ModelPaths(folder / "mmproj-but-no.gguf", folder / "B.GGUF")


def test_llm_file_finds_its_neighbour(folder: Path) -> None:
    paths = find_model(folder / "mmproj-but-no.gguf")
    assert paths.mmproj == folder / "B.GGUF"


def test_both_files_are_taken_as_given(tmp_path: Path) -> None:
    """Whether they are what they should be is for the engine to say."""
    first, second = write_header(tmp_path / "a.gguf", LLM), write_header(tmp_path / "b.gguf", LLM)
    assert find_model(first, second) == ModelPaths(first, second)


def test_folder_with_the_encoder_elsewhere(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = write_header(tmp_path_factory.mktemp("other") / "v.gguf", MMPROJ)
    assert find_model(folder, other).mmproj == other


def test_environment_names_the_model(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PPOCRVL_MODEL", str(folder))
    assert find_model().llm == folder / "mmproj-but-no.gguf"
    assert not find_model().built_in


def test_empty_environment_means_the_built_in_model(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_folder, "BUILT_IN_FOLDER", folder)
    monkeypatch.setenv("PPOCRVL_MODEL", "")
    assert find_model() == ModelPaths(
        folder / "mmproj-but-no.gguf", folder / "B.GGUF", built_in=True
    )


def test_relative_path_and_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    assert find_model(folder.name).llm.is_absolute()
    monkeypatch.setenv("HOME", str(folder.parent))
    assert find_model(f"~/{folder.name}") == find_model(folder)


def test_changed_file_is_looked_at_again(folder: Path) -> None:
    find_model(folder)
    write_header(folder / "B.GGUF", "llama-bert")
    with pytest.raises(ModelNotFoundError, match="mmproj"):
        find_model(folder)


@pytest.mark.parametrize(
    ("extra", "architecture", "message"),
    [("c.gguf", LLM, "model="), ("c.gguf", MMPROJ, "mmproj=")],
)
def test_several_candidates_are_listed(
    folder: Path, extra: str, architecture: str, message: str
) -> None:
    write_header(folder / extra, architecture)
    with pytest.raises(
        ModelAmbiguousError, match=rf"holds 2 files.*c\.gguf.*name one with {message}"
    ):
        find_model(folder)


@pytest.mark.parametrize("missing", ["mmproj-but-no.gguf", "B.GGUF"])
def test_folder_that_lacks_a_file(folder: Path, missing: str) -> None:
    (folder / missing).unlink()
    write_header(folder / "other.gguf", "llama")
    with pytest.raises(ModelNotFoundError, match="holds no GGUF file of a"):
        find_model(folder)


def test_damaged_file_is_named_when_it_is_missed(folder: Path) -> None:
    (folder / "B.GGUF").write_bytes(b"GGUF\x03\0\0\0")
    with pytest.raises(ModelFormatError, match=r"B\.GGUF"):
        find_model(folder)


def test_damaged_file_does_not_matter_when_it_is_not_missed(folder: Path) -> None:
    (folder / "broken.gguf").write_bytes(b"nonsense")
    assert find_model(folder).mmproj == folder / "B.GGUF"


def test_missing_paths_say_how_to_fetch(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"no such file or folder.*ppocrvl pull"):
        find_model("PaddlePaddle/PaddleOCR-VL-1.6-GGUF")
    with pytest.raises(ModelNotFoundError, match="cannot open the mmproj"):
        find_model(folder, tmp_path / "nowhere.gguf")
    with pytest.raises(ModelNotFoundError, match="is a folder"):
        find_model(folder, folder)
    with pytest.raises(ModelNotFoundError, match="cannot open the model"):
        find_model("bad\0name")


def test_pulled_model_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PPOCRVL_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    revisions = tmp_path / "cache" / "models" / "owner--name"

    def pulled(folder: Path) -> ModelPaths:
        folder.mkdir(parents=True)
        return ModelPaths(
            write_header(folder / "a.gguf", LLM), write_header(folder / "b.gguf", MMPROJ)
        )

    with pytest.raises(ModelNotFoundError, match="`ppocrvl pull owner/name` fetches it"):
        find_model("owner/name")
    first = pulled(revisions / "1")
    assert find_model("owner/name") == first
    pulled(revisions / "2")
    with pytest.raises(ModelAmbiguousError, match=r"2 revisions.*owner--name/1, .*owner--name/2"):
        find_model("owner/name")
    pin = PINS["PaddlePaddle/PaddleOCR-VL-1.6-GGUF"]
    monkeypatch.setitem(PINS, "owner/name", replace(pin, revision="2"))
    assert find_model("owner/name").llm == revisions / "2" / "a.gguf"
    local = pulled(tmp_path / "owner" / "name")
    assert find_model("owner/name") == local


def test_folder_may_hold_a_layout_model_too(folder: Path) -> None:
    pair = find_model(folder)
    with pytest.raises(ModelNotFoundError, match=r"no GGUF file of a layout model; `ppocrvl pull "):
        find_layout(folder)
    file = write_header(folder / "page.gguf", LAYOUT)
    assert find_model(folder) == pair
    assert find_layout(folder) == find_layout(pair.llm) == file
    write_header(folder / "page2.gguf", LAYOUT)
    assert find_model(folder) == pair
    with pytest.raises(
        ModelAmbiguousError, match=r"page\.gguf, page2\.gguf; name one with layout="
    ):
        find_layout(folder)


def test_layout_model_of_its_own(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path_factory.mktemp("other")
    file = write_header(other / "page.gguf", LAYOUT)
    assert find_layout(folder, other) == find_layout(folder, file) == file
    assert find_layout(folder, "none") is None
    assert find_layout("no such model", "none") is None
    with pytest.raises(ModelNotFoundError, match="cannot open the layout model"):
        find_layout(folder, other / "nowhere.gguf")
    with pytest.raises(OptionError, match="empty path"):
        find_layout(folder, "")
    monkeypatch.setenv("PPOCRVL_MODEL", str(other))
    assert find_layout() == file
    monkeypatch.setenv("PPOCRVL_MODEL", "")
    monkeypatch.setattr(model_folder, "BUILT_IN_FOLDER", other)
    assert find_layout() == file


def test_pulled_layout_model_is_found_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PPOCRVL_CACHE_DIR", str(tmp_path))
    repo = "PaddlePaddle/PP-DocLayoutV3_safetensors"
    with pytest.raises(ModelNotFoundError, match=f"`ppocrvl pull {repo}` fetches it"):
        find_layout(layout=repo)
    revisions = tmp_path / "models" / repo.replace("/", "--")
    for revision in ("1", LAYOUT_CHECKPOINTS[repo].revision):
        (revisions / revision).mkdir(parents=True)
        file = write_header(revisions / revision / "page.gguf", LAYOUT)
    assert find_layout(layout=repo) == file  # the pinned one


def test_folder_that_cannot_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may read every folder, so the refusal is the system's in name only."""

    def refuse(path: Path) -> Iterator[Path]:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(
        ModelNotFoundError, match=r"cannot read the model folder.*Permission denied"
    ):
        find_model(folder)


def test_link_to_nowhere_and_folder_do_not_count(folder: Path) -> None:
    (folder / "link.gguf").symlink_to("nowhere.gguf")
    (folder / "folder.gguf").mkdir()
    assert find_model(folder).mmproj == folder / "B.GGUF"


def test_options_that_cannot_work(folder: Path) -> None:
    with pytest.raises(OptionError, match="mmproj is given without model"):
        find_model(None, folder / "B.GGUF")
    with pytest.raises(OptionError, match="empty path"):
        find_model("")


def test_incomplete_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_folder, "BUILT_IN_FOLDER", tmp_path / "models")
    with pytest.raises(ModelNotFoundError, match="reinstall ppocrvl"):
        find_model()
