"""Shards: immutable Parquet files, complete or invisible, named by a hash of their content."""

from __future__ import annotations

import hashlib
import io
import os
import re
import uuid
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def parquet(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> bytes:
    """A shard's bytes."""
    buffer = io.BytesIO()
    table = pa.Table.from_batches(list(batches), schema)
    # Read once and whole, so statistics help nobody; zstd finds what repeats, so that a dictionary
    # costs time and saves no room.
    pq.write_table(
        table, buffer, compression="zstd", use_dictionary=False, write_statistics=False,
        row_group_size=len(table) or 1,
    )  # fmt: skip
    return buffer.getvalue()


def shard_name(kind: str, content: bytes) -> str:
    """The name of a shard: to write the same again changes nothing."""
    digest = hashlib.sha256(kind.encode() + b"\0" + content).hexdigest()[:32]
    return f"{re.sub('[^0-9A-Za-z_]', '_', kind)}-{digest}.parquet"


def write_shard(folder: Path, kind: str, content: bytes) -> Path:
    """Write a shard to a folder of this machine."""
    path = folder / shard_name(kind, content)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content)
    return path


def write_whole(path: Path, content: bytes) -> None:
    """Write, fsync, rename: a reader sees all of the file or none of it, after a crash too."""
    # Named anew each time: threads and machines may write the same shard at once.
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno and not error.filename:
            error.filename = str(path)  # a full disk names no file
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Bring the names of a folder to the disk, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
