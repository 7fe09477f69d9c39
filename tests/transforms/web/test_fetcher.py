"""What becomes of one request, over real sockets: retries, redirects, probes, refused ports."""

from __future__ import annotations

import gzip

import pytest

from config.models import LONGEST_ADDRESS
from tests.kit.fetching import LIMIT, ask, fail, get
from tests.kit.replies import raw, to
from tests.kit.sites import Reply
from transforms.times import LONGEST_RETRY_AFTER
from transforms.urls import TOO_LONG
from transforms.web.asking import Request
from transforms.web.exchange import TEMPORARY


@pytest.mark.parametrize(
    ("answer", "error_type"),
    [
        pytest.param(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"), "ProtocolError",
                     id="body cut off"),
        pytest.param(raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nsho"),
                     "ProtocolError", id="chunk cut off"),
        pytest.param(raw(), "ProtocolError", id="no answer"),
        pytest.param(raw(b"SSH-2.0-OpenSSH_9.6\r\n"), "ProtocolError", id="not HTTP"),
        pytest.param(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
                     "ProtocolError", id="two lengths"),
        pytest.param(raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000), "ProtocolError",
                     id="endless header"),
        pytest.param(Reply(200, gzip.compress(b"news" * 1000)[:-9], {"Content-Encoding": "gzip"}),
                     "BadEncoding", id="gzip cut off"),
        pytest.param(Reply(200, b"\x1f\x8bnonsense", {"Content-Encoding": "gzip"}), "BadEncoding",
                     id="gzip spoilt"),
        pytest.param(Reply(200, b"plain", {"Content-Encoding": "gzip"}), "BadEncoding",
                     id="gzip that is none"),
        pytest.param(Reply(200, b"x", {"Content-Encoding": "br"}), "BadEncoding",
                     id="brotli that is none"),
        pytest.param(Reply(200, b"x", {"Content-Encoding": "compress"}), "BadEncoding",
                     id="a coding not asked for"),
    ],
)  # fmt: skip
def test_broken_answers_are_tried_again_and_then_told(site, answer, error_type):
    failure = fail(site.at("/", answer), retries=1)
    assert (failure.error_type, failure.temporary) == (error_type, True)
    assert failure.message
    assert site.seen() == {"/": 2}


def test_a_broken_answer_may_be_whole_the_next_time(site):
    url = site.at(
        "/", raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"), Reply(200, b"whole")
    )
    assert get(url).body == b"whole"


@pytest.mark.parametrize("status", [201, 204, 206, 300, 400, 401, 403, 404, 410, 451, 501, 505])
def test_permanent_statuses_are_asked_once(site, status):
    failure = fail(site.at("/", Reply(status)))
    assert (failure.error_type, failure.status) == (f"Http{status}", status)
    assert not failure.temporary
    assert site.seen() == {"/": 1}


@pytest.mark.parametrize("status", sorted(TEMPORARY))
def test_temporary_statuses_are_asked_again(site, status):
    failure = fail(site.at("/", Reply(status)), retries=2)
    assert (failure.error_type, failure.status) == (f"Http{status}", status)
    assert failure.temporary
    assert site.seen() == {"/": 3}


def test_a_server_that_recovers(site):
    url = site.at("/", Reply(500), Reply(503, b"", {"Retry-After": "0"}), Reply(200, b"well"))
    assert get(url).body == b"well"
    assert site.seen() == {"/": 3}


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("3600", 3600), ("99999999999999999999999999", LONGEST_RETRY_AFTER), ("\xb2", None)],
)
def test_a_long_wait_is_left_to_a_later_run(site, value, seconds):
    failure = fail(site.at("/", Reply(503, b"", {"Retry-After": value})), retries=0)
    assert (failure.temporary, failure.retry_after) == (True, seconds)
    if seconds:
        fail(site.base + "/", retries=2)
        assert site.seen() == {"/": 2}, "asked again before its time"


def test_a_chain_of_redirects_is_written_down(site):
    site.at("/1", to("/2", 301))
    site.at("/2", to(f"{site.base}/x/3", 302))
    site.at("/x/3", to("4", 303))
    site.at("/x/4", to("?five", 307))
    site.at("/x/4?five", to(f"//127.0.0.1:{site.port}/6", 308))
    site.at("/6", Reply(200, b"there"))
    answer = get(site.base + "/1")
    assert (answer.url, answer.body) == (site.base + "/6", b"there")
    assert answer.redirects == tuple(
        site.base + path for path in ("/1", "/2", "/x/3", "/x/4", "/x/4?five")
    )


def test_a_redirect_to_another_host(site):
    site.at("/there", Reply(200, b"there"))
    url = site.at("/here", to(f"http://localhost:{site.port}/there"))
    assert get(url).url == f"http://localhost:{site.port}/there"


def test_the_last_redirect_that_passes(site):
    for n in range(4):
        site.at(f"/{n}", to(f"/{n + 1}"))
    site.at("/4", Reply(200, b"there"))
    assert get(site.base + "/0", redirects=4).body == b"there"
    assert fail(site.base + "/0", redirects=3).error_type == "TooManyRedirects"


@pytest.mark.parametrize(
    ("location", "error_type"),
    [
        pytest.param("/", "RedirectLoop", id="itself"),
        pytest.param("/back", "RedirectLoop", id="there and back"),
        pytest.param("file:///etc/passwd", "BadRedirect", id="file"),
        pytest.param("ftp://127.0.0.1/", "BadRedirect", id="ftp"),
        pytest.param("http://me:pw@127.0.0.1/", "BadRedirect", id="credentials"),
        pytest.param("https://", "BadRedirect", id="no host"),
        pytest.param("", "BadRedirect", id="nowhere"),
    ],
)
def test_redirects_that_lead_nowhere_are_permanent(site, location, error_type):
    site.at("/back", to("/"))
    failure = fail(site.at("/", to(location)))
    assert (failure.error_type, failure.status, failure.temporary) == (error_type, 302, False)
    assert site.seen()["/"] == 1


def test_a_redirect_without_a_target(site):
    assert fail(site.at("/", Reply(301))).error_type == "BadRedirect"


def test_an_endless_address_is_not_asked_and_not_followed(site):
    path = "/" + "a" * LONGEST_ADDRESS
    failure = fail(site.at("/", to(path)))
    assert (failure.error_type, failure.temporary) == ("BadRedirect", False)
    assert failure.message == f"redirect that is not followed: {TOO_LONG}"
    failure = fail(site.at(path, Reply(200, b"there")))
    assert (failure.error_type, failure.message) == (
        "AddressRefused", "the URL is longer than 8,192 characters")  # fmt: skip
    assert list(site.seen()) == ["/"]


@pytest.mark.parametrize(
    "location",
    ["http://[::1", "http://127.0.0.1:99999/", "http://a..b/", "javascript:alert(1)", "\xff\xfe"],
)
def test_a_redirect_to_nonsense_is_a_failure(site, location):
    assert fail(site.at("/", to(location)), retries=0).error_type


def test_a_temporary_failure_behind_a_redirect_starts_over(site):
    site.at("/b", Reply(503), Reply(200, b"well"))
    answer = get(site.at("/a", to("/b")))
    assert (answer.body, answer.redirects) == (b"well", (site.base + "/a",))


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:25/", "port 25 belongs to another service"),
        ("http://127.0.0.1:1023/", "port 1023 belongs to another service"),
        ("https://127.0.0.1:80/", None),
        ("http://127.9.9.9:1024/", None),
    ],
)
def test_ports_of_other_services_are_refused(url, reason):
    failure = fail(url, retries=0)
    if reason:
        assert (failure.error_type, failure.message, failure.temporary) == (
            "AddressRefused", reason, False)  # fmt: skip
    else:
        assert failure.error_type == "ConnectError"


@pytest.mark.parametrize("target", ["http://127.0.0.1:25/", "http://127.0.0.1:22/x"])
def test_ports_are_refused_behind_redirects_too(site, target):
    failure = fail(site.at("/", Reply(302, headers={"Location": target})), retries=0)
    assert (failure.error_type, "belongs to another" in failure.message) == ("AddressRefused", True)


def test_credentials_are_refused(site):
    failure = fail(site.base.replace("//", "//user:secret@"), retries=0)
    assert (failure.error_type, failure.message) == (
        "AddressRefused", "the URL carries credentials")  # fmt: skip
    assert site.seen() == {}


@pytest.mark.parametrize(("second", "after"), [(Reply(200, b"whole"), True), (Reply(500), False)])
def test_a_304_is_put_to_the_test_by_a_request_without_validators(site, second, after):
    url = site.at("/", Reply(304), second)
    answer = ask(Request(url, LIMIT, "*/*", '"1"', "Sunday", probe=True), retries=0)
    assert (answer.status, answer.after_304) == ((200, True) if after else (304, False))
    first, again = (headers for _, headers in site.headers)
    assert (first["if-none-match"], first["if-modified-since"]) == ('"1"', "Sunday")
    assert not {"if-none-match", "if-modified-since"} & set(again)


@pytest.mark.parametrize(
    ("statuses", "moved"),
    [([301], True), ([308, 301], True), ([301, 302], False), ([307], False), ([], False)],
)
def test_permanent_redirects_alone_move(site, statuses, moved):
    for number, status in enumerate(statuses):
        site.at(f"/{number}", Reply(status, headers={"Location": f"/{number + 1}"}))
    site.at(f"/{len(statuses)}", Reply())
    answer = get(f"{site.base}/0")
    assert answer.moved_to == (f"{site.base}/{len(statuses)}" if moved else None)
