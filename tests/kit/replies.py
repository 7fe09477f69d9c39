"""Answers that a site may give: packed, in chunks, broken, without end."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import zstandard

from tests.kit.sites import PATIENCE, Reply


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


def to(target: str, status: int = 302) -> Reply:
    return Reply(status, b"moved", {"Location": target})
