"""The program, but the disk fails: `python -m tests.kit.faults FAULT NAME ARGUMENT…`.

FAULT strikes at the first staged file whose name begins with NAME: `fsync` raises; at `rename` the
power goes; with `full` the file is written, and nothing after it.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.cli import main

SMALL = 1_000
"""Bytes that a file may have on a full disk: enough to say in finished.json how a run ended."""


def break_fsync(name: str) -> None:
    sync = os.fsync

    def fsync(handle: int) -> None:
        if Path(os.readlink(f"/proc/self/fd/{handle}")).name.startswith(f".{name}"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        sync(handle)

    os.fsync = fsync


def at_rename(name: str, before: Callable[[], None], after: Callable[[], None]) -> None:
    rename = os.replace

    def replace(source: Any, target: Any) -> None:
        struck = Path(target).name.startswith(name)
        if struck:
            before()
        rename(source, target)
        if struck:
            after()

    os.replace = replace


def lose_power() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fill_disk() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL, SMALL))


def nothing() -> None:
    pass


FAULTS = {
    "fsync": break_fsync,
    "rename": lambda name: at_rename(name, lose_power, nothing),
    "full": lambda name: at_rename(name, nothing, fill_disk),
}

if __name__ == "__main__":
    FAULTS[sys.argv[1]](sys.argv[2])
    main(sys.argv[3:])
