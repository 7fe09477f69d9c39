"""One request and its answer, over real sockets: what is sent, bounds, codings, ways to fail."""

from __future__ import annotations

import gzip
import math
import tracemalloc
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.fetching import LIMIT, ask, fail, get, settings
from tests.kit.replies import ENDLESS_HEAD, NOBODY, SILENT, Endless, chunked, gzipped, raw, zstd
from tests.kit.sites import Reply
from transforms.decoding import MOST_PARTS
from transforms.records import HttpFailure, Response
from transforms.times import LONGEST_RETRY_AFTER
from transforms.web.asking import Request
from transforms.web.exchange import retry_after
from transforms.web.service import fetch_all

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


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


def test_unchanged_since_never_is_asked_again(site):
    """Else a feed that was never read would look healthy for ever, and a page would be empty."""
    url = site.at("/", Reply(304), Reply(200, b"news"))
    assert get(url).body == b"news"
    failure = fail(site.at("/", Reply(304)), retries=0)
    assert (failure.error_type, failure.status, failure.temporary) == ("BadNotModified", 304, True)


@pytest.mark.parametrize("status", [201, 202, 203, 206, 207, 299])
def test_what_comes_with_success_is_taken(site, status):
    answer = get(site.at("/", Reply(status, b"news")))
    assert (answer.status, answer.body) == (status, b"news")


@pytest.mark.parametrize(
    ("told", "taken"),
    [("bytes 0-3/4", True), ("bytes 0-3/9", False), ("bytes 2-5/6", False), ("all", False),
     (f"bytes 0-3/{'9' * 5_000}", False)],
)  # fmt: skip
def test_a_part_that_nobody_asked_for_is_taken_where_it_is_the_whole(site, told, taken):
    answer = ask(Request(site.at("/", Reply(206, b"news", {"Content-Range": told})), LIMIT, "*/*"))
    assert isinstance(answer, Response) == taken
    assert answer.status == 206


def test_validators_that_cannot_be_sent_back_cost_a_full_answer_and_no_more(site):
    first = raw(b'HTTP/1.1 200 OK\r\nETag: "\xfc"\r\nContent-Length: 3\r\n\r\nold')
    url = site.at("/rss", first, Reply(200, b"new"))
    etag = get(url).headers["etag"]
    answer = conditional(url, etag, "\u043f\u043d, 05 \u044f\u043d\u0432")
    assert isinstance(answer, Response)
    assert answer.body == b"new"


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
        *(pytest.param(Reply(200, b"news" * 1000, {"Content-Encoding": word}), id=f"called {word}")
          for word in ("utf-8", "none", "binary", "identity", "aws-chunked", "8bit", ",", "*")),
        *(pytest.param(gzipped(b"news" * 1000, **{"Content-Encoding": words}), id=words)
          for words in ("gzip, gzip", "gzip,identity", "aws-chunked, gzip", "gzip, deflate",
                        "utf-8, x-gzip", "gzip;q=1.0")),
        pytest.param(Reply(200, brotli.compress(gzip.compress(b"news" * 1000)),
                           {"Content-Encoding": "gzip, br"}), id="packed in two ways"),
        pytest.param(Reply(200, gzip.compress(b"news" * 1000) + b"\n<!-- served by 7 -->",
                           {"Content-Encoding": "gzip"}), id="a note after its end"),
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


def test_what_is_packed_twice_is_bounded_between_too(site):
    inner = gzip.compress(b"") * 5_000  # 100,000 bytes that say nothing
    body = brotli.compress(inner + b"x")
    failure = fail(site.at("/", Reply(200, body, {"Content-Encoding": "gzip, br"})), limit=90_000)
    assert (failure.error_type, failure.message) == ("TooLarge", "more than 90,000 bytes")


@pytest.mark.parametrize("length", ["9" * 19, "0" * 5_000 + "5", "9" * 5_000])
def test_lengths_past_all_measure_fail_nobody_else(site, length):
    url = site.at("/", raw(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nnews?".encode()))
    answer = ask(Request(url, LIMIT, "*/*"), retries=0)
    assert isinstance(answer, Response) or answer.error_type == "TooLarge"


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


def test_differences_are_asked_for_and_taken(site):
    url = site.at("/", Reply(226, b"what is new", {"IM": "feed"}))
    answer = ask(Request(url, LIMIT, "*/*", '"1"', takes_difference=True))
    assert (answer.status, answer.body) == (226, b"what is new")
    assert site.headers[0][1]["a-im"] == "feed"
    get(url)
    assert "a-im" not in site.headers[1][1], "pages have none"


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
