"""Archives of what servers answered: WARC 1.1 (ISO 28500:2017), written and read with warcio.

A body is kept as it was read, unpacked, so that its `WARC-Payload-Digest` is the `body_hash` of
the database; the headers that told how it had come are kept as `X-Crawler-…`, the way of
StormCrawler and so of Common Crawl's CC-NEWS.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import secrets
import threading
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any, BinaryIO, NamedTuple

from filelock import FileLock, Timeout
from warcio import ArchiveIterator, WARCWriter
from warcio.bufferedreaders import ChunkedDataReader, DecompressingBufferedReader
from warcio.exceptions import ArchiveLoadFailed
from warcio.recordloader import ArcWarcRecord
from warcio.statusandheaders import StatusAndHeaders, StatusAndHeadersParserException

from config.errors import ArchiveError
from config.failures import Kind
from config.models import NAME, VERSION
from transforms.hashing import body_hash
from transforms.headers import by_name
from transforms.records import HttpFailure, Response
from transforms.web.coding import BadCoding, TooLarge, Unpacker

LARGEST = 1_000_000_000
"""Bytes after which a new file is begun, as the standard recommends."""
OPEN = ".open"
"""Ending of a file that is being written."""
TRANSFER = frozenset({"content-encoding", "content-length", "transfer-encoding"})
"""Headers that no longer hold for a body that was unpacked."""
CHUNK = 65_536
BLOCK = 1_024
"""Bytes read at a time of a file that is packed: they unpack to a megabyte at most."""
LONGEST_HEAD = 1_000_000
"""Bytes of the lines of one record that are no body: its headers, and the blanks behind it."""
CHUNKED = 10
"""Times the limit of a body that its chunks may take with what stands between them."""
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
"""No server answered before."""
FUTURE = timedelta(days=1)
"""By how much another machine's clock may be ahead."""
NOT_MODIFIED = "http://netpreserve.org/warc/1.1/revisit/server-not-modified"
DAMAGE = (ArchiveLoadFailed, StatusAndHeadersParserException, EOFError, ValueError, OSError,
          AttributeError, TypeError, IndexError, OverflowError, zlib.error)  # fmt: skip
"""What warcio raises where a record is none."""

Headers = list[tuple[str, str]]


class Exchange(NamedTuple):
    """A request and its answer."""

    url: str
    asked_at: datetime
    path: str
    """Request target, as it was sent."""
    request_headers: Headers
    address: str | None
    """IP address that answered."""
    protocol: str
    status_line: str
    """Code and reason."""
    headers: Headers
    body: bytes | None
    """Unpacked; None where it was not read."""


class ArchiveWriter:
    """Writes exchanges to files in a folder, from any thread; a new file for each gigabyte.

    A file has the ending ``.open`` until it is whole. Each record is a gzip member of its own, so
    that files may be read at any offset, and put together with ``cat``.
    """

    def __init__(self, folder: str, largest: int = LARGEST, longest: float = math.inf) -> None:
        """A file takes so many bytes, and is begun so many seconds before its last record."""
        self.folder, self.largest, self.longest = Path(folder), largest, longest
        self._token, self._serial = secrets.token_hex(4), 0
        self._turn = threading.Lock()
        self._file: BinaryIO | None = None
        self._closed = False

    def __enter__(self) -> ArchiveWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, exchange: Exchange) -> None:
        """Keep an exchange; the system has the whole of it on return. None is kept after `close`.

        Raises:
            ArchiveError: the folder cannot be written.
        """
        packed = io.BytesIO()
        writer = WARCWriter(packed, gzip=True, warc_version="1.1")
        answer = _answer_record(writer, exchange)
        writer.write_request_response_pair(_request_record(writer, exchange), answer)
        self._append(packed.getvalue())

    def write_answer(self, exchange: Exchange) -> tuple[str, int, int] | None:
        """Keep an answer alone: the name that its file will have, where it begins, its length.

        None after `close`, when none is kept.

        Raises:
            ArchiveError: the folder cannot be written.
        """
        packed = io.BytesIO()
        writer = WARCWriter(packed, gzip=True, warc_version="1.1")
        writer.write_record(_answer_record(writer, exchange))
        return self._append(packed.getvalue())

    def _append(self, record: bytes) -> tuple[str, int, int] | None:
        with self._turn, _said():
            if self._closed:
                return None
            if self._file is not None and monotonic() - self._begun > self.longest:
                self._finish()
            if self._file is None:
                self._begin()
            assert self._file is not None
            place = self._path.name.removesuffix(OPEN), self._file.tell(), len(record)
            self._file.write(record)
            self._file.flush()
            if self._file.tell() >= self.largest:
                self._finish()
            return place

    def close(self) -> None:
        """Give the file that is being written its name.

        Raises:
            ArchiveError: it cannot be written to its end.
        """
        with self._turn, _said():
            self._closed = True
            self._finish()

    def _begin(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        stamp = f"{datetime.now(UTC):%Y%m%d%H%M%S%f}"[:17]
        name = f"{NAME}-{stamp}-{self._serial:05}-{self._token}.warc.gz"
        self._serial += 1
        self._path = self.folder / f"{name}{OPEN}"
        self._lock = _lock(self._path)
        self._lock.acquire()
        self._file, self._begun = open(self._path, "xb"), monotonic()  # noqa: SIM115
        writer = WARCWriter(self._file, gzip=True, warc_version="1.1")
        told = {
            "software": f"{NAME}/{VERSION}",
            "format": "WARC File Format 1.1",
            "conformsTo": "http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/",
        }
        writer.write_record(writer.create_warcinfo_record(name, told))

    def _finish(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            file.flush()
            os.fsync(file.fileno())
            file.close()
            _give_name(self._path)
            _release(self._lock)


@contextlib.contextmanager
def _said() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ArchiveError(f"the archive cannot be written: {error}") from error


def _lock(path: Path) -> FileLock:
    return FileLock(f"{path}.lock", timeout=0)


def _release(lock: FileLock) -> None:
    Path(lock.lock_file).unlink(missing_ok=True)
    lock.release()


def _give_name(path: Path) -> Path:
    named = path.with_name(path.name.removesuffix(OPEN))
    os.replace(path, named)
    return named


def length_of_first(path: Path) -> int:
    """Bytes of the first record of a file, which tells of the file itself."""
    with open(path, "rb") as file:
        for offset, length, _record in _records(file, path, damage=[]):
            return offset + length
    return 0


def finish_leftovers(folder: Path) -> list[Path]:
    """Name the files that killed runs left open, without the record that they died at.

    Raises:
        ArchiveError: the folder cannot be written.
    """
    with _said():
        folder.mkdir(parents=True, exist_ok=True)
        return list(_finished(folder))


def _finished(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.glob(f"*.warc.gz{OPEN}")):
        lock = _lock(path)
        try:
            lock.acquire()
        except Timeout:  # somebody writes it
            continue
        whole = 0
        with open(path, "r+b") as file:
            for offset, length, _record in _records(file, path, damage=[]):
                whole = offset + length
            file.truncate(whole)
        if whole:
            yield _give_name(path)
        else:
            path.unlink()
        _release(lock)


def _answer_record(writer: WARCWriter, exchange: Exchange) -> ArcWarcRecord:
    headers = [
        (f"X-Crawler-{name}" if name.lower() in TRANSFER else name, value)
        for name, value in exchange.headers
    ]
    told = {"WARC-Date": f"{exchange.asked_at:%Y-%m-%dT%H:%M:%S.%fZ}"}
    if exchange.address:
        told["WARC-IP-Address"] = exchange.address
    if exchange.body is not None:
        headers.append(("Content-Length", str(len(exchange.body))))
        told["WARC-Payload-Digest"] = f"sha256:{body_hash(exchange.body)}"
    unchanged = exchange.status_line.startswith("304")
    if unchanged:
        told["WARC-Profile"] = NOT_MODIFIED
        told["WARC-Refers-To-Target-URI"] = exchange.url
    elif exchange.body is None:
        told["WARC-Truncated"] = "unspecified"
    body = exchange.body or b""
    return writer.create_warc_record(
        exchange.url,
        "revisit" if unchanged else "response",
        payload=io.BytesIO(body),
        length=len(body),
        warc_headers_dict=told,
        http_headers=StatusAndHeaders(exchange.status_line, headers, exchange.protocol),
    )


def _request_record(writer: WARCWriter, exchange: Exchange) -> ArcWarcRecord:
    line = f"GET {exchange.path} HTTP/1.1"
    headers = StatusAndHeaders(line, exchange.request_headers, is_http_request=True)
    return writer.create_warc_record(exchange.url, "request", http_headers=headers)


class Capture(NamedTuple):
    """One answer in an archive."""

    url: str
    at: datetime
    status: int
    media_type: str
    """Of the Content-Type, in lower case; empty without one."""
    location: str | None
    offset: int


class _Lines(DecompressingBufferedReader):  # type: ignore[misc]
    """A file that is unpacked in pieces, and whose lines end."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file, block_size=BLOCK)
        self.left = LONGEST_HEAD

    def readline(self, length: int | None = None) -> bytes:
        line: bytes = super().readline(min(length or self.left, self.left))
        self.left -= len(line)
        if self.left <= 0:
            raise ValueError(f"a record with more than {LONGEST_HEAD:,} bytes of headers")
        return line


class _Archive(ArchiveIterator):  # type: ignore[misc]
    """The records of a file, whose members may be packed to be a burden."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.reader = _Lines(file)

    def _next_record(self, next_line: bytes | None) -> ArcWarcRecord:
        self.reader.left = LONGEST_HEAD
        return super()._next_record(next_line)


def captures(path: Path, damage: list[str]) -> Iterator[Capture]:
    """The answers of web servers in a WARC file, in its order.

    A record that cannot be believed is passed over, and where the file cannot be read on, it ends;
    both are added to `damage`.
    """
    with open(path, "rb") as file:
        for offset, _length, record in _records(file, path, damage):
            headers = record.http_headers
            url = record.rec_headers.get_header("WARC-Target-URI") or ""
            if record.rec_type != "response" or headers is None:
                continue
            at = _moment(date := record.rec_headers.get_header("WARC-Date"))
            if at is None:
                damage.append(f"{path}, at byte {offset:,}: a record of {date!r:.100}")
                continue
            status = headers.get_statuscode()
            told = by_name(headers.headers)
            kind = told.get("content-type", "").partition(";")[0].strip().lower()
            yield Capture(
                url,
                at,
                int(status) if status.isascii() and status.isdigit() else 0,
                kind,
                told.get("location"),
                offset,
            )


def _records(
    file: BinaryIO, path: Path, damage: list[str]
) -> Iterator[tuple[int, int, ArcWarcRecord]]:
    """Whole records with their offsets and lengths in the file."""
    archive = _Archive(file)
    offset = 0
    try:
        for record in archive:
            offset = archive.get_record_offset()
            length = archive.get_record_length()
            left = getattr(record.raw_stream, "limit", None)
            if left != 0:
                told = "it ends within a record" if left else "a record without a length"
                damage.append(f"{path}, at byte {offset:,}: {told}")
                continue
            yield offset, length, record
    except DAMAGE as error:
        damage.append(f"{path}, at byte {archive.offset:,}: {_line(error)}")


def _line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def _moment(text: str | None) -> datetime | None:
    """WARC-Date, which may have a fraction of a second; None for one that cannot be."""
    try:
        at = datetime.fromisoformat((text or "").replace("Z", "+00:00")).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return at if EARLIEST <= at <= datetime.now(UTC) + FUTURE else None


def read_capture(path: str, offset: int, limit: int) -> Response | HttpFailure:
    """The answer that lies at an offset of a WARC file; `limit` bounds its body in bytes."""
    with open(path, "rb") as file:
        file.seek(offset)
        archive = _Archive(file)
        record: Any = next(iter(archive))
        archive.reader.left = CHUNKED * limit  # lines stand between chunks, too
        at = _moment(record.rec_headers.get_header("WARC-Date")) or datetime.now(UTC)
        url = record.rec_headers.get_header("WARC-Target-URI")
        status = int(record.http_headers.get_statuscode())
        cut = record.rec_headers.get_header("WARC-Truncated")
        if cut:
            kind = Kind.TOO_LARGE if cut == "length" else Kind.PROTOCOL_ERROR
            return HttpFailure(kind, f"the archived body is cut off ({cut})", at, 0, status)
        headers = by_name(record.http_headers.headers)
        try:
            body, received = _body(record, headers, limit)
        except TooLarge as error:
            return HttpFailure(Kind.TOO_LARGE, str(error), at, 0, status, received=limit)
        except BadCoding as error:
            return HttpFailure(Kind.BAD_ENCODING, str(error), at, 0, status)
    return Response(url, status, headers, body, (), at, 0, received)


def _body(record: Any, headers: dict[str, str], limit: int) -> tuple[bytes, int]:
    """The body, unpacked: other programs keep it as it came."""
    stream = record.raw_stream
    stream.limit = min(stream.limit, CHUNKED * limit)
    if "chunked" in headers.get("transfer-encoding", "").lower():
        stream = ChunkedDataReader(stream)
    unpack = Unpacker(headers.get("content-encoding", ""), limit)
    parts = []
    while chunk := stream.read(CHUNK):
        parts.append(unpack(chunk))
    unpack.finish()
    return b"".join(parts), unpack.received
