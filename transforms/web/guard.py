"""Which addresses a stranger's URL may lead to: the public internet, unless told otherwise."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from config.models import LONGEST_ADDRESS

NAT64 = ipaddress.ip_network("64:ff9b::/96")
WEB_PORTS = (80, 443)
FIRST_USER_PORT = 1024
GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
"""All of IPv6 that is given out; `is_global` also holds for site-local and unassigned blocks."""
DENIED = tuple(map(ipaddress.ip_network, (
    "192.0.0.0/24",  # IETF protocol assignments (RFC 6890); 192.0.0.192 is Oracle Cloud's metadata
    "168.63.129.16/32",  # Azure's metadata and wire server, in the midst of public addresses
    "192.88.99.0/24",  # relays of 6to4, deprecated (RFC 7526)
    "2001::/23",  # IETF protocol assignments (RFC 2928), Teredo among them
    "3fff::/20",  # documentation (RFC 9637)
)))  # fmt: skip
"""What Python's registry calls global, in one version or another, and is no site's address."""
Resolve = Callable[[str, int], Awaitable[list[str]]]
"""The addresses of a host, in the order in which they are tried."""


class AddressRefused(Exception):
    """A name leads to an address that is not public."""


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, embedded IPv4 forms included."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if ip in NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if ip.teredo:
            return False
        if inner is not None:
            return is_public(str(inner))
        if ip not in GLOBAL_UNICAST:
            return False
    if any(ip in network for network in DENIED):
        return False
    return ip.is_global and not ip.is_multicast


def check_url(url: str) -> None:
    """Let web addresses pass, at the ports of the web and at those that anyone may open.

    Raises:
        AddressRefused: for another scheme, credentials, a port that belongs to another service, or
            more characters than an address may have.
    """
    if len(url) > LONGEST_ADDRESS:
        raise AddressRefused(f"the URL is longer than {LONGEST_ADDRESS:,} characters")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise AddressRefused(f"{parts.scheme!r} is not http or https")
    if "@" in parts.netloc:
        raise AddressRefused("the URL carries credentials")
    if parts.port is not None and parts.port not in WEB_PORTS and parts.port < FIRST_USER_PORT:
        raise AddressRefused(f"port {parts.port} belongs to another service")


async def resolve(host: str, port: int) -> list[str]:
    """Ask the system for the addresses of a host."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port or None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


async def public_addresses(
    host: str, port: int, find: Resolve, allowed: Callable[[str], bool]
) -> list[str]:
    """The addresses of a host; a connection has to go to one of these, not to the name.

    Raises:
        AddressRefused: `allowed` does not hold for one of them.
    """
    addresses = await find(host, port)
    refused = [address for address in addresses if not allowed(address)]
    if refused:
        leads = "" if host == refused[0] else f"{host} leads to "
        raise AddressRefused(leads + refusal(refused[0]))
    return addresses


def refusal(address: str) -> str:
    """Why an address is not spoken with."""
    return f"{address}, which is not public; --allow-private-hosts lets newsbeam go there"
