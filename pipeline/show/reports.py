"""What the commands that look after a database tell people."""

from __future__ import annotations

from typing import Any

from pipeline.run.reextract import Reextracted
from pipeline.show.words import folded, safe, shown, size
from sinks.database.where import DuckLake, Where
from sinks.keep.check import Finding
from sinks.keep.prune import Pruned


def pruned_lines(place: Where, pruned: Pruned, dry_run: bool) -> str:
    """What was removed, or would be, for people."""
    if not pruned.articles:
        return "No article is that old."
    verb = "would go" if dry_run else "removed"
    what = "article" if pruned.articles == 1 else "articles"
    lines = [f"{pruned.articles} {what} with {size(pruned.text_bytes)} of text {verb}."]
    lines += folded("outlets", [f"{safe(outlet)} {n}" for outlet, n in pruned.outlets])
    lines += folded("topics", [f"{topic} {n}" for topic, n in pruned.topics])
    if not dry_run and isinstance(place, DuckLake):
        lines.append(
            "Snapshots of before keep them until they expire: see docs/operator/ducklake.md."
        )
    elif not dry_run:
        lines.append("`newsbeam db vacuum` gives the space back to the disk.")
    return "\n".join(lines)


def reextracted_lines(found: Reextracted) -> str:
    """What extracting anew changed, or would, for people."""
    was = found.compared
    if not was.pages:
        return (
            f"Of {was.articles:,} articles no page was kept: `newsbeam run --keep-pages 30d` keeps "
            "them, and --from-warc takes them from an archive."
        )
    verb = "changed" if found.committed else "would change"
    lines = [
        f"{was.read:,} of {was.articles:,} articles extracted anew; {verb}: {was.texts_changed:,} "
        f"texts ({was.shorter:,} shorter, {was.longer:,} longer), {was.titles_changed:,} "
        f"headlines, topics of {was.topics_changed:,}.",
        f"  words     {was.words:,}, before {was.words_before:,}",
    ]
    if was.failed:
        lines += folded("failed", [f"{kind} {n}" for kind, n in was.failed])
    for one in was.examples:
        told = "" if one["title"] == one["title_before"] else f", now {safe(one['title'] or '')!r}"
        lines.append(
            f"  {safe(one['url'])}: {one['words']} words, before {one['words_before']}{told}"
        )
    return "\n".join(lines)


def info_lines(found: dict[str, Any]) -> str:
    """What a database is, for people."""
    articles, rows = found["articles"], found["rows"]
    known = "" if found["schema_version"] == found["schema_known"] else (
        f", this program writes {found['schema_known']}: `newsbeam db migrate`")  # fmt: skip
    lines = [
        safe(found["path"]),
        f"  size      {size(found['bytes'])}{_more_of_size(found)}",
        f"  schema    {found['schema_version']} since {shown(found['schema_since'])} UTC{known}",
        f"  versions  newsbeam {found['newsbeam_version']}, duckdb {found['duckdb_version']}, "
        f"storage {found['storage_version']}",
        f"  id        {found['database_id'] or 'none yet'}",
        *folded("rows", [f"{name} {count:,}" for name, count in rows.items() if count]),
    ]
    if rows["articles"]:
        lines.append(
            f"  articles  published {shown(articles['oldest'])} to {shown(articles['newest'])}, "
            f"{articles['outlets']} outlets, {articles['languages']} languages"
        )
    if found["runs"]:
        lines.append(
            f"  runs      {shown(found['first_run'])} to {shown(found['last_run'])}, "
            f"the last {found['last_state']}"
        )
    then = "the next run or `newsbeam commit` brings them in"
    for run in found["staged"]:
        lines.append(
            f"  staged    {run['run_id']}: {run['files']} files, {size(run['bytes'])}; "
            f"{'in use by a run' if found['active'] else then}"
        )
    if found["staging_layout"] not in (None, found["staging_known"]):
        lines.append(
            f"  staged    in layout {safe(found['staging_layout'])}, this program knows "
            f"{found['staging_known']}: `newsbeam commit` of the version that wrote it"
        )
    return "\n".join(lines)


def _more_of_size(found: dict[str, Any]) -> str:
    if "data_path" in found:
        return (
            f" in {found['data_files']:,} files in {safe(found['data_path'])}; "
            f"{found['snapshots']:,} snapshots"
        )
    return (
        f", {size(found['reclaimable_bytes'])} of it unused, {size(found['wal_bytes'])} in the "
        f"log; {size(found['disk_free_bytes'])} free on the disk"
    )


def finding_lines(path: Where, findings: list[Finding]) -> str:
    """Which rules are broken, for people."""
    if not findings:
        return f"{path}: nothing wrong"
    return "\n".join(
        f"{'warning' if item.warning else 'wrong'}: {item.table}: {item.rule}: not so for "
        f"{item.rows:,} row{'s'[: item.rows != 1]} ({item.check}), such as {safe(item.example)}"
        for item in findings
    )
