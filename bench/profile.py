"""Records with py-spy where gateway and worker spend their time, one flame graph a process."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.processes import Child

STOP_S = 30.0


def find() -> str:
    """The py-spy program; LookupError with the remedy if there is none."""
    beside = Path(sys.executable).with_name("py-spy")
    found = str(beside) if beside.exists() else shutil.which("py-spy")
    if found is None:
        raise LookupError("--profile needs py-spy: install it with `pip install py-spy`")
    return found


@contextmanager
def recording(children: list[Child], folder: Path, system: str) -> Iterator[None]:
    """Record every child and its children until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    name = system.replace(" ", "-")
    record = [find(), "record", "--subprocesses", "--rate", "200", "--duration", "3600"]
    recorders = [
        subprocess.Popen(
            [*record, "--pid", str(child.pid), "--output", str(folder / f"{name}-{child.role}.svg")]
        )
        for child in children
    ]
    try:
        yield
    finally:
        for recorder in recorders:
            recorder.send_signal(signal.SIGINT)
            recorder.wait(STOP_S)
