"""Answers as values, and all the ways in which an outlet may be unkind."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

Headers = tuple[tuple[str, str], ...]

_MEGABYTE = 1 << 20
_HUGE_MEGABYTES = 50
_BOMB_MEGABYTES = 100
_SLOW_FEED, _SLOW_PAGE = 1.0, 0.5  # seconds
# Seconds that Retry-After asks for; a long one holds for the whole outlet, so no page has it.
_SHORT_WAIT, _FEED_WAIT, _PAGE_WAIT = 1, 7200, 1

_STATUS = {
    "http_404": 404,
    "gone": 410,
    "http_500": 500,
    "http_503": 503,
    "retry_later": 429,
}


# What may befall an outlet as a whole, for a while; after "feeds-" its feeds alone.
ILLNESSES = ("ok", "http_503", "http_500", "truncated", "hanging")
_HANGING = 12.0  # seconds: longer than a commit waits, shorter than a request may take


class Reply(NamedTuple):
    """One answer, ready to be sent."""

    status: int
    headers: Headers = ()
    body: bytes = b""
    chunks: Callable[[], Iterator[bytes]] | None = None  # instead of a body: of unknown length
    delay: float = 0.0
    missing: int = 0  # bytes that Content-Length promises and that never come


def text_reply(status: int, text: str, extra: Headers = ()) -> Reply:
    """Answer with a plain text."""
    return Reply(status, (("content-type", "text/plain; charset=utf-8"), *extra), text.encode())


def json_reply(data: object) -> Reply:
    """Answer with JSON."""
    body = json.dumps(data, ensure_ascii=False).encode()
    return Reply(200, (("content-type", "application/json"),), body)


def worse(kind: str, illness: str, is_feed: bool) -> str:
    """What a feed or page of some kind does while its outlet is ill."""
    name = illness.removeprefix("feeds-")
    spared = name == "ok" or (name != illness and not is_feed)
    return kind if spared else name


def refusal(kind: str, visit: int, is_feed: bool) -> Reply | None:
    """Return what is served instead of the feed or page; None if the good thing is due."""
    wait = _FEED_WAIT if is_feed else _PAGE_WAIT
    if kind.endswith("_once"):
        kind = kind.removesuffix("_once") if visit == 1 else "ok"
        wait = _SHORT_WAIT
    if kind in _STATUS:
        extra = (("retry-after", str(wait)),) if kind == "retry_later" else ()
        return text_reply(_STATUS[kind], f"{kind}\n", extra)
    return _BODIES[kind](is_feed) if kind in _BODIES else None


def spoilt(reply: Reply, kind: str, is_feed: bool) -> Reply:
    """Return a good reply late or cut off, where its kind wants that."""
    if kind == "slow":
        return reply._replace(delay=_SLOW_FEED if is_feed else _SLOW_PAGE)
    if kind == "hanging":
        return reply._replace(delay=_HANGING)
    if kind == "truncated":
        half = len(reply.body) // 2
        return reply._replace(body=reply.body[:half], missing=len(reply.body) - half)
    return reply


# -- bodies that no one should swallow -------------------------------------------------------------


def _huge(is_feed: bool) -> Reply:
    kind = "application/rss+xml" if is_feed else "text/html; charset=utf-8"
    start = b"<rss version='2.0'><channel>" if is_feed else b"<!DOCTYPE html><html><body>"

    def chunks() -> Iterator[bytes]:
        yield start
        block = b"<p>More of the same, and then more.</p>\n" * 1_638
        for _ in range(_HUGE_MEGABYTES * 16):
            yield block

    return Reply(200, (("content-type", kind),), chunks=chunks)


def _bomb(is_feed: bool) -> Reply:
    kind = "application/rss+xml" if is_feed else "text/html; charset=utf-8"
    return Reply(200, (("content-type", kind), ("content-encoding", "gzip")), _packed_bomb())


@lru_cache(maxsize=1)
def _packed_bomb() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = b" " * _MEGABYTE
    parts = [packer.compress(b"<html><body><p>")]
    parts += [packer.compress(block) for _ in range(_BOMB_MEGABYTES)]
    return b"".join((*parts, packer.flush()))


def _pdf(is_feed: bool) -> Reply:
    body = b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n"
    return Reply(200, (("content-type", "application/pdf"),), body)


_BODIES: dict[str, Callable[[bool], Reply]] = {
    "too_large": _huge,
    "gzip_bomb": _bomb,
    "not_html": _pdf,
}
