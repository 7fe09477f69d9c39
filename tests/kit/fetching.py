"""Fetching without waits, and by a clock of the test's own."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler

from config.models import FetchSettings
from tests.kit.sites import Reply
from transforms.records import HttpFailure, Response
from transforms.web.asking import Request, World
from transforms.web.service import fetch_all

LIMIT = 100_000


def settings(**changed: object) -> FetchSettings:
    """Kind to loopback, and without waits."""
    calm = {"host_delay": 0, "allow_private_hosts": True, "retry_wait": 0}
    return FetchSettings(**{**calm, **changed})  # type: ignore[arg-type]


def fetch_many(urls: list[str], limit: int = LIMIT, **changed: object):
    requests = [(url, Request(url, limit, "*/*")) for url in urls]
    return fetch_all(requests, settings(**changed))


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


def ask(request: Request, **changed: object) -> Response | HttpFailure:
    ((_, answer),) = fetch_all([(0, request)], settings(**changed))
    return answer


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


def spellings(number: int) -> list[str]:
    """So many hosts that are all 127.0.0.1."""
    return ["0" * zeros + "177.1" for zeros in range(1, number + 1)]
