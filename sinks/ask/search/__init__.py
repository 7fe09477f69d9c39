"""Full-text search: an index beside the database, made of it and brought up to date by commits.

    NAME.search/
      index/           the index, of tantivy; it holds no text, only where each word stands
      lock             held by the process that writes it
      changes.parquet  rows on their way from the database to the index; absent between updates
      new/, old/       left by a rebuild that died; the next one removes them

The database is the truth. The folder may be deleted at any time: the next search makes it again.
"""

from __future__ import annotations

from sinks.ask.search.find import Filters, Found, Hit, search
from sinks.ask.search.index import has_index, keep_index, update_index
from sinks.ask.search.snippet import Passage

__all__ = [
    "Filters",
    "Found",
    "Hit",
    "Passage",
    "has_index",
    "keep_index",
    "search",
    "update_index",
]
