"""The staging folder: what workers wrote and the database has not taken over yet.

    NAME.staging/              or, below any other address, a folder called by the database's id
      VERSION                  layout of this folder
      RUN_ID/
        run.json               what the run is: times, versions, feeds, topics
        finished.json          how it ended; absent when it died
        plan/                  what is due, for the workers
        signals/               progress and the request to stop
        polls-HASH.parquet     shards: complete or invisible, named by content
        pages-HASH.parquet
      set-aside-RUN_ID/        shards that could not be loaded, with run.json; reasons.json says why

A shard is one file, and each of its rows is whole: a poll with its entries and the feed's next
state, or a page with its article, topics and evidence. So any set of shards may be committed.
Where the staging folder is no folder of a path, but lies on another file system, `plan` and
`signals` are of the launcher's machine, and copies of the plan lie beside the shards.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from sinks.connector.commit import Shard
from sinks.connector.errors import DatabaseLocked, StagingError
from sinks.connector.files import write_whole
from sinks.database.opening import database_id
from sinks.database.where import DuckLake, Where, launcher, local
from sinks.staging.shards import LAYOUT, LAYOUTS, TABLES

RUN_ID = re.compile(r"\d{8}T\d{12}Z-[0-9a-f]{6}")
ASIDE = "set-aside-"


class Store(Protocol):
    """Where a staging folder is kept; names are relative to it.

    Its methods raise OSError or StagingError where something is refused.
    """

    @property
    def address(self) -> str:
        """Of the folder itself."""

    def make(self) -> None:
        """Make the folder, if that is needed."""

    def folders(self) -> list[str]:
        """Names of the folders in it."""

    def files(self, folder: str) -> dict[str, int]:
        """Names and bytes of the files in a folder, "" for the uppermost; of absent ones none."""

    def read(self, name: str) -> bytes | None:
        """What is in a file; None where there is none."""

    def write(self, name: str, content: bytes) -> None:
        """Write a file whole or not at all."""

    def remove(self, folder: str) -> None:
        """Remove a folder as far as that is possible, its run.json first."""

    def here(self, run_id: str) -> Path:
        """The folder of a run on this machine, which need not be there yet."""

    def share(self, run_id: str) -> None:
        """Bring the plan of a run to where workers read it."""

    def shared(self, path: Path) -> str:
        """Where workers read a file of a plan."""

    def fetch(self, addresses: Sequence[str]) -> contextlib.AbstractContextManager[dict[str, Path]]:
        """Shards as files of this machine; those that are gone by now are left out."""


@dataclass(frozen=True)
class LocalStore:
    """A folder of this machine, or one that machines share."""

    path: Path

    @property
    def address(self) -> str:
        """Its path."""
        return str(self.path)

    def make(self) -> None:
        """Make the folder."""
        self.path.mkdir(parents=True, exist_ok=True)

    def folders(self) -> list[str]:
        """As of `Store`; hidden ones are not ours."""
        return [path.name for path in _shown(self.path) if path.is_dir()]

    def files(self, folder: str) -> dict[str, int]:
        """As of `Store`; a run that is at work may take files away meanwhile."""
        found = {}
        for path in _shown(self.path / folder):
            with contextlib.suppress(FileNotFoundError):
                if not path.is_dir():
                    found[path.name] = path.stat().st_size
        return found

    def read(self, name: str) -> bytes | None:
        """As of `Store`."""
        try:
            return (self.path / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def write(self, name: str, content: bytes) -> None:
        """As of `Store`."""
        (self.path / name).parent.mkdir(exist_ok=True)
        write_whole(self.path / name, content)

    def remove(self, folder: str) -> None:
        """As of `Store`."""
        with contextlib.suppress(OSError):
            (self.path / folder / "run.json").unlink()
        shutil.rmtree(self.path / folder, ignore_errors=True)

    def here(self, run_id: str) -> Path:
        """Its folder is here."""
        return self.path / run_id

    def share(self, run_id: str) -> None:
        """Workers read it where it is."""

    def shared(self, path: Path) -> str:
        """Where it is."""
        return str(path)

    @contextlib.contextmanager
    def fetch(self, addresses: Sequence[str]) -> Iterator[dict[str, Path]]:
        """They are here."""
        yield {address: Path(address) for address in addresses}


def _shown(folder: Path) -> list[Path]:
    """What is in a folder but what a death during `write_whole` left behind."""
    try:
        return [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    except FileNotFoundError:
        return []


class RunFolder(NamedTuple):
    """The staging folder of one run."""

    store: Store
    path: Path
    """The folder on this machine; all of it, if the staging folder is of this machine."""

    @property
    def run_id(self) -> str:
        """The run's id, by which run folders sort in time."""
        return self.path.name

    @property
    def address(self) -> str:
        """Where workers write."""
        return f"{self.store.address}/{self.run_id}"

    @property
    def plan(self) -> Path:
        """Where the launcher writes what is due."""
        return self.path / "plan"

    @property
    def signals(self) -> Path:
        """Where launcher and workers of one machine leave each other signs."""
        return self.path / "signals"

    def shards(self) -> list[Shard]:
        """All complete shards, by name."""
        return list(self.sizes())

    def sizes(self) -> dict[Shard, int]:
        """All complete shards by name, and their bytes."""
        files = self.store.files(self.run_id)
        found = {
            Shard(kind, self.run_id, f"{self.address}/{name}"): size
            for kind in TABLES
            for name, size in files.items()
            if name.startswith(f"{kind}-") and name.endswith(".parquet")
        }
        return dict(sorted(found.items()))

    def share_plan(self) -> None:
        """Bring the plan to where workers read it."""
        self.store.share(self.run_id)

    def shared(self, path: Path) -> str:
        """Where workers read a file of the plan."""
        return self.store.shared(path)

    @contextlib.contextmanager
    def fetched(self) -> Iterator[dict[Shard, Path]]:
        """All complete shards by name, as files of this machine."""
        shards = self.shards()
        with self.store.fetch([shard.address for shard in shards]) as files:
            yield {shard: files[shard.address] for shard in shards if shard.address in files}

    def write_json(self, name: str, content: dict[str, Any]) -> None:
        """Write a small file whole or not at all."""
        self.store.write(f"{self.run_id}/{name}", json.dumps(content, ensure_ascii=False).encode())

    def read_json(self, name: str) -> dict[str, Any] | None:
        """Read a small file; None where there is none.

        Raises:
            StagingError: it is damaged.
        """
        found = self.store.read(f"{self.run_id}/{name}")
        if found is None:
            return None
        try:
            content: dict[str, Any] = json.loads(found)
            if not isinstance(content, dict):
                raise ValueError("not an object")
        except ValueError as error:
            raise StagingError(
                f"{self.address}/{name}: damaged: {error}; move the folder {self.address} away: "
                "what it held is fetched again"
            ) from error
        return content

    def set_aside(self, reasons: Sequence[tuple[str, str]]) -> None:
        """Keep copies of shards, by name, where no commit looks, with why they are there.

        Under its run's name again, the folder is staged again.
        """
        names = {shard.rpartition("/")[2]: reason for shard, reason in reasons}
        home = f"{ASIDE}{self.run_id}"
        for name in ("run.json", "finished.json", *names):
            content = self.store.read(f"{self.run_id}/{name}")
            if content is not None:
                self.store.write(f"{home}/{name}", content)
        told = json.dumps(names, ensure_ascii=False, indent=1)
        self.store.write(f"{home}/reasons.json", told.encode())

    def remove(self) -> None:
        """Remove the folder, which is committed or empty.

        First what names it a run: half removed, it must not be taken for one that died.
        """
        self.store.remove(self.run_id)


class Staging:
    """The staging folder of a database: NAME.staging beside NAME, or another store.

    Raises:
        StagingError: it cannot be made or written, or a program of another version made it.
    """

    def __init__(self, database: Where, store: Store | None = None) -> None:
        self.store = store or beside(database)
        self.address = self.store.address
        try:
            self.store.make()
            found = layout_of(self.store)
            empty = not found and not (self.store.folders() or self.store.files(""))
            if empty or found in LAYOUTS[:-1]:  # what an earlier program left is committed, too
                self.store.write("VERSION", LAYOUT.encode())
                found = LAYOUT
        except OSError as error:
            raise StagingError(f"{self.address}: {error.strerror or error}") from error
        if found != LAYOUT:
            raise StagingError(
                f"{self.address}: staging layout {found or 'none'!r}, but this program knows "
                f"{LAYOUT!r}; commit it with the version that wrote it"
            )

    def runs(self) -> list[RunFolder]:
        """Folders of runs, oldest first."""
        return _runs(self.store)

    def new_run(self, run_id: str) -> RunFolder:
        """Make the folder of a run."""
        folder = RunFolder(self.store, self.store.here(run_id))
        for path in (folder.path, folder.plan, folder.signals):
            path.mkdir()
        return folder


def _runs(store: Store) -> list[RunFolder]:
    """Those of other names are not ours."""
    return [
        RunFolder(store, store.here(name))
        for name in sorted(store.folders())
        if RUN_ID.fullmatch(name)
    ]


def beside(database: Where) -> LocalStore:
    """Where a database's staging folder is, if nobody says otherwise.

    That of a DuckLake is in the working folder, so each launcher has its own.
    """
    return LocalStore(Path(f"{local(database)}.staging"))


def _name_of(database: Where, lock_timeout: float) -> str:
    """What nobody else stages under: several launchers may write one DuckLake at the same time."""
    name = database_id(database, lock_timeout)
    return f"{name}-{launcher()}" if isinstance(database, DuckLake) else name


@contextlib.contextmanager
def store_of(
    database: Where, address: str | None, beam_options: Sequence[str], lock_timeout: float
) -> Iterator[Store]:
    """Where a database's staging folder is: beside it, or below an address.

    There it is called by the database's id, so that many may share an address; the database is
    made where it is absent. Of a DuckLake each launcher has its own, called by it as well.

    Raises:
        ConfigError: no file system of Beam knows the address.
        StagingError: that file system does not answer.
        DatabaseLocked, SchemaMismatch, DatabaseError: the database cannot be asked for its id.
    """
    if address is None:
        yield beside(database)
    elif "://" not in address:
        yield LocalStore(Path(address) / _name_of(database, lock_timeout))
    else:
        from sinks.staging.remote import reach, remote_store  # Beam takes a second to load

        reach(address, beam_options)
        with remote_store(f"{address}/{_name_of(database, lock_timeout)}") as store:
            yield store


def layout_of(store: Store) -> str | None:
    """The layout of a staging folder; None where there is none, or it is unmarked."""
    found = store.read("VERSION")
    return None if found is None else found.decode(errors="replace").strip()


def waiting(store: Store) -> list[RunFolder]:
    """Runs that wait staged, oldest first; nothing is made or changed."""
    if layout_of(store) not in LAYOUTS:
        return []
    return [run for run in _runs(store) if "run.json" in store.files(run.run_id)]


def set_aside(store: Store) -> list[str]:
    """Folders of shards that could not be loaded, oldest first."""
    return [name for name in sorted(store.folders()) if name.startswith(ASIDE)]


@contextlib.contextmanager
def open_staging(
    database: Where,
    address: str | None = None,
    *,
    beam_options: Sequence[str] = (),
    lock_timeout: float = 60.0,
) -> Iterator[Staging]:
    """The staging folder, for as long as a command works with it and the database.

    Raises:
        ConfigError: no file system of Beam knows the address.
        StagingError: the system refuses something there; the error names the folder.
        DatabaseLocked: the database stayed locked; the error says what waits staged.
    """
    with store_of(database, address, beam_options, lock_timeout) as store:
        staging = Staging(database, store)
        try:
            yield staging
        except OSError as error:
            raise StagingError(
                f"{staging.address}: {error.strerror or error}; "
                "nothing is lost: mend it and run again"
            ) from error
        except DatabaseLocked as error:
            if not waiting(store):
                raise
            raise DatabaseLocked(
                f"{error}; what was fetched waits staged in {staging.address}: "
                "the next run or `newsbeam commit` brings it in"
            ) from error
