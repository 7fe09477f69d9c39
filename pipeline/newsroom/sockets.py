"""Listening on many loopback addresses, and speaking HTTP/1.1 on their connections."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator

import h11

from config.errors import NewsbeamError
from pipeline.newsroom.site import loopback_hosts
from pipeline.newsroom.unkind import Reply

BACKLOG = 2048  # a benchmark opens hundreds of connections at once
_READ = 1 << 16
_NO_BODY = {204, 304}


def bind(host_base: str, port: int, outlets: int) -> tuple[list[socket.socket], tuple[str, ...]]:
    """Bind one socket per outlet on one port, or a single one where that is not possible."""
    for _ in range(20):
        hosts = loopback_hosts(host_base, outlets)
        first = _listen(host_base, port)
        number = first.getsockname()[1]
        sockets = [first]
        try:
            sockets += [_listen(host, number) for host in hosts[1:]]
            return sockets, hosts
        except NewsbeamError:
            for extra in sockets[1:]:
                extra.close()
            if port or not _has_more_addresses(host_base):
                return sockets[:1], (host_base,)
            first.close()  # that free port was taken on another address: try the next one
    raise NewsbeamError(f"newsroom: no port is free on all of {outlets} loopback addresses")


def _listen(host: str, port: int) -> socket.socket:
    # Not socket.create_server: asyncio turns Nagle's algorithm off only where the protocol is
    # named, and with it on every answer would wait 40 ms for a delayed acknowledgement.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise NewsbeamError(f"newsroom: cannot listen on {host}:{port}: {error}") from error
    return sock


def _has_more_addresses(host_base: str) -> bool:
    try:
        _listen(loopback_hosts(host_base, 2)[1], 0).close()
    except NewsbeamError:
        return False
    return True


async def next_request(talk: h11.Connection, reader: asyncio.StreamReader) -> h11.Request | None:
    """Read one whole request; its body, if any, is thrown away."""
    request = None
    while True:
        event = talk.next_event()
        if event is h11.NEED_DATA:
            talk.receive_data(await reader.read(_READ))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.EndOfMessage):
            return request
        elif isinstance(event, h11.ConnectionClosed):
            return None


async def send(
    reply: Reply, talk: h11.Connection, writer: asyncio.StreamWriter
) -> AsyncIterator[int]:
    """Send a reply; yields the sizes of what was sent of its body."""
    headers = list(reply.headers)
    if reply.chunks is None and reply.status not in _NO_BODY:
        headers.append(("content-length", str(len(reply.body) + reply.missing)))
    out = [talk.send(h11.Response(status_code=reply.status, headers=headers))]
    for chunk in reply.chunks() if reply.chunks else (reply.body,):
        if chunk:
            # Head and first chunk go out in one write, which saves a system call per page.
            writer.writelines([*filter(None, out), *_data(talk, chunk)])
            out = []
            await writer.drain()
            yield len(chunk)
    if not reply.missing:  # otherwise hang up in the middle of the body
        out.append(talk.send(h11.EndOfMessage()))
    if rest := [*filter(None, out)]:  # writelines of nothing fails in Python 3.13
        writer.writelines(rest)
        await writer.drain()


def _data(talk: h11.Connection, chunk: bytes) -> list[bytes]:
    return talk.send_with_data_passthrough(h11.Data(data=chunk)) or []
