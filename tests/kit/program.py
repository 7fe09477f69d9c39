"""The program as a user starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = [sys.executable, "-m", "newsbeam"]


UNMEASURED = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
"""For processes on a full disk, where coverage could not write, and would say so."""


KIND_TO_LOOPBACK = ["--allow-private-hosts", "--host-delay", "0", "--host-concurrency", "8"]


def newsbeam(
    *arguments: object, expect: int | None = 0, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the program as a user would, and hold it to an exit status (None: any)."""
    result = subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=cwd,
        env={**os.environ, **environment},
    )
    if expect is not None:
        assert result.returncode == expect, f"{result.stdout}\n{result.stderr}"
    return result
