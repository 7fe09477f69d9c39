"""The set of known ids, as a file that workers read."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kit.examples import examples
from transforms.hashing import digest
from transforms.workers.known_ids import NOTHING, Known, KnownIds, write_known


def written(path: Path, *chunks: list[str], kind: pa.DataType | None = None) -> KnownIds:
    ids = [[bytes.fromhex(id_) for id_ in chunk] for chunk in chunks]
    write_known(path, NOTHING._replace(ids=pa.chunked_array(ids, kind or pa.binary())))
    return KnownIds.read(path)


def test_many_ids_in_many_chunks(tmp_path):
    ids = [digest(str(n)) for n in range(3_000)]
    known = written(tmp_path / "k.npy", ids[:170], [], ids[170:])
    assert len(known) == 3_000
    assert all(id_ in known for id_ in ids)
    assert not any(digest(f"new {n}") in known for n in range(3_000))


def test_no_ids(tmp_path):
    known = written(tmp_path / "k.npy")
    assert len(known) == 0
    assert digest("a") not in known


# Few values for each half, so that ids share one, and the ends of the range.
HALVES = st.sampled_from(["0" * 16, "0" * 15 + "1", "7" + "f" * 15, "8" + "0" * 15, "f" * 16])
IDS = st.tuples(HALVES, HALVES).map("".join)


@settings(max_examples=examples(60))
@given(st.sets(IDS), IDS, st.sampled_from([pa.binary(), pa.binary(16), pa.large_binary()]))
def test_known_is_what_was_written(tmp_path_factory, ids, other, kind):
    path = tmp_path_factory.getbasetemp() / "known.npy"
    known = written(path, list(ids), kind=kind)
    assert len(known) == len(ids)
    assert all(id_ in known for id_ in ids)
    assert (other in known) == (other in ids)


def test_what_is_added_is_known_too():
    known = KnownIds.of(NOTHING._replace(ids=pa.chunked_array([[bytes.fromhex("ab" * 16)]])))
    assert known.add(["cd" * 16], {}) == 1
    assert known.add(["cd" * 16, "ef" * 16], {}) == 2
    assert [f"{byte}" * 16 in known for byte in ("ab", "cd", "ef", "00")] == [True] * 3 + [False]
    assert len(known) == 3


def blobs(*ids: str) -> pa.ChunkedArray:
    return pa.chunked_array([[bytes.fromhex(id_) for id_ in ids]], pa.binary())


@settings(max_examples=examples(60))
@given(st.sets(IDS), st.dictionaries(IDS, IDS), IDS)
def test_an_entry_is_found_by_its_marks(tmp_path_factory, ids, marks, other):
    path = tmp_path_factory.getbasetemp() / "marks.npy"
    write_known(path, Known(blobs(*ids), blobs(*marks), blobs(*marks.values())))
    known = KnownIds.read(path)
    assert {mark: known.entry_of(mark) for mark in marks} == marks
    assert known.entry_of(other) == marks.get(other)
    assert [id_ in known for id_ in (other, *ids)] == [other in ids, *(True for _ in ids)]
    assert len(known) == len(ids)


def test_marks_that_are_added_are_found_too():
    known = KnownIds.of(NOTHING)
    assert known.add([], {"ab" * 16: "cd" * 16}) == 1
    assert known.entry_of("ab" * 16) == "cd" * 16
    assert "ab" * 16 not in known
