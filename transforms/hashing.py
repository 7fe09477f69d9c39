"""Hashes by which things are known again."""

from __future__ import annotations

import hashlib


def digest(*parts: str) -> str:
    """A stable 128-bit id of texts, as 32 hexadecimal digits."""
    return hashlib.blake2b("\n".join(parts).encode("utf-8", "replace"), digest_size=16).hexdigest()


def sql_digest(*parts: str) -> str:
    """A 128-bit hash of texts that DuckDB makes too: md5(concat_ws(chr(10), …))."""
    text = "\n".join(parts).encode("utf-8", "replace")
    return hashlib.md5(text, usedforsecurity=False).hexdigest()


def body_hash(body: bytes) -> str:
    """SHA-256 of a body, in hexadecimal."""
    return hashlib.sha256(body).hexdigest()


def text_hash(text: str) -> str:
    """SHA-256 of a text, in hexadecimal."""
    return body_hash(text.encode("utf-8", "replace"))
