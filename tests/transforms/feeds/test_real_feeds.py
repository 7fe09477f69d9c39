"""Feeds of other programs' test suites and of the web, where they are at hand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.real_feeds import EVAL, ROOT


@pytest.mark.slow
@pytest.mark.skipif(not EVAL.is_dir(), reason=f"no feeds in {EVAL}; NEWSBEAM_EVAL names a folder")
def test_every_real_feed_is_read_or_refused_with_a_reason() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.real_feeds"],
        capture_output=True, text=True, cwd=ROOT, env=dict(os.environ), timeout=600,
    )  # fmt: skip
    assert told.returncode == 0, told.stdout + told.stderr
    found = re.search(r"(\d+) feeds under .*: (\d+) read, (\d+) refused, 0 lost", told.stdout)
    assert found, told.stdout
    feeds, read, refused = map(int, found.groups())
    assert feeds == read + refused > 1_000


def test_a_folder_without_feeds_is_said(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.real_feeds"],
        capture_output=True, text=True, cwd=ROOT, timeout=60,
        env={**os.environ, "NEWSBEAM_EVAL": str(tmp_path)},
    )  # fmt: skip
    assert told.returncode == 1
    assert "NEWSBEAM_EVAL names another folder" in told.stderr
