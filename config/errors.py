"""The error tree. Every error says what it was about, and survives pickling.

NewsbeamError                 anything that newsbeam reports to its user
├── ArchiveError              an archive of answers cannot be read or written (exit 1)
├── ConfigError               a feeds or topics file, or an option, is wrong (exit 2)
├── ExportError               an export cannot be written, or a snapshot is not as it says (exit 1)
├── FeedNotFound              a site has no feed (exit 1)
├── MetricsError              metrics cannot be served or written (exit 1)
├── QueryError                a query cannot be understood (exit 2)
├── RunActive                 another run works on this database (exit 75)
├── PublishError              the copy for readers cannot be written (exit 1)
└── SearchIndexError          the search index cannot be used (exit 1)
    └── SearchIndexBusy       … because another process makes it (exit 75)

What is wrong with a database or a staging folder, the connector says: `sinks.connector.errors`.
"""

from __future__ import annotations


class NewsbeamError(Exception):
    """Root of all errors that newsbeam raises on purpose; its text is for the user."""

    exit_status = 1


class ArchiveError(NewsbeamError):
    """A WARC file, or the folder for them, cannot be used."""


class ConfigError(NewsbeamError):
    """A configuration is wrong. Its text lists every problem, one a line, with file and line."""

    exit_status = 2


class ExportError(NewsbeamError):
    """An export cannot be written where it was asked for, or a snapshot is not as it says."""


class FeedNotFound(NewsbeamError):
    """A site has no feed where feeds are, or cannot be had."""


class MetricsError(NewsbeamError):
    """Metrics cannot be served or written, or what that needs is not installed."""


class QueryError(NewsbeamError):
    """A query cannot be understood; of SQL, the text is DuckDB's."""

    exit_status = 2


class RunActive(NewsbeamError):
    """Another run works on the same database."""

    exit_status = 75


class PublishError(NewsbeamError):
    """The copy for readers cannot be written; the database is as it should be."""


class SearchIndexError(NewsbeamError):
    """The search index is absent, damaged, or cannot be written."""


class SearchIndexBusy(SearchIndexError):
    """Another process writes the search index, and did so until the time limit."""

    exit_status = 75


def first_line(error: BaseException) -> str:
    """What went wrong: of a worker's traceback, its last line; of a lost connection, why."""
    details = getattr(error, "details", None)  # gRPC's errors begin with the name of their class
    said = str(details() if callable(details) else error)
    lines = (said.strip() or type(error).__name__).splitlines()
    return lines[-1 if "Traceback (most" in lines[0] else 0][:500]
