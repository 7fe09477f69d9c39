"""A step of a commit."""

from __future__ import annotations

import re
from typing import NamedTuple

_MAKES = re.compile(r"\s*CREATE OR REPLACE TEMP TABLE (\w+)")


class Step(NamedTuple):
    """A statement, or several: {run} is the run's id and {taxonomy} the version of its topics, both
    quoted, {sequence} the number of the commit."""

    sql: str
    needs: str = ""
    """A table, made before; where it is empty, or was left out, the step has nothing to do."""

    @property
    def makes(self) -> str | None:
        """The temporary table that it makes."""
        found = _MAKES.match(self.sql)
        return found[1] if found else None
