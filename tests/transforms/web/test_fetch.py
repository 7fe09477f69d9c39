"""Fetching, over real sockets: politeness, limits, redirects, retries, and every way to fail."""

from __future__ import annotations

import contextlib
import gzip
import math
import re
import ssl
import threading
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from itertools import pairwise
from pathlib import Path

import brotli
import pytest
import zstandard
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.fetching import LIMIT, fetch_many, settings
from tests.kit.sites import PATIENCE, Reply, Site
from transforms.records import HttpFailure, Response
from transforms.times import LONGEST_RETRY_AFTER
from transforms.web.asking import Request, World
from transforms.web.coding import MOST_PARTS
from transforms.web.exchange import TEMPORARY, retry_after
from transforms.web.hosts import HostBook
from transforms.web.pace import LONGEST_REST
from transforms.web.robots import ROBOTS_BYTES
from transforms.web.service import RESULTS_WAITING, fetch_all

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


def fetch(url: str, limit: int = LIMIT, **changed: object) -> Response | HttpFailure:
    ((_, answer),) = fetch_many([url], limit, **changed)
    return answer


def get(url: str, limit: int = LIMIT, **changed: object) -> Response:
    answer = fetch(url, limit, **changed)
    assert isinstance(answer, Response), answer
    return answer


def fail(url: str, limit: int = LIMIT, **changed: object) -> HttpFailure:
    answer = fetch(url, limit, **changed)
    assert isinstance(answer, HttpFailure), answer
    return answer


def gzipped(body: bytes, **headers: str) -> Reply:
    return Reply(200, gzip.compress(body), {"Content-Encoding": "gzip", **headers})


def zstd(body: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(body)


def raw(*parts: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    """An answer as given, after which the connection ends."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        for part in parts:
            handler.wfile.write(part)
            handler.wfile.flush()
        handler.close_connection = True

    return answer


def chunked(*parts: bytes, coding: str = "identity") -> Callable[[BaseHTTPRequestHandler], None]:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nTransfer-Encoding: chunked\r\n\r\n"
    return raw(
        head.encode(), *(b"%x\r\n%s\r\n" % (len(part), part) for part in parts), b"0\r\n\r\n"
    )


class Endless:
    """An answer that goes on until the client hangs up, and notices that."""

    def __init__(self, head: bytes, part: bytes = b"") -> None:
        self.head, self.part = head, part
        self.hung_up = threading.Event()

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        handler.connection.settimeout(PATIENCE)
        try:
            handler.wfile.write(self.head)
            while self.part:
                handler.wfile.write(self.part)
            if not handler.rfile.read(1):
                self.hung_up.set()
        except ConnectionError:
            self.hung_up.set()
        handler.close_connection = True

    def was_left(self) -> bool:
        return self.hung_up.wait(PATIENCE)


SILENT = b""
NOBODY = "http://127.9.9.9:9999/"
"""Nothing listens there."""
ENDLESS_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"


# What arrives


def test_a_page_with_its_provenance(site):
    before = datetime.now(UTC)
    url = site.at("/a?b=c", Reply(200, b"hello", {"Content-Type": "text/html", "ETag": '"1"'}))
    answer = get(url)
    assert (answer.url, answer.status, answer.body) == (url, 200, b"hello")
    assert (answer.redirects, answer.received) == ((), 5)
    assert answer.headers["content-type"] == "text/html"
    assert answer.headers["etag"] == '"1"'
    assert before <= answer.fetched_at <= datetime.now(UTC)


def test_what_is_asked_for_is_the_url_as_listed(site):
    site.answers = {"/b?z=1&a=2&utm_source=x": [Reply(200, b"listed")]}
    assert get(site.base + "/b?z=1&a=2&utm_source=x#top").body == b"listed"


def test_the_program_says_who_it_is_and_what_it_reads(site):
    get(site.at("/", Reply()))
    ((_, headers),) = site.headers
    assert headers["user-agent"].startswith("newsbeam/")
    assert headers["accept"] == "*/*"
    assert "if-none-match" not in headers


def test_proxies_of_the_environment_are_left_alone(site, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:1")
    assert get(site.at("/", Reply(200, b"direct"))).body == b"direct"


def conditional(url: str, etag: str | None, last_modified: str | None) -> Response | HttpFailure:
    request = Request(url, LIMIT, "*/*", etag, last_modified)
    ((_, answer),) = fetch_all([(None, request)], settings())
    return answer


def test_unchanged(site):
    url = site.at("/rss", Reply(304, b"", {"ETag": '"2"'}))
    answer = conditional(url, '"1"', "Mon, 05 Jan 2026 10:00:00 GMT")
    assert isinstance(answer, Response)
    assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", '"2"')
    ((_, headers),) = site.headers
    assert headers["if-none-match"] == '"1"'
    assert headers["if-modified-since"] == "Mon, 05 Jan 2026 10:00:00 GMT"


def test_validators_that_cannot_be_sent_back_cost_a_full_answer_and_no_more(site):
    first = raw(b'HTTP/1.1 200 OK\r\nETag: "\xfc"\r\nContent-Length: 3\r\n\r\nold')
    url = site.at("/rss", first, Reply(200, b"new"))
    etag = get(url).headers["etag"]
    answer = conditional(url, etag, "\u043f\u043d, 05 \u044f\u043d\u0432")
    assert isinstance(answer, Response)
    assert answer.body == b"new"


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


# Packed bodies and limits


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(gzipped(b"news" * 1000), id="gzip"),
        pytest.param(Reply(200, zlib.compress(b"news" * 1000), {"Content-Encoding": "deflate"}),
                     id="deflate"),
        pytest.param(gzipped(b"news" * 1000, **{"Content-Encoding": " GZIP"}), id="in capitals"),
        pytest.param(Reply(200, gzip.compress(b"news" * 400) + gzip.compress(b"news" * 600),
                           {"Content-Encoding": "gzip"}), id="two members"),
        pytest.param(Reply(200, gzip.compress(b"news" * 1000) + b"\0" * 9,
                           {"Content-Encoding": "gzip"}), id="padded with zeros"),
        pytest.param(Reply(200, zlib.compress(b"news" * 1000)[2:-4],
                           {"Content-Encoding": "deflate"}), id="deflate without its frame"),
        pytest.param(Reply(200, brotli.compress(b"news" * 1000), {"Content-Encoding": "br"}),
                     id="brotli"),
        pytest.param(Reply(200, zstd(b"news" * 1000), {"Content-Encoding": "zstd"}), id="zstd"),
        pytest.param(Reply(200, zstd(b"news" * 400) + zstd(b"news" * 600),
                           {"Content-Encoding": "zstd"}), id="two frames"),
        pytest.param(chunked(*(bytes([byte]) for byte in zstd(b"news" * 1000)), coding="zstd"),
                     id="zstd byte by byte"),
        pytest.param(chunked(*(bytes([byte]) for byte in brotli.compress(b"news" * 1000)),
                             coding="br"),
                     id="brotli byte by byte"),
        pytest.param(chunked(*([b"news" * 100] * 10)), id="in chunks"),
        pytest.param(chunked(*(bytes([byte]) for byte in gzip.compress(b"news" * 1000)),
                             coding="gzip"),
                     id="gzip byte by byte"),
        pytest.param(raw(b"HTTP/1.1 200 OK\r\n\r\n", b"news" * 1000),
                     id="until the connection ends"),
        pytest.param(raw(b"HTTP/1.0 200 OK\r\n\r\n", b"news" * 1000), id="HTTP 1.0"),
    ],
)  # fmt: skip
def test_bodies(site, answer):
    assert get(site.at("/", answer), retries=0).body == b"news" * 1000


def test_what_was_received_is_counted_as_it_came(site):
    reply = gzipped(b"news" * 1000)
    assert get(site.at("/", reply)).received == len(reply.body)


def test_an_empty_body_may_call_itself_packed(site):
    assert get(site.at("/", Reply(200, b"", {"Content-Encoding": "gzip"}))).body == b""


def packed(coding: str, pack: Callable[[bytes], bytes]) -> Callable[[bytes], Reply]:
    return lambda body: Reply(200, pack(body), {"Content-Encoding": coding})


PACKED = [gzipped, packed("deflate", zlib.compress), packed("br", brotli.compress),
          packed("zstd", zstd)]  # fmt: skip
CODINGS = ["gzip", "deflate", "br", "zstd"]


@pytest.mark.parametrize("pack", [lambda body: Reply(200, body), *PACKED], ids=["plain", *CODINGS])
def test_the_limit_is_the_last_size_that_passes(site, pack):
    body = b"x" * 5_000
    assert get(site.at("/", pack(body)), limit=5_000).body == body
    assert fail(site.at("/", pack(body)), limit=4_999).error_type == "TooLarge"


@pytest.mark.parametrize(
    ("head", "part"),
    [
        pytest.param(ENDLESS_HEAD, b"x" * 4096, id="endless"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000000\r\n\r\n", b"", id="announced"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                     b"1000\r\n" + b"x" * 4096 + b"\r\n", id="endless in chunks"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n",
                     gzip.compress(b"x" * 4096), id="endless in gzip members"),
    ],
)  # fmt: skip
def test_too_much_is_left_in_the_midst_and_not_tried_again(site, head, part):
    endless = Endless(head, part)
    failure = fail(site.at("/", endless))
    assert (failure.error_type, failure.temporary) == ("TooLarge", False)
    assert "100,000 bytes" in failure.message
    assert endless.was_left()
    assert site.seen() == {"/": 1}


@pytest.mark.parametrize(
    ("coding", "part", "most"),
    [
        pytest.param("gzip", gzip.compress(b""), MOST_PARTS, id="gzip members of nothing"),
        pytest.param("zstd", zstd(b""), MOST_PARTS, id="zstd frames of nothing"),
        pytest.param("zstd", zstd(b"x"), MOST_PARTS, id="zstd frames of a letter"),
    ],
)
def test_a_body_in_too_many_parts_is_refused(site, coding, part, most):
    url = site.at("/", Reply(200, part * most, {"Content-Encoding": coding}))
    assert len(get(url).body) in (0, most)
    failure = fail(site.at("/", Reply(200, part * (most + 1), {"Content-Encoding": coding})))
    assert (failure.error_type, failure.temporary) == ("TooLarge", False)
    assert failure.message == "it is packed in more than 1,000 parts"
    endless = Endless(ENDLESS_HEAD[:-2] + f"Content-Encoding: {coding}\r\n\r\n".encode(), part)
    assert fail(site.at("/", endless)).error_type == "TooLarge"
    assert endless.was_left()


def test_every_coding_is_asked_for(site):
    get(site.at("/", Reply()))
    assert site.headers[0][1]["accept-encoding"] == "gzip, deflate, br, zstd"


@pytest.mark.parametrize("pack", PACKED, ids=CODINGS)
def test_a_body_that_is_cut_off_is_told(site, pack):
    reply = pack(b"news " * 1000)
    url = site.at("/", reply._replace(body=reply.body[: len(reply.body) // 2]))
    failure = fail(url, retries=0)
    assert (failure.error_type, failure.temporary) == ("BadEncoding", True)


@pytest.mark.parametrize("pack", PACKED, ids=CODINGS)
def test_what_swells_without_measure_is_refused_below_the_limit_too(site, pack):
    failure = fail(site.at("/", pack(b"x" * 5_000_000)), limit=10_000_000)
    assert failure.error_type == "TooLarge"
    assert failure.message == "it unpacks to more than 200 times its size"


def test_a_zstd_frame_may_not_look_back_too_far(site):
    parameters = zstandard.ZstdCompressionParameters(window_log=24)
    body = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    far = body.compress(bytes(range(256)) * 10) + body.flush()
    failure = fail(site.at("/", Reply(200, far, {"Content-Encoding": "zstd"})), retries=0)
    assert failure.error_type == "BadEncoding"
    assert "memory" in failure.message


@pytest.mark.parametrize("pack", PACKED, ids=CODINGS)
def test_a_bomb_is_not_unpacked(site, pack):
    url = site.at("/", pack(b"\0" * 64_000_000))
    tracemalloc.start()
    try:
        failure = fail(url, limit=1_000_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert failure.error_type == "TooLarge"
    assert peak < 16_000_000


@pytest.mark.parametrize(
    ("answer", "error_type"),
    [
        pytest.param(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"), "ProtocolError",
                     id="body cut off"),
        pytest.param(raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nsho"),
                     "ProtocolError", id="chunk cut off"),
        pytest.param(raw(), "ProtocolError", id="no answer"),
        pytest.param(raw(b"SSH-2.0-OpenSSH_9.6\r\n"), "ProtocolError", id="not HTTP"),
        pytest.param(raw(b"HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n"), "ProtocolError",
                     id="length in words"),
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


# Statuses and retries


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


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        pytest.param(None, None, id="none"),
        pytest.param("", None, id="empty"),
        pytest.param("0", 0, id="zero"),
        pytest.param(" 120 ", 120, id="seconds"),
        pytest.param("-5", None, id="negative"),
        pytest.param("1.5", None, id="a fraction"),
        pytest.param("soon", None, id="a word"),
        pytest.param("²", None, id="a digit that is none"),
        pytest.param("٣", None, id="a digit of another script"),
        pytest.param("9" * 5_000, LONGEST_RETRY_AFTER, id="past all numbers"),
        pytest.param("Mon, 05 Jan 2026 12:02:00 GMT", 120, id="date"),
        pytest.param("Mon, 05 Jan 2026 14:02:00 +0200", 120, id="date with offset"),
        pytest.param("Mon, 05 Jan 2026 12:02:00 -0000", 120, id="date without zone"),
        pytest.param("Monday, 05-Jan-26 12:02:00 GMT", 120, id="date of RFC 850"),
        pytest.param("Mon, 05 Jan 2026 11:00:00 GMT", 0, id="date gone by"),
        pytest.param("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_RETRY_AFTER, id="the end of time"),
        pytest.param("Mon, 99 Jan 2026 12:00:00 GMT", None, id="no day"),
        pytest.param("Mon, 05 Jan 2026 12:00:00 +9999999999", None, id="no offset"),
        pytest.param(f"Mon, 05 Jan {'9' * 20} 12:00:00 GMT", None, id="a year past all numbers"),
        pytest.param(f"Mon, 05 Jan 2026 12:00:00 +{'9' * 20}", None, id="an offset past them"),
    ],
)
def test_retry_after(value, seconds):
    assert retry_after(value, NOW) == seconds


@given(st.integers(0, LONGEST_RETRY_AFTER))
def test_retry_after_means_the_same_as_seconds_and_as_date(seconds):
    date = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
    assert retry_after(str(seconds), NOW) == retry_after(date, NOW) == seconds


@given(st.text() | st.from_regex(r"\A\w{3}, \d+ \w{3} \d+ \d+:\d+:\d+ [+-]?\w+\Z"))
def test_retry_after_is_none_or_a_wait_that_fits_a_calendar(value):
    seconds = retry_after(value, NOW)
    assert seconds is None or (math.isfinite(seconds) and NOW + timedelta(seconds=seconds) >= NOW)


# Redirects


def to(target: str, status: int = 302) -> Reply:
    return Reply(status, b"moved", {"Location": target})


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


# Refused, unreachable and slow


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0.0.0.0",
     "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::1]", "[::]"],
)  # fmt: skip
def test_private_addresses_are_refused_unless_allowed(site, host):
    site.at("/", Reply(200, b"secret"))
    failure = fail(f"http://{host}:{site.port}/", allow_private_hosts=False)
    assert (failure.error_type, failure.temporary) == ("AddressRefused", False)
    assert "--allow-private-hosts" in failure.message
    assert not site.connections


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


def test_a_server_that_is_too_slow_frees_its_place(site):
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(ENDLESS_HEAD)
        while not site.closing.wait(0.02):
            handler.wfile.write(b"x")

    failure = fail(site.at("/", drip), retries=0, slow_grace=0.2, least_speed=1_000)
    assert (failure.error_type, failure.temporary) == ("TooSlow", True)


def test_headers_without_end_are_refused(site):
    endless = Endless(b"HTTP/1.1 200 OK\r\n", b"X-More: " + b"x" * 4096 + b"\r\n")
    failure = fail(site.at("/", endless), retries=0)
    assert (failure.error_type, failure.temporary) == ("ProtocolError", True)
    assert endless.was_left()


# Feeds


def ask(request: Request, **changed: object) -> Response | HttpFailure:
    ((_, answer),) = fetch_all([(0, request)], settings(**changed))
    return answer


def test_differences_are_asked_for_and_taken(site):
    url = site.at("/", Reply(226, b"what is new", {"IM": "feed"}))
    answer = ask(Request(url, LIMIT, "*/*", '"1"', takes_difference=True))
    assert (answer.status, answer.body) == (226, b"what is new")
    assert site.headers[0][1]["a-im"] == "feed"
    get(url)
    assert "a-im" not in site.headers[1][1], "pages have none"


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


def test_nobody_listens(site):
    failure = fail(NOBODY, retries=0)
    assert (failure.error_type, failure.temporary) == ("ConnectError", True)


def test_plain_http_where_tls_is_expected(site):
    failure = fail(site.base.replace("http:", "https:"), retries=0)
    assert (failure.error_type, failure.temporary) == ("ConnectError", True)


@pytest.mark.parametrize(
    ("head", "limits"),
    [
        pytest.param(SILENT, {"read_timeout": 0.2}, id="no answer"),
        pytest.param(ENDLESS_HEAD, {"read_timeout": 0.2}, id="no body"),
        pytest.param(SILENT, {"total_timeout": 0.2}, id="no answer in all"),
    ],
)
def test_a_server_that_keeps_silent(site, head, limits):
    silent = Endless(head)
    failure = fail(site.at("/", silent), retries=0, **limits)
    assert (failure.error_type, failure.temporary) == ("Timeout", True)
    assert failure.message
    assert silent.was_left()


def test_a_server_that_drips(site):
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(ENDLESS_HEAD)
        while not site.closing.wait(0.02):
            handler.wfile.write(b"x")

    failure = fail(site.at("/", drip), retries=0, read_timeout=10, total_timeout=0.3)
    assert (failure.error_type, failure.temporary) == ("Timeout", True)


# Politeness


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


def fetch_in(
    world: World, urls: list[str], *, robots: bool = False, **changed: object
) -> dict[str, Response | HttpFailure]:
    requests = [(url, Request(url, LIMIT, "*/*", obeys_robots=robots)) for url in urls]
    return dict(fetch_all(requests, settings(**changed), world=world))


class Clock:
    """Time that passes when somebody waits, and when a server takes its time."""

    def __init__(self) -> None:
        self.now = 0.0
        self.arrivals: list[tuple[str, float]] = []

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    @property
    def world(self) -> World:
        return World(monotonic=lambda: self.now, sleep=self.sleep)

    def page(self, status: int = 200, took: float = 0.0, **headers: str):
        """An answer that notes when it was asked for."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            self.arrivals.append((handler.path, self.now))
            self.now += took
            handler.reply(Reply(status, b"x", headers))  # type: ignore[attr-defined]

        return answer

    def instants(self) -> list[float]:
        return [at for _, at in self.arrivals]


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


# robots.txt


def ask_robots(site: Site, text: bytes, **headers: str) -> dict[str, str | None]:
    site.at("/robots.txt", Reply(200, text, headers))
    urls = [site.at(path, Reply()) for path in ("/open", "/closed", "/late")]
    found = fetch_in(World(), urls, robots=True, retries=0)
    return {url.removeprefix(site.base): getattr(found[url], "error_type", None) for url in urls}


LONG = b"# a line about nothing much\n" * 250_000
"""Seven million bytes."""


def test_the_start_of_a_robots_txt_that_is_too_long_counts(site):
    text = b"User-agent: *\nDisallow: /closed\n" + LONG + b"Disallow: /late\n"
    assert ask_robots(site, text) == {"/open": None, "/closed": "RobotsRefused", "/late": None}


def test_a_packed_one_is_cut_too(site):
    text = gzip.compress(b"User-agent: *\nDisallow: /closed\n" + LONG)
    assert ask_robots(site, text, **{"Content-Encoding": "gzip"})["/closed"] == "RobotsRefused"


def test_half_a_rule_does_not_count(site):
    """Cut within its last rule, it would forbid all that begins alike."""
    start = b"User-agent: *\nDisallow: /closed\n"
    padding = b"#" * (ROBOTS_BYTES - len(start) - len(b"\nDisallow: /o")) + b"\n"
    text = start + padding + b"Disallow: /other\n"
    assert text[:ROBOTS_BYTES].endswith(b"Disallow: /o")
    assert ask_robots(site, text) == {"/open": None, "/closed": "RobotsRefused", "/late": None}


def test_one_that_is_packed_to_be_a_burden_allows_nothing(site):
    text = gzip.compress(b"") * (MOST_PARTS + 1)
    assert ask_robots(site, text, **{"Content-Encoding": "gzip"})["/open"] == "RobotsLost"


# Names and certificates


class Names:
    """A name server that answers as it likes, each time otherwise."""

    def __init__(self, *answers: str) -> None:
        self.answers, self.asked = list(answers), 0

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked += 1
        return [self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]]


def only_second(address: str) -> bool:
    """As if 127.0.0.2 were the public internet."""
    return address == "127.0.0.2"


def test_a_redirect_to_a_private_address_is_refused_at_the_hop(site, sites):
    site.at("/secret", Reply(200, b"secret"))
    public = sites("127.0.0.2")
    way = public.at("/", to(f"{site.base}/secret"))
    world = World(allowed=only_second)
    failure = fetch_in(world, [way], allow_private_hosts=False)[way]
    assert (failure.error_type, failure.temporary) == ("AddressRefused", False)
    assert failure.message.startswith("127.0.0.1, which is not public")
    assert (dict(public.seen()), site.connections) == ({"/": 1}, set())


def test_a_name_behind_a_redirect_is_checked_too(site, sites):
    public = sites("127.0.0.2")
    way = public.at("/", to(f"http://inside.example:{site.port}/secret"))

    async def names(host: str, port: int) -> list[str]:
        return ["127.0.0.1" if host == "inside.example" else host]

    world = World(resolve=names, allowed=only_second)
    failure = fetch_in(world, [way], allow_private_hosts=False)[way]
    assert failure.message.startswith("inside.example leads to 127.0.0.1, which is not public")
    assert site.connections == set()


def test_the_connection_goes_to_the_address_that_was_checked(sites):
    """A name that answers otherwise after the check: what it said at the check is asked."""
    public = sites("127.0.0.2")
    public.at("/", Reply(200, b"the public one"))
    names = Names("127.0.0.2", "127.0.0.2", "127.0.0.1")
    url = f"http://rebind.example:{public.port}/"
    world = World(resolve=names, allowed=only_second)
    assert fetch_in(world, [url], allow_private_hosts=False)[url].body == b"the public one"
    assert names.asked == 2, "for its room, and for the connection, which checks it"
    failure = fetch_in(world, [url], allow_private_hosts=False)[url]
    assert failure.error_type == "AddressRefused", "the next connection is checked anew"
    assert dict(public.seen()) == {"/": 1}


def certificate(folder: Path, name: str) -> ssl.SSLContext:
    """A server's side of TLS, with a certificate for a name that nobody else has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ))  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


def test_a_certificate_that_nobody_signed_is_refused(sites, tmp_path):
    site = sites("127.0.0.1", certificate(tmp_path, "localhost"))
    site.at("/", Reply(200, b"secret"))
    url = f"https://localhost:{site.port}/"
    failure = fail(url, retries=0)
    assert (failure.error_type, failure.temporary) == ("BadCertificate", True)
    assert failure.message == "the certificate is not to be trusted: self-signed certificate"
    assert dict(site.seen()) == {}


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize("private", [True, False], ids=["private allowed", "public only"])
def test_a_certificate_holds_for_its_name_alone(sites, tmp_path, host, private):
    site = sites("127.0.0.1", certificate(tmp_path, "localhost"))
    site.at("/", Reply(200, b"for its name"))
    url = f"https://{host}:{site.port}/"
    trusting = ssl.create_default_context(cafile=tmp_path / "cert.pem")
    world = World(resolve=Names("127.0.0.1"), allowed=lambda _: True, tls=lambda: trusting)
    answer = fetch_in(world, [url], retries=0, allow_private_hosts=private)[url]
    if host == "localhost":
        assert isinstance(answer, Response)
        assert answer.body == b"for its name"
    else:
        assert isinstance(answer, HttpFailure)
        assert answer.error_type == "BadCertificate"
        assert "certificate is not valid for '127.0.0.1'" in answer.message
        assert dict(site.seen()) == {}


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


def spellings(number: int) -> list[str]:
    """So many hosts that are all 127.0.0.1."""
    return ["0" * zeros + "177.1" for zeros in range(1, number + 1)]


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


@pytest.mark.parametrize(("kept", "connections"), [(2, 2), (1, 4)])
def test_few_hosts_keep_connections_that_do_nothing(site, kept, connections):
    site.at("/", Reply(200, b"x"))
    site.at("/2", Reply(200, b"x"))
    hosts = [f"http://{host}:{site.port}" for host in spellings(2)]
    urls = [host + path for host in hosts for path in ("/", "/2")]
    limits = {"host_concurrency": 1, "in_flight": 1, "idle_hosts": kept}
    assert len(list(fetch_many(urls, **limits))) == 4
    assert len(site.connections) == connections


@pytest.mark.parametrize(
    "reply", [Reply(304), Reply(404, b"none"), Reply(301, b"moved", {"Location": "/goal"})]
)
def test_answers_without_a_wanted_body_leave_the_connection_to_the_next(site, reply):
    site.at("/goal", Reply(200, b"x"))
    urls = [site.at(f"/{n}", reply) for n in range(3)]
    assert len(list(fetch_many(urls, host_concurrency=1))) == 3
    assert len(site.connections) == 1


def test_connections_behind_redirects_are_not_kept(site):
    goal = f"http://localhost:{site.port}/goal"
    site.at("/goal", Reply(200, b"x"))
    urls = [site.at(f"/{n}", to(goal)) for n in range(3)]
    assert len(list(fetch_many(urls, host_concurrency=1))) == 3
    assert len(site.connections) == 1 + 3, "the goal is left each time, the way to it is not"


# The end


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


def test_what_nobody_expects_is_raised(site):
    requests = [(1, Request(site.at("/", Reply(200, b"x")), None, "*/*"))]  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        list(fetch_all(requests, settings()))
    assert not list(fetching())
