"""From bytes to text."""

from __future__ import annotations

from charset_normalizer import from_bytes
from w3lib.encoding import html_to_unicode


def decode(body: bytes, content_type: str | None) -> str:
    """HTML as text: BOM, header, meta element, and then the bytes themselves decide."""
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
