"""Options that several commands share. Every option can also be set by NEWSBEAM_ and its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def option(name: str, *more: str, **settings: Any) -> Callable[[F], F]:
    """An option that NEWSBEAM_NAME sets too."""
    variable = "NEWSBEAM_" + name.removeprefix("--").split("/")[0].replace("-", "_").upper()
    return click.option(name, *more, envvar=variable, show_envvar=True, **settings)


feeds_option = option(
    "--feeds", type=click.Path(path_type=Path), help="Feeds file; default: the shipped catalogue."
)
topics_option = option(
    "--topics", type=click.Path(path_type=Path), help="Topics file; default: the shipped one."
)
database_option = option(
    "--database",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("newsbeam.duckdb"),
    show_default=True,
    help="Database file.",
)
lock_option = option(
    "--lock-timeout",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for another process that holds the database.",
)
