"""Starts the processes of the measured systems, each with its own log, and ends what it started."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STOP_S = 15.0


class ProcessDied(RuntimeError):
    """A measured process ended although nobody asked it to."""


@dataclass
class Child:
    """One started process and where it logs."""

    role: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def check(self) -> None:
        if self.process.poll() is not None:
            raise ProcessDied(
                f"the {self.role} ended with code {self.process.returncode}; "
                f"the end of {self.log}:\n{tail(self.log)}"
            )

    def ask_to_stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()

    def stop(self) -> None:
        """Ask, wait, and then end the whole process group; nothing of it stays behind."""
        self.ask_to_stop()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_S)
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()


def start(role: str, command: Sequence[str], env: Mapping[str, str], log: Path) -> Child:
    """Start `command` in the checkout, in a process group of its own."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        process = subprocess.Popen(
            list(command),
            cwd=ROOT,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Child(role, process, log)


def stop_all(children: Sequence[Child]) -> None:
    for child in children:
        child.ask_to_stop()
    for child in children:
        child.stop()


def wait_for_port(child: Child, port: int, deadline_s: float = 30.0) -> None:
    """Wait until somebody listens; a child that died meanwhile is reported with its log."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        child.check()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"the {child.role} did not listen on port {port}; see {child.log}")


def tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
