"""Fetching without waits."""

from __future__ import annotations

from config.models import FetchSettings
from transforms.web.asking import Request
from transforms.web.service import fetch_all

LIMIT = 100_000


def settings(**changed: object) -> FetchSettings:
    """Kind to loopback, and without waits."""
    calm = {"host_delay": 0, "allow_private_hosts": True, "retry_wait": 0}
    return FetchSettings(**{**calm, **changed})  # type: ignore[arg-type]


def fetch_many(urls: list[str], limit: int = LIMIT, **changed: object):
    requests = [(url, Request(url, limit, "*/*")) for url in urls]
    return fetch_all(requests, settings(**changed))
