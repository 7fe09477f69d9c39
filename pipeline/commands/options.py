"""Options that several commands share.

Every option can also be set by NEWSBEAM_ and its name, but for `sql --unsafe`.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from config import moments
from config.errors import ConfigError
from config.models import FetchSettings
from pipeline.watch.address import Address
from sinks.database.where import SCHEME, DuckLake, parse_lake

F = TypeVar("F", bound=Callable[..., Any])


def moment(text: str) -> datetime:
    """A moment in UTC: 2026-11-20, 2026-11-20T06:30, or 7d for seven days ago."""
    try:
        return moments.moment(text, datetime.now(UTC))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


LONGEST_SPAN = 36_500 * 86_400


class Span(click.ParamType[tuple[str, int]]):
    """A number and s, m, h, d or w; as the text and its seconds."""

    name = "span"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """The text, and how many seconds that is."""
        if isinstance(value, tuple):
            return value
        try:
            seconds = int(moments.span(value).total_seconds())
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if not 0 < seconds <= LONGEST_SPAN:
            self.fail(f"{value!r} is out of range; valid: 1s to 36500d", param, ctx)
        return value, seconds


class Listen(click.ParamType[Address]):
    """HOST:PORT, or a port of loopback."""

    name = "address"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Address:
        """The two parts."""
        if isinstance(value, Address):
            return value
        found = re.fullmatch(r"(?:(\[[0-9a-fA-F:.]+\]|[\w.-]+):)?([0-9]{1,5})", value)
        if not found or int(found[2]) > 65535:
            self.fail(f"{value!r}; valid: such as 127.0.0.1:9464, or 9464", param, ctx)
        return Address((found[1] or "127.0.0.1").strip("[]"), int(found[2]))


class Database(click.Path):
    """A file, whose links are resolved, since a link has no own lock; or a DuckLake."""

    name = "database"

    def __init__(self) -> None:
        super().__init__(dir_okay=False, resolve_path=True, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """A path, or the address of a DuckLake."""
        if isinstance(value, DuckLake):
            return value
        if isinstance(value, str) and value.startswith(SCHEME):
            try:
                return parse_lake(value)
            except ValueError as error:
                self.fail(str(error), param, ctx)
        return super().convert(value, param, ctx)


class Several(click.types.StringParamType):
    """Texts that may hold spaces: in a variable they are separated by semicolons."""

    envvar_list_splitter = ";"


def option(name: str, *more: str, **settings: Any) -> Callable[[F], F]:
    """An option that NEWSBEAM_NAME sets too."""
    variable = "NEWSBEAM_" + name.removeprefix("--").split("/")[0].replace("-", "_").upper()
    return click.option(name, *more, envvar=variable, show_envvar=True, **settings)


def _staging(value: str | None) -> str | None:
    """A folder as its full path, which workers may look up from elsewhere."""
    if not value:
        return None
    scheme, remote, folder = value.partition("://")
    if remote and not folder.strip("/"):
        raise click.BadParameter(f"{value!r}; valid: a folder, or such as s3://bucket/folder")
    return f"{scheme}://{folder.rstrip('/')}" if remote else os.path.realpath(value)


feeds_option = option(
    "--feeds", type=click.Path(path_type=Path), help="Feeds file; default: the shipped catalogue."
)
topics_option = option(
    "--topics", type=click.Path(path_type=Path), help="Topics file; default: the shipped one."
)
database_option = option(
    "--database",
    type=Database(),
    default=Path("newsbeam.duckdb"),
    show_default=True,
    help="Database file, or ducklake: and the address of a DuckLake.",
)
lock_option = option(
    "--lock-timeout",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for another process that holds the database.",
)
publish_option = option(
    "--publish",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PATH",
    help="Then copy the database to this file, for readers who keep a file open.",
)
staging_option = option(
    "--staging",
    callback=lambda _context, _parameter, value: _staging(value),
    metavar="ADDRESS",
    help="Folder, or address such as s3://bucket/folder, for what is fetched and not committed "
    "yet; default: NAME.staging beside the database.",
)


def check_reach(staging: str | None, beam_options: tuple[str, ...]) -> None:
    """Refuse options of Beam that it does not know, or that would say nothing.

    Raises:
        ConfigError: there are such.
    """
    if not beam_options:
        return
    if not staging or "://" not in staging:
        raise ConfigError("options of Beam say how the file system of --staging is reached")
    from pipeline.run.runners import parsed

    parsed(beam_options)


beam_argument = click.argument(
    "beam_options", nargs=-1, type=click.UNPROCESSED, metavar="[-- BEAM OPTION…]"
)
allow_private_option = option(
    "--allow-private-hosts",
    is_flag=True,
    help="Let feeds and pages lie on loopback and private addresses.",
)
metrics_option = option(
    "--metrics",
    type=Listen(),
    metavar="HOST:PORT",
    help="Serve metrics for Prometheus there.",
)
json_option = option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


def _contact(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """An address that fits into a header."""
    if value is None or (
        value.isascii() and value.isprintable() and re.search(r"\S[@:/]\S", value)
    ):
        return value
    raise click.BadParameter(f"{value!r}; valid: such as news@example.org, https://example.org/bot")


contact_option = option(
    "--contact",
    callback=_contact,
    metavar="ADDRESS",
    help="Mail or web address for those who are asked; a part of the User-Agent.",
)
_FETCHING = (
    allow_private_option,
    contact_option,
    option(
        "--host-concurrency",
        type=click.IntRange(min=1, max=100),
        default=FetchSettings.host_concurrency,
        show_default=True,
        metavar="N",
        help="Requests at once to one registered domain or address.",
    ),
    option(
        "--host-delay",
        type=click.FloatRange(min=0, max=3600),
        default=FetchSettings.host_delay,
        show_default=True,
        metavar="SECONDS",
        help="Pause between the starts of two of them.",
    ),
    option(
        "--archive",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="Keep every answer of the web in this folder, as WARC files.",
    ),
)


keep_pages_option = option(
    "--keep-pages",
    type=Span(),
    metavar="SPAN",
    help="Keep the pages of articles beside the database for so long, such as 30d, so that "
    "`newsbeam reextract` can read them anew.",
)


def fetching_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that say how hosts are asked; the command is given them as `fetching`."""

    @functools.wraps(command)
    def given(
        *,
        allow_private_hosts: bool,
        contact: str | None,
        host_concurrency: int,
        host_delay: float,
        archive: Path | None,
        **others: Any,
    ) -> Any:
        fetching = replace(
            FetchSettings(),
            host_concurrency=host_concurrency,
            host_delay=host_delay,
            allow_private_hosts=allow_private_hosts,
            contact=contact,
            archive=str(archive.resolve()) if archive else None,
        )
        return command(fetching=fetching, **others)

    for one in reversed(_FETCHING):
        given = one(given)
    return given
