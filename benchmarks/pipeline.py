"""`make bench-pipeline`: what the pipeline costs beside the extraction that it exists for.

The same pages, once through a bare loop of trafilatura calls in as many processes as there are
cores (bodies already in memory), and once through `newsbeam run` from its start to its end:
interpreter, imports, polling, fetching over loopback, tagging, staging and commit included. Both
are repeated in turn on the same machine, so the ratio of their medians means something.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psutil
import trafilatura
from trafilatura.settings import Document

AIM_RATIO = 1.25
AIM_MEMORY = 1.5
LOOK_EVERY = 0.2
PROGRAM = [sys.executable, "-m", "newsbeam"]


class Measured(NamedTuple):
    """Wall-clock and CPU seconds, and peak memory of all processes in GiB."""

    wall: float
    cpu: float
    memory: float


def bare_loop(pages: list[tuple[str, bytes]], processes: int) -> Measured:
    """Extract all pages in a pool of forked processes."""
    started = time.monotonic()
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        watch = Watch([psutil.Process(worker.pid) for worker in multiprocessing.active_children()])
        done = sum(pool.imap_unordered(_extract, pages, chunksize=4))
        wall = time.monotonic() - started
        cpu, memory = watch.stop()
    if done != len(pages):
        raise SystemExit(f"the bare loop found text in {done} of {len(pages)} pages")
    return Measured(wall, cpu, memory)


def _extract(page: tuple[str, bytes]) -> int:
    url, body = page
    found = trafilatura.bare_extraction(body, url=url, with_metadata=True, include_comments=False)
    return int(isinstance(found, Document) and bool(found.text))


def pipeline_run(feeds: Path, folder: Path, expected: int) -> Measured:
    """`newsbeam run` into a new database."""
    database = folder / f"{time.monotonic_ns()}.duckdb"
    command = [
        *PROGRAM, "run", "--feeds", str(feeds), "--database", str(database), "--json",
        "--allow-private-hosts", "--host-delay", "0", "--host-concurrency", "8",
    ]  # fmt: skip
    started = time.monotonic()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    watch = Watch([psutil.Process(process.pid)])
    output, _ = process.communicate()
    wall = time.monotonic() - started
    cpu, memory = watch.stop()
    run = json.loads(output)["run"]
    if run["articles_new"] != expected:
        raise SystemExit(f"the pipeline has {run['articles_new']} articles of {expected}: {run}")
    return Measured(wall, cpu, memory)


class Watch:
    """CPU seconds and largest memory of processes and all below them, looked at often."""

    def __init__(self, roots: list[psutil.Process]) -> None:
        self._roots, self._ended = roots, threading.Event()
        self._cpu: dict[int, float] = {}
        self._largest = 0
        self._thread = threading.Thread(target=self._look_often)
        self._thread.start()

    def _look_often(self) -> None:
        while not self._ended.wait(LOOK_EVERY):
            self._look()

    def _look(self) -> None:
        total = 0
        for root in self._roots:
            with contextlib.suppress(psutil.Error):
                for process in [root, *root.children(recursive=True)]:
                    with contextlib.suppress(psutil.Error):
                        times = process.cpu_times()
                        self._cpu[process.pid] = times.user + times.system
                        total += _memory(process)
        self._largest = max(self._largest, total)

    def stop(self) -> tuple[float, float]:
        """CPU seconds, and GiB."""
        self._ended.set()
        self._thread.join()
        self._look()
        return sum(self._cpu.values()), self._largest / 2**30


def _memory(process: psutil.Process) -> int:
    """Shared pages count once: PSS where the system tells it."""
    full = process.memory_full_info()
    return int(getattr(full, "pss", full.rss))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pages", type=int, default=2000)
    parser.add_argument("--page-kilobytes", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        newsroom = subprocess.Popen(
            [*PROGRAM, "newsroom", "--port", "0", "--json", "--kind", "--outlets", "24",
             "--articles", str(arguments.pages), "--page-kilobytes",
             str(arguments.page_kilobytes)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert newsroom.stdout is not None
            result = _measure(
                json.loads(newsroom.stdout.readline())["base_url"], folder, arguments.rounds, cores
            )
        finally:
            newsroom.terminate()
            newsroom.wait()
    _print(result, arguments, cores)


def _measure(base_url: str, folder: Path, rounds: int, cores: int) -> dict[str, Any]:
    feeds = folder / "feeds.yaml"
    feeds.write_text(httpx.get(f"{base_url}/_control/feeds.yaml").text, encoding="utf-8")
    truth = httpx.get(f"{base_url}/_control/truth", timeout=60).json()["articles"]
    urls = [item["canonical_url"] for item in truth if item["expect"] == "article"]
    with httpx.Client(timeout=60, follow_redirects=True) as client:
        pages = [(url, client.get(url).content) for url in urls]
    bare, ours = [], []
    for _ in range(rounds):
        bare.append(bare_loop(pages, cores))
        ours.append(pipeline_run(feeds, folder, len(urls)))
    kilobytes = sum(len(body) for _, body in pages) / len(pages) / 1000
    return {"pages": len(pages), "kilobytes": kilobytes, "bare": bare, "pipeline": ours}


def _print(result: dict[str, Any], arguments: argparse.Namespace, cores: int) -> None:
    def median(name: str, field: str) -> float:
        return float(statistics.median(getattr(item, field) for item in result[name]))

    wall = median("pipeline", "wall") / median("bare", "wall")
    cpu = median("pipeline", "cpu") / median("bare", "cpu")
    memory = max(item.memory for item in result["pipeline"])
    if arguments.json:
        print(json.dumps({"time_ratio": wall, "cpu_ratio": cpu, "memory_gib": memory}))
        return
    print(
        f"{result['pages']} pages of {result['kilobytes']:.0f} kB on {cores} cores, "
        f"medians of {arguments.rounds} rounds in turn\n"
    )
    per_second = {name: result["pages"] / median(name, "wall") for name in ("bare", "pipeline")}
    print("| | articles/s | time, ratio | CPU, ratio | peak memory |")
    print("|---|---|---|---|---|")
    bare_memory = max(item.memory for item in result["bare"])
    print(
        f"| bare loop of trafilatura | {per_second['bare']:.1f} | 1 | 1 | {bare_memory:.2f} GiB |"
    )
    print(
        f"| newsbeam run, start-up included | {per_second['pipeline']:.1f} | {wall:.2f} "
        f"| {cpu:.2f} | {memory:.2f} GiB |"
    )
    print(f"| aim | | {AIM_RATIO} | | {AIM_MEMORY} GiB |")


if __name__ == "__main__":
    main()
