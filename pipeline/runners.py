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

DIRECT = ("direct", "fnapi")
UNSOUND = {
    "dask": "it gives wrong results without a word (lost outputs and branches)",
    "interactive": "it is for notebooks",
}
"""Both by the name that `_plain` makes of what Beam takes."""
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
    options = parsed(arguments)
    if options.view_as(StandardOptions).streaming:
        raise ConfigError(
            "--streaming is refused: Beam's local runners lose data in streaming pipelines and "
            "report success; schedule `newsbeam run` instead"
        )
    if options.view_as(StandardOptions).runner:
        raise ConfigError("--runner stands before the two hyphens; Beam's own would be ignored")
    plain = _plain(name)
    if plain in UNSOUND:
        raise ConfigError(f"{name} is refused: {UNSOUND[plain]}; valid: DirectRunner")
    if plain in DIRECT:
        return _direct(options)
    try:
        runner = create_runner(name)
    except (ValueError, ImportError, AttributeError, TypeError) as error:
        raise ConfigError(f"no runner {name!r}: {error}") from None
    if not isinstance(runner, PipelineRunner):
        raise ConfigError(f"no runner {name!r}: it is no PipelineRunner of Beam")
    workers = options.view_as(WorkerOptions).max_num_workers or OTHER_WORKERS
    return Engine(runner, name, options, workers, 1)


def parsed(arguments: Sequence[str]) -> PipelineOptions:
    """Options of Beam.

    Raises:
        ConfigError: Beam does not know one.
    """
    unknown = _unknown(list(arguments))  # first, because Beam prints a hundred lines of usage
    if unknown:
        raise ConfigError(f"Beam does not know {' '.join(unknown)}")
    return PipelineOptions(list(arguments))


def _plain(name: str) -> str:
    """Beam takes DaskRunner, daskrunner, dask, and the class with its module."""
    return name.rpartition(".")[2].lower().removesuffix("runner")


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


def _unknown(arguments: list[str]) -> list[str]:
    """Arguments that no options class of Beam takes; Beam itself only warns of them."""
    _, unknown = _parser().parse_known_args(arguments)
    return [str(item) for item in unknown]


def _refuse(message: str) -> None:
    raise ConfigError(f"Beam: {message}")


def _parser() -> Any:
    from apache_beam.options.pipeline_options import _BeamArgumentParser

    parser = _BeamArgumentParser(allow_abbrev=False)
    parser.error = _refuse
    for kind in PipelineOptions.__subclasses__():
        kind._add_argparse_args(parser)
    return parser
