"""A snapshot: a folder that can be cited, checked, and opened without newsbeam.

    NAME/
      manifest.json        what it is: versions, counts, and the SHA-256 of each file
      tables/TABLE.parquet all tables
      topics/VERSION.yaml  each taxonomy that ever decided, as a topics file
      data-dictionary.md   what the columns mean
      README.md            how to open, check and cite it
      CITATION.cff         the citation for programs; its keeper may name authors there

The bundle id is a hash of the tables and topics: the same database state has the same id,
whoever makes the snapshot and whenever.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import yaml

from config.errors import ExportError
from config.models import VERSION
from sinks.ask.selection import Selection, condition
from sinks.database.where import Where
from sinks.give.export import Progress, copy, reading
from sinks.give.marks import marked
from sinks.give.target import new_folder
from sinks.tables.dictionary import markdown
from sinks.tables.rules import FILE_NAME
from sinks.tables.tables import OF_ARTICLES, SCHEMA_VERSION, TABLES

MANIFEST = "manifest.json"
CITATION = "CITATION.cff"
IDENTIFYING = ("tables/", "topics/")
"""What the bundle id stands for."""
LAYOUT = 1
FACTS = """
SELECT (SELECT any_value(database_id) FROM newsbeam_schema), count(*), min(run_id), max(run_id)
FROM runs
"""
SCOPE = """
SELECT count(DISTINCT outlet),
       strftime(min(published_at), '%Y-%m-%d'), strftime(max(published_at), '%Y-%m-%d')
FROM articles WHERE {where}
"""
README = """# {name}

{citation}

Made by newsbeam {newsbeam_version} on {created_at} from a database of feeds that were polled,
articles that were fetched, and topics that were tagged with their evidence. {scope}

| file | what it is |
|---|---|
| `tables/*.parquet` | all tables: {tables} |
| `topics/*.yaml` | the topics of each taxonomy version that decided |
| `data-dictionary.md` | what each column means |
| `manifest.json` | versions, counts, and size and SHA-256 of each file |
| `CITATION.cff` | the citation for programs; add your name to its authors |

## Open it

DuckDB, in this folder:

```sql
SELECT topic, count(*) FROM 'tables/article_topics.parquet' GROUP BY topic ORDER BY 2 DESC;
SELECT outlet, title, matched
FROM 'tables/topic_evidence.parquet' JOIN 'tables/articles.parquet' USING (article_id);
```

pandas:

```python
import pandas as pd
articles = pd.read_parquet("tables/articles.parquet")
```

## Check it

`newsbeam export --verify .` names each file that is not as the manifest says. The bundle id is
the first 32 digits of the SHA-256 of the lines `SHA-256, two spaces, path` of all files in
`tables/` and `topics/`, sorted by path, each with a line break:

```
sha256sum tables/* topics/* | LC_ALL=C sort -k 2 | sha256sum | cut -c 1-32
```
"""


class Snapshot(NamedTuple):
    """What was written."""

    output: str
    bundle_id: str
    citation: str
    rows: int
    files: int
    bytes: int


class Difference(NamedTuple):
    """A file that is not as the manifest says."""

    what: str
    """missing, differs or extra"""
    path: str


def write_snapshot(
    database: Where,
    output: Path,
    selection: Selection,
    *,
    overwrite: bool = False,
    lock_timeout: float = 60.0,
    progress: Progress = lambda done, total: None,
) -> Snapshot:
    """Write a snapshot of the database, or of the selected articles and all that is not of one.

    Raises:
        ExportError: `output` is there and may not be replaced, or cannot be written.
        ConfigError: the selection names what the database does not know.
        DatabaseError: the database cannot be opened.
    """
    with new_folder(output, marker=MANIFEST, replace=overwrite) as folder:
        with reading(database, lock_timeout) as connection:
            rows = _tables(connection, folder, selection, progress)
            _topics(connection, folder)
            facts = _facts(connection, selection)
        files = list(_listed(folder))
        bundle_id = _bundle_id(files)
        created_at = datetime.now(UTC).replace(microsecond=0)
        manifest = {
            "snapshot": LAYOUT,
            "name": output.name,
            "bundle_id": bundle_id,
            "citation": _citation(bundle_id, rows["articles"], facts, created_at),
            "created_at": created_at.isoformat(),
            "newsbeam_version": VERSION,
            "duckdb_version": duckdb.__version__,
            "schema_version": SCHEMA_VERSION,
            **facts,
            "filters": selection.given,
            "rows": rows,
        }
        _write_texts(folder, manifest)
        files = list(_listed(folder))
        _write(folder / MANIFEST, _json({**manifest, "files": files}))
    size = sum(file["bytes"] for file in files)
    return Snapshot(
        str(output), bundle_id, manifest["citation"], sum(rows.values()), len(files), size
    )


def verify(folder: Path) -> tuple[str, list[Difference]]:
    """The bundle id of a snapshot, and what is not as its manifest says.

    Raises:
        ExportError: there is no snapshot, or its manifest is none, or contradicts itself.
    """
    place = folder / MANIFEST
    if not folder.is_dir():
        raise ExportError(f"{folder}: no such folder")
    if not place.exists():
        raise ExportError(f"{folder}: no snapshot, {MANIFEST} is not there")
    try:
        manifest = json.loads(place.read_bytes())
    except (OSError, ValueError) as error:
        raise ExportError(f"{place}: no manifest of a snapshot: {error}") from error
    try:
        listed = {file["path"]: (file["bytes"], file["sha256"]) for file in manifest["files"]}
        bundle_id = _bundle_id(manifest["files"])
        told = manifest["bundle_id"]
    except (AttributeError, KeyError, TypeError) as error:
        raise ExportError(
            f"{place}: no manifest of a snapshot: it does not list files with path, bytes and "
            "sha256, and a bundle_id"
        ) from error
    if told != bundle_id:
        raise ExportError(f"{place}: the bundle id is not that of its files")
    found = {file["path"]: (file["bytes"], file["sha256"]) for file in _listed(folder)}
    differences = [
        Difference("missing" if path not in found else "differs", path)
        for path, told in listed.items()
        if found.get(path) != told
    ]
    differences += [Difference("extra", path) for path in found if path not in listed]
    return bundle_id, sorted(differences, key=lambda item: item.path)


def _tables(
    connection: duckdb.DuckDBPyConnection, folder: Path, selection: Selection, progress: Progress
) -> dict[str, int]:
    """All tables; how many rows each has."""
    where = condition(connection, selection)
    chosen = f"WHERE article_id IN (SELECT article_id FROM articles WHERE {where})"
    (folder / "tables").mkdir()
    rows = {}
    for table in TABLES:
        some = chosen if selection.given and table.name in OF_ARTICLES else ""
        query = f'FROM "{table.name}" {some}'
        rows[table.name] = copy(connection, query, folder / "tables" / f"{table.name}.parquet")
        progress(len(rows), len(TABLES))
    return rows


def _topics(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Each taxonomy as a topics file, which newsbeam can be run with again."""
    found = connection.execute(
        "SELECT taxonomy_version, list(coalesce(rules, "
        "to_json({'id': topic, 'name': name, 'any': definition})) ORDER BY topic) "
        "FROM topics GROUP BY taxonomy_version ORDER BY taxonomy_version"
    ).fetchall()
    (folder / "topics").mkdir()
    for version, topics in found:
        if not re.fullmatch(FILE_NAME, version):
            raise ExportError(
                f"the database has topics of a version {version!r:.100}, which can name no file; "
                "`newsbeam db check` tells more"
            )
        topics = [json.loads(topic) for topic in topics]
        text = yaml.safe_dump({"topics": topics}, allow_unicode=True, sort_keys=False)
        _write(folder / "topics" / f"{version}.yaml", text)


def _facts(connection: duckdb.DuckDBPyConnection, selection: Selection) -> dict[str, Any]:
    ((database_id, count, first, last),) = connection.execute(FACTS).fetchall()
    where = condition(connection, selection)
    ((outlets, earliest, latest),) = connection.execute(SCOPE.format(where=where)).fetchall()
    return {
        "database_id": database_id,
        "runs": {"count": count, "first": first, "last": last},
        "outlets": outlets,
        "published": {"first": earliest, "last": latest},
    }


def _citation(bundle_id: str, articles: int, facts: dict[str, Any], created_at: datetime) -> str:
    runs, published = facts["runs"], facts["published"]
    days = f", published {published['first']} to {published['last']}" if published["first"] else ""
    work = f", runs {runs['first']} to {runs['last']}" if runs["count"] else ""
    return (
        f"newsbeam snapshot {bundle_id}: {articles} articles of {facts['outlets']} outlets"
        f"{days}{work}, database {facts['database_id']}; newsbeam {VERSION}, {created_at:%Y-%m-%d}."
    )


def _write_texts(folder: Path, manifest: dict[str, Any]) -> None:
    """What people read."""
    filters = manifest["filters"]
    scope = "All articles are in it."
    if filters:
        scope = f"The articles in it are those of {json.dumps(filters, ensure_ascii=False)}."
    tables = ", ".join(f"{name} ({count:,})" for name, count in manifest["rows"].items())
    told = manifest | {"name": marked(manifest["name"]), "citation": marked(manifest["citation"])}
    _write(folder / "README.md", README.format(**told, scope=scope, tables=tables))
    _write(folder / "data-dictionary.md", markdown())
    citation = {
        "cff-version": "1.2.0",
        "message": "Cite this snapshot by its bundle id, so that others can check what they have.",
        "type": "dataset",
        "title": f"{manifest['name']}, a newsbeam snapshot",
        "authors": [{"name": f"Keepers of newsbeam database {manifest['database_id']}"}],
        "version": manifest["bundle_id"],
        "date-released": manifest["created_at"][:10],
        "abstract": manifest["citation"],
    }
    _write(folder / CITATION, yaml.safe_dump(citation, allow_unicode=True, sort_keys=False))


def _listed(folder: Path) -> Iterator[dict[str, Any]]:
    """All files but the manifest and what may be edited, by path."""
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    for name, path in sorted(paths.items()):
        if not path.is_dir() and name not in (MANIFEST, CITATION):
            yield {"path": name, "bytes": path.stat().st_size, "sha256": _sha256(path)}


def _bundle_id(files: Sequence[dict[str, Any]]) -> str:
    lines = sorted(
        (file["path"], file["sha256"]) for file in files if file["path"].startswith(IDENTIFYING)
    )
    text = "".join(f"{sha256}  {path}\n" for path, sha256 in lines)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def _json(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def _write(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")
