"""How hosts are spared, over real sockets: how much at once, which pauses, who is left alone."""

from __future__ import annotations

import contextlib
import re
import threading
from http.server import BaseHTTPRequestHandler
from itertools import pairwise

import pytest

from tests.kit.fetching import LIMIT, Clock, fetch_in, fetch_many, settings, spellings
from tests.kit.replies import to
from tests.kit.sites import PATIENCE, Reply, Site
from transforms.web.asking import Request
from transforms.web.hosts import HostBook
from transforms.web.pace import LONGEST_REST
from transforms.web.service import fetch_all


class Meeting:
    """Answers that wait until so many requests are under way at once, and a little for one more."""

    def __init__(self, site: Site, guests: int) -> None:
        self.site, self.barrier = site, threading.Barrier(guests)
        self.one_too_many = threading.Event()
        self.guests = guests

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        if self.site.now > self.guests:
            self.one_too_many.set()
        self.barrier.wait(PATIENCE)
        self.one_too_many.wait(0.1)
        handler.reply(Reply(200, b"met"))  # type: ignore[attr-defined]
        with self.site.lock:
            self.site.now += 1  # as the server counts this answer twice


@pytest.mark.parametrize("guests", [1, 2, 3])
def test_a_host_is_asked_so_much_at_once_and_never_more(site, guests):
    meeting = Meeting(site, guests)
    urls = [site.at(f"/{n}", meeting) for n in range(guests * 3)]
    answers = dict(fetch_many(urls, host_concurrency=guests))
    assert [answers[url].body for url in urls] == [b"met"] * len(urls)
    assert site.most_at_once == guests
    assert not meeting.one_too_many.is_set()
    assert len(site.connections) == guests, "connections are kept and used again"


def test_names_of_one_machine_share_its_room(site):
    """Two names for one address, each with its own lane."""
    names = (site.base, site.base.replace("127.0.0.1", "localhost"))
    guests = threading.Barrier(3)

    def meet(handler: BaseHTTPRequestHandler) -> None:
        with contextlib.suppress(threading.BrokenBarrierError):
            guests.wait(0.3)
        handler.reply(Reply())

    site.at("/", meet)
    urls = [f"{name}/?{n}" for name in names for n in range(3)]
    site.answers |= {f"/?{n}": site.answers["/"] for n in range(3)}
    assert [answer.status for _, answer in fetch_many(urls, host_concurrency=2)] == [200] * 6
    assert site.most_at_once == 2


def test_a_host_that_fails_again_and_again_is_left_alone(site):
    urls = [f"{site.base}/{n}" for n in range(8)]
    site.answers |= {f"/{n}": [Reply(500)] for n in range(8)}
    found = [answer for _, answer in fetch_many(urls, retries=0, host_concurrency=1)]
    assert [answer.error_type for answer in found] == ["Http500"] * 5 + ["HostResting"] * 3
    assert sum(site.seen().values()) == 5
    last = found[-1]
    assert (last.temporary, last.asked) == (True, False)
    assert 590 < last.retry_after <= 600
    assert re.fullmatch(
        r"127\.0\.0\.1 is left alone until \d{4}-\d\d-\d\d \d\d:\d\d UTC: "
        r"5 failures in a row, the last Http500: the server answered 500", last.message
    )  # fmt: skip


ALONE = {"host_concurrency": 1, "host_delay": 1.0, "retries": 0}


def test_a_busy_host_is_slowed_and_recovers_with_good_answers(site):
    clock = Clock()
    statuses = [200, 429, 503, 200, 200, 200, 200]
    urls = [site.at(f"/{n}", clock.page(status)) for n, status in enumerate(statuses)]
    fetch_in(clock.world, urls, **ALONE)
    pauses = [after - before for before, after in pairwise(clock.instants())]
    assert pauses == [1, 1, 2, 4, 2, 1], "doubled by each refusal, halved by each good answer"


def test_a_host_that_takes_its_time_is_given_time(site):
    clock = Clock()
    urls = [site.at(f"/{n}", clock.page(took=3)) for n in range(3)]
    fetch_in(clock.world, urls, **ALONE)
    pauses = [after - before for before, after in pairwise(clock.instants())]
    assert pauses == [3, 6], "the first answer teaches the pause after the second start"


def test_a_crawl_delay_is_obeyed(site):
    clock = Clock()
    site.at("/robots.txt", Reply(200, b"User-agent: *\nCrawl-delay: 7\n"))
    urls = [site.at(f"/{n}", clock.page()) for n in range(3)]
    fetch_in(clock.world, urls, robots=True, **ALONE)
    pauses = [after - before for before, after in pairwise(clock.instants())]
    assert pauses == [7, 7]


def test_a_short_retry_after_pauses_the_host_for_all(site):
    clock = Clock()
    urls = [site.at("/0", clock.page(503, **{"Retry-After": "4"})), site.at("/1", clock.page())]
    fetch_in(clock.world, urls, host_concurrency=1, host_delay=0, retries=0)
    assert clock.arrivals == [("/0", 0), ("/1", 4)]


@pytest.mark.parametrize("status", [429, 503])
def test_a_long_retry_after_rests_the_host_for_all(site, status):
    site.at("/0", Reply(status, b"", {"Retry-After": "120"}))
    urls = [site.at(f"/{n}", Reply()) for n in range(1, 4)]
    found = dict(fetch_many([f"{site.base}/0", *urls], host_concurrency=1))
    assert found[f"{site.base}/0"].error_type == f"Http{status}"
    for url in urls:
        assert (found[url].error_type, found[url].asked) == ("HostResting", False)
        assert 110 < found[url].retry_after <= 120
        assert f"the server answered {status}, with Retry-After" in found[url].message
    assert site.seen() == {"/0": 1}


def test_a_host_is_not_left_alone_for_longer_than_a_day(site):
    urls = [site.at("/0", Reply(429, b"", {"Retry-After": "9999999"})), site.at("/1", Reply())]
    resting = dict(fetch_many(urls, host_concurrency=1))[urls[1]]
    assert resting.retry_after <= LONGEST_REST


def test_the_rest_of_a_host_is_known_to_who_asks_next(site):
    hosts = HostBook()
    requests = [(n, Request(f"{site.base}/{n}", LIMIT, "*/*")) for n in range(5)]
    site.answers |= {f"/{n}": [Reply(500)] for n in range(5)}
    list(fetch_all(requests, settings(retries=0), hosts=hosts))
    (rest, *_) = hosts.take()
    assert (rest.host, rest.failures) == ("127.0.0.1", 5)
    assert rest.last_error == "Http500: the server answered 500"
    later = HostBook([rest])
    ((_, answer),) = fetch_all([(0, requests[0][1])], settings(), hosts=later)
    assert (answer.error_type, answer.asked) == ("HostResting", False)
    over = HostBook([rest._replace(resting_until=rest.noted_at)])
    ((_, answer),) = fetch_all([(0, requests[0][1])], settings(retries=0), hosts=over)
    assert answer.error_type == "Http500"
    assert sum(site.seen().values()) == 6


def test_a_shortener_is_not_blamed_for_where_it_leads(site, sites):
    """Five links to a host that fails, then one to a page that is there."""
    dead = sites("127.0.0.2")
    dead.answers |= {f"/{n}": [Reply(500)] for n in range(7)}
    site.at("/good", Reply(200, b"there"))
    urls = [site.at(f"/to/{n}", to(f"{dead.base}/{n}")) for n in range(7)]
    urls.append(site.at("/to/good", to("/good")))
    found = dict(fetch_many(urls, retries=0, host_concurrency=1))
    kinds = [getattr(found[url], "error_type", None) for url in urls]
    assert kinds == ["Http500"] * 5 + ["HostResting"] * 2 + [None]
    assert found[urls[-1]].body == b"there"
    assert found[urls[-2]].message.startswith("127.0.0.2 is left alone")
    assert sum(dead.seen().values()) == 5


def test_a_retry_behind_a_redirect_pauses_the_host_that_failed(site, sites):
    clock, busy = Clock(), sites("127.0.0.2")
    goal = busy.at("/goal", clock.page(503, **{"Retry-After": "4"}), clock.page())
    urls = [site.at("/way", to(goal)), site.at("/other", clock.page())]
    found = fetch_in(clock.world, urls, host_concurrency=1, host_delay=0, retries=1)
    assert [found[url].status for url in urls] == [200, 200]
    assert clock.arrivals == [("/goal", 0), ("/goal", 4), ("/other", 4)]


def test_sites_of_one_address_share_its_pause(site):
    clock = Clock()
    site.at("/", clock.page())
    urls = [f"http://{host}:{site.port}/" for host in spellings(4)]
    fetch_in(clock.world, urls, host_concurrency=1, host_delay=1.0)
    assert sorted(clock.instants()) == [0, 1, 2, 3]


def test_sites_of_several_addresses_do_not_wait_for_each_other(sites):
    clock = Clock()
    urls = [sites(f"127.0.0.{n}").at("/", clock.page()) for n in (2, 3, 4)]
    fetch_in(clock.world, urls, host_delay=1.0)
    assert clock.instants() == [0, 0, 0]


def test_all_hosts_together_are_bounded(site):
    meeting = Meeting(site, 2)
    urls = [site.at(f"/{n}", meeting) for n in range(4)]
    urls += [url.replace("127.0.0.1", "localhost") for url in urls]
    assert len(list(fetch_many(urls, host_concurrency=4, in_flight=2))) == 8
    assert site.most_at_once == 2


def test_the_pause_of_one_host_does_not_hold_up_another(site, sites):
    elsewhere = sites("127.0.0.2")
    other = elsewhere.at("/", Reply(200, b"x"))
    slow = [f"{site.base}/?{n}" for n in range(3)]
    for n in range(3):
        site.at(f"/?{n}", Reply(200, b"x"))
    answers = fetch_many([*slow, other], host_delay=3_600, host_concurrency=3)
    assert {next(answers)[0], next(answers)[0]} == {slow[0], other}
    answers.close()
    assert site.seen() == {"/?0": 1}, "a second request went out before its time"


def test_a_pause_is_kept_by_those_who_waited_for_room(site):
    """Two requests whose time has come, while others are in the way, do not start together."""
    second = threading.Event()

    def in_the_way(handler: BaseHTTPRequestHandler) -> None:
        site.closing.wait(0.8)
        handler.reply(Reply(200, b"x"))  # type: ignore[attr-defined]

    def polite(handler: BaseHTTPRequestHandler) -> None:
        if site.seen()["/polite"] + site.seen()["/also"] > 1:
            second.set()
        handler.reply(Reply(200, b"second" if second.wait(0.2) else b"alone"))  # type: ignore[attr-defined]

    site.at("/", in_the_way)
    others = [f"http://{host}:{site.port}/" for host in spellings(2)]
    urls = [site.at("/polite", polite), site.at("/also", polite)]
    answers = dict(fetch_many([*others, *urls], host_delay=0.5, in_flight=2))
    assert sorted(answers[url].body for url in urls) == [b"alone", b"second"]
