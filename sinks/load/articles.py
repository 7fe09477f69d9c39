"""Articles: new ones, and those that say something else now; with all tables that belong to them.

The columns of `articles` that come from a page are the fields of `records.Article`. The tables of
an article are declared in `sinks.tables`; what fills them, and what keeps what they said before,
is derived from that.
"""

from __future__ import annotations

from collections.abc import Iterator

from sinks.load.step import Step
from sinks.tables.columns import Table
from sinks.tables.tables import ARTICLE_TABLES, VERSIONS
from transforms.records import Article, Page, RetaggedArticle
from transforms.shapes import items_of, types_of

STAYS = ("article_id", "url_id", "url", "canonical_url", "feed_url", "outlet", "country",
         "listed_at")  # fmt: skip
"""What an article stays, whatever its page says later."""
OF_PAGE = tuple(name for name in Article._fields if name not in STAYS)
"""What it is by its page."""
DIFFERS = " OR ".join(f"a.{x} IS DISTINCT FROM p.article.{x}" for x in OF_PAGE)
"""Whether anything of that is another now."""
LISTS = tuple(dict.fromkeys(table.rows[0] for table in ARTICLE_TABLES))
"""The fields of `records.Page` that become rows of the tables of an article."""
GIVEN = {"taxonomy_version": "{taxonomy}", "run_id": "{run}"}
"""Columns that the commit fills."""
STORY = r"""md5(regexp_replace(lower(list_filter(
    string_split(text, chr(10)), lambda p: length(p) >= 40)[1]), '[^\p{{L}}\p{{N}}]', '', 'g'))"""
"""The story_id of a text; braces doubled for `format`."""
# Articles that were read again, after their listing had changed or for another cause; what they
# said before, found by rowid because a join would read the texts of all articles; and what they
# say now, where that is something else.
RECHECKED = """
CREATE OR REPLACE TEMP TABLE rechecked AS
SELECT * FROM (
    SELECT h.article_id, 'listing' AS cause, p.*
    FROM pages p JOIN had h USING (url_id) JOIN entries e USING (article_id)
    WHERE e.state = 'fetched' AND e.recheck_at IS NOT NULL
      AND (coalesce(e.changed_at, e.listed_at) <= p.fetched_at
           OR coalesce(e.changed_at, e.listed_at) > now())  -- put down by a clock that was wrong
    UNION ALL
    SELECT look.article_id, look.cause, * FROM looks
)
QUALIFY row_number() OVER (
    PARTITION BY article_id ORDER BY article IS NULL, cause, fetched_at DESC, url_id
) = 1
"""
BEFORE = """
CREATE OR REPLACE TEMP TABLE before AS
SELECT * FROM articles
WHERE rowid IN (SELECT a.rowid FROM articles a SEMI JOIN rechecked USING (article_id))
"""
# What made another version of an article. What another extractor finds in another page is an edit
# only where that extractor was seen to find something else in the page of before; a headline that a
# feed lists is nobody's extract.
CAUSE = """CASE
    WHEN p.cause = 'reextract' THEN 'extractor'
    WHEN p.article.extractor = a.extractor THEN 'edit'
    WHEN p.article.title IS DISTINCT FROM a.title AND EXISTS (
        FROM entries e WHERE e.article_id = a.article_id AND e.title = p.article.title
    ) THEN 'edit'
    WHEN p.article.body_hash <> a.body_hash AND p.text_before <> p.article.text_hash THEN 'edit'
    ELSE 'extractor' END"""
# Articles that say something else now, and those that were extracted anew and say the same: these
# stay the version that they are, though what is known beside their texts may be better.
REVISED = f"""
CREATE OR REPLACE TEMP TABLE revised AS
SELECT a.* REPLACE (
           {", ".join(f"p.article.{x} AS {x}" for x in OF_PAGE)},
           if(p.changed, {{run}}, a.run_id) AS run_id,
           a.version + p.changed::INTEGER AS version,
           if(p.changed, {CAUSE}, a.cause) AS cause,
           if(p.changed OR {DIFFERS},
              {{sequence}}, a.sequence) AS sequence
       ), {", ".join(f"p.{name}" for name in LISTS)}, p.changed
FROM (
    SELECT p.*, a.text_hash <> p.article.text_hash OR a.title IS DISTINCT FROM p.article.title
                AS changed
    FROM rechecked p JOIN before a USING (article_id)
) p JOIN before a USING (article_id)
LEFT JOIN articles other
    ON other.article_id = p.article.article_id AND other.article_id <> a.article_id
WHERE p.article IS NOT NULL AND other.article_id IS NULL  -- it leads to no other article
  AND (p.changed OR p.cause = 'reextract')
"""
FRESH = f"""
CREATE OR REPLACE TEMP TABLE fresh AS
SELECT * EXCLUDE feed_position FROM (
    SELECT article.*, {", ".join(LISTS)}, feed_position
    FROM pages ANTI JOIN had USING (url_id) WHERE article IS NOT NULL
) ANTI JOIN articles USING (article_id) ANTI JOIN pruned_articles USING (article_id)
QUALIFY row_number() OVER (PARTITION BY article_id ORDER BY feed_position, url) = 1
"""
WRITTEN = """
CREATE OR REPLACE TEMP TABLE written AS
SELECT *, {run} AS run_id, 1 AS version, 'first' AS cause, {sequence} AS sequence FROM fresh
UNION ALL BY NAME SELECT * EXCLUDE (story_id, changed) FROM revised
"""
# Articles that were tagged anew. Only those whose set of topics changed are news to readers.
RETAGGED = """
CREATE OR REPLACE TEMP TABLE retagged AS
SELECT article_id, topics FROM staged_tags SEMI JOIN articles USING (article_id)
ANTI JOIN written USING (article_id)
QUALIFY row_number() OVER (PARTITION BY article_id) = 1
"""
NEWS = """
UPDATE articles SET sequence = {sequence} WHERE article_id IN (
    SELECT article_id FROM retagged LEFT JOIN (
        SELECT article_id, list(topic ORDER BY topic) AS before
        FROM article_topics SEMI JOIN retagged USING (article_id) GROUP BY article_id
    ) USING (article_id)
    WHERE coalesce(before, []) <> list_sort(list_transform(topics, lambda t: t.topic))
)
"""
# What is judged anew by the same rules is replaced without leaving a trace.
OUTDATED = """
CREATE OR REPLACE TEMP TABLE outdated AS
WITH by_others AS (SELECT article_id FROM article_topics WHERE taxonomy_version <> {taxonomy})
SELECT b.article_id, b.version, false AS retagged,
       r.changed OR b.article_id IN (FROM by_others) AS kept
FROM before b JOIN revised r USING (article_id)
UNION ALL
SELECT article_id, version, true, article_id IN (FROM by_others)
FROM articles SEMI JOIN retagged USING (article_id)
"""
KEEP_VERSIONS = f"""
INSERT INTO {VERSIONS.name} BY NAME
SELECT {", ".join(x.name for x in VERSIONS.columns if x.name != "replaced_run_id")},
       {{run}} AS replaced_run_id
FROM before SEMI JOIN (FROM revised WHERE changed) USING (article_id)
"""
ARTICLES = f"""
DELETE FROM articles WHERE article_id IN (SELECT article_id FROM revised);
INSERT INTO articles BY NAME
SELECT * EXCLUDE ({", ".join(LISTS)}), {STORY} AS story_id FROM written
"""
SAID = f"""
CREATE OR REPLACE TEMP TABLE said AS
SELECT article_id, {", ".join(LISTS)} FROM written UNION ALL BY NAME FROM retagged
"""
TOPICS = """
INSERT INTO topics BY NAME SELECT * FROM defined ANTI JOIN topics USING (topic, taxonomy_version)
"""


def keep(table: Table) -> str:
    """The statements that move what a table of an article said before to its history."""
    of_table = "true" if table.rows[0] in RetaggedArticle._fields else "NOT retagged"
    return f"""
INSERT INTO {table.history.name} BY NAME
SELECT t.*, o.version, {{run}} AS replaced_run_id
FROM {table.name} t JOIN outdated o USING (article_id) WHERE kept AND {of_table};
DELETE FROM {table.name}
WHERE article_id IN (SELECT article_id FROM outdated WHERE {of_table})
"""


def fill(table: Table) -> str:
    """The statement that makes the rows of a table of an article from what was staged.

    Each list on the way to its rows is taken apart; of the records on the way those fields count
    that are columns of the table.

    Raises:
        ValueError: a column is no field of theirs, and the commit does not fill it either.
    """
    wanted = [column.name for column in table.columns]
    source, found, record, at = "said", ["article_id"], Page, ""
    for name in table.rows:
        record = items_of(types_of(record)[name])
        columns = [*map(_quoted, found), f"unnest({at}{name}) AS item"]
        source = f"(SELECT {', '.join(columns)} FROM {source})"
        fields = [field for field in types_of(record) if field in wanted]
        found = [column for column in found if column not in fields]
        taken = [*map(_quoted, found), *(f"item.{_quoted(f)} AS {_quoted(f)}" for f in fields)]
        lists = [f"item.{field}" for field in types_of(record) if field in table.rows]
        source = f"(SELECT {', '.join([*taken, *lists])} FROM {source})"
        found += fields
    given = [name for name in wanted if name not in found]
    if strangers := [name for name in given if name not in GIVEN]:
        raise ValueError(f"{table.name}: nothing fills {', '.join(strangers)}")
    filled = [*map(_quoted, found), *(f"{GIVEN[name]} AS {name}" for name in given)]
    return f"\nINSERT INTO {table.name} BY NAME SELECT {', '.join(filled)} FROM {source}\n"


def _quoted(name: str) -> str:
    return f'"{name}"'


def _steps() -> Iterator[Step]:
    yield from map(Step, (RECHECKED, BEFORE, REVISED, FRESH, WRITTEN, RETAGGED))
    yield from (Step(NEWS, "retagged"), Step(OUTDATED))
    yield Step(KEEP_VERSIONS, "revised")
    yield from (Step(keep(table), "outdated") for table in ARTICLE_TABLES)
    yield from (Step(ARTICLES, "written"), Step(SAID))
    yield from (Step(fill(table), "said") for table in ARTICLE_TABLES)
    yield Step(TOPICS)


WRITE = tuple(_steps())
