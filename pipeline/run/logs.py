"""What the program says on standard error: lines for people, or one JSON object a line."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

import click

LOGGER = logging.getLogger("newsbeam")
_structured = False
_run_id: str | None = None


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC)
        told = {
            "time": at.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if _run_id:
            told["run_id"] = _run_id
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told)  # in ASCII, so that it steers no terminal


def configure(form: str, verbose: bool) -> None:
    """Set up logging: `form` is text or json; `verbose` shows the log of the libraries, too."""
    global _structured
    _structured = form == "json"
    level = logging.INFO if verbose else logging.ERROR
    if _structured:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_Json())
        logging.basicConfig(level=level, handlers=[handler])
        LOGGER.setLevel(logging.INFO)
    else:
        logging.basicConfig(level=level)
    if not verbose:
        logging.getLogger("apache_beam").setLevel(logging.CRITICAL)  # failures are our errors
        logging.getLogger("PrismServer").propagate = False
        logging.getLogger().addFilter(lambda record: "apache_beam" not in record.pathname)


def is_structured() -> bool:
    """Whether standard error is for programs."""
    return _structured


def about(run_id: str | None) -> None:
    """Name the run that is at work in all that is said from now on."""
    global _run_id
    _run_id = run_id


def say(text: str, level: int = logging.INFO, sender: str = "") -> None:
    """Say something; `sender` stands before it for people."""
    if _structured:
        LOGGER.log(level, text)
    else:
        click.echo(sender + text, err=True)
