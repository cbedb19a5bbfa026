# SPDX-License-Identifier: Apache-2.0
"""A server of others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.client.stub import Stub

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def stub() -> Iterator[Stub]:
    running = Stub()
    yield running
    running.close()
