"""Content codings (RFC 9110, section 8.4.1), undone as bytes arrive and never past a bound."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Protocol

import brotli
import zstandard

from transforms.decoding import GZIP, MOST_PARTS

ACCEPTED = "gzip, deflate, br, zstd"
LARGEST_RATIO = 200
RATIO_COUNTS_FROM = 1_000_000
"""Bytes unpacked; small bodies of one letter shrink further than any page."""
LARGEST_WINDOW = 8 * 2**20
"""Bytes that a zstd frame may look back (RFC 9659)."""
ZSTD_STEP = 128
"""Bytes given to zstandard at a time, whose output cannot be bounded: 32 blocks of 128 kB."""


class TooLarge(Exception):
    """A body went past its limit."""


class BadCoding(Exception):
    """A body is packed in an unknown way, or not as it says."""


class _Codec(Protocol):
    def unpack(self, chunk: bytes, room: int) -> bytes:
        """Unpack, but no more than about `room` bytes."""

    @property
    def whole(self) -> bool:
        """Whether the packed stream came to its end."""


class _Plain:
    whole = True

    def unpack(self, chunk: bytes, room: int) -> bytes:
        return chunk


class _Zlib:
    """gzip with any number of members, zlib, and the raw deflate that some servers send for it.

    What comes after the end and begins no member is passed over, as browsers do.
    """

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(47)  # 47: gzip or zlib, as its header says
        self._begun = self._over = False
        self._parts = 1

    @property
    def whole(self) -> bool:
        return self._stream.eof

    def unpack(self, chunk: bytes, room: int) -> bytes:
        parts = []
        while chunk and room > 0 and not self._over:
            parts.append(self._some(chunk, room))
            room -= len(parts[-1])
            chunk = self._stream.unconsumed_tail or self._stream.unused_data.lstrip(b"\0")
            self._over = bool(self._stream.eof and chunk and chunk[:1] != GZIP[:1])
            if self._stream.eof and chunk and not self._over:
                self._parts = _one_more(self._parts)
                self._stream = zlib.decompressobj(47)
        return b"".join(parts)

    def _some(self, chunk: bytes, room: int) -> bytes:
        try:
            return self._stream.decompress(chunk, room)
        except zlib.error:
            if self._begun:
                raise
            self._stream = zlib.decompressobj(-15)
            return self._stream.decompress(chunk, room)
        finally:
            self._begun = True


class _Brotli:
    def __init__(self) -> None:
        self._stream = brotli.Decompressor()

    @property
    def whole(self) -> bool:
        return bool(self._stream.is_finished())

    def unpack(self, chunk: bytes, room: int) -> bytes:
        data = self._stream.process(chunk, output_buffer_limit=room)
        parts = [data]
        while not self._stream.can_accept_more_data() and room > len(data):
            room -= len(data)
            data = self._stream.process(b"", output_buffer_limit=room)
            parts.append(data)
        return b"".join(parts)


class _Zstd:
    def __init__(self) -> None:
        self._stream = self._new()
        self._parts = 1

    @staticmethod
    def _new() -> zstandard.ZstdDecompressionObj:
        return zstandard.ZstdDecompressor(max_window_size=LARGEST_WINDOW).decompressobj()

    @property
    def whole(self) -> bool:
        return self._stream.eof

    def unpack(self, chunk: bytes, room: int) -> bytes:
        parts = []
        at = 0
        while at < len(chunk) and room > 0:
            if self._stream.eof:  # a further frame
                self._parts = _one_more(self._parts)
                self._stream = self._new()
            step = chunk[at : at + ZSTD_STEP]
            parts.append(self._stream.decompress(step))
            room -= len(parts[-1])
            at += len(step) - len(self._stream.unused_data)
        return b"".join(parts)


def _one_more(parts: int) -> int:
    if parts >= MOST_PARTS:
        raise TooLarge(f"it is packed in more than {MOST_PARTS:,} parts")
    return parts + 1


CODECS: dict[str, Callable[[], _Codec]] = {
    "gzip": _Zlib,
    "x-gzip": _Zlib,
    "deflate": _Zlib,
    "br": _Brotli,
    "zstd": _Zstd,
}
UNREADABLE = frozenset({
    "aes128gcm", "bzip2", "compress", "dcb", "dcz", "exi", "lz4", "lzma", "lzw", "pack200-gzip",
    "sdch", "snappy", "x-bzip2", "x-compress", "xz",
})  # fmt: skip
"""Codings that there are, of the IANA's registry and beyond, and that were not asked for."""
ERRORS = (zlib.error, brotli.error, zstandard.ZstdError)


def _codecs(field: str) -> list[_Codec]:
    """How to undo a Content-Encoding, the last coding first.

    Words that name no coding say nothing of the body, as for browsers. A coding that is named
    twice was put on once; so was ``gzip, deflate``, which some servers copy from the request.
    """
    words = (part.partition(";")[0].strip().lower() for part in reversed(field.split(",")))
    names = list(dict.fromkeys(words))
    if unreadable := UNREADABLE.intersection(names):
        raise BadCoding(f"content coding {min(unreadable)!r}, which was not asked for")
    kinds = dict.fromkeys(CODECS[name] for name in names if name in CODECS)
    return [codec() for codec in kinds] or [_Plain()]


class Unpacker:
    """A body as it arrives, unpacked.

    Raises:
        TooLarge: it is larger than `limit` bytes, packed or unpacked, swells without measure, or
            comes in too many parts.
        BadCoding: its coding cannot be undone, or it is not packed as it says, or ends early.
    """

    def __init__(self, coding: str, limit: int, cut: bool = False) -> None:
        """With `cut`, what lies beyond the limit is left off, and `full` says so."""
        self._codecs, self._limit = _codecs(coding), limit
        self._between = 0
        """Bytes of what is still packed in another way."""
        self._cut, self.full = cut, False
        self.received = self.size = 0

    def __call__(self, chunk: bytes) -> bytes:
        self.received += len(chunk)
        try:
            data = self._unpacked(chunk)
        except ERRORS as error:
            raise BadCoding(str(error)) from error
        self.size += len(data)
        if self._cut and self.size > self._limit:
            self.full = True
            return data[: len(data) - (self.size - self._limit)]
        if max(self.size, self.received) > self._limit:
            raise TooLarge(f"more than {self._limit:,} bytes")
        if self.size > RATIO_COUNTS_FROM and self.size > LARGEST_RATIO * self.received:
            raise TooLarge(f"it unpacks to more than {LARGEST_RATIO} times its size")
        return data

    def _unpacked(self, data: bytes) -> bytes:
        *outer, last = self._codecs
        for codec in outer:
            data = codec.unpack(data, self._limit + 1 - self._between)
            self._between += len(data)
            if self._between > self._limit:
                raise TooLarge(f"more than {self._limit:,} bytes")
        return last.unpack(data, self._limit + 1 - self.size)

    def finish(self) -> None:
        """Raise unless the packed stream came to its end."""
        if self.received and not self.full and not all(codec.whole for codec in self._codecs):
            raise BadCoding("the packed body ends early")
