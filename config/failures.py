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
    HOST_SLOW = "HostSlow"
    """Its host is slow, and what was to be asked can be done without."""
    ROBOTS_REFUSED = "RobotsRefused"
    """robots.txt disallows it."""
    ROBOTS_LOST = "RobotsLost"
    """robots.txt could not be had, which allows nothing for now (RFC 9309, 2.3.1.4)."""
    # The host was asked.
    TIMEOUT = "Timeout"
    """Nothing came for too long, or the whole took too long."""
    CONNECT_ERROR = "ConnectError"
    """Its name leads nowhere, or nobody listens there."""
    NETWORK_ERROR = "NetworkError"
    """The connection broke."""
    PROTOCOL_ERROR = "ProtocolError"
    """It speaks no HTTP, or breaks off."""
    BAD_CERTIFICATE = "BadCertificate"
    """TLS cannot trust it."""
    TOO_LARGE = "TooLarge"
    """More bytes than are read, packed or unpacked."""
    TOO_SLOW = "TooSlow"
    """Its body comes so slowly that others get its place."""
    BAD_ENCODING = "BadEncoding"
    """Its content coding cannot be undone."""
    BAD_REDIRECT = "BadRedirect"
    """A redirect to no address."""
    REDIRECT_LOOP = "RedirectLoop"
    """A redirect to where it came from."""
    TOO_MANY_REDIRECTS = "TooManyRedirects"
    """More redirects than are followed."""
    BAD_NOT_MODIFIED = "BadNotModified"
    """304 where nothing was known."""
    # The answer could not be read.
    NOT_A_FEED = "NotAFeed"
    """It is something else: a page, an index of sitemaps, nothing."""
    MALFORMED_FEED = "MalformedFeed"
    """A feed so broken that no entry can be read, or made to be a burden."""
    NOT_A_PAGE = "NotAPage"
    """It is no HTML."""
    NO_TEXT = "NoText"
    """HTML in which no article was found."""
    WALL = "Wall"
    """A redirect led to a page that asks for consent or a login."""
    LED_AWAY = "LedAway"
    """A redirect led to a home or section page, as for stories that were removed."""
    SAME_TEXT = "SameText"
    """Other stories of its host, under other headlines, have the very same text, and it is not
    theirs: a wall, or what is said of stories that are gone."""
    PARSER_TIMEOUT = "ParserTimeout"
    """To read it took too long; the process was ended."""
    PARSER_LOST = "ParserLost"
    """The process that read it ended."""
    PARSER_MEMORY = "ParserMemory"
    """To read it takes more memory than a parser gets."""
    NOT_KEPT = "NotKept"
    """The page that a text is from, and that is to be extracted anew, is not there any more."""
    # What was read could not be kept.
    MISFIT = "Misfit"
    """Its row does not fit the table."""
    SET_ASIDE = "SetAside"
    """A staged file that cannot be loaded; it is kept where it cannot hold up others."""


PASSING = frozenset({Kind.PARSER_LOST, Kind.PARSER_TIMEOUT})
"""Failures to read after which another try may go well, whatever the document is.

Whether one of the web passes is said with each (`HttpFailure.temporary`): a coding that cannot be
undone may be whole the next time over the web, but not in an archive.

A process that was lost need not be its document's fault: a service manager that stops a run, or a
lack of memory, ends processes too.
"""
NOT_THE_HOSTS = frozenset(
    {Kind.HOST_RESTING, Kind.HOST_SLOW, Kind.ROBOTS_LOST, Kind.ROBOTS_REFUSED,
     Kind.ADDRESS_REFUSED}
)  # fmt: skip
"""Failures for which no host is to blame: it was not asked, or gave what it was asked for."""
UNASKED = frozenset({Kind.HOST_RESTING, Kind.HOST_SLOW, Kind.ROBOTS_LOST})
"""Failures of which nothing is learnt: whoever can wait has not asked at all."""


def http_kind(status: int) -> str:
    """The kind of an answer with a status of failure, such as Http404."""
    return f"Http{status}"
