"""The index: made of the database, and brought up to date with what commits brought since.

What the index stands for (of which database, up to which commit) is a document of the index
itself, and so is committed with it: after a crash both are old or both are new. An article is
removed by its id before it is added, so doing it again changes nothing.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow.parquet as pq
import tantivy
from filelock import FileLock, Timeout

from config.errors import SearchIndexBusy, SearchIndexError
from sinks.ask.search.words import GROUPS, analyzer, folded, group_of
from sinks.connector.errors import DatabaseError
from sinks.connector.files import sync_folder
from sinks.database.errors import REPORTED
from sinks.database.opening import open_database
from sinks.database.where import Where, local
from sinks.tables.ddl import quoted

LAYOUT = f"1, tantivy {version('tantivy')}"
"""To be raised when fields or terms change; those of another tantivy may have other endings cut."""
STATE = "state"
"""In place of the article's id, in the document that says what the index stands for."""
BATCH = 500
MEMORY = 100_000_000
"""Bytes that a thread gathers before it writes a segment; less where little is to be added."""
LITTLE = 5_000
"""Articles for which one thread and the least memory that tantivy takes are enough."""
LEAST_MEMORY = 15_000_000

# The mark of a database: what a restored older copy of it lacks.
STANDS_FOR = """
SELECT (SELECT any_value(database_id) FROM newsbeam_schema) AS database_id,
       greatest((SELECT max(sequence) FROM articles),
                (SELECT max(sequence) FROM pruned_articles), 0) AS sequence,
       (SELECT max(run_id) FROM runs) AS run_id,
       (SELECT count(*) FROM pruned_articles) AS pruned
"""
CHANGES = """
COPY (
    SELECT article_id, title, text, language, outlet, country,
           floor(epoch(coalesce(published_at, listed_at)))::BIGINT AS published,
           (SELECT list(topic) FROM article_topics t WHERE t.article_id = a.article_id) AS topics
    FROM articles a WHERE sequence > {after}
) TO {path} (FORMAT parquet)
"""
PRUNED = "SELECT article_id FROM pruned_articles WHERE sequence > ?"

FULL = [os.strerror(code) for code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)]
"""What the system says when there is no room for a file."""

Tell = Callable[[int, int], None]
"""Called with the number of articles indexed, and of all that are to be."""


class State(NamedTuple):
    """What an index stands for."""

    database_id: str
    sequence: int
    """Number of the last commit that it holds."""
    run_id: str | None
    """Newest run of the database then."""
    pruned: int
    """Articles that had been pruned from the database then."""


def folder_of(database: Where) -> Path:
    """Where the index of a database lies."""
    return Path(f"{local(database)}.search")


def has_index(database: Where) -> bool:
    """Whether a database was ever searched."""
    return (folder_of(database) / "index").exists()


def update_index(
    database: Where,
    lock_timeout: float,
    *,
    patience: float = 0.0,
    build: bool = True,
    anew: bool = False,
    tell: Tell = lambda done, total: None,
) -> int:
    """Bring the index up to date; the number of articles that were indexed.

    Where it is absent, damaged, of another layout or database, or ahead of the database, which was
    then restored from an older copy, it is made anew, if `build`, and always if `anew`. The
    database is held only while the new rows are copied out of it.

    Raises:
        SearchIndexBusy: another process writes the index, and did so for `patience` seconds.
        SearchIndexError: the index cannot be written; or it must be made anew, but not `build`.
        DatabaseLocked, DatabaseError: the database cannot be read.
    """
    folder = folder_of(database)
    with reading(database, lock_timeout) as connection:
        if not anew and is_current(connection, database):
            return 0
    try:
        folder.mkdir(exist_ok=True)
    except FileExistsError:
        raise SearchIndexError(
            f"{folder}: the search index belongs here, but there is a file of this name"
        ) from None
    changes = folder / "changes.parquet"
    try:
        with FileLock(folder / "lock", timeout=patience):
            try:
                return _update(database, lock_timeout, folder, changes, build, anew, tell)
            finally:
                changes.unlink(missing_ok=True)
    except Timeout:
        raise SearchIndexBusy(f"{folder}: another process writes the search index") from None


def keep_index(
    database: Where, lock_timeout: float, begins: Callable[[], None] = lambda: None
) -> str | None:
    """Bring the index up to date, where there is one, after a commit, which never fails for it.

    Gives a warning where that could not be done: the next search does it.
    """
    if not has_index(database):
        return None
    begins()
    try:
        update_index(database, lock_timeout, build=False)
    except (*REPORTED, OSError) as error:
        return f"the next `newsbeam search` brings its index up to date: {error}"
    return None


def _update(
    database: Where,
    lock_timeout: float,
    folder: Path,
    changes: Path,
    build: bool,
    anew: bool,
    tell: Tell,
) -> int:
    with reading(database, lock_timeout) as connection:
        stands_for = _stands_for(connection)
        known = None if anew else _usable(connection, _state(folder / "index"), stands_for)
        if known == stands_for:
            return 0
        if known is None and not build:
            raise SearchIndexError(f"{folder}: the search index must be made anew")
        after = known.sequence if known else -1
        connection.execute(CHANGES.format(after=after, path=quoted(str(changes))))
        pruned = [name for (name,) in connection.execute(PRUNED, [after]).fetchall()]
    if known:
        return _write(_open(folder / "index"), changes, pruned, stands_for, replace=True, tell=tell)
    return _make_anew(folder, changes, stands_for, tell)


def _make_anew(folder: Path, changes: Path, stands_for: State, tell: Tell) -> int:
    """Make a whole index aside, and put it in place of the old one."""
    new, old, place = folder / "new", folder / "old", folder / "index"
    for left in (new, old):
        shutil.rmtree(left, ignore_errors=True)
    try:
        new.mkdir()
        with naming(folder):
            index = tantivy.Index(schema(), str(new))
        count = _write(index, changes, [], stands_for, replace=False, tell=tell)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    if place.exists():
        os.rename(place, old)
    os.rename(new, place)
    sync_folder(folder)
    shutil.rmtree(old, ignore_errors=True)
    return count


def _write(
    index: tantivy.Index,
    changes: Path,
    pruned: Iterable[str],
    stands_for: State,
    replace: bool,
    tell: Tell,
) -> int:
    """Add the changed articles, remove the pruned ones, and note the state, in one commit."""
    done, total = 0, pq.read_metadata(changes).num_rows
    with naming(changes.parent):
        for group in GROUPS:
            index.register_tokenizer(group, analyzer(group))
        threads = 1 if total <= LITTLE else min(os.cpu_count() or 1, 4)
        memory = LEAST_MEMORY if total <= LITTLE else MEMORY * threads
        writer = index.writer(memory, threads)
        writer.garbage_collect_files()  # what a killed commit left would be in this one's way
        for article_id in [*pruned, STATE]:
            writer.delete_documents_by_term("article_id", article_id)
        for batch in pq.ParquetFile(changes).iter_batches(BATCH):
            for row in batch.to_pylist():
                if replace:
                    writer.delete_documents_by_term("article_id", row["article_id"])
                writer.add_document(_document(row))
            done += len(batch)
            tell(done, total)
        writer.add_document(_state_document(stands_for))
        writer.commit()
        writer.wait_merging_threads()
    return done


def schema() -> tantivy.Schema:
    """The fields of the index; the texts themselves are not stored."""
    builder = tantivy.SchemaBuilder()
    for name in ("article_id", "topic", STATE, "outlet", "country", "language"):
        stored = name in ("article_id", "topic", STATE)
        builder.add_text_field(name, stored, tokenizer_name="raw", index_option="basic")
    builder.add_integer_field("published", fast=True)
    for group in GROUPS:
        for part in ("title", "text"):
            builder.add_text_field(f"{part}_{group}", tokenizer_name=group)
    return builder.build()


def _document(row: dict[str, Any]) -> tantivy.Document:
    document, group = tantivy.Document(), group_of(row["language"])
    document.add_text("article_id", row["article_id"])
    for part in ("title", "text"):
        document.add_text(f"{part}_{group}", folded(row[part] or ""))
    for name in ("outlet", "country"):
        document.add_text(name, (row[name] or "").casefold())
    for language in languages(row["language"]):
        document.add_text("language", language)
    for topic in row["topics"] or ():
        document.add_text("topic", topic)
    if row["published"] is not None:
        document.add_integer("published", row["published"])
    return document


def languages(tag: str | None) -> list[str]:
    """What a language is found by: zh-Hans by that, and by zh."""
    parts = (tag or "").casefold().split("-")
    return ["-".join(parts[:length]) for length in range(1, len(parts) + 1)]


def _state_document(state: State) -> tantivy.Document:
    document = tantivy.Document()
    document.add_text("article_id", STATE)
    document.add_text(STATE, json.dumps([LAYOUT, *state]))
    return document


def _open(place: Path) -> tantivy.Index:
    with naming(place):
        index = tantivy.Index.open(str(place))
        index.config_reader("manual")  # a search looks once; it needs no thread that watches
        index.reload()
    return index


def open_index(database: Where) -> tantivy.Index:
    """The index of a database, for reading.

    Raises:
        SearchIndexError: it is absent or damaged.
    """
    return _open(folder_of(database) / "index")


def _state(place: Path) -> State | None:
    """What an index stands for; None where it is absent, damaged or of another layout."""
    try:
        with naming(place):
            index = _open(place)
            searcher = index.searcher()
            query = tantivy.Query.term_query(index.schema, "article_id", STATE)
            ((_, address),) = searcher.search(query, 1).hits
            layout, *state = json.loads(str(searcher.doc(address).get_first(STATE)))
    except SearchIndexError:
        return None
    return State(*state) if layout == LAYOUT else None


def _stands_for(connection: duckdb.DuckDBPyConnection) -> State:
    (row,) = connection.execute(STANDS_FOR).fetchall()
    return State(*row)


def _usable(
    connection: duckdb.DuckDBPyConnection, state: State | None, stands_for: State
) -> State | None:
    """The index's state, if what it holds is what the database held once.

    A database that was restored from an older copy may have come by the same numbers in another
    way; but then it does not know the run that the index knows, or has fewer pruned articles.
    """
    if (
        state is None
        or state.database_id != stands_for.database_id
        or state.sequence > stands_for.sequence
        or state.pruned > stands_for.pruned
    ):
        return None
    found = connection.execute(
        "SELECT count(*) FROM runs WHERE run_id = ?", [state.run_id]
    ).fetchone()
    return state if found == (1,) or state.run_id is None else None


def is_current(connection: duckdb.DuckDBPyConnection, database: Where) -> bool:
    """Whether the index holds all that the database does."""
    return _state(folder_of(database) / "index") == _stands_for(connection)


@contextmanager
def reading(database: Where, lock_timeout: float) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database, to be read; what DuckDB says of it becomes a DatabaseError."""
    with open_database(database, read_only=True, lock_timeout=lock_timeout) as opened:
        try:
            yield opened.connection
        except duckdb.Error as error:
            raise DatabaseError(f"{database}: {error}") from error


@contextmanager
def naming(place: Path) -> Iterator[None]:
    """What goes wrong in tantivy, a panic too, becomes an error that names the index."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise SearchIndexError(f"{place}: the search index cannot be used: {error}") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise SearchIndexError(f"{place}: the search index is damaged: {error}") from error


def lacks_space(error: SearchIndexError) -> bool:
    """Whether it is the disk that is full, and not the index that is damaged."""
    return any(text in str(error) for text in FULL)
