# SPDX-License-Identifier: Apache-2.0
"""Errors carry exit codes, and their document is fresh."""

from __future__ import annotations

import pickle
import runpy
from typing import TYPE_CHECKING, Any

import pytest

from ppocrvl import errors

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = "scripts/write_errors_doc.py"


@pytest.fixture
def script(project_root: Path) -> dict[str, Any]:
    return runpy.run_path(str(project_root / SCRIPT))


def test_document_is_fresh(script: dict[str, Any], project_root: Path) -> None:
    found = (project_root / "docs" / "errors.md").read_text(encoding="utf-8")
    assert found == script["markdown"](), f"run: python {SCRIPT}"


def test_every_error_says_what_it_means_and_has_a_code_of_failure(script: dict[str, Any]) -> None:
    classes = script["error_classes"]()
    assert len(classes) > 15
    for cls in classes:
        assert cls.exit_code != errors.ExitCode.OK
        assert cls.__doc__
        error = cls("what is wrong: where; what to do")
        assert str(error) == "what is wrong: where; what to do"
        assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 - our own bytes


@pytest.mark.parametrize(
    ("cls", "builtin"),
    [
        (errors.OptionError, ValueError),
        (errors.MissingExtraError, ImportError),
        (errors.ImageNotFoundError, FileNotFoundError),
        (errors.ModelNotFoundError, FileNotFoundError),
        (errors.OutputError, OSError),
    ],
)
def test_errors_are_caught_by_those_who_know_only_python(
    cls: type[Exception], builtin: type[Exception]
) -> None:
    assert issubclass(cls, builtin)
