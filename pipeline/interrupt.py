"""SIGINT and SIGTERM as a request to finish, not as an exception in the middle of things."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
ABORTED = 1


@contextmanager
def stop_on_signal(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop`, in another thread, at the first signal; end the process at the second.

    Worker processes started meanwhile inherit a blocked SIGINT, so that Ctrl-C in a terminal,
    which reaches the whole group, leaves them to finish. Outside the main thread nothing happens.
    """
    if threading.current_thread() is not threading.main_thread() or os.name != "posix":
        yield
        return
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    previous_fd = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    previous = {number: signal.signal(number, _nothing) for number in SIGNALS}
    # The listener starts before SIGINT is blocked here, so the signal reaches it.
    listener = threading.Thread(target=_listen, args=(ours, stop), daemon=True)
    listener.start()
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.set_wakeup_fd(previous_fd)
        for number, handler in previous.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        theirs.close()
        listener.join()
        ours.close()


def _listen(source: socket.socket, stop: Callable[[], None]) -> None:
    seen = 0
    while numbers := source.recv(1):
        if numbers[0] not in SIGNALS:
            continue
        seen += 1
        if seen > 1:
            os._exit(ABORTED)
        stop()


def _nothing(number: int, frame: FrameType | None) -> None:
    """The listener does the work; this keeps the default handler away."""
