"""`python -m deploy.local run` (the whole service) or `stack` (RabbitMQ and MongoDB only)."""

import os
import sys

from deploy.local.binaries import NotInstalled
from deploy.local.first_job import FirstJobFailed
from deploy.local.ports import NoFreePort
from deploy.local.processes import StartFailed
from deploy.local.run import CannotRun, PartDied, run, run_stack
from deploy.local.stack import ROOT
from deploy.local.terminal import run_until_signal

DATA = ROOT / ".warren"
EXPECTED = (CannotRun, FirstJobFailed, NoFreePort, NotInstalled, OSError, PartDied, StartFailed)
USAGE = "usage: python -m deploy.local run|stack"


def main(arguments: list[str]) -> int:
    """Do what was asked; return the exit code."""
    match arguments:
        case ["run"]:
            return run_until_signal(run(DATA, os.environ), EXPECTED)
        case ["stack"]:
            return run_until_signal(run_stack(DATA), EXPECTED)
        case _:
            print(USAGE, file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
