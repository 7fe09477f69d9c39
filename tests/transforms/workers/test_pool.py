"""Real processes that hang, die and fail, and a pool that goes on."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from time import monotonic

import pytest

from transforms.records import Unreadable
from transforms.workers import pool

SECONDS = 1.0


def run(function, *arguments, timeout: float = 30.0):
    return pool.outcome(pool.submit(1, timeout, function, *arguments), timeout)


def process() -> int:
    return run(os.getpid)


def test_a_result_comes_from_another_process_that_is_kept():
    assert process() == process() != os.getpid()


def test_what_hangs_is_ended_and_the_pool_goes_on():
    """The pattern holds the interpreter's lock for years, as a parser written in C would."""
    before = process()
    lost = run(re.match, "(a+)+$", "a" * 60 + "b", timeout=SECONDS)
    assert lost == Unreadable("ParserTimeout", "not done after 1 s of CPU; its process was ended")
    assert process() != before


def test_waiting_is_no_work():
    """A busy machine, or one that was suspended, keeps a document longer than its limit."""
    assert run(time.sleep, 0.3, timeout=0.1) is None


def test_what_waits_for_ever_is_ended_by_the_clock():
    lost = run(time.sleep, 3_600, timeout=0.1)
    assert lost == Unreadable("ParserTimeout", "not done after 1 s; its process was ended")
    assert run(len, "abc") == 3


def test_what_takes_all_memory_is_refused_and_the_pool_goes_on():
    hog = run(bytes, pool.MEMORY + 2**20)
    assert hog == Unreadable("ParserMemory", "it takes more than 2 GiB to read")
    assert run(len, "abc") == 3


@pytest.mark.parametrize(
    ("function", "arguments", "status"),
    [
        pytest.param(os._exit, (3,), "3", id="exit"),
        pytest.param(os.abort, (), "-6", id="abort"),
    ],
)
def test_a_lost_process_costs_one_document(function, arguments, status):
    lost = run(function, *arguments)
    assert isinstance(lost, Unreadable)
    assert lost == ("ParserLost", f"its process ended with status {status}")
    assert run(len, "abc") == 3


@pytest.mark.parametrize(
    ("function", "argument", "error_type", "part"),
    [
        pytest.param(json.loads, "{", "JSONDecodeError", "Expecting", id="parse error"),
        pytest.param(int, "x" * 900, "ValueError", "invalid literal", id="long message"),
        pytest.param(sys.exit, "enough", "SystemExit", "enough", id="system exit"),
        pytest.param(open, os.devnull, "TypeError", "pickle", id="a result that cannot travel"),
    ],
)  # fmt: skip
def test_what_a_parser_raises_is_about_its_document(function, argument, error_type, part):
    problem = run(function, argument)
    assert isinstance(problem, Unreadable)
    assert problem.error_type == error_type
    assert part in problem.message
    assert len(problem.message) <= 500


def test_good_documents_beside_a_bad_one():
    futures = [pool.submit(2, 30, os._exit if n == 3 else abs, n) for n in range(8)]
    results = [pool.outcome(future, 30) for future in futures]
    assert [n for n, result in enumerate(results) if isinstance(result, Unreadable)] == [3]
    assert [result for result in results if isinstance(result, int)] == [0, 1, 2, 4, 5, 6, 7]


def test_a_closed_pool_opens_again():
    before = process()
    pool.close_pools()
    assert process() != before


ORPHAN = """
import os, signal
from transforms.workers import pool
print(pool.submit(1, 600, os.getpid).result()[0], flush=True)
busy = pool.submit(1, 600, eval, "[0 for _ in iter(int, 1)]")
while not busy.running():
    os.sched_yield()
os.kill(os.getpid(), signal.SIGKILL)
"""


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks processes up in /proc")
def test_busy_processes_end_with_a_parent_that_was_killed():
    parent = subprocess.Popen([sys.executable, "-c", ORPHAN], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout as lines:
        worker = int(lines.readline())
    assert parent.wait(60) == -signal.SIGKILL
    deadline = monotonic() + 20
    while alive(worker) and monotonic() < deadline:
        os.sched_yield()
    survived = alive(worker)
    if survived:
        os.kill(worker, signal.SIGKILL)
    assert not survived
