"""Processes that parse strangers' documents, and may be lost without losing the run.

A document that hangs or breaks its process costs that process and becomes an `Unreadable`.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, CancelledError, TimeoutError
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from transforms.records import Unreadable

T = TypeVar("T")
DOCUMENTS_PER_PROCESS = 5_000
"""After which a process is replaced: parsers leak."""

_pools: dict[int, ProcessPool] = {}
_lock = threading.Lock()


def shared_pool(processes: int) -> ProcessPool:
    """This process's pool of so many processes, started at its first use."""
    with _lock:
        pool = _pools.get(processes)
        if pool is None or not pool.active:
            pool = _pools[processes] = ProcessPool(
                processes,
                max_tasks=DOCUMENTS_PER_PROCESS,
                initializer=_follow_parent,
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


def outcome(future: ProcessFuture[T | Unreadable], timeout: float) -> T | Unreadable:
    """What the function returned; losing its process counts as an unreadable document."""
    try:
        return future.result()
    except TimeoutError:
        return Unreadable("ParserTimeout", f"not done after {timeout:g} s; its process was ended")
    except ProcessExpired as error:
        return Unreadable("ParserLost", f"its process ended with status {error.exitcode}")
    except (CancelledError, BrokenExecutor):  # the pool's trouble, not the document's
        raise
    except (Exception, SystemExit) as error:  # whatever a parser raises is about the document
        return Unreadable(type(error).__name__, str(error)[:500])


def submit(
    processes: int, timeout: float, function: Callable[..., T], *args: object
) -> ProcessFuture[T]:
    """Run a function in the pool, for so many seconds at most."""
    return shared_pool(processes).schedule(function, args=args, timeout=timeout)


def _context() -> Any:
    """A fork server where there is one: its children start in milliseconds, without threads."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["transforms.preload"])
    return context


def _follow_parent() -> None:
    """End with the parent, also when that is killed."""
    parent = multiprocessing.parent_process()

    def wait() -> None:
        if parent is not None:
            parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


atexit.register(close_pools)
