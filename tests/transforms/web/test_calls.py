"""One call of `fetch_all`: each request is answered once, callers are waited for, stops end it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from tests.kit.fetching import LIMIT, fetch_many, settings, spellings
from tests.kit.replies import NOBODY, SILENT, Endless
from tests.kit.sites import Reply
from transforms.records import HttpFailure, Response
from transforms.web.asking import Request
from transforms.web.service import RESULTS_WAITING, fetch_all


def test_every_request_is_answered_once_whatever_becomes_of_it(site):
    good = [site.at(f"/{n}", Reply(200, b"%d" % n)) for n in range(40)]
    bad = [site.base + "/missing", NOBODY, "http://a..b/", f"{site.base}/missing#2"]
    answers = dict(fetch_many(good + bad, retries=0))
    assert sorted(answers) == sorted(good + bad)
    assert [answers[url].body for url in good] == [b"%d" % n for n in range(40)]
    assert all(isinstance(answers[url], HttpFailure) for url in bad)


def test_nothing_to_fetch():
    assert list(fetch_many([])) == []


def test_one_request_under_two_keys_is_two_requests(site):
    request = Request(site.at("/", Reply(200, b"x")), LIMIT, "*/*")
    assert sorted(key for key, _ in fetch_all([(1, request), (2, request)], settings())) == [1, 2]
    assert site.seen() == {"/": 2}


@pytest.mark.parametrize("allow", [True, False], ids=["private allowed", "public only"])
@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://a..b/", id="empty label"),
        pytest.param(f"http://{'a' * 64}.example/", id="long label"),
        pytest.param("http://xn--/", id="empty Punycode"),
        pytest.param("http://xn--a/", id="spoilt Punycode"),
        pytest.param("http://\u2024.example/", id="a dot that is none"),
        pytest.param("http://\xad/", id="soft hyphen"),
        pytest.param("http://exa mple.example/", id="space in the host"),
        pytest.param("http://127.0.0.1/\x00", id="control character"),
        pytest.param("http://127.0.0.1:1/\ud800", id="half a character"),
        pytest.param("http://127.0.0.1:1/" + "a" * 70_000, id="long"),
        pytest.param("http://[fe80::1%25lo]/", id="zone"),
        pytest.param("http://127.0.0.1:99999/", id="a port that there is not"),
    ],
)
def test_wild_urls_fail_alone(site, url, allow):
    """Strangers write them; they must not take the run with them."""
    answers = dict(fetch_many([url, site.at("/", Reply())], retries=0, allow_private_hosts=allow))
    assert isinstance(answers[url], HttpFailure)
    assert isinstance(answers[site.base + "/"], Response) == allow


def test_a_caller_who_is_slow_is_waited_for(site):
    many = RESULTS_WAITING * 3
    bound = RESULTS_WAITING + 4  # what waits, what is under way, and what the caller took
    too_far = threading.Event()

    def page(handler: BaseHTTPRequestHandler) -> None:
        if len(site.headers) > bound:
            too_far.set()
        handler.reply(Reply(200, b"x"))  # type: ignore[attr-defined]

    answers = fetch_many([site.at(f"/{n}", page) for n in range(many)])
    next(answers)
    assert not too_far.wait(0.3)
    assert len(list(answers)) == many - 1


def test_many_hosts_wait_for_a_slow_caller_too(site):
    many = RESULTS_WAITING * 3
    bound = RESULTS_WAITING + 4 + 1  # what waits, what is under way, and what the caller took
    too_far = threading.Event()

    def page(handler: BaseHTTPRequestHandler) -> None:
        if len(site.headers) > bound:
            too_far.set()
        handler.reply(Reply(200, b"x"))  # type: ignore[attr-defined]

    site.at("/", page)
    answers = fetch_many([f"http://{host}:{site.port}/" for host in spellings(many)], in_flight=4)
    next(answers)
    assert not too_far.wait(0.3)
    assert len(list(answers)) == many - 1


def fetching() -> Iterator[threading.Thread]:
    return (thread for thread in threading.enumerate() if thread.name == "newsbeam-fetch")


def test_a_stop_ends_what_is_under_way(site):
    stop, silent = threading.Event(), Endless(SILENT)
    urls = [site.at("/fast", Reply(200, b"x")), site.at("/slow", silent)]
    requests = [(url, Request(url, LIMIT, "*/*")) for url in urls]
    answers = fetch_all(requests, settings(host_concurrency=1), stop.is_set)
    assert next(answers)[0] == urls[0]
    stop.set()
    assert list(answers) == []
    assert not list(fetching())


def test_a_stop_that_was_asked_before_the_start(site):
    silent = Endless(SILENT)
    request = Request(site.at("/", silent), LIMIT, "*/*")
    assert list(fetch_all([(1, request)], settings(), lambda: True)) == []


def test_a_caller_who_goes_away_leaves_nothing_behind(site):
    silent = Endless(SILENT)
    answers = fetch_many([site.at("/fast", Reply(200, b"x")), site.at("/slow", silent)])
    next(answers)
    answers.close()
    assert not list(fetching())
    assert "/slow" not in site.seen() or silent.was_left()


def test_what_nobody_expects_is_the_failure_of_its_request(site):
    requests = [(1, Request(site.at("/", Reply(200, b"x")), None, "*/*"))]  # type: ignore[arg-type]
    ((_, failure),) = fetch_all(requests, settings())
    assert failure.error_type == "TypeError"
    assert not list(fetching())
