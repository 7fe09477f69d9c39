"""Rows as in GDELT's Global Knowledge Graph 2.1, for tools that read those.

After the GDELT GKG Codebook V2.1 (19 February 2015): 27 columns, separated by tabs, no header and
no quoting; lists end each item with a semicolon. What newsbeam does not know stays empty: tone,
counts, places, people and organisations named in the text, images, quotations.

What ours mean:

- GKGRECORDID: the quarter of an hour in which a feed first showed the article, and a number made
  of its article_id: the same article has the same id in every export.
- V2.1DATE: that quarter of an hour, as GDELT dates a row by its batch. The time of publication,
  where the feed tells it, is PAGE_PRECISEPUBTIMESTAMP of V2EXTRASXML.
- V1THEMES, V2ENHANCEDTHEMES: topics, as NEWSBEAM_ and the topic's id in capitals. None bears the
  name of a theme of GDELT's: those stand for GDELT's rules. Offsets are exact, where GDELT's are
  approximate: code points from 0 in the headline, a line break, and the text.
- V2GCAM: the word count alone.
- V2.1TRANSLATIONINFO: the language (ISO 639-3) of what is not English, und for unknown, and no
  translation system, for nothing was translated.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

import langcodes

from transforms.urls import host_of

COLUMNS = (
    "GKGRECORDID", "V2.1DATE", "V2SOURCECOLLECTIONIDENTIFIER", "V2SOURCECOMMONNAME",
    "V2DOCUMENTIDENTIFIER", "V1COUNTS", "V2.1COUNTS", "V1THEMES", "V2ENHANCEDTHEMES",
    "V1LOCATIONS", "V2ENHANCEDLOCATIONS", "V1PERSONS", "V2ENHANCEDPERSONS", "V1ORGANIZATIONS",
    "V2ENHANCEDORGANIZATIONS", "V1.5TONE", "V2.1ENHANCEDDATES", "V2GCAM", "V2.1SHARINGIMAGE",
    "V2.1RELATEDIMAGES", "V2.1SOCIALIMAGEEMBEDS", "V2.1SOCIALVIDEOEMBEDS", "V2.1QUOTATIONS",
    "V2.1ALLNAMES", "V2.1AMOUNTS", "V2.1TRANSLATIONINFO", "V2EXTRASXML",
)  # fmt: skip
WEB = "1"
STAMP = "%Y%m%d%H%M%S"
BATCH = timedelta(minutes=15)
BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
"""What would end a field or a line, in this reader's eyes or that one's."""
QUERY = """
SELECT article_id, canonical_url, title, byline, language, listed_at, published_at,
       published_source, word_count, topics
FROM ({articles})
"""


class Source(NamedTuple):
    """What a row is made of: columns of `articles`, and its topics with their evidence."""

    article_id: str
    url: str
    title: str | None
    byline: str | None
    language: str | None
    listed_at: datetime
    published_at: datetime | None
    published_source: str | None
    word_count: int | None
    topics: list[dict[str, Any]]


def line(source: Source) -> str:
    """The row, with its line break."""
    batch = _batch(source.listed_at)
    values = {
        "GKGRECORDID": f"{batch:{STAMP}}-{int(source.article_id[:12], 16)}",
        "V2.1DATE": f"{batch:{STAMP}}",
        "V2SOURCECOLLECTIONIDENTIFIER": WEB,
        "V2SOURCECOMMONNAME": host_of(source.url),
        "V2DOCUMENTIDENTIFIER": source.url,
        "V1THEMES": "".join(f"{theme(topic['topic'])};" for topic in source.topics),
        "V2ENHANCEDTHEMES": "".join(f"{name},{at};" for at, name in _places(source)),
        "V2GCAM": f"wc:{source.word_count or 0}",
        "V2.1TRANSLATIONINFO": _language(source.language),
        "V2EXTRASXML": _extras(source),
    }
    clean = {name: BREAKS.sub(" ", value) for name, value in values.items()}
    return "\t".join(clean.get(name, "") for name in COLUMNS) + "\n"


def theme(topic: str) -> str:
    """A topic's id in the manner of GDELT's themes."""
    return f"NEWSBEAM_{topic.upper().replace('-', '_')}"


def _batch(listed_at: datetime) -> datetime:
    """The end of its quarter of an hour: GDELT's batches are named by when they are ready."""
    past = timedelta(
        minutes=listed_at.minute % 15, seconds=listed_at.second, microseconds=listed_at.microsecond
    )
    return listed_at - past + (BATCH if past else timedelta())


def _places(source: Source) -> list[tuple[int, str]]:
    """Each place of each topic: (offset, theme), in the order of the document."""
    before = {"title": 0, "text": len(source.title) + 1 if source.title else 0}
    return sorted(
        (before[place["field"]] + place["start"], theme(topic["topic"]))
        for topic in source.topics
        for place in topic["evidence"]
    )


@lru_cache(maxsize=1_000)
def _language(tag: str | None) -> str:
    try:
        code = langcodes.Language.get(tag or "und").to_alpha3()
    except (LookupError, ValueError):
        code = "und"
    return "" if code == "eng" else f"srclc:{code};"


def _extras(source: Source) -> str:
    told = source.published_at if source.published_source == "feed" else None
    blocks = {
        "PAGE_AUTHORS": source.byline,
        "PAGE_PRECISEPUBTIMESTAMP": f"{told:{STAMP}}" if told else None,
        "PAGE_TITLE": source.title,
    }
    return "".join(f"<{name}>{escape(text)}</{name}>" for name, text in blocks.items() if text)
