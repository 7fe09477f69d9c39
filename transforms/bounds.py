"""How much of a stranger's words a row keeps; what was cut ends with an ellipsis.

No line or text of a paper comes near; what does is made to be a burden, or a template gone wrong.
"""

from __future__ import annotations

from transforms.hashing import digest
from transforms.records import Entry

LONGEST_LINE = 1_000
"""Characters of a headline or a byline."""
LONGEST_SUMMARY = 2_000
LONGEST_TEXT = 1_000_000
"""Characters of an article; a page of 5 MB may be one text."""
LONGEST_ID = 2_000
"""Characters of a feed's own id for an entry."""
LONGEST_DATE = 200
"""Characters of a date as it is written."""


def cut(text: str, most: int) -> str:
    """A text of so many characters at most."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def bounded(entry: Entry) -> Entry:
    """An entry none of whose texts is longer than its bound; ids that differ still do."""
    return entry._replace(
        guid=_id(entry.guid),
        title=_cut(entry.title, LONGEST_LINE),
        byline=_cut(entry.byline, LONGEST_LINE),
        summary=_cut(entry.summary, LONGEST_SUMMARY),
        published_raw=_cut(entry.published_raw, LONGEST_DATE),
        updated_raw=_cut(entry.updated_raw, LONGEST_DATE),
    )


def _cut(text: str | None, most: int) -> str | None:
    return None if text is None else cut(text, most)


def _id(guid: str | None) -> str | None:
    if guid is None or len(guid) <= LONGEST_ID:
        return guid
    mark = digest(guid)
    return cut(guid, LONGEST_ID - len(mark)) + mark
