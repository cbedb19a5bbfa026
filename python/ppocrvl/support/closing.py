# SPDX-License-Identifier: Apache-2.0
"""What can be closed, and is at the end of a `with`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType


class Closing(ABC):
    """A context manager that gives itself and ends with `close`."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what it holds. A second time does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class AsyncClosing(ABC):
    """The same for `async with`, which ends with `aclose`."""

    @abstractmethod
    async def aclose(self) -> None:
        """Let go of what it holds. A second time does nothing."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()
