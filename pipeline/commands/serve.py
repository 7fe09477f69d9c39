"""`newsbeam serve`: let DuckDB clients query the published copy."""

from __future__ import annotations

import os
import secrets
import signal
import sys
from pathlib import Path
from threading import Event

import click

from config.errors import ConfigError
from pipeline.commands.options import option
from sinks.connector.errors import DatabaseError

LOOK_EVERY = 1.0
"""Seconds between two looks for a newer copy."""
LONGEST_QUERY = 60.0
"""Seconds that running queries may keep a newer copy from being served."""
SHORTEST_TOKEN = 16


@click.command(short_help="Serve the published copy to DuckDB clients.")
@option(
    "--published",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PATH",
    help="The copy that `newsbeam run --publish` writes.",
)
@option("--port", type=click.IntRange(1, 65535), default=9494, show_default=True, help="Port.")
@option(
    "--token-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PATH",
    help="File with the token that clients must show. Else NEWSBEAM_TOKEN; else one is made.",
)
@option("--json", "as_json", is_flag=True, help="Print address and token as one line of JSON.")
def serve(published: Path, port: int, token_file: Path | None, as_json: bool) -> None:
    """Serve the published copy on loopback, over quack, DuckDB's own protocol, until Ctrl-C.

    Clients can read, and nothing else. When a run publishes anew, the new copy is served within
    seconds, and clients attach again.
    """
    token, made = _token(token_file)
    _refuse_live(published)
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    _serve(published, port, token, made, as_json, stop)


def _serve(path: Path, port: int, token: str, made: bool, as_json: bool, stop: Event) -> None:
    from sinks.ask.serve import serving

    told = False
    while not stop.is_set():
        state = _state(path)
        with serving(path, port, token) as server:
            if not told:
                _tell(path, server.uri, token, made, as_json)
                told = True
            waited = 0.0
            while not stop.wait(LOOK_EVERY):
                if _state(path) in (state, None):
                    continue
                waited += LOOK_EVERY
                if waited > LONGEST_QUERY or not server.is_busy():
                    break


def _state(path: Path) -> tuple[int, int, int] | None:
    """What tells one copy from the next; None while there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns


def _token(path: Path | None) -> tuple[str, bool]:
    """The token, and whether it was made here and now."""
    if path:
        try:
            token = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"--token-file {path}: {error}") from error
    else:
        token = os.environ.get("NEWSBEAM_TOKEN", "")
        if not token:
            return secrets.token_urlsafe(24), True
    if len(token) < SHORTEST_TOKEN:
        raise ConfigError(f"the token is shorter than {SHORTEST_TOKEN} characters")
    return token, False


def _refuse_live(path: Path) -> None:
    if not path.exists():
        raise DatabaseError(f"{path}: no such file; `newsbeam run --publish {path}` writes it")
    if any(Path(f"{path}{suffix}").exists() for suffix in (".staging", ".lock", ".wal")):
        raise ConfigError(
            f"{path}: runs write to this database, and serving it would keep them out; "
            "serve a copy, which `newsbeam run --publish PATH` writes"
        )


def _tell(path: Path, uri: str, token: str, made: bool, as_json: bool) -> None:
    import json

    if as_json:
        text = json.dumps({"uri": uri, "token": token if made else None})
    else:
        text = (
            f"Serving {path} at {uri}, for reading, until Ctrl-C. In DuckDB:\n"
            f"  CREATE SECRET (TYPE quack, TOKEN '{token if made else '…'}');\n"
            f"  ATTACH '{uri}' AS news;\n"
            "  FROM news.query('SELECT outlet, health FROM feed_health');"
        )
    click.echo(text)
    sys.stdout.flush()
