"""Processes that are watched, and killed at a moment."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from threading import Event

import psutil

from tests.kit.program import Program

PATIENCE = 60.0
"""Seconds after which a test gives up; none of them decides a result."""


def wait_until(process: subprocess.Popen[str], happened: Callable[[], bool]) -> None:
    """Look often, until something happened or the process ended."""
    pause, looked = Event(), 0.0
    while process.poll() is None and not happened():
        pause.wait(0.002)
        looked += 0.002
        assert looked < PATIENCE


def kill_after(process: subprocess.Popen[str], seconds: float) -> list[psutil.Process]:
    """SIGKILL, unless the process ends before; the processes that it leaves behind."""
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
        return children
    return []


def kill_once(
    command: list[object], seen: Callable[[subprocess.Popen[str]], bool], seconds: float
) -> bool:
    """Start a command and kill it so long after something is seen of it; False: it ended before."""
    process = Program(*command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(process, lambda: seen(process))
    kill_after(process, seconds)
    return process.returncode == -signal.SIGKILL
