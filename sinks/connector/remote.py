"""Shards on any file system that Beam knows; local ones as `files` has them.

Each pipeline stages below STAGING/RUN_ID/, and its batch commit removes that folder. What dead
pipelines leave was never committed and never will be; a later commit sweeps it.
"""

from __future__ import annotations

import contextlib
import logging
import re
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

from apache_beam.io.filesystem import FileSystem
from apache_beam.io.filesystems import FileSystems

from .files import shard_name, write_shard

STALE = 7 * 86_400.0
"""Seconds after which a folder where nothing was written belongs to a dead pipeline."""
RUN_ID = re.compile(r"duckdb-[0-9a-f]{32}")
NEEDS = {
    "azfs": ("azure", "azure.storage.blob"),
    "gs": ("gcp", "google.cloud.storage"),
    "hdfs": ("hadoop", "hdfs"),
    "s3": ("aws", "boto3"),
}
"""By scheme: the extra of Beam, and a module that comes with it."""
COPIES = 8
"""Shards that are copied at the same time."""


def new_run_id() -> str:
    """The name of a pipeline's folder: nothing else in a staging folder is ever removed."""
    return f"duckdb-{uuid.uuid4().hex}"


def is_local(address: str) -> bool:
    """Whether an address is a path, rather than such as s3://bucket/folder."""
    return "://" not in address


def check_staging(staging: str) -> None:
    """Hold a staging folder against the file systems that Beam has here.

    Raises:
        ValueError: none of them knows it, or what it needs is not installed.
    """
    if is_local(staging):
        return
    scheme = staging.partition("://")[0]
    extra, module = NEEDS.get(scheme, ("", ""))
    if module and not is_installed(module):
        raise ValueError(
            f"{staging}: {scheme}:// needs apache-beam[{extra}], which is not installed"
        )
    schemes = sorted(found.scheme() for found in FileSystem.get_all_subclasses() if found.scheme())
    if scheme not in schemes:
        here = [f"{known}://" for known in schemes if is_installed(NEEDS.get(known, ("", ""))[1])]
        more = [f"{known}:// with apache-beam[{extra}]" for known, (extra, module) in NEEDS.items()
                if not is_installed(module)]  # fmt: skip
        raise ValueError(
            f"{staging}: no file system of Beam knows {scheme}://; valid: "
            f"{', '.join(['a path', *here, *more])}"
        )


def is_installed(module: str) -> bool:
    """Whether a module is here, "" always."""
    try:
        return not module or find_spec(module) is not None
    except ModuleNotFoundError:  # not even what it is a part of
        return False


def store_shard(folder: str, kind: str, content: bytes) -> str:
    """Write a shard, complete or invisible; its address."""
    if is_local(folder):
        return str(write_shard(Path(folder), kind, content))
    address = f"{folder}/{shard_name(kind, content)}"
    store_file(address, content, "application/vnd.apache.parquet")
    return address


def store_file(address: str, content: bytes, kind: str = "application/octet-stream") -> None:
    """Write a file, complete or invisible; one that is there stays as it is."""
    if not FileSystems.exists(address):  # some file systems rename to no name that is taken
        aside = f"{address}.{uuid.uuid4().hex}.tmp"
        with FileSystems.create(aside, kind) as file:
            file.write(content)
        FileSystems.rename([aside], [address])


def fetch_shards(addresses: Sequence[str], folder: Path) -> dict[str, Path]:
    """Shards as local files; those on another file system are copied to `folder`, if there."""
    files = {address: Path(address) for address in addresses if is_local(address)}
    others = [address for address in addresses if not is_local(address)]
    there = [file.path for match in FileSystems.match(others) for file in match.metadata_list]
    paths = [folder / str(number) for number in range(len(there))]
    with ThreadPoolExecutor(COPIES) as pool:
        return files | dict(zip(there, pool.map(_copy, there, paths), strict=True))


def _copy(address: str, path: Path) -> Path:
    with (
        FileSystems.open(address, compression_type="uncompressed") as source,
        open(path, "wb") as target,
    ):
        shutil.copyfileobj(source, target)
    return path


def remove_shards(addresses: Sequence[str]) -> None:
    """Remove shards that are committed; those that are gone do not matter."""
    others = []
    for address in addresses:
        if is_local(address):
            Path(address).unlink(missing_ok=True)
        else:
            others.append(address)
    _delete(others)


def remove_run(staging: str, run_id: str) -> None:
    """Remove all that a pipeline staged."""
    if is_local(staging):
        shutil.rmtree(Path(staging, run_id), ignore_errors=True)
    else:
        _delete([f"{staging}/{run_id}/*"])


def stale_runs(staging: str) -> set[str]:
    """Pipelines that wrote nothing for long.

    Long before the newest of what is staged, whose times are of one clock, that of the file system:
    the clock of this machine may be far ahead of it. Ask before the own shards are removed.
    """
    written = _last_written(staging)
    now = min(time.time(), max(written.values(), default=0.0))
    return {run_id for run_id, last in written.items() if last < now - STALE}


def sweep(staging: str, run_ids: Iterable[str]) -> None:
    """Remove what pipelines left that are dead."""
    for run_id in run_ids:
        logging.getLogger(__name__).info("removing what %s left in %s", run_id, staging)
        remove_run(staging, run_id)


def read_file(address: str) -> bytes | None:
    """What is in a file of another file system; None where there is none."""
    if not FileSystems.exists(address):
        return None
    with FileSystems.open(address, compression_type="uncompressed") as file:
        return bytes(file.read())


def list_files(folder: str) -> dict[str, int]:
    """Names and bytes of what lies right in a folder of another file system."""
    if _has_folders(folder) and not FileSystems.exists(folder):
        return {}
    (found,) = FileSystems.match([f"{folder}/*"])
    return {file.path.rpartition("/")[2]: file.size_in_bytes for file in found.metadata_list}


def list_folders(folder: str) -> list[str]:
    """Names of the folders in a folder; with some file systems also those of its files."""
    if _has_folders(folder):
        return sorted(list_files(folder))
    (found,) = FileSystems.match([f"{folder}/*/**"])
    below = (file.path.removeprefix(f"{folder}/") for file in found.metadata_list)
    return sorted({name.partition("/")[0] for name in below})


def remove_folder(folder: str, *, first: str) -> None:
    """Remove a folder of another file system and all in it, `first` one of its files."""
    _delete([f"{folder}/{first}"])
    if not _has_folders(folder):
        _delete([f"{folder}/**"])
    elif FileSystems.exists(folder):
        FileSystems.delete([folder])


def _has_folders(address: str) -> bool:
    return bool(FileSystems.get_filesystem(address).has_dirs())


def _delete(patterns: Sequence[str]) -> None:
    matches = FileSystems.match(list(patterns))
    if paths := [file.path for match in matches for file in match.metadata_list]:
        FileSystems.delete(paths)


def _last_written(staging: str) -> dict[str, float]:
    """When anything was last written to each pipeline's folder, in seconds since 1970."""
    newest: dict[str, float] = {}
    for run_id, written in _writes(staging):
        if RUN_ID.fullmatch(run_id):
            newest[run_id] = max(written, newest.get(run_id, 0.0))
    return newest


def _writes(staging: str) -> Iterator[tuple[str, float]]:
    if is_local(staging):
        for folder in Path(staging).glob("duckdb-*"):
            with contextlib.suppress(FileNotFoundError):  # another commit removes it now
                for path in (folder, *folder.iterdir()):
                    yield folder.name, path.stat().st_mtime
        return
    for match in FileSystems.match([f"{staging}/duckdb-*/*"]):
        for file in match.metadata_list:
            # A file system that knows no times leaves 0: then nothing may be said to be old.
            yield file.path.split("/")[-2], file.last_updated_in_seconds or float("inf")
