"""Answers with odd heads are read, over real sockets and again on the same connection."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.fetching import fail, fetch_in, fetch_many, get
from tests.kit.replies import Endless, raw
from tests.kit.sites import Reply
from transforms.records import Response
from transforms.web import heads
from transforms.web.asking import World

OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(OK + b"a note of the cache\r\nETag: 1\r\n\r\n", id="no colon"),
        pytest.param(OK + b"a note of the cache\r\n\tand more: of it\r\nETag: 1\r\n\r\n",
                     id="no colon, and a further line"),
        pytest.param(OK + b"ETag : 1\r\n\r\n", id="a blank before the colon"),
        pytest.param(OK + b"ETag\t:1\r\n\r\n", id="a tab before the colon"),
        pytest.param(OK + b": nameless\r\nETag: 1\r\n\r\n", id="no name"),
        pytest.param(OK + b"X (odd) name: x\r\nETag: 1\r\n\r\n", id="a name that is none"),
        pytest.param(OK + b"T\xc3\xaate: x\r\nETag: 1\r\n\r\n", id="a name beyond ASCII"),
        pytest.param(OK + b" ETag: 1\r\n\r\n", id="a further line of nothing"),
        pytest.param(OK + b"ETag:\r\n 1\r\n\r\n", id="a value on a further line"),
        pytest.param(OK + b"X: a\0b\x0b\x0c\r\nETag: 1\r\n\r\n", id="characters of control"),
        pytest.param(OK + b"X: \xf0\x9f\x8d\x90\r\nETag: 1\r\n\r\n", id="bytes beyond latin-1"),
        pytest.param(OK + b"X: a\rETag: 1\r\n\r\n", id="a line that ends by half"),
        pytest.param(OK.replace(b"\r", b"") + b"ETag: 1\n\n", id="lines of the old kind"),
        pytest.param(b"\r\n\r\n" + OK + b"ETag: 1\r\n\r\n", id="blank lines before it"),
        pytest.param(b"http/1.1  200\tOK\r\nETag: 1\r\n\r\n", id="an odd first line"),
        pytest.param(b"HTTP/1.1 200\r\nETag: 1\r\n\r\n", id="no reason"),
        pytest.param(b"HTTP/1.1 200 \0\xff\r\nETag: 1\r\n\r\n", id="a reason that is none"),
        pytest.param(b"HTTP/1 200 OK\r\nETag: 1\r\n\r\n", id="half a version"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\nodd\r\n\r\n" + OK + b"ETag: 1\r\n\r\n",
                     id="hints before it"),
        pytest.param(OK + b"Content-Length: ten\r\nETag: 1\r\n\r\n", id="length in words"),
        pytest.param(OK + b"Content-Length:\r\nETag: 1\r\n\r\n", id="no length"),
        pytest.param(OK + b"Content-Length: -1\r\nETag: 1\r\n\r\n", id="less than nothing"),
        pytest.param(OK + b"Content-Length: " + b"9" * 5_000 + b"\r\nETag: 1\r\n\r\n",
                     id="a length past all numbers"),
        pytest.param(OK + b"Content-Length: 4\r\ncontent-length: 4\r\nETag: 1\r\n\r\n",
                     id="length twice"),
        pytest.param(OK + b"Content-Length: 4, 4\r\nETag: 1\r\n\r\n", id="length joined"),
        pytest.param(OK + b"Transfer-Encoding: identity\r\nETag: 1\r\n\r\n", id="no coding"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("private", [True, False], ids=["any address", "guarded"])
def test_what_is_no_header_is_passed_over(site, head, private):
    url = site.at("/", raw(head, b"news"))
    world = World(allowed=lambda _: True)
    answer = fetch_in(world, [url], retries=0, allow_private_hosts=private)[url]
    assert isinstance(answer, Response), answer
    assert (answer.status, answer.body, answer.headers["etag"]) == (200, b"news", "1")


CHUNKS = b"\r\n\r\n4\r\nnews\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", id="twice"),
        pytest.param(b"Transfer-Encoding: chunked, chunked", id="joined"),
        pytest.param(b"Transfer-Encoding : Chunked", id="with a blank"),
        pytest.param(b"Transfer-Encoding: identity, chunked", id="after a coding that is none"),
        pytest.param(b"Content-Length: 9\r\nTransfer-Encoding: chunked", id="and a length"),
        pytest.param(b"Content-Length: 1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked",
                     id="and lengths"),
    ],
)  # fmt: skip
def test_chunks_are_chunks_however_often_it_is_said(site, told):
    assert get(site.at("/", raw(OK + told + CHUNKS)), retries=0).body == b"news"


def test_a_head_that_comes_byte_by_byte(site):
    head = OK + b"odd\r\nContent-Length : 4\r\n\r\n"
    assert get(site.at("/", raw(*(bytes([byte]) for byte in head), b"news"))).body == b"news"


def test_the_connection_serves_the_next_request(site):
    def odd(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(OK + b"odd\r\nContent-Length: 4\r\n\r\nnews")

    urls = [site.at(f"/{n}", odd) for n in range(3)]
    answers = [answer.body for _, answer in fetch_many(urls, host_concurrency=1)]
    assert (answers, len(site.connections)) == ([b"news"] * 3, 1)


@pytest.mark.parametrize("codec", ["utf-8", "latin-1"])
def test_an_address_goes_out_with_the_bytes_with_which_it_came(site, codec):
    site.at("/%C3%A9t%C3%A9", Reply(200, b"utf-8"))
    site.at("/%E9t%E9", Reply(200, b"latin-1"))
    target = "/\u00e9t\u00e9".encode(codec)
    head = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: %s\r\n\r\n" % target
    assert get(site.at("/", raw(head))).body.decode() == codec


def test_the_same_address_twice_is_one(site):
    site.at("/there", Reply(200, b"there"))
    way = b"HTTP/1.1 302 Found\r\nLocation: /there\r\nLocation: /there\r\n\r\n"
    assert get(site.at("/", raw(way))).body == b"there"


@pytest.mark.parametrize(
    ("head", "part"),
    [
        (b"HTTP/1.1 103 Early Hints\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        (b"\r\n", b"\r\n" * 2_000),
        (OK, b"no header at all\r\n" * 200),
    ],
    ids=["hints", "blank lines", "no headers"],
)
def test_heads_without_end_are_left(site, head, part):
    endless = Endless(head, part)
    failure = fail(site.at("/", endless), retries=0)
    assert (failure.error_type, failure.message) == (
        "ProtocolError", "headers of more than 102,400 bytes")  # fmt: skip
    assert endless.was_left()


LINES = st.lists(
    st.binary(max_size=40)
    | st.sampled_from([b"ETag: 1", b"Content-Length: 4", b"Transfer-Encoding: chunked", b" x: y"]),
    max_size=8,
).map(b"\r\n".join)


@given(LINES)
def test_a_strict_parser_takes_what_is_repaired(lines):
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
    head = OK + lines + b"\r\n\r\n"
    connection.receive_data(heads.repaired(head[: heads.END.search(head).end()]))
    assert connection.next_event().status_code == 200


def test_a_head_that_is_well_says_the_same():
    head = OK + b"Date: Mon, 05 Jan 2026 12:00:00 GMT\r\nX-a: b : c\r\nContent-Length: 5\r\n\r\n"
    assert heads.repaired(head) == head
