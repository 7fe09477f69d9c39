"""Which Beam runner runs, and with which options.

Options of Beam pass through as they are; those that Beam for Python does not know, such as Flink's
own, go to the job server. What a runner needs on this machine, a binary or a job server, is looked
for before anything runs, and never downloaded: `make prism` and `make flink` put it into ENGINES.
"""

from __future__ import annotations

import atexit
import os
import shutil
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from apache_beam.options.pipeline_options import (
    DirectOptions,
    FlinkRunnerOptions,
    JobServerOptions,
    PipelineOptions,
    PortableOptions,
    PrismRunnerOptions,
    SparkRunnerOptions,
    StandardOptions,
    WorkerOptions,
)
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.portability.job_server import JobServer, StopOnExitJobServer
from apache_beam.runners.portability.portable_runner import PortableRunner
from apache_beam.runners.portability.prism_runner import PrismJobServer
from apache_beam.runners.runner import PipelineRunner, create_runner
from apache_beam.version import __version__ as BEAM

from config.errors import ConfigError

ENGINES = Path(__file__).parents[2] / ".engines"
"""Where the Makefile of a checkout puts engines."""
DIRECT = ("direct", "fnapi")
PORTABLE = ("flink", "spark", "portable")
"""Those whose job server has options of its own."""
UNSOUND = {
    "dask": "it gives wrong results without a word (lost outputs and branches)",
    "interactive": "it is for notebooks",
}
"""All by the name that `_plain` makes of what Beam takes."""
VALID = "DirectRunner, PrismRunner, FlinkRunner, SparkRunner, DataflowRunner, PortableRunner"
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
        ConfigError: an unknown option, a combination that would lose data, or something that the
            runner needs is not here.
    """
    plain = _plain(name)
    if plain in UNSOUND:
        raise ConfigError(f"{name} is refused: {UNSOUND[plain]}; valid: {VALID}")
    options = parsed(arguments, others=plain in PORTABLE)
    _refuse_losses(options)
    if plain in DIRECT:
        return _direct(options)
    if plain == "dataflow" and not find_spec("apitools"):
        raise ConfigError(f"{name}: Google's libraries are absent: pip install 'apache-beam[gcp]'")
    try:
        runner = create_runner(name)
    except (ValueError, ImportError, AttributeError, TypeError) as error:
        raise ConfigError(f"no runner {name!r}: {error}") from None
    if not isinstance(runner, PipelineRunner):
        raise ConfigError(f"no runner {name!r}: it is no PipelineRunner of Beam")
    if isinstance(runner, PortableRunner):
        return _portable(runner, plain, options)
    return Engine(runner, type(runner).__name__, options, _workers(options) or OTHER_WORKERS, 1)


def _refuse_losses(options: PipelineOptions) -> None:
    """Refuse what would lose data, or do nothing, and report success.

    Raises:
        ConfigError: always with the reason.
    """
    if options.view_as(StandardOptions).streaming:
        raise ConfigError(
            "--streaming is refused: a run is bounded, and Beam's local runners lose data in "
            "streaming pipelines and report success; `newsbeam stream` goes on and on"
        )
    if options.view_as(StandardOptions).runner:
        raise ConfigError("--runner stands before the two hyphens; Beam's own would be ignored")
    if options.view_as(DirectOptions).direct_runner_bundle_repeat:
        raise ConfigError("--direct_runner_bundle_repeat is refused: it asks for each page again")
    if options.view_as(PortableOptions).output_executable_path:
        raise ConfigError(
            "--output_executable_path is refused: a jar would be written, and nothing fetched"
        )


class _Kept(JobServer):
    """A job server that ends with this process.

    Beam's own wrapper takes SIGINT for itself, and so can be started in the main thread alone.
    """

    def __init__(self, server: Any) -> None:
        self.server = server

    def start(self) -> Any:
        atexit.register(self.server.stop)
        return self.server.start()


class PrismServer(PrismJobServer):
    """A Prism that does not outlive a launcher that was killed."""

    def prism_arguments(self, job_port: int) -> list[Any]:
        return [*super().prism_arguments(job_port), "--idle_shutdown_timeout=1m"]


def _portable(runner: PortableRunner, plain: str, options: PipelineOptions) -> Engine:
    """A runner that hands the graph to a job server, one that is there or one that it starts."""
    if not options.view_as(PortableOptions).job_endpoint:
        _check_server(plain, options)
    make_server = runner.default_job_server

    def default_job_server(chosen: PipelineOptions) -> Any:
        if plain == "prism":
            return _Kept(PrismServer(chosen))
        server = make_server(chosen)
        return _Kept(server._job_server) if isinstance(server, StopOnExitJobServer) else server

    runner.default_job_server = default_job_server
    here = _is_loopback(plain, options)
    workers = _workers(options) or (1 if here or plain == "prism" else OTHER_WORKERS)
    return Engine(runner, type(runner).__name__, options, workers, _cores() if here else 1)


def _is_loopback(plain: str, options: PipelineOptions) -> bool:
    """Whether the one worker is this process."""
    kind = options.view_as(PortableOptions).environment_type
    if kind:
        return bool(kind == "LOOPBACK")
    if plain == "flink":
        return options.view_as(FlinkRunnerOptions).flink_master in ("[local]", "[auto]")
    if plain == "spark":
        return str(options.view_as(SparkRunnerOptions).spark_master_url).startswith("local")
    return plain == "prism"


def _workers(options: PipelineOptions) -> int | None:
    """How many workers the options speak of, if they do."""
    flink, worker = options.view_as(FlinkRunnerOptions), options.view_as(WorkerOptions)
    named = (max(flink.parallelism, 0), worker.max_num_workers, worker.num_workers)
    return next((number for number in named if number), None)


def _check_server(plain: str, options: PipelineOptions) -> None:
    """See that a job server can be started; where no option names it, one of ENGINES is taken.

    Raises:
        ConfigError: it cannot.
    """
    if plain == "prism":
        prism = options.view_as(PrismRunnerOptions)
        found = _found(f"prism-{BEAM}") or shutil.which("prism")
        prism.prism_location = prism.prism_location or found
        if not prism.prism_location:
            raise ConfigError(
                "PrismRunner: no Prism here: `make prism` in a checkout builds it with Go; "
                "elsewhere name a binary by --prism_location"
            )
    elif plain == "flink":
        flink = options.view_as(FlinkRunnerOptions)
        jar = _found(f"beam-runners-flink-{flink.flink_version}-job-server-{BEAM}.jar")
        flink.flink_job_server_jar = _jar("Flink", flink.flink_job_server_jar, jar, "`make flink`")
        if not flink.flink_submit_uber_jar:
            _check_java(options)
    elif plain == "spark":
        spark = options.view_as(SparkRunnerOptions)
        jar = _found(f"beam-runners-spark-3-job-server-{BEAM}.jar")
        spark.spark_job_server_jar = _jar("Spark", spark.spark_job_server_jar, jar, "`make spark`")
        if not spark.spark_submit_uber_jar:
            _check_java(options)
    else:
        raise ConfigError("PortableRunner: name the job server, such as --job_endpoint=host:8099")


def _found(name: str) -> str | None:
    return str(ENGINES / name) if (ENGINES / name).is_file() else None


def _jar(engine: str, named: str | None, found: str | None, make: str) -> str:
    option = f"--{engine.lower()}_job_server_jar"
    if named and "://" not in named and not Path(named).is_file():
        raise ConfigError(f"{option}: no file {named}")
    if not named and not found:
        raise ConfigError(
            f"{engine}Runner: no job server here: {make} in a checkout brings it; elsewhere name "
            f"its jar by {option}, or one that runs by --job_endpoint"
        )
    return named or str(found)


def _check_java(options: PipelineOptions) -> None:
    launcher = options.view_as(JobServerOptions).job_server_java_launcher
    if not shutil.which(launcher):
        raise ConfigError(
            f"no {launcher} here, which the job server needs: install Java 17, name it by "
            "--job_server_java_launcher, or name a job server that runs by --job_endpoint"
        )


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def parsed(arguments: Sequence[str], others: bool = False) -> PipelineOptions:
    """Options of Beam; with `others`, those that a job server may know are left to it.

    Raises:
        ConfigError: Beam does not know one.
    """
    unknown = _unknown(list(arguments))  # first, because Beam prints a hundred lines of usage
    if unknown and not others:
        raise ConfigError(f"Beam does not know {' '.join(unknown)}")
    return PipelineOptions(list(arguments))


def _plain(name: str) -> str:
    """Beam takes DaskRunner, daskrunner, dask, and the class with its module."""
    return name.rpartition(".")[2].lower().removesuffix("runner")


def _direct(options: PipelineOptions) -> Engine:
    direct = options.view_as(DirectOptions)
    cores = _cores()
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
