"""A short fuzz: spoilt feeds within the limits of a parser, spoilt answers on a real socket."""

from __future__ import annotations

import gzip
import re
import socketserver
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random
from typing import Any

import brotli
import httpx
import pytest
import zstandard

from config.load import load_topics, shipped
from config.models import ExtractSettings, FetchSettings
from tests.kit.examples import examples
from tests.kit.golden import FEEDS, URL, expected
from tests.kit.newsrooms import Newsroom
from transforms.feeds.documents import parse_feed
from transforms.feeds.sitemaps import parse_sitemap
from transforms.records import (
    FeedDocument,
    HttpFailure,
    Page,
    PageTask,
    Response,
    Unreadable,
)
from transforms.web.asking import FEED_TYPES, Request
from transforms.web.service import fetch_all
from transforms.workers import pool
from transforms.workers.judging import hand_over, judge_page

SEED = 20260105
MARKUP = [
    b"<![CDATA[", b"]]>", b"<!--", b"-->", b"&", b"&x;", b"&#xD800;", b"&#x110000;", b"<", b"</",
    b">", b"<!DOCTYPE a [", b"<!ENTITY a 'b'>", b"<?xml version='1.0' encoding='utf-16'?>", b"\0",
    b"\xff\xfe", b"\xef\xbb\xbf", b"<item>", b"</channel>", b"<html>", b'"', b"{", b"]",
    b"\xed\xa0\x80", b"xml:base='",
]  # fmt: skip
PAGE = [
    b"<meta charset=", b"<base href=", b"<link rel=canonical href='//", b"<script>", b"</body>",
    b"<p><b>", b"<table>", b"<noscript>", b"<meta http-equiv=refresh content='0;url=/x'>", b"<svg>",
    b"<template>", b"<frameset>", b"<plaintext>", b"<![endif]-->", b"\xe2\x80\xae",
]  # fmt: skip
WIRE = [
    b"\r\n", b"\n", b"\r\n\r\n", b"\0", b":", b" ", b"-1", b"9" * 30, b"HTTP/9.9", b"chunked",
    b"Content-Length: 5\r\n", b"Content-Encoding: gzip\r\n", b"Content-Encoding: br, zstd\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Location: /next\r\n", b"\xff", b"ffffffffffffffff\r\n",
]  # fmt: skip
FEED = b'<rss version="2.0"><channel><title>Quay</title></channel></rss>'


def spoilt(body: bytes, chance: Random, bits: list[bytes]) -> bytes:
    """A document with parts cut out, put in, flipped, moved or repeated."""
    for _ in range(chance.randint(1, 6)):
        start = chance.randint(0, len(body))
        end = min(len(body), start + chance.choice([1, 3, 30, 300]))
        part = body[start:end]
        put = chance.choice([
            b"", chance.choice(bits), chance.choice(bits) * chance.choice([2, 50, 2_000]),
            bytes(byte ^ 1 << chance.randrange(8) for byte in part), part * chance.choice([2, 99]),
            chance.randbytes(chance.choice([1, 8])),
        ])  # fmt: skip
        body = body[:start] + put + body[end:]
    return body


def test_spoilt_feeds_are_read_or_refused_within_the_limits_of_a_parser() -> None:
    chance, settings = Random(SEED), ExtractSettings(processes=2)
    futures = []
    for path in FEEDS * examples(20):
        parse = parse_sitemap if "sitemap" in path.name else parse_feed
        headers = expected(path).get("headers", {})
        job = parse, spoilt(path.read_bytes(), chance, MARKUP), headers, URL
        futures.append(pool.submit(settings.processes, settings.timeout, *job))
    outcomes = [pool.outcome(future, settings.timeout) for future in futures]
    for outcome in outcomes:
        if isinstance(outcome, Unreadable):
            assert outcome.error_type in ("NotAFeed", "MalformedFeed"), outcome
            assert outcome.message
        else:
            assert isinstance(outcome, FeedDocument)
    kinds = Counter(type(outcome) for outcome in outcomes)
    assert min(kinds[FeedDocument], kinds[Unreadable]) > 50, "both are put to the test"


def test_spoilt_pages_come_to_an_article_or_a_reason(newsroom: Newsroom) -> None:
    """Each with its topics, in the pool, as a run judges it."""
    chance, settings = Random(SEED), ExtractSettings(processes=2)
    topics = hand_over(load_topics(shipped("topics.yaml")))
    urls = [article["canonical_url"] for article in newsroom.truth()["articles"] if article["urls"]]
    pages = [found.content for found in map(httpx.get, urls[:25]) if found.status_code == 200]
    at, futures = datetime(2026, 1, 5, tzinfo=UTC), []
    for body in pages * examples(10):
        task = PageTask("a" * 32, URL, URL, 0, None, None, None, "Headline", None, None, at)
        answer = Response(URL, 200, {}, spoilt(body, chance, MARKUP + PAGE), (), at, 0, 0)
        job = judge_page, task, answer, topics
        futures.append(pool.submit(settings.processes, settings.timeout, *job))
    outcomes = [pool.outcome(future, settings.timeout) for future in futures]
    for outcome in outcomes:
        assert isinstance(outcome, Page), outcome
        assert outcome.article or outcome.error_type in ("NotAPage", "NoText"), outcome
    assert sum(outcome.article is not None for outcome in outcomes) > len(outcomes) / 2


def http(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


ANSWERS = [
    http("200 OK", FEED, "Content-Type: application/rss+xml", 'ETag: "1"'),
    b"HTTP/1.0 200 OK\r\n\r\n" + FEED,
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"
    % (len(FEED), FEED),
    http("200 OK", gzip.compress(FEED, mtime=0), "Content-Encoding: gzip"),
    http("200 OK", brotli.compress(FEED), "Content-Encoding: br"),
    http("200 OK", zstandard.compress(FEED), "Content-Encoding: zstd"),
    http("226 IM Used", FEED, "IM: feed"),
    b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\nCache-Control: max-age=60\r\n\r\n',
    http("301 Moved Permanently", b"", "Location: /next"),
    http("503 Service Unavailable", b"", "Retry-After: 120"),
    b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n" + http("200 OK"),
]


class Wire(socketserver.ThreadingTCPServer):
    """Sends what it is told to, byte by byte as it stands, and hangs up."""

    allow_reuse_address = True

    def __init__(self) -> None:
        self.answers: dict[str, bytes] = {}
        super().__init__(("127.0.0.1", 0), _Line)
        self.base = f"http://127.0.0.1:{self.server_address[1]}"
        self.thread = threading.Thread(target=self.serve_forever, args=(0.02,))
        self.thread.start()

    def close(self) -> None:
        self.shutdown()
        self.server_close()
        self.thread.join()


class _Line(socketserver.StreamRequestHandler):
    server: Wire

    def handle(self) -> None:
        try:
            asked = self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            found = re.match(rb"GET (\S+)", asked)
            path = found[1].decode("latin-1") if found else ""
            self.wfile.write(self.server.answers.get(path, ANSWERS[0]))
        except OSError:  # the client went away
            pass

    def finish(self) -> None:
        try:
            super().finish()
        except OSError:
            pass


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.close()


def test_spoilt_answers_end_as_a_response_or_a_failure(wire: Wire) -> None:
    """Each is asked for by itself: a host that fails again and again would be left alone."""
    chance = Random(SEED)
    settings = FetchSettings(
        host_delay=0, allow_private_hosts=True, retry_wait=0, retry_after_max=0, retries=1
    )
    kinds: Counter[Any] = Counter()
    for number, answer in enumerate(ANSWERS * 30):
        wire.answers[f"/{number}"] = spoilt(answer, chance, WIRE)
        request = Request(
            f"{wire.base}/{number}", 100_000, FEED_TYPES, '"1"', takes_difference=True
        )
        ((task, found),) = fetch_all([(number, request)], settings)
        assert task == number
        assert isinstance(found, (Response, HttpFailure))
        if isinstance(found, HttpFailure):
            assert found.asked
            assert found.error_type not in ("Timeout", "TooSlow"), wire.answers[f"/{number}"]
            assert found.message
        kinds[type(found)] += 1
    assert min(kinds.values()) > 30, "both are put to the test"
