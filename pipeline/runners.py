"""Which Beam runner runs, and with which options."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from apache_beam.options.pipeline_options import (
    DirectOptions,
    PipelineOptions,
    StandardOptions,
    WorkerOptions,
)
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.runner import PipelineRunner, create_runner

from config.errors import ConfigError

DIRECT = ("DirectRunner", "direct", "FnApiRunner")
UNSOUND = {
    "DaskRunner": "it gives wrong results without a word (lost outputs and branches)",
    "InteractiveRunner": "it is for notebooks",
}
OTHER_WORKERS = 8


class Engine(NamedTuple):
    """A runner, its options, how many workers share the hosts, and parsing processes of each."""

    runner: PipelineRunner
    name: str
    options: PipelineOptions
    workers: int
    processes: int


def engine(name: str, arguments: Sequence[str]) -> Engine:
    """The engine behind a runner's name; the DirectRunner is always Beam's FnApiRunner.

    Beam's own DirectRunner chooses among three engines as the pipeline looks to it.

    Raises:
        ConfigError: an unknown option, or a combination that would lose data.
    """
    arguments = list(arguments)
    options = PipelineOptions(arguments)
    unknown = _unknown(options, arguments)
    if unknown:
        raise ConfigError(f"Beam does not know {' '.join(unknown)}")
    if options.view_as(StandardOptions).streaming:
        raise ConfigError(
            "--streaming is refused: Beam's local runners lose data in streaming pipelines and "
            "report success; schedule `newsbeam run` instead"
        )
    if name in UNSOUND:
        raise ConfigError(f"{name} is refused: {UNSOUND[name]}; valid: DirectRunner")
    if name in DIRECT:
        return _direct(options)
    try:
        runner = create_runner(name)
    except (ValueError, ImportError) as error:
        raise ConfigError(f"no runner {name!r}: {error}") from None
    workers = options.view_as(WorkerOptions).max_num_workers or OTHER_WORKERS
    return Engine(runner, name, options, workers, 1)


def _direct(options: PipelineOptions) -> Engine:
    direct = options.view_as(DirectOptions)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    cores = cores or 1
    workers = direct.direct_num_workers or cores
    if direct.direct_running_mode == "in_memory":
        workers = 1  # all that this mode has; the parsing processes use the other cores
    direct.direct_num_workers = workers
    parsers = cores
    if direct.direct_running_mode == "multi_processing":
        parsers = max(1, cores // workers)
    return Engine(FnApiRunner(), "FnApiRunner", options, workers, parsers)


def _unknown(options: PipelineOptions, arguments: list[str]) -> list[str]:
    """Arguments that no options class of Beam takes; Beam itself only warns of them."""
    _, unknown = _parser().parse_known_args(arguments)
    return [str(item) for item in unknown]


def _parser() -> Any:
    from apache_beam.options.pipeline_options import _BeamArgumentParser

    parser = _BeamArgumentParser(allow_abbrev=False)
    for kind in PipelineOptions.__subclasses__():
        kind._add_argparse_args(parser)
    return parser
