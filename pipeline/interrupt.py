"""SIGINT and SIGTERM as a request to finish, not as an exception in the middle of things."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from time import monotonic
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
GRACE = 10.0
"""Seconds that work may take to finish after a signal."""
ABORTED = 1
LOOK_EVERY = 0.1


class Abandoned(Exception):
    """Work did not finish in time after a signal; its thread is left behind."""


def stoppable(work: Callable[[], None], stop: Callable[[], None]) -> bool:
    """Do `work` in a thread; at the first signal call `stop` and give it GRACE seconds.

    Ctrl-C in a terminal, and a service manager, signal the workers of a runner too, and a runner
    that lost its workers may wait for them for ever; so the work is waited for, but not for ever.
    A second signal ends the process. Returns whether there was a signal.

    Raises:
        Abandoned: the work did not end in time; the process must then end by `os._exit`.
        Exception: what the work raised.
    """
    if threading.current_thread() is not threading.main_thread():
        work()
        return False
    asked_at: list[float] = []
    failures: list[BaseException] = []

    def do() -> None:
        try:
            work()
        except BaseException as error:  # raised again in the caller's thread
            failures.append(error)

    def on_signal(number: int, frame: FrameType | None) -> None:
        if asked_at:
            os._exit(ABORTED)
        asked_at.append(monotonic())
        stop()

    previous = {number: signal.signal(number, on_signal) for number in SIGNALS}
    thread = threading.Thread(target=do, name="newsbeam-work", daemon=True)
    try:
        thread.start()
        while thread.is_alive() and not (asked_at and monotonic() - asked_at[0] > GRACE):
            thread.join(LOOK_EVERY)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    if thread.is_alive():
        raise Abandoned
    if failures:
        raise failures[0]
    return bool(asked_at)
