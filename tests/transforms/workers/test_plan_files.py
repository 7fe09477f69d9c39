"""Files of a plan on a file system that is not of this machine."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pyarrow as pa
import pytest

from tests.kit.shop import TestStore
from transforms.hashing import digest
from transforms.workers.known_ids import NOTHING, KnownIds, write_known
from transforms.workers.plan_files import local_file, send_file


def test_a_file_arrives_as_it_was_and_its_copy_goes(tmp_path: Path) -> None:
    path, address = tmp_path / "feeds.jsonl", f"{TestStore.scheme()}://{tmp_path}/there"
    for content in (b"", b'{"feed": 1}\n' * 10_000):
        path.write_bytes(content)
        send_file(path, address)
        sent = (tmp_path / "there").read_bytes()
        assert 0 < len(sent) < max(len(content), 100)
        with local_file(address) as copy:
            assert Path(copy).read_bytes() == content
        assert not Path(copy).exists()


def test_a_file_of_this_machine_is_read_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "hosts.jsonl"
    path.touch()
    with local_file(str(path)) as found:
        assert found == str(path)
    assert path.exists()


@pytest.mark.skipif(os.name != "posix", reason="a file that is mapped stays, elsewhere")
def test_known_ids_outlive_their_copy_and_leave_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = tmp_path / "copies"
    copies.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(copies))
    ids, address = [digest(str(number)) for number in range(1_000)], f"teststore://{tmp_path}/known"
    blobs = pa.chunked_array([[bytes.fromhex(id_) for id_ in ids]])
    write_known(tmp_path / "known.npy", NOTHING._replace(ids=blobs))
    send_file(tmp_path / "known.npy", address)
    with local_file(address) as copy:
        known = KnownIds.read(copy)
    assert list(copies.iterdir()) == []
    assert all(id_ in known for id_ in ids)
    assert digest("new") not in known
