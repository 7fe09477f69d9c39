"""What launcher and workers tell each other through files."""

from __future__ import annotations

from pathlib import Path
from shutil import rmtree

from transforms.workers.signals import Signals, ask_to_stop


def test_a_worker_stops_when_it_is_asked(tmp_path: Path) -> None:
    signals = Signals(str(tmp_path))
    assert not signals.stopped()
    ask_to_stop(tmp_path)
    assert signals.stopped()


def test_a_worker_that_outlives_its_run_stops(tmp_path: Path) -> None:
    """Its launcher was killed, and the next run has taken over what was staged."""
    folder = tmp_path / "signals"
    folder.mkdir()
    signals = Signals(str(folder))
    assert not signals.stopped()
    rmtree(folder)
    assert signals.stopped()


def test_without_a_folder_nobody_asks(tmp_path: Path) -> None:
    assert not Signals(str(tmp_path / "absent")).stopped()
