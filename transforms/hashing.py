"""Hashes by which things are known again."""

from __future__ import annotations

import hashlib


def digest(*parts: str) -> str:
    """A stable 128-bit id of texts, as 32 hexadecimal digits."""
    return hashlib.blake2b("\n".join(parts).encode("utf-8", "replace"), digest_size=16).hexdigest()


def body_hash(body: bytes) -> str:
    """SHA-256 of a body, in hexadecimal."""
    return hashlib.sha256(body).hexdigest()
