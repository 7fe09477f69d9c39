"""The command line: ties the commands, and turns errors into messages and exit statuses."""

from __future__ import annotations

import io
import logging
import sys
from typing import Any

import click

from config.models import VERSION
from pipeline.commands.check import check
from pipeline.commands.commit import commit
from pipeline.commands.db import db
from pipeline.commands.demo import demo
from pipeline.commands.doctor import doctor
from pipeline.commands.export import export
from pipeline.commands.feeds import feeds
from pipeline.commands.newsroom import newsroom
from pipeline.commands.options import option
from pipeline.commands.prune import prune
from pipeline.commands.reextract import reextract
from pipeline.commands.retag import retag
from pipeline.commands.run import run
from pipeline.commands.search import search
from pipeline.commands.serve import serve
from pipeline.commands.sql import sql
from pipeline.commands.status import status
from pipeline.commands.stream import stream
from pipeline.commands.topics import topics
from pipeline.run import logs
from sinks.database.errors import REPORTED

HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class _Commands(click.Group):
    """Turns our errors into a message and their exit status."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except REPORTED as error:
            from pipeline.show.words import safe

            logs.say(safe(str(error)), logging.ERROR, "newsbeam: ")  # may quote stored text
            ctx.exit(error.exit_status)
        except BrokenPipeError:  # `newsbeam sql … | head`
            sys.stderr.close()
            ctx.exit(0)
        except OSError as error:  # disk full, no rights: what is staged stays staged
            logs.say(str(error), logging.ERROR, "newsbeam: ")
            ctx.exit(1)


@click.group(cls=_Commands, context_settings=HELP)
@click.version_option(VERSION, prog_name="newsbeam")
@option("--verbose", is_flag=True, help="Show the log of Beam and of the libraries.")
@option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="What standard error is: lines for people, or one JSON object a line.",
)
def main(verbose: bool, log_format: str) -> None:
    """Turn news feeds into a DuckDB database that people can query, trust and audit.

    \b
    Exit status:
      0   done, also when single feeds or articles failed: those are rows
      1   it failed; of a run nothing is lost. Or what was asked is not so: `status`,
          `doctor`, `db check`, `feeds --check`
      2   wrong usage or configuration
      75  another run is active, or the database stayed locked; what was
          fetched waits staged for the next run
    """
    for output in (sys.stdout, sys.stderr):
        if isinstance(output, io.TextIOWrapper):  # the news is wider than some terminals' charset
            output.reconfigure(errors="backslashreplace")
    logs.configure(log_format, verbose)


for command in (
    check,
    commit,
    db,
    demo,
    doctor,
    export,
    feeds,
    newsroom,
    prune,
    reextract,
    retag,
    run,
    search,
    serve,
    sql,
    status,
    stream,
    topics,
):
    main.add_command(command)
