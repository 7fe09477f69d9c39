"""Shards on any file system that Beam knows; local ones as `files` has them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from apache_beam.io.filesystems import FileSystems

from sinks.connector.files import shard_name, write_shard


def is_local(address: str) -> bool:
    """Whether an address is a path, rather than such as s3://bucket/folder."""
    return "://" not in address


def store_shard(folder: str, kind: str, content: bytes) -> str:
    """Write a shard, complete or invisible; its address."""
    if is_local(folder):
        return str(write_shard(Path(folder), kind, content))
    address: str = FileSystems.join(folder, shard_name(kind, content))
    aside = f"{address}.{os.getpid()}.tmp"
    with FileSystems.create(aside, "application/vnd.apache.parquet") as file:
        file.write(content)
    FileSystems.rename([aside], [address])
    return address


def fetch_shards(addresses: Sequence[str], folder: Path) -> list[Path]:
    """Shards as local files; those on another file system are copied to `folder`."""
    return [Path(a) if is_local(a) else _copied(a, folder) for a in addresses]


def _copied(address: str, folder: Path) -> Path:
    path = folder / address.rpartition("/")[2]
    with (
        FileSystems.open(address, compression_type="uncompressed") as source,
        open(path, "wb") as target,
    ):
        shutil.copyfileobj(source, target)
    return path


def remove_shards(addresses: Sequence[str]) -> None:
    """Remove shards that are committed; those that are gone do not matter."""
    for address in addresses:
        if is_local(address):
            Path(address).unlink(missing_ok=True)
    if others := [address for address in addresses if not is_local(address)]:
        matches = FileSystems.match(others)
        FileSystems.delete([file.path for match in matches for file in match.metadata_list])
