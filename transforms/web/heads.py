"""The head of an answer as it comes, fit for a strict parser: without what browsers pass over."""

from __future__ import annotations

import re

LARGEST = 100 * 1024
"""Bytes of status lines and header fields before an answer, hints and blank lines among them."""
END = re.compile(rb"\n\r?\n")
LINES = re.compile(rb"\r\n|\n|\r")
STATUS = re.compile(rb"HTTP/(\d(?:\.\d)?)\d*[ \t]+(\d{3})(?!\d)[ \t]*(.*)", re.IGNORECASE)
NAME = re.compile(rb"[-!#$%&'*+.^_`|~0-9A-Za-z]+")
APART = rb"(?!content-length:|transfer-encoding:|sec-websocket-key1:)"
FIELD = APART + rb"[-!#$%&'*+.^_`|~0-9a-z]++:[^\0\r\n\v\f]*+\r\n"
WELL = re.compile(
    rb"HTTP/1\.[01] \d{3}(?: [^\0\r\n\v\f]*+)?+\r\n(?:" + FIELD + rb")*+"
    rb"(?:content-length:[ \t]*\d{1,19}\r\n|transfer-encoding:[ \t]*chunked\r\n)?+"
    rb"(?:" + FIELD + rb")*+\r\n",
    re.IGNORECASE,
)
"""Nearly every head: told from others in a tenth of the time that it takes to repair one."""
BLANKS = b" \t"
UNFIT = bytes.maketrans(b"\0\v\f", b"   ")
LONGEST_NUMBER = 19
"""Digits of a Content-Length that can be true."""

Fields = list[tuple[bytes, bytes]]


class TooLong(Exception):
    """No head ends within `LARGEST` bytes."""


class Reader:
    """Reads the head of one answer, and hints before it (RFC 9110, section 15.2)."""

    def __init__(self) -> None:
        self.ended = False
        """Whether the head of the answer itself has come."""
        self._kept = bytearray()
        self.came = 0
        """Bytes so far."""

    def take(self, data: bytes) -> tuple[bytes, bytes]:
        """Heads that are whole now, repaired, and what comes after the last.

        Blank lines before a head go.

        Raises:
            TooLong: it is no head that comes.
        """
        found, searched = b"", max(0, len(self._kept) - 3)
        self._kept += data if self._kept else data.lstrip(b"\r\n")
        self.came += len(data)
        while end := END.search(self._kept, searched):
            head, rest = bytes(self._kept[: end.end()]), self._kept[end.end() :]
            found, searched = found + repaired(head), 0
            if not is_informational(head):
                self.ended = True
                return found, bytes(rest)
            self._kept = rest.lstrip(b"\r\n")
        if self.came > LARGEST:
            raise TooLong(f"headers of more than {LARGEST:,} bytes")
        return found, b""


def is_informational(head: bytes) -> bool:
    """Whether another head follows (RFC 9110, section 15.2), the one of the answer itself."""
    status = STATUS.match(head)
    return status is not None and status[2].startswith(b"1") and status[2] != b"101"


def repaired(head: bytes) -> bytes:
    """A head, up to its blank line, without what a strict parser would refuse it for.

    Lines that are no fields go; so do lengths that are none, and codings of the transfer but for
    one ``chunked``. Lengths that differ stay, which no browser takes.
    """
    if WELL.fullmatch(head):
        return head
    first, *lines = LINES.split(head.translate(UNFIT).rstrip(b"\r\n"))
    fields = _fields(lines)
    parts = [_status_line(first)]
    parts += (b"%s: %s" % field for field in [*_plain(fields), *_framing(fields)])
    return b"\r\n".join(parts) + b"\r\n\r\n"


def _status_line(line: bytes) -> bytes:
    found = STATUS.fullmatch(line)
    if found is None:
        return line
    version = b"1.1" if b"." in found[1] and found[1] > b"1.0" else b"1.0"
    return b"HTTP/%s %s %s" % (version, found[2], found[3])


def _fields(lines: list[bytes]) -> Fields:
    """Fields with what stands on further lines (RFC 9112, section 5.2)."""
    found: list[tuple[bytes, list[bytes]]] = []
    continued = False
    for line in lines:
        if continued and line[:1] in (b" ", b"\t"):
            found[-1][1].append(line.strip(BLANKS))
            continue
        name, colon, value = line.partition(b":")
        name = name.strip(BLANKS)
        continued = bool(colon and NAME.fullmatch(name))
        if continued:
            found.append((name, [value.strip(BLANKS)]))
    return [(name, b" ".join(values).strip(BLANKS)) for name, values in found]


LENGTH, CODING = b"content-length", b"transfer-encoding"
NOT_PLAIN = frozenset({LENGTH, CODING, b"sec-websocket-key1"})
"""What says where a body ends, and what aiohttp refuses an answer for."""


def _plain(fields: Fields) -> Fields:
    return [field for field in fields if field[0].lower() not in NOT_PLAIN]


def _framing(fields: Fields) -> Fields:
    """Where the body ends."""
    if b"chunked" in (coding.lower() for coding in _listed(fields, CODING)):
        return [(b"Transfer-Encoding", b"chunked")]
    lengths = (value for value in _listed(fields, LENGTH) if value.isdigit())
    return [(b"Content-Length", n) for n in dict.fromkeys(lengths) if len(n) <= LONGEST_NUMBER]


def _listed(fields: Fields, name: bytes) -> list[bytes]:
    values = (value for field, value in fields if field.lower() == name)
    return [part.strip(BLANKS) for value in values for part in value.split(b",")]
