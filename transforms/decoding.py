"""From bytes to text."""

from __future__ import annotations

import re
import zlib

from charset_normalizer import from_bytes
from w3lib.encoding import html_body_declared_encoding, html_to_unicode, http_content_type_encoding

GZIP = b"\x1f\x8b"
"""How a member begins."""
MOST_PARTS = 1_000
"""Members of gzip or frames of zstd in one body; to begin one costs far more than its few bytes."""
WIDE = re.compile(r"utf-?(?:16|32)", re.IGNORECASE)
MARKS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
"""Byte order marks of UTF-16 and UTF-32."""
SHIFTS = re.compile(rb"[\x0e\x0f\x1b]|~\{")
"""Where ASCII stands for other letters: ISO-2022 and HZ."""


def as_utf8(body: bytes) -> str | None:
    """The text of bytes that are UTF-8, whatever they are said to be; None where they are not.

    No text in another encoding looks so by chance. Bytes of zero speak for UTF-16 and UTF-32: in
    those, markup has them.
    """
    if b"\0" in body or body.startswith(MARKS) or (body.isascii() and SHIFTS.search(body)):
        return None
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


def decode(body: bytes, content_type: str | None) -> str:
    """HTML as text: UTF-8 that can be nothing else, BOM, header, meta element, the bytes decide."""
    if (text := as_utf8(body)) is not None:
        return text
    declared = http_content_type_encoding(content_type) or html_body_declared_encoding(body)
    if declared and WIDE.match(declared) and b"\0" not in body and not body.startswith(MARKS):
        return body.decode(_guess_encoding(body), "replace")  # declared and not meant
    try:
        _, text = html_to_unicode(content_type, body, auto_detect_fun=_guess_encoding)
    except (LookupError, UnicodeError):  # Python knows the name, but as no charset: hex, idna
        return body.decode(_guess_encoding(body), "replace")
    return text


def _guess_encoding(body: bytes) -> str:
    try:
        body.decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError:
        best = from_bytes(body[:100_000]).best()
        return best.encoding if best else "windows-1252"


def unpacked(body: bytes, most: int) -> bytes:
    """What a file holds that is packed with gzip, and was served as it lies there; others as such.

    Raises:
        ValueError: it is packed in another way than it says, ends early, or holds more than `most`
            bytes, or too many parts.
    """
    if not body.startswith(GZIP):
        return body
    parts: list[bytes] = []
    room = most
    while body.startswith(GZIP):
        if len(parts) >= MOST_PARTS:
            raise ValueError(f"it is packed in more than {MOST_PARTS:,} parts")
        stream = zlib.decompressobj(31)
        try:
            parts.append(stream.decompress(body, room + 1))
        except zlib.error as error:
            raise ValueError(f"not gzip: {error}") from error
        room -= len(parts[-1])
        if room < 0:
            raise ValueError(f"the packed file is too large: more than {most:,} bytes")
        if not stream.eof:
            raise ValueError("the packed file ends early")
        body = stream.unused_data
    return b"".join(parts)
