"""Signals and a time limit as a request to finish, not as an exception in the middle of things."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)
GRACE = 10.0
"""Seconds that work may take to finish after a signal."""
ABORTED = 1
LOOK_EVERY = 0.1


@dataclass
class Asked:
    """When a run was asked to finish, and why; None as long as it was not."""

    at: float | None = None
    why: str | None = None


class Abandoned(Exception):
    """Work did not finish in time after a signal; its thread is left behind."""


@contextmanager
def listening(stop: Callable[[], None], limit: float | None = None) -> Iterator[Asked]:
    """Call `stop` at the first signal, or after `limit` seconds; a second signal ends the process.

    Only a main thread hears signals.
    """
    asked = Asked()
    heard: list[int] = []

    def ask(why: str) -> None:
        if asked.at is None:
            asked.at, asked.why = monotonic(), why
            stop()

    def on_signal(number: int, frame: FrameType | None) -> None:
        if heard:
            os._exit(ABORTED)
        heard.append(number)
        ask(signal.Signals(number).name)

    timer = threading.Timer(limit, ask, ["time limit"]) if limit is not None else None
    if timer:
        timer.daemon = True
        timer.start()
    previous: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        previous = {number: signal.signal(number, on_signal) for number in SIGNALS}
    try:
        yield asked
    finally:
        if timer:
            timer.cancel()
        for number, handler in previous.items():
            signal.signal(number, handler)


def finish(work: Callable[[], None], asked: Asked) -> None:
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
    while thread.is_alive() and not (asked.at and monotonic() - asked.at > GRACE):
        thread.join(LOOK_EVERY)
    if thread.is_alive():
        raise Abandoned
    if failures:
        raise failures[0]
