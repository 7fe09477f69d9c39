"""A process that has imported what the program imports, and becomes the program when asked.

What is forked from it is a process like any other, with its own number and standard files, to be
killed and waited for by the test, whose process is its parent; only two seconds of imports are
saved, hundreds of times. (The name is that of Android's.)
"""

from __future__ import annotations

import atexit
import ctypes
import functools
import gc
import importlib
import json
import logging
import os
import pkgutil
import runpy
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
ROOT = Path(__file__).parents[2]
LONGEST = 1 << 20
"""Bytes of a request: arguments and environment."""


def fork(request: dict[str, Any], files: list[int]) -> int:
    """The number of a new process of the program, with these three files as its standard ones."""
    asked = _started()
    socket.send_fds(asked, [json.dumps(request).encode()], files)
    number = int(asked.recv(32))
    asked.recv(1)  # it is our child now
    return number


@functools.cache
def _started() -> socket.socket:
    """The way to the zygote of this process; it ends when that is closed."""
    # What a process leaves behind is then ours to wait for, not init's.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.kit.zygote", str(theirs.fileno())],
            cwd=ROOT, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
        )  # fmt: skip
    atexit.register(process.wait)
    atexit.register(ours.close)  # which goes first
    return ours


def _load() -> None:
    """Import what commands import when they are called."""
    for room in ("commands", "run", "show", "watch", "newsroom"):
        folder = importlib.import_module(f"pipeline.{room}")
        for module in pkgutil.iter_modules(folder.__path__, f"{folder.__name__}."):
            importlib.import_module(module.name)
    logging.getLogger().handlers.clear()  # Beam logs while it is imported
    duckdb.default_connection().close()  # its threads would be missing from what is forked
    gc.freeze()


def _serve(ours: socket.socket) -> dict[str, Any] | None:
    """Fork whatever is asked for; a forked process is told what, the zygote None at the end."""
    while True:
        request, files, *_ = socket.recv_fds(ours, LONGEST, 3)
        if not request:
            return None
        if (between := os.fork()) == 0:
            if (child := os.fork()) != 0:
                ours.send(str(child).encode())
                os._exit(0)  # an orphan goes to the test's process
            ours.close()
            for standard, file in enumerate(files):
                os.dup2(file, standard)
                os.close(file)
            wanted: dict[str, Any] = json.loads(request)
            return wanted
        os.waitpid(between, 0)
        ours.send(b".")
        for file in files:
            os.close(file)


def _become(arguments: list[str], folder: str, environment: dict[str, str],
            new_session: bool) -> None:  # fmt: skip
    """What Python does for `python -m newsbeam`."""
    if new_session:
        os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.argv = ["newsbeam", *arguments]
    runpy.run_module("newsbeam", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _load()
    if (wanted := _serve(socket.socket(fileno=int(sys.argv[1])))) is not None:
        _become(**wanted)
