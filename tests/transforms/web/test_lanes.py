"""Who may start a request, and when, by a clock of the test's own: no host, no socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from config.models import FetchSettings
from transforms.records import HttpFailure
from transforms.web.asking import World
from transforms.web.hosts import HostBook
from transforms.web.lanes import Lanes, Resting
from transforms.web.pace import FAILURES_TO_REST, REST

FAILED = HttpFailure("Timeout", "took too long", None, 0, temporary=True)  # type: ignore[arg-type]
Starts = list[tuple[str, float]]


class Clock:
    """Time passes where somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


async def addresses(name: str, port: int) -> list[str]:
    return ["192.0.2.1" if name.endswith("shared.example") else name]


def started(
    work: Callable[[Lanes, Starts], Coroutine[Any, Any, None]], **settings: Any
) -> tuple[Starts, HostBook]:
    """When requests to which hosts began, in seconds."""
    clock, hosts, starts = Clock(), HostBook(), []
    world = World(monotonic=lambda: clock.now, sleep=clock.sleep, resolve=addresses)

    async def go() -> None:
        taking = asyncio.Event()
        taking.set()
        lanes = Lanes(FetchSettings(**settings), taking, hosts, world)
        await work(lanes, starts)
        await lanes.close()

    asyncio.run(go())
    return starts, hosts


async def ask(lanes: Lanes, host: str, starts: Starts) -> None:
    async with lanes.using(host) as lane, lanes.request(lane, f"https://{host}/"):
        starts.append((host, lanes.world.monotonic() - 100))


def test_two_starts_to_one_host_are_a_pause_apart_and_hosts_do_not_wait_for_each_other() -> None:
    async def work(lanes: Lanes, starts: Starts) -> None:
        for host in ("a.example", "b.example", "a.example"):
            await ask(lanes, host, starts)

    starts, _ = started(work, host_delay=3.0)
    assert starts == [("a.example", 0.0), ("b.example", 0.0), ("a.example", 3.0)]


def test_hosts_that_share_a_machine_do_not_add_up_on_it() -> None:
    async def work(lanes: Lanes, starts: Starts) -> None:
        for name in ("a", "b", "c"):
            await ask(lanes, f"{name}.shared.example", starts)

    starts, _ = started(work, host_delay=2.0)
    assert [at for _, at in starts] == [0.0, 2.0, 4.0]


def test_a_host_that_fails_again_and_again_is_left_alone_and_others_are_not() -> None:
    async def work(lanes: Lanes, starts: Starts) -> None:
        for _ in range(FAILURES_TO_REST):
            assert lanes.resting("a.example") is None
            lanes.ended("a.example", FAILED)
        refused = lanes.resting("a.example")
        assert refused is not None
        assert (refused.error_type, refused.asked, refused.retry_after) == (
            "HostResting",
            False,
            REST,
        )
        with pytest.raises(Resting):
            await ask(lanes, "a.example", starts)
        await ask(lanes, "b.example", starts)

    starts, hosts = started(work)
    assert [host for host, _ in starts] == ["b.example"]
    assert [(rest.host, rest.failures) for rest in hosts.take()] == [
        ("a.example", FAILURES_TO_REST)
    ]


def test_a_good_answer_makes_failures_forgotten() -> None:
    async def work(lanes: Lanes, starts: Starts) -> None:
        for failure in [FAILED] * (FAILURES_TO_REST - 1) + [None] + [FAILED]:
            lanes.ended("a.example", failure)
        assert lanes.resting("a.example") is None

    _, hosts = started(work)
    assert list(hosts.take()) == []


def test_connections_of_hosts_with_nothing_to_do_are_few() -> None:
    async def work(lanes: Lanes, starts: Starts) -> None:
        async with lanes.using("a.example"), lanes.using("b.example"), lanes.using("c.example"):
            for name in ("a", "b", "c"):
                await ask(lanes, f"{name}.example", starts)
            kept = [name for name in "abc" if lanes.lane(f"{name}.example").transport]
            assert kept == ["b", "c"]

    started(work, idle_hosts=2)
