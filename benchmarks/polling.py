"""`make bench-polling`: what polling costs, beside a bare loop of the same requests.

A server on loopback stands for 200 hosts that take 50 ms to answer. A first run reads all feeds,
then nothing changes: each later run and each bare loop asks for the same addresses with the same
validators, so many at once, one client for each host. A run with one feed due is the start-up.
The same loop with newsbeam's own requests tells what these cost; the rest of a run is the rest.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import feedparser
import httpx
import psutil
import yaml

from benchmarks.pipeline import PROGRAM, Measured, Watch
from config.models import FetchSettings
from transforms.feeds.documents import parse_feed
from transforms.web.asking import FEED_TYPES, Request, World
from transforms.web.exchange import Exchanges
from transforms.web.transport import Transport

HOSTS, ENTRIES, LATENCY = 200, 30, 0.05
AT_ONCE_BY_HOST, AT_ONCE = 2, 200
AIM_RATIO, AIM_MEGABYTES, AIM_SECOND = 1.3, 400, 0.1
AIM_REQUESTS, AIM_REST, AIM_CPU = 0.4, 0.4, 0.8
CHANGED = 2_000


def document(number: int) -> bytes:
    """A feed whose entries have no page, so that polling is all there is."""
    items = "".join(
        f"<item><guid isPermaLink='false'>{number}-{entry}</guid>"
        f"<title>Berth {entry} of quay {number} is free from Monday on</title>"
        f"<description>&lt;p&gt;The harbour board has {entry} more ships to place, and "
        f"says so &lt;b&gt;daily&lt;/b&gt;.&lt;/p&gt;</description>"
        f"<pubDate>Mon, 05 Jan 2026 10:{entry:02}:00 GMT</pubDate></item>"
        for entry in range(ENTRIES)
    )
    return (
        f"<rss version='2.0'><channel><title>Quay {number}</title>{items}</channel></rss>"
    ).encode()


async def serve() -> None:
    """Answer every address after a while: 304 to whoever knows the validator."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await asyncio.sleep(LATENCY)
                path = head.split(b" ", 2)[1].decode()
                if b"if-none-match" in head.lower():
                    writer.write(b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n\r\n')
                    continue
                body = document(int(path.rpartition("/")[2] or 0))
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/rss+xml\r\n"
                    b'ETag: "1"\r\nContent-Length: %d\r\n\r\n' % len(body) + body
                )
        writer.close()

    server = await asyncio.start_server(talk, "0.0.0.0", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextlib.contextmanager
def serving() -> Iterator[int]:
    """The server in a process of its own; its port."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.polling", "--serve"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


Ask = Callable[[str], Awaitable[int]]


async def by_host(
    urls: list[str], opened: Callable[[], contextlib.AbstractAsyncContextManager[Ask]]
) -> None:
    """Ask for all, so many at once of a host and in all; what asks is opened for each host."""
    lists: dict[str, list[str]] = defaultdict(list)
    for url in urls:
        lists[httpx.URL(url).host].append(url)
    gate = asyncio.Semaphore(AT_ONCE)

    async def line(ask: Ask, waiting: list[str]) -> None:
        while waiting:
            url = waiting.pop()
            async with gate:
                assert await ask(url) == 304

    async def host(waiting: list[str]) -> None:
        async with opened() as ask:
            await asyncio.gather(*(line(ask, waiting) for _ in range(AT_ONCE_BY_HOST)))

    await asyncio.gather(*map(host, lists.values()))


async def bare_loop(urls: list[str]) -> None:
    """The same requests with asyncio and httpx, and nothing else."""

    @contextlib.asynccontextmanager
    async def opened() -> AsyncIterator[Ask]:
        async with httpx.AsyncClient(verify=False) as client:

            async def ask(url: str) -> int:
                return (await client.get(url, headers={"If-None-Match": '"1"'})).status_code

            yield ask

    await by_host(urls, opened)


async def own_loop(urls: list[str]) -> None:
    """The same requests as newsbeam sends them and reads their answers, and nothing else."""
    settings = FetchSettings(allow_private_hosts=True, host_concurrency=AT_ONCE_BY_HOST)
    exchanges, world = Exchanges(settings, None), World()

    @contextlib.asynccontextmanager
    async def opened() -> AsyncIterator[Ask]:
        transport = Transport(settings, world)

        async def ask(url: str) -> int:
            request = Request(url, settings.feed_bytes, FEED_TYPES, etag='"1"')
            return (await exchanges.send(transport, request, url, datetime.now(UTC))).status or 0

        yield ask
        await transport.close()

    await by_host(urls, opened)


def timed(function: Any, *arguments: Any) -> tuple[float, float]:
    """Wall-clock and CPU seconds of a call in this process."""
    started, spent = time.monotonic(), time.process_time()
    function(*arguments)
    return time.monotonic() - started, time.process_time() - spent


def run(feeds: Path, database: Path, *options: str) -> tuple[Measured, dict[str, Any]]:
    """`newsbeam run`, and its row."""
    command = [
        *PROGRAM, "run", "--feeds", str(feeds), "--database", str(database), "--json",
        "--allow-private-hosts", "--host-delay", "0",
        "--host-concurrency", str(AT_ONCE_BY_HOST), *options,
    ]  # fmt: skip
    started, before = time.monotonic(), _spent_below()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    watch = Watch([psutil.Process(process.pid)])
    output, _ = process.communicate()
    wall = time.monotonic() - started
    cpu, memory = watch.stop()  # which misses what came after its last look
    return Measured(wall, max(cpu, _spent_below() - before), memory), json.loads(output)["run"]


def _spent_below() -> float:
    """CPU seconds of processes below this one that have ended, as the system counts them."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def polling(feeds: int, rounds: int, folder: Path) -> None:
    """Runs over feeds that do not change, and bare loops, in turn."""
    with serving() as port:
        urls = [f"http://127.1.{number % HOSTS}.1:{port}/feed/{number}" for number in range(feeds)]
        path, database = folder / "feeds.yaml", folder / "news.duckdb"
        path.write_text(yaml.safe_dump({"feeds": [{"url": url} for url in urls]}))
        first, told = run(path, database)
        assert told["feeds_polled"] - told["feeds_failed"] == feeds, told
        results: dict[str, list[Any]] = defaultdict(list)
        for _ in range(rounds):
            results["bare"].append(timed(asyncio.run, bare_loop(urls)))
            results["own"].append(timed(asyncio.run, own_loop(urls)))
            with duckdb.connect(str(database)) as connection:
                due = "UPDATE feeds SET next_poll_at = last_polled_at WHERE feed_url = ?"
                connection.execute(due, [urls[0]])
            start, told = run(path, database)
            assert told["feeds_polled"] == 1, told
            results["start"].append(start)
            again, told = run(path, database, "--now")
            assert told["feeds_unchanged"] == feeds, told
            results["run"].append(again)
    bare, bare_cpu = (statistics.median(column) for column in zip(*results["bare"], strict=True))
    own_cpu = statistics.median(cpu for _, cpu in results["own"])
    start_wall, start_cpu = (
        statistics.median(getattr(item, name) for item in results["start"])
        for name in ("wall", "cpu")
    )
    wall, cpu, memory = (
        statistics.median(getattr(item, name) for item in results["run"])
        for name in ("wall", "cpu", "memory")
    )
    print(f"{feeds} unchanged feeds on {HOSTS} hosts, medians of {rounds} rounds in turn\n")
    print("| | time, ratio | CPU, ratio | peak memory |\n|---|---|---|---|")
    print("| bare asyncio and httpx | 1 | 1 | |")
    ratios = f"{(wall - start_wall) / bare:.2f} | {(cpu - start_cpu) / bare_cpu:.2f}"
    print(
        f"| newsbeam run, start-up aside (aim {AIM_RATIO}) | {ratios} | "
        f"{memory * 2**30 / 1e6:.0f} MB (aim {AIM_MEGABYTES}) |"
    )
    requests, all_of_it = own_cpu / bare_cpu, (cpu - start_cpu) / bare_cpu
    print(f"| its requests (aim {AIM_REQUESTS}) | | {requests:.2f} | |")
    print(f"| all the rest (aim {AIM_REST}) | | {all_of_it - requests:.2f} | |")
    print(f"| both (aim {AIM_CPU}) | | {all_of_it:.2f} | |")
    second = (cpu - start_cpu) / (first.cpu - start_cpu)
    print(
        f"| its CPU beside the first run's, start-up aside (aim {AIM_SECOND}) | | {second:.2f} | |"
    )


def reading(count: int) -> None:
    """What reading costs with feedparser as it comes, and as newsbeam asks it."""
    bodies = [document(number) for number in range(count)]
    kind = {"content-type": "application/rss+xml"}

    def plain() -> None:
        for body in bodies:
            feedparser.parse(io.BytesIO(body), response_headers=kind)

    def ours() -> None:
        for body in bodies:
            parse_feed(body, kind, "http://127.0.0.1/feed")

    (whole, _), (spare, _) = timed(plain), timed(ours)
    print(f"\n{count} changed feeds of {ENTRIES} entries, one process\n")
    print("| | time, ratio |\n|---|---|\n| feedparser as it comes | 1 |")
    print(f"| newsbeam, with entries and dates of its own | {spare / whole:.2f} |")


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--feeds", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(serve())
        return
    with tempfile.TemporaryDirectory() as folder:
        polling(options.feeds, options.rounds, Path(folder))
    reading(CHANGED)


if __name__ == "__main__":
    main()
