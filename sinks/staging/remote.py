"""A staging folder on any file system that Beam knows, such as s3:// or gs://."""

from __future__ import annotations

import contextlib
import logging
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

from config.errors import ConfigError, first_line
from sinks.connector.errors import StagingError
from sinks.connector.remote import (
    check_staging,
    fetch_shards,
    list_files,
    list_folders,
    read_file,
    remove_folder,
    store_file,
)
from transforms.workers.plan_files import send_file

PATIENCE = 60.0
"""Seconds that a file system may take for its first answer."""
_LOGGER = logging.getLogger(__name__)


def reach(address: str, beam_options: Sequence[str]) -> None:
    """Let Beam's options say how a file system is reached, and see whether it answers.

    Raises:
        ConfigError: no file system of Beam knows the address.
        StagingError: it does not answer.
    """
    try:
        check_staging(address)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    FileSystems.set_options(PipelineOptions(list(beam_options)))
    failed: list[Exception] = []

    def look() -> None:
        try:
            FileSystems.exists(f"{address}/VERSION")
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=look, daemon=True)  # Beam goes on trying for ten minutes
    thread.start()
    thread.join(PATIENCE)
    if thread.is_alive() or failed:
        reason = first_line(failed[0]) if failed else f"no answer in {PATIENCE:g} s"
        raise StagingError(f"{address}: {reason}")


@contextlib.contextmanager
def remote_store(address: str) -> Iterator[RemoteStore]:
    """The store at an address."""
    with tempfile.TemporaryDirectory(prefix="newsbeam-") as work:
        yield RemoteStore(address, Path(work))


@dataclass(frozen=True)
class RemoteStore:
    """An address, and a folder of this machine for what only the launcher needs."""

    address: str
    work: Path

    def make(self) -> None:
        """Folders need not be made."""

    def folders(self) -> list[str]:
        """As of `Store`."""
        with self._named():
            return list_folders(self.address)

    def files(self, folder: str) -> dict[str, int]:
        """As of `Store`."""
        with self._named():
            return list_files(f"{self.address}/{folder}".rstrip("/"))

    def read(self, name: str) -> bytes | None:
        """As of `Store`."""
        with self._named():
            return read_file(f"{self.address}/{name}")

    def write(self, name: str, content: bytes) -> None:
        """As of `Store`."""
        with self._named():
            store_file(f"{self.address}/{name}", content)

    def remove(self, folder: str) -> None:
        """As of `Store`."""
        try:
            remove_folder(f"{self.address}/{folder}", first="run.json")
        except Exception as error:  # its rows are committed; the next commit removes it
            _LOGGER.warning("%s/%s: could not be removed: %s", self.address, folder, error)

    def here(self, run_id: str) -> Path:
        """In the folder of this machine."""
        return self.work / run_id

    def share(self, run_id: str) -> None:
        """Copy the plan."""
        with self._named():
            for path in sorted((self.here(run_id) / "plan").iterdir()):
                send_file(path, self.shared(path))

    def shared(self, path: Path) -> str:
        """Beside the shards: some file systems list no folders of folders."""
        return f"{self.address}/{path.parent.parent.name}/plan-{path.name}.zst"

    @contextlib.contextmanager
    def fetch(self, addresses: Sequence[str]) -> Iterator[dict[str, Path]]:
        """Copies."""
        with tempfile.TemporaryDirectory(prefix="newsbeam-") as folder:
            with self._named():
                files = fetch_shards(addresses, Path(folder))
            yield files

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """File systems raise whatever their libraries do, and some texts name no address."""
        try:
            yield
        except Exception as error:
            raise StagingError(
                f"{self.address}: {first_line(error)}; nothing is lost: mend it and run again"
            ) from error
