"""The program: `newsbeam`, or `python -m newsbeam`.

Its packages are called config, transforms, sinks and pipeline. So may be what its user has in the
folder where it is called, or on PYTHONPATH. Therefore the program starts from a module of its own
name, which nothing else imports: it goes first where others have these names, for itself and for
the processes that it starts, and these leave the working folder out (PYTHONSAFEPATH).
"""

from __future__ import annotations

import os
import site
import sys
from pathlib import Path

HOME = str(Path(__file__).resolve().parent)
PACKAGES = ("config", "transforms", "sinks", "pipeline")


def main() -> None:
    """Run the command line."""
    sys.path[:] = ours_first(sys.path)
    os.environ["PYTHONPATH"] = os.pathsep.join(path_of_children())
    os.environ["PYTHONSAFEPATH"] = "1"
    from pipeline.cli import main as command

    command(prog_name="newsbeam")


def path_of_children() -> list[str]:
    """What stands on the path of other processes before what Python finds itself."""
    inherited = [place for place in os.environ.get("PYTHONPATH", "").split(os.pathsep) if place]
    installed = HOME in map(os.path.realpath, site.getsitepackages())
    return ours_first(inherited if installed else [HOME, *inherited])


def ours_first(places: list[str]) -> list[str]:
    """The places of a path, and before the first that has one of our names the one of our packages.

    Not before all: whatever lies beside them would hide what Python itself brings.
    """
    for at, place in enumerate(places):
        if place == HOME:
            break
        if any(Path(place, name).is_dir() or Path(place, f"{name}.py").is_file()
               for name in PACKAGES):  # fmt: skip
            return [*places[:at], HOME, *places[at:]]
    return places


if __name__ == "__main__":
    main()
