# SPDX-License-Identifier: Apache-2.0
"""Each C++ error kind arrives as its Python class, with its message."""

from __future__ import annotations

import pytest

from ppocrvl import errors
from ppocrvl.support.native import _native

KINDS = {
    "option": errors.OptionError,
    "image": errors.ImageError,
    "model_format": errors.ModelFormatError,
    "model_mismatch": errors.ModelMismatchError,
    "context": errors.ContextError,
    "engine": errors.EngineError,
    "cancelled": errors.CancelledError,
}


@pytest.mark.parametrize("kind", KINDS)
def test_kind_becomes_its_class(kind: str) -> None:
    with pytest.raises(errors.PpocrvlError) as caught:
        _native._test.throw_error(kind, "straße: no such thing; do this")
    assert type(caught.value) is KINDS[kind]
    assert str(caught.value) == "straße: no such thing; do this"


def test_want_of_memory_is_an_engine_error() -> None:
    with pytest.raises(errors.EngineError, match="not enough memory"):
        _native._test.throw_error("bad_alloc", "")
