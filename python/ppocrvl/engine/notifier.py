# SPDX-License-Identifier: Apache-2.0
"""The thread that tells Python of what happens in the native engine."""

from __future__ import annotations

import atexit
import itertools
import logging
import os
import threading
import time
import weakref
from typing import TYPE_CHECKING

from ppocrvl.errors import EngineError
from ppocrvl.support.native import _native
from ppocrvl.support.resources import start_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_logger = logging.getLogger("ppocrvl")
_PAUSE_SECONDS = 0.05

_notifiers: weakref.WeakSet[Notifier] = weakref.WeakSet()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_notifiers.clear)  # their threads are not there


@atexit.register
def _end_threads() -> None:
    """Ends the threads of engines that nobody closed.

    One that comes back from native code when the interpreter is on its way out is ended in the
    midst of it, and that aborts the process.
    """
    for notifier in list(_notifiers):
        notifier.close()


class Notifier:
    """The thread that hears of changes in requests and passes them on to Python.

    Raises:
        EngineError: it cannot be started.
    """

    def __init__(self) -> None:
        self._events = _native.EventQueue()
        self._is_closed = False
        self._ids = itertools.count()
        self._callbacks: dict[int, Callable[[], bool]] = {}
        self._thread = threading.Thread(target=self._run, name="ppocrvl-notifier", daemon=True)
        start_thread(self._thread, "answers")
        _notifiers.add(self)

    def watch(self, ticket: _native.Ticket, callback: Callable[[], bool]) -> None:
        """Calls `callback` now and after every change, in the thread, until it returns False.

        It may be called without a change as well. Where memory is too short for it (MemoryError),
        it is called again; another exception ends the calls as False does. Once this is closed it
        is called here, once.

        Raises:
            EngineError: the thread has ended, and there is more to wait for.
        """
        number = next(self._ids)
        self._callbacks[number] = callback
        try:
            if not self._is_closed:
                self.check()
            ticket.listen(self._events, number)
            if self._is_closed:  # the thread may have taken its last events before this one
                _tell_at_last(callback)
        except BaseException:
            self._callbacks.pop(number, None)
            ticket.cancel()  # nobody would hear of its end
            raise

    def check(self) -> None:
        """Makes sure that the thread is there.

        Raises:
            EngineError: it has ended.
        """
        if not self._thread.is_alive():
            raise _ended()

    def close(self) -> None:
        """Ends the thread once it has passed on what has happened so far."""
        self._is_closed = True  # first: who listens afterwards must see it
        self._events.close()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        """No exception ends this: whoever waits for an answer would wait for ever."""
        missed = False  # whether somebody has not heard of a change
        while True:
            try:
                if missed:
                    time.sleep(_PAUSE_SECONDS)
                    missed = not self._pass_on(tuple(self._callbacks))
                    continue
                missed = True  # what comes now may get lost on its way to Python
                numbers = self._events.wait()
                if not numbers:
                    return
                missed = not self._pass_on(numbers)
            except BaseException:  # noqa: BLE001, S112 - there may be no memory to log it either
                continue

    def _pass_on(self, numbers: Iterable[int]) -> bool:
        """Calls the callbacks of these numbers; whether all of them have heard."""
        heard = True
        for number in numbers:
            callback = self._callbacks.get(number)
            if callback is None:
                continue
            try:
                if callback():
                    continue
            except MemoryError:
                heard = False
                continue
            except BaseException:
                _logger.exception("an answer could not be passed on")
            self._callbacks.pop(number, None)
        return heard


def _tell_at_last(callback: Callable[[], bool]) -> None:
    """Of an engine that was closed all requests have ended, and `callback` can see it.

    Raises:
        EngineError: it still waits for something.
    """
    if callback():
        raise _ended()


def _ended() -> EngineError:
    return EngineError("the thread that passes answers on has ended, and the engine cannot be used")
