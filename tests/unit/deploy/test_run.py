"""`make run` says what stands in its way, and what died."""

import os
import signal
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from deploy.local.processes import ChildProcess
from deploy.local.run import CannotRun, PartDied, only_one, until_one_dies, wanted_port
from deploy.local.services import Service


def test_a_second_run_in_the_same_directory_is_refused(tmp_path: Path) -> None:
    with (
        only_one(tmp_path),
        pytest.raises(CannotRun, match=f"another `make run`.*process {os.getpid()}"),
        only_one(tmp_path),
    ):
        pass


def test_a_run_that_has_ended_makes_room_for_the_next(tmp_path: Path) -> None:
    for _ in range(2):
        with only_one(tmp_path):
            assert (tmp_path / "lock").read_text() == str(os.getpid())


def test_a_taken_port_is_refused_naming_the_variable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        with pytest.raises(CannotRun, match=f"port {port} is taken.*WARREN_PORT="):
            wanted_port({"WARREN_PORT": str(port)})


@pytest.mark.parametrize("text", ["http", "0", "65536", "-1", "80.5"])
def test_a_port_that_is_none_is_refused_naming_the_variable(text: str) -> None:
    with pytest.raises(CannotRun, match="WARREN_PORT must be a port number"):
        wanted_port({"WARREN_PORT": text})


async def test_a_part_that_dies_is_named_with_its_last_words(tmp_path: Path) -> None:
    command = ["sh", "-c", "echo out of memory; kill -9 $$"]
    process = ChildProcess(
        "gateway", command, environment=dict(os.environ), log=tmp_path / "log", remedy="none"
    )

    async def ready() -> bool:
        return True

    part = Service(process, ready, timedelta(seconds=1))
    await part.start()

    with pytest.raises(PartDied, match=r"(?s)gateway ended by itself \(code -9\).*out of memory$"):
        await until_one_dies([part])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_unwinds_the_work_and_is_a_good_end(number: signal.Signals) -> None:
    ended = _run_command(f"os.kill(os.getpid(), {int(number)}); await asyncio.sleep(60)")

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "unwound\n", "")


def test_an_expected_error_is_one_line_and_a_failure() -> None:
    ended = _run_command("raise LookupError('no broker: start one')")

    assert (ended.returncode, ended.stderr) == (1, "warren: no broker: start one\n")


def _run_command(step: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", COMMAND.format(step=step)]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False
    )


COMMAND = """
import asyncio, os, sys
from deploy.local.terminal import run_until_signal

async def work():
    try:
        {step}
    finally:
        print("unwound")

sys.exit(run_until_signal(work(), (LookupError,)))
"""
