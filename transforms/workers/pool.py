"""Processes that parse strangers' documents, and may be lost without losing the run.

A document that hangs or breaks its process costs that process and becomes an `Unreadable`.
"""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import os
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

MEMORY = 2 * 2**30
"""Bytes that a process may take, where the system can bound it."""

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
        return Unreadable(
            Kind.PARSER_TIMEOUT, f"not done after {timeout:g} s; its process was ended"
        )
    except ProcessExpired as error:
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


def submit(
    processes: int, timeout: float, function: Callable[..., T], *args: object
) -> ProcessFuture[tuple[T, float]]:
    """Run a function in the pool, for so many seconds at most; `outcome` tells what came of it."""
    return shared_pool(processes).schedule(_timed, args=(function, *args), timeout=timeout)


def take_cpu_seconds() -> float:
    """CPU time of the documents whose outcomes were taken since the last call."""
    with _lock:
        seconds = sum(_spent)
        _spent.clear()
    return seconds


def _timed(function: Callable[..., T], *args: object) -> tuple[T, float]:
    started = time.process_time()
    result = function(*args)
    return result, time.process_time() - started


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
