"""What newsbeam reports to its user: errors of its own, and the connector's."""

from __future__ import annotations

from config.errors import NewsbeamError
from sinks.connector.errors import ConnectorError

REPORTED = (NewsbeamError, ConnectorError)
"""Each has an `exit_status`, and a text for the user."""
