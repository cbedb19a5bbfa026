# SPDX-License-Identifier: Apache-2.0
"""The one-call functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ppocrvl import api

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_built_in_model_is_named_once(
    samples: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("PPOCRVL_MODEL", raising=False)
    monkeypatch.setattr(api, "_last", api._LastEngine())
    for _ in range(2):
        api.ocr(samples / "hello.png")
    notes = [one for one in caplog.records if "built-in model" in one.getMessage()]
    assert [one.levelname for one in notes] == ["WARNING"]
