"""Connections are safe: every address is checked, and no answer is more than it says it is."""

from __future__ import annotations

import itertools
import socket
import struct
from http.server import BaseHTTPRequestHandler

import pytest

from tests.kit.fetching import fail, fetch_in, fetch_many, get
from tests.kit.replies import Endless, raw
from tests.kit.sites import Reply
from transforms.records import HttpFailure, Response
from transforms.web.asking import World

OK = b"HTTP/1.1 200 OK\r\n"
NEWS = OK + b"Content-Length: 4\r\n\r\nnews"


def naming(*addresses: str):
    """A name server that gives all of these for any name."""

    async def find(host: str, port: int) -> list[str]:
        return list(addresses)

    return find


def public(address: str) -> bool:
    """As if these were the public internet, and 127.0.0.1 were not."""
    return address in ("127.0.0.2", "127.0.0.3")


@pytest.mark.parametrize(
    "addresses", list(itertools.permutations(["127.0.0.2", "127.0.0.3", "127.0.0.1"]))
)
def test_a_name_with_one_address_that_is_not_public_is_not_asked_at_all(sites, addresses):
    site = sites("127.0.0.2")
    site.at("/", Reply(200, b"the public one"))
    world = World(resolve=naming(*addresses), allowed=public)
    url = f"http://two-faced.example:{site.port}/"
    failure = fetch_in(world, [url], allow_private_hosts=False, retries=0)[url]
    assert isinstance(failure, HttpFailure)
    assert failure.error_type == "AddressRefused"
    assert failure.message.startswith("two-faced.example leads to 127.0.0.1, which is not public")
    assert site.connections == set()


@pytest.mark.parametrize("host", ["127.0.0.1", "named.example"])
def test_an_address_is_judged_again_where_its_socket_is_made(site, host):
    """Whatever let it pass before."""
    site.at("/", Reply(200, b"secret"))
    judged = iter([True])
    world = World(resolve=naming("127.0.0.1"), allowed=lambda _: next(judged, False))
    url = f"http://{host}:{site.port}/"
    failure = fetch_in(world, [url], allow_private_hosts=False, retries=0)[url]
    assert isinstance(failure, HttpFailure)
    assert failure.error_type == "AddressRefused"
    assert site.connections == set()


@pytest.mark.parametrize("private", [True, False], ids=["any address", "guarded"])
def test_the_next_address_is_tried_where_one_does_not_answer(sites, private):
    site = sites("127.0.0.2")
    site.at("/", Reply(200, b"here"))
    world = World(resolve=naming("127.0.0.3", "127.0.0.2"), allowed=public)
    url = f"http://many.example:{site.port}/"
    answer = fetch_in(world, [url], allow_private_hosts=private, retries=0)[url]
    assert isinstance(answer, Response), answer
    assert answer.body == b"here"


def test_where_no_address_answers_the_row_says_so(sites):
    site = sites("127.0.0.2")
    url = f"http://many.example:{site.port}/"
    world = World(resolve=naming("127.0.0.3"), allowed=public)
    failure = fetch_in(world, [url], retries=0)[url]
    assert isinstance(failure, HttpFailure)
    assert failure.error_type == "ConnectError"
    assert failure.message.startswith("no connection to many.example: ")
    nowhere = fetch_in(World(resolve=naming()), [url], retries=0)[url]
    assert isinstance(nowhere, HttpFailure)
    assert (nowhere.error_type, nowhere.message) == (
        "ConnectError", "no address for many.example")  # fmt: skip


@pytest.mark.parametrize(
    "target",
    ["/a%2Fb/%7Eme?x=%5B1%5D&y=%7e", "/a?", "/?q=a+b&&=", "/a//b/", "/a;b=1,2/@c:d?(e)*'!$",
     "/a?b=/../c", "/%d0%b0"],
)  # fmt: skip
def test_an_address_goes_out_as_it_was_listed(site, target):
    get(site.at(target, Reply(200, b"x")))
    assert dict(site.seen()) == {target: 1}


@pytest.mark.parametrize(
    ("listed", "sent"),
    [
        ("/a b", "/a%20b"),
        ("/a<b>", "/a%3Cb%3E"),
        ("/\u00e9?\u00e9", "/%C3%A9?%C3%A9"),
        ("/a/../b/./c", "/b/c"),
        ("/a#part", "/a"),
    ],
)
def test_what_cannot_go_out_so_is_written_as_browsers_do(site, listed, sent):
    site.at(sent, Reply(200, b"x"))
    assert get(site.base + listed).body == b"x"
    assert dict(site.seen()) == {sent: 1}


def kept(data: bytes):
    """An answer as given, after which the connection stays."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(data)

    return answer


@pytest.mark.parametrize(
    "more",
    [b"\r\n", b"more than was announced", NEWS.replace(b"news", b"lies")],
    ids=["a line", "more of the body", "another answer"],
)
@pytest.mark.parametrize(
    "answer",
    [NEWS, OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nnews\r\n0\r\n\r\n"],
    ids=["length", "chunks"],
)
def test_what_comes_behind_an_answer_is_nobodys(site, answer, more):
    urls = [site.at(f"/{n}", kept(answer + more)) for n in range(2)]
    urls.append(site.at("/last", Reply(200, b"truth")))
    answers = [got for _, got in fetch_many(urls, host_concurrency=1)]
    assert [got.body for got in answers] == [b"news", b"news", b"truth"]


def test_what_comes_behind_a_redirect_is_not_the_next_answer(site):
    head = b"HTTP/1.1 301 Moved\r\nLocation: /goal\r\nContent-Length: 0\r\n\r\n"
    site.at("/goal", Reply(200, b"goal"))
    urls = [site.at("/0", kept(head + NEWS)), site.at("/1", Reply(200, b"one"))]
    answers = [got.body for _, got in fetch_many(urls, host_concurrency=1)]
    assert answers == [b"goal", b"one"]


def test_a_connection_that_the_server_has_closed_is_not_the_hosts_failure(site):
    urls = [site.at(f"/{n}", raw(NEWS)) for n in range(20)]
    answers = [got for _, got in fetch_many(urls, host_concurrency=2, retries=0)]
    assert [got for got in answers if not isinstance(got, Response)] == []
    assert set(site.seen().values()) == {1}


def test_an_answer_that_breaks_off_is_asked_for_once(site):
    url = site.at("/", raw())
    failure = fail(url, retries=0)
    assert (failure.error_type, failure.message) == (
        "ProtocolError", "the connection ended before an answer had come")  # fmt: skip
    assert dict(site.seen()) == {"/": 1}


def test_a_body_without_an_end_is_not_whole_where_the_connection_breaks(site):
    def broken(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(OK + b"\r\nhalf of the news")
        off = struct.pack("ii", 1, 0)  # closing sends RST, once all has been read or not
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, off)
        handler.connection.close()
        handler.close_connection = True

    failure = fail(site.at("/", broken), retries=0)
    assert (failure.error_type, failure.temporary) == ("NetworkError", True)


@pytest.mark.parametrize(
    ("head", "part"),
    [
        (b"4\r\nnews\r\n4;", b"extension" * 1_000),
        (b"4\r\nnews\r\n0\r\n", b"X-Trailer: " + b"x" * 1_000 + b"\r\n"),
        (b"4\r\nnews\r\n0\r\n", b"X-Trailer: x\r\n"),
    ],
    ids=["an extension of a chunk", "trailers", "many trailers"],
)
def test_what_stands_between_chunks_has_an_end(site, head, part):
    endless = Endless(OK + b"Transfer-Encoding: chunked\r\n\r\n" + head, part)
    failure = fail(site.at("/", endless), retries=0)
    assert (failure.error_type, failure.message) == (
        "ProtocolError", "more than 102,400 bytes between two of a body")  # fmt: skip
    assert endless.was_left()


def test_the_parsers_words_fit_a_line(site):
    failure = fail(site.at("/", raw(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")), retries=0)
    assert failure.error_type == "ProtocolError"
    assert failure.message.startswith("no answer of HTTP: ")
    assert "\n" not in failure.message
