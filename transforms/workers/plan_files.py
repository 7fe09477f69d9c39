"""Files of a plan on any file system that Beam knows: sent by the launcher, read by workers."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import zstandard
from apache_beam.io.filesystems import FileSystems

RAW = "uncompressed"
"""What we compress, no file system is to compress again."""


def send_file(path: Path, address: str) -> None:
    """Copy a file to an address, compressed: an empty one too is some bytes, as S3 wants it."""
    with open(path, "rb") as source, FileSystems.create(address, compression_type=RAW) as target:
        zstandard.ZstdCompressor().copy_stream(source, target)


@contextmanager
def local_file(address: str) -> Iterator[str]:
    """The path of a file of a plan; of one that was sent, a copy that goes in the end.

    Where the system lets go of a file that is mapped into memory, the mapping stays good.
    """
    if "://" not in address:
        yield address
        return
    with tempfile.TemporaryDirectory(prefix="newsbeam-", ignore_cleanup_errors=True) as folder:
        path = Path(folder, "plan")
        with (
            FileSystems.open(address, compression_type=RAW) as source,
            open(path, "wb") as target,
        ):
            zstandard.ZstdDecompressor().copy_stream(source, target)
        yield str(path)
