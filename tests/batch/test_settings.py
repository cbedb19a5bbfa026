# SPDX-License-Identifier: Apache-2.0
"""What a run is told of its models, and why a machine cannot take part."""

from __future__ import annotations

import pickle
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest
from tests.batch.corpora import settings_for

from ppocrvl.batch.settings import Models, node_trouble
from ppocrvl.errors import ModelMismatchError, ModelNotFoundError
from ppocrvl.models.folder import BUILT_IN_FOLDER
from ppocrvl.parsing.parse_options import ParseOptions


def test_models_are_found_and_found_again() -> None:
    found = Models.find(BUILT_IN_FOLDER)
    assert len(found.hashes) == 3
    assert found.here() == found
    assert len(Models.find(BUILT_IN_FOLDER, layout="none").hashes) == 2
    assert Models.find(BUILT_IN_FOLDER, layout="none").here().layout is None


def test_built_in_models_may_lie_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PPOCRVL_MODEL", raising=False)
    found = Models.find()
    assert found.built_in
    moved = replace(found, llm=Path("/another/python/llm.gguf"), mmproj=Path("/another/x.gguf"))
    assert moved.here() == found


def test_a_machine_without_the_files(tmp_path: Path) -> None:
    gone = replace(Models.find(BUILT_IN_FOLDER), llm=tmp_path / "llm.gguf")
    with pytest.raises(ModelNotFoundError):
        gone.here()
    trouble = node_trouble(gone, version("ppocrvl"))
    assert trouble is not None
    assert trouble.startswith(f"cannot open the model '{tmp_path}/llm.gguf'")


def test_a_machine_with_other_files() -> None:
    other = replace(Models.find(BUILT_IN_FOLDER), hashes=("0", "1", "2"))
    with pytest.raises(ModelMismatchError, match="holds other model files than the machine where"):
        other.here()


def test_a_machine_with_another_version() -> None:
    trouble = node_trouble(Models.find(BUILT_IN_FOLDER), "0.0.7")
    assert trouble == f"has ppocrvl {version('ppocrvl')}, and not 0.0.7; install the same"
    assert node_trouble(Models.find(BUILT_IN_FOLDER), version("ppocrvl")) is None


def test_settings_go_to_other_processes(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, options=ParseOptions(request={"max_tokens": 5}))
    again = pickle.loads(pickle.dumps(settings))  # noqa: S301 - our own
    assert again == settings
    assert again.reading_key == settings.reading_key
    assert "password" not in settings.reading["options"]
