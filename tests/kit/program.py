"""The program as a user starts it."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.kit import zygote

PROGRAM = [sys.executable, "-m", "newsbeam"]
UNMEASURED = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
"""For processes on a full disk, where coverage could not write, and would say so."""
KIND_TO_LOOPBACK = ["--allow-private-hosts", "--host-delay", "0", "--host-concurrency", "8"]
FORKED = sys.platform == "linux" and os.environ == UNMEASURED
READ_AT_START = ("PYTHON", "LC_", "LANG")
"""How variables begin that Python itself reads, once."""


class Program(subprocess.Popen[str]):
    """A process of the program, forked from one that has imported what it needs.

    For tests that are not about how the program starts; `PROGRAM` is what a user calls.
    """

    def __init__(self, *arguments: object, **options: Any) -> None:
        super().__init__([*PROGRAM, *map(str, arguments)], text=True, **options)

    def _execute_child(self, *given: Any) -> None:
        """What Popen does once its pipes are there."""
        start: Any = super()._execute_child  # type: ignore[misc]
        named = inspect.signature(start).bind(*given).arguments
        environment = dict(named["env"] or os.environ)
        if not FORKED or _for_python(environment) != _for_python(os.environ):
            start(*given)
            return
        assert named["preexec_fn"] is None
        ends = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        pipes = [named[end] for end in ends]
        theirs = [
            standard if pipe == -1 else pipe
            for standard, pipe in enumerate((pipes[0], pipes[3], pipes[5]))
        ]
        self.pid = zygote.fork(
            {
                "arguments": named["args"][len(PROGRAM) :],
                "folder": str(named["cwd"] or Path.cwd()),
                "environment": environment,
                "new_session": bool(named["start_new_session"]),
            },
            theirs,
        )
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]


def _for_python(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(READ_AT_START)}


def newsbeam(
    *arguments: object, expect: int | None = 0, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the program as a user would, and hold it to an exit status (None: any)."""
    with Program(
        *arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        cwd=cwd, env={**os.environ, **environment},
    ) as process:  # fmt: skip
        try:
            output, errors = process.communicate(timeout=300)
        except BaseException:
            process.kill()
            raise
    if expect is not None:
        assert process.returncode == expect, f"{output}\n{errors}"
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)
