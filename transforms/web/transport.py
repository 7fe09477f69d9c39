"""How bytes travel: httpx's transport for one host, with guarded addresses."""

from __future__ import annotations

import httpcore
import httpx

from config.models import FetchSettings
from transforms.web.asking import World
from transforms.web.guard import (
    GuardedBackend,
)


def open_transport(settings: FetchSettings, world: World) -> httpx.AsyncHTTPTransport:
    """A transport that speaks with public addresses only, unless the settings allow others."""
    limits = httpx.Limits(max_connections=settings.host_concurrency, keepalive_expiry=15)
    transport = httpx.AsyncHTTPTransport(verify=world.tls(), limits=limits)
    if not settings.allow_private_hosts:
        # httpx has no option for the network backend; httpcore, below it, does.
        transport._pool = httpcore.AsyncConnectionPool(
            ssl_context=world.tls(),
            max_connections=limits.max_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=GuardedBackend(world.resolve, world.allowed),
        )
    return transport
