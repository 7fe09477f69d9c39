"""Fetches that outlive the call that asked for them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import pytest

from config.models import FetchSettings
from tests.kit.sites import PATIENCE, Gate, Reply, Site
from transforms.records import HostRest, HttpFailure, RobotsFile
from transforms.web.asking import Request, World
from transforms.web.hosts import HostBook
from transforms.web.lanes import FORGOTTEN
from transforms.web.robots import RobotsBook
from transforms.web.service import RESULTS_WAITING, FetchService

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


def settings(**changed: Any) -> FetchSettings:
    calm = {"host_delay": 0, "allow_private_hosts": True, "retry_wait": 0, "host_concurrency": 2}
    return FetchSettings(**{**calm, **changed})


@pytest.fixture
def service() -> Iterator[FetchService]:
    with FetchService(settings()) as service:
        yield service


def ask(service: FetchService, urls: list[str], seconds: float | None = None) -> dict[str, bytes]:
    """The bodies that arrive in a call; each request goes by its address."""
    requests = [(url, Request(url, 100_000, "*/*")) for url in urls]
    answers = service.fetch(requests, seconds=seconds, name=lambda url: url)
    return {url: answer.body for url, answer in answers}  # type: ignore[union-attr]


def wait_for(service: FetchService, name: str) -> None:
    pause, ends = threading.Event(), monotonic() + PATIENCE
    while name not in service.arrived():
        pause.wait(0.005)
        assert monotonic() < ends


def test_what_takes_longer_than_a_call_is_had_by_the_next_and_asked_once(
    site: Site, service: FetchService
) -> None:
    gate = Gate()
    slow, fast = site.at("/slow", gate), site.at("/fast", Reply(200, b"fast"))
    requests = [(url, Request(url, 100_000, "*/*")) for url in (slow, fast)]
    call = service.fetch(requests, seconds=1, name=lambda url: url)
    assert [url for url, _ in call] == [fast]
    assert service.under_way() == {slow}
    assert ask(service, [slow, fast]) == {fast: b"fast"}, "it is not waited for"
    gate.open_once_reached()
    wait_for(service, slow)
    assert ask(service, [slow]) == {slow: b"late"}
    assert site.seen()["/slow"] == 1
    assert service.under_way() == service.arrived() == set()


def test_what_had_not_begun_at_the_end_of_a_call_is_not_asked_for(
    site: Site, service: FetchService
) -> None:
    gates = [Gate(), Gate()]
    slow = [site.at(f"/slow/{number}", gate) for number, gate in enumerate(gates)]
    behind = [site.at(f"/behind/{number}", Reply(200, b"x")) for number in range(3)]
    assert ask(service, slow + behind, seconds=0.5) == {}
    for gate in gates:
        gate.open_once_reached()
    for url in slow:
        wait_for(service, url)
    assert set(site.seen()) == {"/slow/0", "/slow/1"}
    assert ask(service, behind) == dict.fromkeys(behind, b"x")


def test_a_slow_host_holds_up_no_other_call_after_call(
    site: Site, sites: Any, service: FetchService
) -> None:
    other, gate = sites("127.0.0.2"), Gate()
    slow = site.at("/slow", gate)
    ask(service, [slow], seconds=0.2)
    for number in range(5):
        url = other.at(f"/{number}", Reply(200, b"x"))
        assert ask(service, [slow, url], seconds=PATIENCE) == {url: b"x"}
    gate.open_once_reached()


def test_what_has_arrived_and_nobody_wants_any_more_is_dropped(
    site: Site, service: FetchService
) -> None:
    gates = [Gate(), Gate()]
    urls = [site.at(f"/{number}", gate) for number, gate in enumerate(gates)]
    assert ask(service, urls, seconds=0.5) == {}
    for url, gate in zip(urls, gates, strict=True):
        gate.open_once_reached()
        wait_for(service, url)
    service.forget({urls[0]})
    assert service.arrived() == {urls[0]}
    site.at("/1", Reply(200, b"asked again"))
    assert ask(service, urls) == {urls[0]: b"late", urls[1]: b"asked again"}


def test_what_has_arrived_keeps_no_other_request_from_beginning(site: Site) -> None:
    """Else pages that come late would keep the feeds of the next run from being asked."""
    with FetchService(settings(host_concurrency=2 * RESULTS_WAITING)) as service:
        gates = [Gate() for _ in range(RESULTS_WAITING + 1)]
        urls = [site.at(f"/{number}", gate) for number, gate in enumerate(gates)]
        assert ask(service, urls, seconds=1) == {}
        for url, gate in zip(urls, gates, strict=True):
            gate.open_once_reached()
            wait_for(service, url)
        new = site.at("/new", Reply(200, b"new"))
        assert ask(service, [new]) == {new: b"new"}
        assert ask(service, urls) == dict.fromkeys(urls, b"late")


def test_politeness_has_one_memory(site: Site) -> None:
    """The second call waits for the pause that the first one left behind."""
    now = [1000.0]
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(round(seconds))
        now[0] += seconds

    world = World(monotonic=lambda: now[0], sleep=sleep)
    with FetchService(settings(host_delay=7.0), world=world) as service:
        ask(service, [site.at("/a", Reply(200, b"a"))])
        assert not [pause for pause in slept if pause]
        ask(service, [site.at("/b", Reply(200, b"b"))])
    assert max(slept) == 7


def test_a_caller_who_leaves_takes_nothing_with_him(site: Site, service: FetchService) -> None:
    urls = [site.at(f"/{number}", Reply(200, b"x")) for number in range(2 * RESULTS_WAITING)]
    for _ in range(3):
        call = service.fetch([(url, Request(url, 100_000, "*/*")) for url in urls])
        next(call)
        call.close()
    assert ask(service, urls) == dict.fromkeys(urls, b"x")


def test_closing_drops_what_is_under_way(site: Site) -> None:
    gate = Gate()
    with FetchService(settings()) as service:
        ask(service, [site.at("/", gate)], seconds=0.2)
    assert not [t for t in threading.enumerate() if t.name == "newsbeam-fetch"]
    gate.opened.set()


def test_a_fault_is_the_failure_of_its_request_alone(site: Site, service: FetchService) -> None:
    bad = Request(site.at("/", Reply(200, b"x")), None, "*/*")  # type: ignore[arg-type]
    ((_, failure),) = service.fetch([(1, bad)])
    assert isinstance(failure, HttpFailure)
    assert (failure.error_type, failure.temporary) == ("TypeError", True)
    good = site.at("/good", Reply(200, b"good"))
    assert ask(service, [good]) == {good: b"good"}


def test_what_was_not_asked_for_long_is_forgotten_but_rests_are_not(site: Site) -> None:
    now = [1000.0]
    hosts = HostBook([HostRest("resting.example", NOW, datetime.max.replace(tzinfo=UTC),
                               5, "it fails"),
                      HostRest("rested.example", NOW, NOW, 5, "it failed")])  # fmt: skip
    later = datetime.now(UTC) + timedelta(days=1)
    robots = RobotsBook([RobotsFile("http://old.example", NOW, 200, "", None, NOW),
                         RobotsFile("http://new.example", NOW, 200, "", None, later)])  # fmt: skip
    world = World(monotonic=lambda: now[0])
    with FetchService(settings(), robots, hosts, world) as service:
        url = site.at("/", Reply(200, b"x"))
        for _ in range(2):
            assert ask(service, [url]) == {url: b"x"}
            now[0] += 2 * FORGOTTEN
            ask(service, [])
            lanes = service._fetcher.lanes
            assert not lanes._lanes
            assert not lanes._machines
            assert not lanes._addresses
        assert set(hosts._rests) == {"resting.example"}
        assert set(robots._rules) == {"http://new.example"}
