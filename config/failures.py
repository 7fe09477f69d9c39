"""The kinds of failure: what stands in `failures.error_type`, and why a feed or page failed.

An exception of a parser that is none of these goes by the name of its class.
"""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """A kind of failure; answers with a status of failure are `http_kind` of it."""

    # The host was not asked.
    BAD_URL = "BadUrl"
    """The address is none that can be asked."""
    ADDRESS_REFUSED = "AddressRefused"
    """It leads to no public address."""
    HOST_RESTING = "HostResting"
    """Its host is left alone for a while."""
    ROBOTS_REFUSED = "RobotsRefused"
    """robots.txt disallows it."""
    ROBOTS_LOST = "RobotsLost"
    """robots.txt could not be had, which allows nothing for now (RFC 9309, 2.3.1.4)."""
    # The host was asked.
    TIMEOUT = "Timeout"
    CONNECT_ERROR = "ConnectError"
    NETWORK_ERROR = "NetworkError"
    PROTOCOL_ERROR = "ProtocolError"
    """It speaks no HTTP, or breaks off."""
    BAD_CERTIFICATE = "BadCertificate"
    TOO_LARGE = "TooLarge"
    TOO_SLOW = "TooSlow"
    BAD_ENCODING = "BadEncoding"
    """Its content coding cannot be undone."""
    BAD_REDIRECT = "BadRedirect"
    REDIRECT_LOOP = "RedirectLoop"
    TOO_MANY_REDIRECTS = "TooManyRedirects"
    BAD_NOT_MODIFIED = "BadNotModified"
    """304 where nothing was known."""
    # The answer could not be read.
    NOT_A_FEED = "NotAFeed"
    MALFORMED_FEED = "MalformedFeed"
    NOT_A_PAGE = "NotAPage"
    NO_TEXT = "NoText"
    PARSER_TIMEOUT = "ParserTimeout"
    PARSER_LOST = "ParserLost"
    PARSER_MEMORY = "ParserMemory"
    # What was read could not be kept.
    MISFIT = "Misfit"
    """Its row does not fit the table."""


PASSING = frozenset({Kind.PARSER_LOST, Kind.PARSER_TIMEOUT})
"""Failures to read after which another try may go well, whatever the document is.

A process that was lost need not be its document's fault: a service manager that stops a run, or a
lack of memory, ends processes too.
"""
NOT_THE_HOSTS = frozenset(
    {Kind.HOST_RESTING, Kind.ROBOTS_LOST, Kind.ROBOTS_REFUSED, Kind.ADDRESS_REFUSED}
)
"""Failures for which no host is to blame: it was not asked, or gave what it was asked for."""


def http_kind(status: int) -> str:
    """The kind of an answer with a status of failure, such as Http404."""
    return f"Http{status}"
