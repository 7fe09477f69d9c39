"""SIGINT and SIGTERM as a request to finish, not as an exception in the middle of things."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
GRACE = 10.0
"""Seconds that work may take to finish after a signal."""
ABORTED = 1
LOOK_EVERY = 0.1


class Abandoned(Exception):
    """Work did not finish in time after a signal; its thread is left behind."""


@contextmanager
def listening(stop: Callable[[], None]) -> Iterator[list[float]]:
    """Call `stop` at the first signal, and end the process at a second; yields when it was asked.

    Only a main thread hears signals; in others this does nothing.
    """
    asked_at: list[float] = []

    def on_signal(number: int, frame: FrameType | None) -> None:
        if asked_at:
            os._exit(ABORTED)
        asked_at.append(monotonic())
        stop()

    if threading.current_thread() is not threading.main_thread():
        yield asked_at
        return
    previous = {number: signal.signal(number, on_signal) for number in SIGNALS}
    try:
        yield asked_at
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def finish(work: Callable[[], None], asked_at: list[float]) -> None:
    """Do `work` in a thread, so that the main one hears signals; once asked, it has GRACE seconds.

    Ctrl-C in a terminal, and a service manager, signal the workers of a runner too, and a runner
    that lost its workers may wait for them for ever; so the work is waited for, but not for ever.

    Raises:
        Abandoned: the work did not end in time; the process must then end by `os._exit`.
        Exception: what the work raised.
    """
    failures: list[BaseException] = []

    def do() -> None:
        try:
            work()
        except BaseException as error:  # raised again in the caller's thread
            failures.append(error)

    thread = threading.Thread(target=do, name="newsbeam-work", daemon=True)
    thread.start()
    while thread.is_alive() and not (asked_at and monotonic() - asked_at[0] > GRACE):
        thread.join(LOOK_EVERY)
    if thread.is_alive():
        raise Abandoned
    if failures:
        raise failures[0]
