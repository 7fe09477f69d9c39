"""Where a database is: in a DuckDB file, or in a DuckLake."""

from __future__ import annotations

import hashlib
import re
import socket
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from config.errors import ConfigError

SCHEME = "ducklake:"
VALID = "ducklake:sqlite:FILE, ducklake:postgres:dbname=NAME …, or ducklake:FILE"
KINDS = ("sqlite", "postgres", "duckdb")
PASSWORD = re.compile(r"(?:^|\s)password\s*=\s*(?:'((?:[^'\\]|\\.)*)'|(\S+))", re.IGNORECASE)


@dataclass(frozen=True)
class DuckLake:
    """A DuckLake, by the address of its catalogue as DuckDB knows it, but without a password."""

    address: str
    password: str | None = field(default=None, repr=False, compare=False)
    """Of Postgres. Never in the address: DuckDB quotes that in its errors."""

    def __str__(self) -> str:
        return self.address

    @property
    def kind(self) -> str:
        """What holds the catalogue: sqlite, postgres or duckdb."""
        kind, found, _ = self.address.removeprefix(SCHEME).partition(":")
        return kind if found and kind in KINDS else "duckdb"

    @property
    def file(self) -> Path | None:
        """The catalogue's file; None of Postgres."""
        if self.kind == "postgres":
            return None
        return Path(self.address.removeprefix(SCHEME).removeprefix(f"{self.kind}:"))


Where = Path | str | DuckLake
"""A DuckDB file, or a DuckLake."""


def parse_lake(text: str) -> DuckLake:
    """Read an address: paths become absolute, a password is taken out.

    Raises:
        ValueError: it is none.
    """
    kind, found, rest = text.removeprefix(SCHEME).partition(":")
    if not found or kind not in KINDS:
        kind, rest = "duckdb", text.removeprefix(SCHEME)
    if kind == "postgres":
        rest, password = _without_password(rest)
        return DuckLake(f"{SCHEME}postgres:{rest}", password)
    if not rest or re.match(r"[a-z]{2,}:", rest):  # a single letter is a drive
        raise ValueError(f"{text!r}; valid: {VALID}")
    prefix = "" if kind == "duckdb" else f"{kind}:"
    return DuckLake(f"{SCHEME}{prefix}{Path(rest).resolve()}")


def _without_password(connection: str) -> tuple[str, str | None]:
    """A connection string of Postgres, as words or as a URI, and its password."""
    if "://" in connection:
        parts = urlsplit(connection)
        user, _, host = parts.netloc.rpartition("@")
        name, _, password = user.partition(":")
        server = f"{name}@{host}" if name else host
        words = [word for word in parts.query.split("&") if word]
        given = [word[9:] for word in words if word.startswith("password=")]
        query = "&".join(word for word in words if not word.startswith("password="))
        found = next(iter(given), password)
        return urlunsplit(parts._replace(netloc=server, query=query)), unquote(found) or None
    match = PASSWORD.search(connection)
    if not match:
        return connection.strip(), None
    rest = f"{connection[: match.start()]} {connection[match.end() :].strip()}".strip()
    return rest, re.sub(r"\\(.)", r"\1", match[1]) if match[1] is not None else match[2]


def local(place: Where) -> Path:
    """What the names of a database's lock and folders on this machine begin with.

    Beside a file it is the file itself. A DuckLake may be written from many machines, and by many
    launchers of one machine: a launcher's own are in the folder where it works.
    """
    if not isinstance(place, DuckLake):
        return Path(place)
    return Path.cwd() / f"ducklake-{hashlib.sha256(place.address.encode()).hexdigest()[:8]}"


def launcher() -> str:
    """What tells a launcher from those of other machines and folders; it stays the same."""
    return hashlib.sha256(f"{socket.gethostname()}:{Path.cwd()}".encode()).hexdigest()[:8]


def is_there(place: Where) -> bool:
    """Whether there may be a database; that of a Postgres is known when it is opened."""
    file = place.file if isinstance(place, DuckLake) else Path(place)
    return file is None or (file.exists() and (file == place or file.stat().st_size > 0))


def shown(where: Where) -> str:
    """As people and programs are told of it; of a file, the path from the root."""
    return str(where) if isinstance(where, DuckLake) else str(Path(where).resolve())


def folder_address(folder: str) -> str:
    """A folder of this machine, made absolute, or of an object store; as DuckLake notes it."""
    address = folder if "://" in folder else str(Path(folder).resolve())
    return f"{address.rstrip('/')}/"


def as_file(place: Where, instead: str) -> Path:
    """A database that must be a file.

    Raises:
        ConfigError: it is a DuckLake; `instead` tells the right way.
    """
    if isinstance(place, DuckLake):
        raise ConfigError(f"{place}: not for a DuckLake; {instead}")
    return Path(place)
