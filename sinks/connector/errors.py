"""What can be wrong with a database or a staging folder. Every error survives pickling.

ConnectorError                anything that the connector reports on purpose
├── DatabaseError             the database cannot be used
│   ├── DatabaseLocked        … because another process holds it
│   └── SchemaMismatch        … because its tables are of another shape or version
└── StagingError              the staging folder cannot be used
"""

from __future__ import annotations


class ConnectorError(Exception):
    """Root of the connector's errors; its text is for the user."""

    exit_status = 1


class DatabaseError(ConnectorError):
    """The database file cannot be opened, read or written."""


class DatabaseLocked(DatabaseError):
    """Another process holds the database file, and did so until the time limit."""

    exit_status = 75


class SchemaMismatch(DatabaseError):
    """The file is no newsbeam database, or one of another schema version."""


class StagingError(ConnectorError):
    """The staging folder is unusable or of an unknown version."""
