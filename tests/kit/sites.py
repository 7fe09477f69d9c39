"""Web servers on loopback, with scripted replies; they keep what they saw."""

from __future__ import annotations

import ssl
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple, Union

PATIENCE = 20
"""Seconds after which a meeting that should have happened has failed."""


class Reply(NamedTuple):
    """One answer of the server."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = {}  # noqa: RUF012


Answer = Union[Reply, Callable[[BaseHTTPRequestHandler], None]]


class Site:
    """Answers by path, one after the other, the last again and again; what has none is a 404."""

    def __init__(self, address: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.headers: list[tuple[str, dict[str, str]]] = []
        self.connections: set[tuple[str, int]] = set()
        self.now = self.most_at_once = 0
        self.closing = threading.Event()
        self.lock = threading.Lock()
        self.server = ThreadingHTTPServer((address, 0), _handler(self))
        self.port = self.server.server_address[1]
        self.base = f"http://{address}:{self.port}"
        if tls:  # the handshake is the handler's thread's, lest a client that leaves stops the rest
            self.server.socket = tls.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False
            )
            self.base = f"https://{address}:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def at(self, path: str, *answers: Answer) -> str:
        """Script a path; its URL."""
        self.answers[path] = list(answers)
        return self.base + path

    def seen(self) -> Counter[str]:
        """How often each path was asked for."""
        with self.lock:
            return Counter(path for path, _ in self.headers)

    def answer(self, path: str) -> Answer:
        answers = self.answers.get(path, [Reply(404)])
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def close(self) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            with site.lock:
                site.headers.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
                site.connections.add(self.client_address)
                site.now += 1
                site.most_at_once = max(site.most_at_once, site.now)
                answer = site.answer(self.path)
            try:
                if callable(answer):
                    answer(self)
                    with site.lock:
                        site.now -= 1
                else:
                    self.reply(answer)
            except OSError:  # the client went away
                self.close_connection = True

        def reply(self, reply: Reply) -> None:
            with site.lock:  # before the client can know of it, and send its next request
                site.now -= 1
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if reply.status != 304:
                self.wfile.write(reply.body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


LONGEST = 120.0
"""Seconds for which a gate stays closed at most; whoever asks may ask again meanwhile."""


class Gate:
    """An answer that comes when it is opened."""

    def __init__(self) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        self.reached.set()
        self.opened.wait(LONGEST)
        handler.send_response(200)
        handler.send_header("Content-Length", "4")
        handler.end_headers()
        handler.wfile.write(b"late")

    def open_once_reached(self) -> None:
        assert self.reached.wait(PATIENCE)
        self.opened.set()


NOW = datetime.now(UTC)


def rss(count: int, *, minutes: int = 20, channel: str = "", **headers: str) -> Reply:
    """A feed of entries that came so many minutes apart; their pages are not there."""
    dates = [format_datetime(NOW - timedelta(minutes=minutes * (n + 1))) for n in range(count)]
    items = "".join(
        f"<item><title>Tide table {count - n}</title><link>/story/{count - n}</link>"
        f"<pubDate>{date}</pubDate></item>"
        for n, date in enumerate(dates)
    )
    body = f'<rss version="2.0"><channel><title>Quay</title>{channel}{items}</channel></rss>'
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(200, body.encode(), {"Content-Type": "application/rss+xml", **named})
