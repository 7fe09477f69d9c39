"""The set of known ids, as a file that workers read."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.known import KnownIds
from transforms.urls import digest


def write(path: Path, ids: list[str], kind: pa.DataType, **options: int) -> Path:
    column = pa.array(sorted(bytes.fromhex(id_) for id_ in ids), kind)
    pq.write_table(pa.table({"id": column}), path, **options)
    return path


def test_many_ids_in_many_row_groups(tmp_path):
    ids = [digest(str(n)) for n in range(3_000)]
    known = KnownIds.read(write(tmp_path / "k", ids, pa.binary(), row_group_size=170))
    assert len(known) == 3_000
    assert all(id_ in known for id_ in ids)
    assert not any(digest(f"new {n}") in known for n in range(3_000))


def test_no_ids(tmp_path):
    known = KnownIds.read(write(tmp_path / "k", [], pa.binary()))
    assert len(known) == 0
    assert digest("a") not in known


# Few values for each half, so that ids share one, and the ends of the range.
HALVES = st.sampled_from(["0" * 16, "0" * 15 + "1", "7" + "f" * 15, "8" + "0" * 15, "f" * 16])
IDS = st.tuples(HALVES, HALVES).map("".join)


@settings(max_examples=60)
@given(st.sets(IDS), IDS, st.sampled_from([pa.binary(), pa.binary(16), pa.large_binary()]))
def test_known_is_what_was_written(tmp_path_factory, ids, other, kind):
    path = tmp_path_factory.getbasetemp() / "known.parquet"
    known = KnownIds.read(write(path, list(ids), kind))
    assert len(known) == len(ids)
    assert all(id_ in known for id_ in ids)
    assert (other in known) == (other in ids)
