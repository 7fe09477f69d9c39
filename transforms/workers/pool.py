"""Processes that parse strangers' documents, and may be lost without losing the run.

A document that hangs or breaks its process costs that process and becomes an `Unreadable`. Its time
is that of the processor: a busy machine, or one that was suspended, is not its fault.
"""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, CancelledError, TimeoutError
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from config.failures import Kind
from transforms.records import Unreadable

T = TypeVar("T")
DOCUMENTS_PER_PROCESS = 5_000
"""After which a process is replaced: parsers leak."""

BY_THE_CLOCK = 10
"""Times its seconds of CPU that a document may take by the clock, which stands in a suspended
machine: for what waits for ever and does nothing."""

MEMORY = 2 * 2**30
"""Bytes that a process may take, where the system can bound it."""

ENDED = {
    -getattr(signal, name): factor
    for name, factor in (("SIGPROF", 1), ("SIGALRM", BY_THE_CLOCK))
    if hasattr(signal, name)
}
"""Status of a process that its timers ended, and how many times the limit it took."""

_pools: dict[int, ProcessPool] = {}
_spent: list[float] = []
_lock = threading.Lock()


def shared_pool(processes: int) -> ProcessPool:
    """This process's pool of so many processes, started at its first use."""
    with _lock:
        pool = _pools.get(processes)
        if pool is None or not pool.active:
            pool = _pools[processes] = ProcessPool(
                processes,
                max_tasks=DOCUMENTS_PER_PROCESS,
                initializer=_begin,
                context=_context(),
            )
        return pool


def close_pools() -> None:
    """End all pools of this process."""
    with _lock:
        pools = list(_pools.values())
        _pools.clear()
    for pool in pools:
        pool.stop()  # type: ignore[no-untyped-call]
        pool.join()


def outcome(future: ProcessFuture[tuple[T | Unreadable, float]], timeout: float) -> T | Unreadable:
    """What the function returned; losing its process counts as an unreadable document."""
    try:
        result, seconds = future.result()
    except TimeoutError:
        return _ended(timeout, BY_THE_CLOCK)
    except ProcessExpired as error:
        if error.exitcode in ENDED:
            return _ended(timeout, ENDED[error.exitcode])
        return Unreadable(Kind.PARSER_LOST, f"its process ended with status {error.exitcode}")
    except MemoryError:
        return Unreadable(Kind.PARSER_MEMORY, f"it takes more than {MEMORY / 2**30:g} GiB to read")
    except (CancelledError, BrokenExecutor):  # the pool's trouble, not the document's
        raise
    except (Exception, SystemExit) as error:  # whatever a parser raises is about the document
        return Unreadable(type(error).__name__, str(error)[:500])
    with _lock:
        _spent.append(seconds)
    return result


def _ended(timeout: float, factor: int) -> Unreadable:
    of_what = "s of CPU" if factor == 1 else "s"
    text = f"not done after {timeout * factor:g} {of_what}; its process was ended"
    return Unreadable(Kind.PARSER_TIMEOUT, text)


def submit(
    processes: int, timeout: float, function: Callable[..., T], *args: object
) -> ProcessFuture[tuple[T, float]]:
    """Run a function in the pool, for so many seconds of CPU; `outcome` tells what came of it."""
    clock = None if ENDED else BY_THE_CLOCK * timeout  # Windows has no timers that end processes
    return shared_pool(processes).schedule(_timed, args=(timeout, function, *args), timeout=clock)


def take_cpu_seconds() -> float:
    """CPU time of the documents whose outcomes were taken since the last call."""
    with _lock:
        seconds = sum(_spent)
        _spent.clear()
    return seconds


def _timed(timeout: float, function: Callable[..., T], *args: object) -> tuple[T, float]:
    started = time.process_time()
    _set_timers(timeout)
    try:
        result = function(*args)
    finally:
        _set_timers(0)
    return result, time.process_time() - started


def _set_timers(timeout: float) -> None:
    """Have the system end this process, also while it holds the interpreter; 0 calls that off."""
    if ENDED:
        signal.setitimer(signal.ITIMER_PROF, timeout)
        signal.setitimer(signal.ITIMER_REAL, timeout * BY_THE_CLOCK)


def _context() -> Any:
    """A fork server where there is one: its children start in milliseconds, without threads."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["transforms.workers.preload"])
    return context


def _begin() -> None:
    _follow_parent()
    with contextlib.suppress(ImportError, OSError, ValueError):  # not on Windows
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, most))


def _follow_parent() -> None:
    """End with the parent, also when that is killed."""
    parent = multiprocessing.parent_process()

    def wait() -> None:
        if parent is not None:
            parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


atexit.register(close_pools)
