"""Staging and committing in any order, with crashes and failures between: a model of it holds."""

from __future__ import annotations

import functools
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest
from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sinks.connector import Table
from sinks.connector.commit import CommittedRows, Shard, commit_shards
from sinks.connector.errors import DatabaseError, StagingError
from sinks.connector.files import parquet, shard_name, write_shard
from sinks.connector.tables import batches
from tests.kit.examples import examples

STOCK = Table("stock", "article", {"article": "VARCHAR", "pieces": "BIGINT"})
PRICES = Table("prices", ["article", "day"], {
    "article": "VARCHAR", "day": "INTEGER", "pieces": "BIGINT",
})  # fmt: skip
TABLES = {table.name: table for table in (STOCK, PRICES)}
RUNS = ["duckdb-" + letter * 32 for letter in "ab"]
REFUSED = -1
"""Pieces that the tables' CHECK refuses: no row that is staged knows of it."""

Row = tuple[Any, ...]
WHOLE, CORRUPT, GONE = "whole", "corrupt", "gone"

tables = st.sampled_from(sorted(TABLES))
runs = st.sampled_from(RUNS)
keys = st.tuples(st.sampled_from("abcd"), st.sampled_from([1, 2]))
bundles = st.lists(st.tuples(keys, st.integers(0, 9)), min_size=1, max_size=4)


def row_of(table: Table, key: tuple[str, int], pieces: int) -> Row:
    return (*key[: len(table.keys)], pieces)


def key_of(row: Row) -> Row:
    return row[:-1]


def content_of(table: Table, bundle: Sequence[Row]) -> bytes:
    records = [dict(zip(table.arrow.names, row, strict=True)) for row in bundle]
    return parquet(table.arrow, batches(table, records))


@functools.cache
def empty_database() -> bytes:
    """A file with both tables, which refuse some rows, and a ledger without a shard."""
    with TemporaryDirectory() as folder:
        database = f"{folder}/shop.duckdb"
        with duckdb.connect(database) as connection:
            for table in TABLES.values():
                columns = ", ".join(f"{name} {kind}" for name, kind in table.types.items())
                connection.execute(f"CREATE TABLE {table.name} ({columns}, CHECK (pieces >= 0))")
        commit_shards(database, list(TABLES.values()), [], 0)
        return Path(database).read_bytes()


class CommitProtocol(RuleBasedStateMachine):
    """What was staged, what is in its files, and what was committed of it."""

    def __init__(self) -> None:
        super().__init__()
        self.home = TemporaryDirectory()
        self.staging = Path(self.home.name, "staging")
        self.database = Path(self.home.name, "shop.duckdb")
        self.database.write_bytes(empty_database())
        self.bundles: dict[Shard, list[Row]] = {}
        self.files: dict[Shard, str] = {}
        self.held: dict[str, dict[Row, Row]] = {name: {} for name in TABLES}
        self.ledger: dict[Shard, int] = {}
        """The committed shards, and how many rows each added."""

    def teardown(self) -> None:
        self.home.cleanup()

    # Staging

    def shard(self, run_id: str, table: Table, bundle: Sequence[Row]) -> Shard:
        name = shard_name(table.name, content_of(table, bundle))
        return Shard(table.name, run_id, str(self.staging / run_id / name))

    def stage(self, run_id: str, name: str, bundle: list[Row]) -> Shard:
        content = content_of(TABLES[name], bundle)
        path = write_shard(self.staging / run_id, name, content)
        shard = Shard(name, run_id, str(path))
        self.bundles[shard], self.files[shard] = bundle, WHOLE
        return shard

    @initialize(run_id=runs, several=st.lists(st.tuples(tables, bundles), min_size=2, max_size=4))
    def begin(self, run_id: str, several: list[Any]) -> None:
        self.stage_several(run_id, several)

    @rule(run_id=runs, several=st.lists(st.tuples(tables, bundles), min_size=1, max_size=3))
    def stage_bundles(self, run_id: str, several: list[Any]) -> None:
        self.stage_several(run_id, several)

    def stage_several(self, run_id: str, several: list[Any]) -> None:
        for name, bundle in several:
            self.stage(run_id, name, [row_of(TABLES[name], *one) for one in bundle])

    @rule(run_id=runs, name=tables, key=keys)
    def stage_what_the_table_refuses(self, run_id: str, name: str, key: Any) -> None:
        self.stage(run_id, name, [row_of(TABLES[name], key, REFUSED)])

    @precondition(lambda self: self.bundles)
    @rule(data=st.data())
    def retry_a_bundle(self, data: st.DataObject) -> None:
        shard = self.one(data)
        assert self.stage(shard.run_id, shard.table, self.bundles[shard]) == shard

    @precondition(lambda self: self.bundles)
    @rule(data=st.data(), more=st.integers(10, 19))
    def retry_a_bundle_that_has_other_rows_now(self, data: st.DataObject, more: int) -> None:
        shard = self.one(data)
        bundle = [(*key_of(row), more) for row in self.bundles[shard]]
        self.stage(shard.run_id, shard.table, bundle)

    @rule(run_id=runs, name=tables, bundle=bundles, part=st.floats(0, 1))
    def die_while_staging(self, run_id: str, name: str, bundle: list[Any], part: float) -> None:
        """Part of a file, of a name that no pipeline knows."""
        found = [row_of(TABLES[name], *one) for one in bundle]
        content = content_of(TABLES[name], found)
        path = Path(self.shard(run_id, TABLES[name], found).address)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_name(f".{path.name}.0.tmp").write_bytes(content[: int(part * len(content))])

    @rule(run_id=runs, name=tables, bundle=bundles)
    def lose_a_rename(self, run_id: str, name: str, bundle: list[Any]) -> None:
        """A shard that is named, and of which only the temporary file is there."""
        found = [row_of(TABLES[name], *one) for one in bundle]
        shard = self.shard(run_id, TABLES[name], found)
        if shard not in self.bundles:
            self.die_while_staging(run_id, name, bundle, 1.0)
            self.bundles[shard], self.files[shard] = found, GONE

    @precondition(lambda self: self.bundles)
    @rule(data=st.data())
    def damage_a_file(self, data: st.DataObject) -> None:
        shard = self.one(data)
        if self.files[shard] == WHOLE:
            content = Path(shard.address).read_bytes()
            Path(shard.address).write_bytes(content[: len(content) // 2])
            self.files[shard] = CORRUPT

    @precondition(lambda self: self.ledger)
    @rule()
    def tidy(self) -> None:
        for shard in self.ledger:
            Path(shard.address).unlink(missing_ok=True)
            self.files[shard] = GONE

    def one(self, data: st.DataObject) -> Shard:
        return data.draw(st.sampled_from(list(self.bundles)))

    # Committing

    @precondition(lambda self: self.bundles)
    @rule(data=st.data(), order=st.randoms(use_true_random=False))
    def commit(self, data: st.DataObject, order: random.Random) -> None:
        """Any shards, in any order, some named twice."""
        chosen = data.draw(st.lists(st.sampled_from(list(self.bundles)), max_size=4))
        self.commit_of(chosen, order)

    @precondition(lambda self: self.fresh_and_whole())
    @rule(order=st.randoms(use_true_random=False))
    def commit_all_that_is_whole(self, order: random.Random) -> None:
        """Also what was committed before, its file there or not."""
        self.commit_of([*self.fresh_and_whole(), *self.ledger], order)

    @precondition(lambda self: self.fresh_and_whole())
    @rule(data=st.data(), order=st.randoms(use_true_random=False))
    def commit_some_that_are_whole(self, data: st.DataObject, order: random.Random) -> None:
        some = st.lists(st.sampled_from(self.fresh_and_whole()), min_size=1, max_size=3)
        self.commit_of(data.draw(some), order)

    @precondition(lambda self: self.fresh_and_whole())
    @rule(run_id=runs, key=keys, damaged=st.booleans(), order=st.randoms(use_true_random=False))
    def fail_after_the_first_table(
        self, run_id: str, key: Any, damaged: bool, order: random.Random
    ) -> None:
        """What is whole goes in first, and out again when a shard of the last table fails."""
        shard = self.stage(run_id, PRICES.name, [row_of(PRICES, key, REFUSED)])
        if damaged:
            Path(shard.address).write_bytes(b"no shard")
            self.files[shard] = CORRUPT
        self.commit_of([*self.fresh_and_whole(), shard], order)

    def fresh_and_whole(self) -> list[Shard]:
        return [
            shard for shard, bundle in self.bundles.items()
            if shard not in self.ledger and self.files[shard] == WHOLE
            and all(row[-1] != REFUSED for row in bundle)
        ]  # fmt: skip

    def commit_of(self, chosen: list[Shard], order: random.Random) -> None:
        order.shuffle(chosen)
        fresh = sorted(set(chosen) - set(self.ledger))
        states = {self.files[shard] for shard in fresh}
        held, added = self.after(fresh)
        refused = any(row[-1] == REFUSED for rows in held.values() for row in rows.values())
        if GONE in states:
            event("a shard is gone")
            self.fails(chosen, StagingError, "is gone, and was never committed")
        elif CORRUPT in states or refused:
            event("the transaction fails")
            self.fails(chosen, DatabaseError, f"could not commit {len(chosen)} shards")
        else:
            event(f"commits of {len({shard.table for shard in fresh})} tables with new shards")
            brought = self.run_commit(chosen)
            self.held, self.ledger = held, self.ledger | added
            assert brought == [self.brought(name, chosen) for name in TABLES]

    def after(self, fresh: list[Shard]) -> tuple[dict[str, dict[Row, Row]], dict[Shard, int]]:
        """What the tables hold after a commit, and what each shard brings: the model's own."""
        held = {name: dict(known) for name, known in self.held.items()}
        added = dict.fromkeys(fresh, 0)
        for shard in sorted(fresh, key=lambda shard: shard.address):
            for row in self.bundles[shard]:
                if key_of(row) not in held[shard.table]:
                    held[shard.table][key_of(row)] = row
                    added[shard] += 1
        return held, added

    def brought(self, name: str, chosen: list[Shard]) -> CommittedRows:
        mine = [shard for shard in set(chosen) if shard.table == name]
        return CommittedRows(
            name,
            len(mine),
            sum(len(self.bundles[shard]) for shard in mine),
            sum(self.ledger[shard] for shard in mine),
        )

    def fails(self, chosen: list[Shard], error: type[Exception], reason: str) -> None:
        with pytest.raises(error, match=reason):
            self.run_commit(chosen)

    def run_commit(self, chosen: list[Shard]) -> list[CommittedRows]:
        def fetch(addresses: Sequence[str], _: Path) -> Mapping[str, Path]:
            self.a_reader_sees_what_was_committed()
            return {address: Path(address) for address in addresses}

        return commit_shards(str(self.database), list(TABLES.values()), chosen, 0, fetch)

    # What always holds

    @invariant()
    def a_reader_sees_what_was_committed(self) -> None:
        with duckdb.connect(str(self.database), read_only=True) as connection:
            for name, known in self.held.items():
                found = connection.execute(f"FROM {name}").fetchall()
                assert sorted(found) == sorted(known.values())
            found = connection.execute("SELECT shard, run_id, rows, added FROM staged_shards")
            assert sorted(found.fetchall()) == sorted(
                (shard.name, shard.run_id, len(self.bundles[shard]), added)
                for shard, added in self.ledger.items()
            )


CommitProtocol.TestCase.settings = settings(
    max_examples=examples(25), stateful_step_count=20, deadline=None
)  # fmt: skip
test_the_tables_and_the_ledger_are_those_of_the_model = CommitProtocol.TestCase
