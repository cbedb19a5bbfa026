# SPDX-License-Identifier: Apache-2.0
"""How large a picture may be, from one table."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from ppocrvl.errors import OptionError
from ppocrvl.exporter.version import ModelVersion
from ppocrvl.requests.pixel_limits import (
    LATEST_VERSION,
    MAX_REQUEST_PIXELS,
    STORED_LIMITS,
    limits_by_task,
    limits_for,
)
from ppocrvl.requests.tasks import TASKS

if TYPE_CHECKING:
    from pathlib import Path

OFFICIAL = re.compile(r"112_?896|147_?384|1_?003_?520|2_?822_?400|1_?605_?632")


def test_no_other_file_of_the_package_knows_the_official_numbers(project_root: Path) -> None:
    package = project_root / "python" / "ppocrvl"
    files = [path for path in package.rglob("*.py") if OFFICIAL.search(path.read_text("utf-8"))]
    assert [str(path.relative_to(package)) for path in files] == ["requests/pixel_limits.py"]


def test_every_version_has_limits() -> None:
    assert list(STORED_LIMITS) == [version.value for version in ModelVersion]
    assert list(STORED_LIMITS)[-1] == LATEST_VERSION


@pytest.mark.parametrize("version", STORED_LIMITS)
def test_official_models_are_read_as_the_pipeline_does(version: str) -> None:
    limits = limits_by_task(STORED_LIMITS[version])
    assert list(limits) == list(TASKS)
    assert limits.pop("spotting") == (112_896, 1_605_632)
    assert set(limits.values()) == {(112_896, 1_003_520)}


def test_other_models_are_read_as_they_state() -> None:
    assert limits_by_task((784, 78_400))["ocr"] == (784, 78_400)
    assert limits_by_task((784, 78_400))["spotting"] == (784, 125_440)


def test_limits_of_a_request() -> None:
    ocr, spotting = TASKS["ocr"], TASKS["spotting"]
    stated = {"": (784, 78_400), "spotting": (784, 125_440)}
    assert limits_for(ocr, stated) == (784, 78_400)
    assert limits_for(spotting, stated) == (784, 125_440)
    assert limits_for(ocr, stated, 1568, 2**31) == (1568, MAX_REQUEST_PIXELS)
    assert limits_for(ocr, {"": (1, 2**40)}) == (1, MAX_REQUEST_PIXELS)
    assert limits_for(spotting, {}) == (112_896, 1_605_632)  # nothing is known of the model
    with pytest.raises(OptionError, match="min_pixels 80000 is above max_pixels 78400"):
        limits_for(ocr, stated, 80_000)
