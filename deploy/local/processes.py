"""A child process that ends with us, whatever happens to us, and tells why it did not start."""

import asyncio
import ctypes
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

POLL = timedelta(milliseconds=20)
PATIENCE = timedelta(seconds=15)
LOG_LINES = 15
# Every process of one stack carries the stack's mark here, those that its children start included.
MARK = "WARREN_STACK_MARK"
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)

Ready = Callable[[], Awaitable[bool]]


class StartFailed(Exception):
    """A part of the stack did not start; the message has the end of its log and the remedy."""


class ChildProcess:
    """One server: started, stopped, killed and started again under the same name and log."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        log: Path,
        remedy: str,
        folder: Path | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self._command = tuple(command)
        self._environment = dict(environment)
        self._remedy = remedy
        self._folder = folder
        self._process: Process | None = None

    @property
    def pid(self) -> int:
        """The process id; raises LookupError while it does not run."""
        if self._process is None or self._process.returncode is not None:
            raise LookupError(f"{self.name} is not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Say whether the process lives."""
        return self._process is not None and self._process.returncode is None

    async def start(self, ready: Ready, within: timedelta) -> None:
        """Start it and wait until it is ready; raises StartFailed."""
        await self._spawn()
        try:
            async with asyncio.timeout(within.total_seconds()):
                while not await ready():
                    if not self.running:
                        raise self._failed(f"ended at once (code {await self.ended()})")
                    await asyncio.sleep(POLL.total_seconds())
        except TimeoutError as error:
            await self.kill()
            seconds = within.total_seconds()
            raise self._failed(f"was not ready after {seconds:.0f} seconds") from error

    async def _spawn(self) -> None:
        if self.running:
            raise RuntimeError(f"{self.name} runs already; stop it first")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        first = self._process is None
        with self.log.open("wb" if first else "ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=DEVNULL,
                stdout=output,
                stderr=STDOUT,
                env=self._environment,
                cwd=self._folder,
                start_new_session=True,
                preexec_fn=die_with_parent(),
            )

    def _failed(self, what: str) -> StartFailed:
        return StartFailed(
            f"{self.name} {what}; {self._remedy}\n"
            f"The end of its log ({self.log}):\n{tail(self.log)}"
        )

    async def ended(self) -> int:
        """Wait until the process is gone; return its exit code (minus the signal's number)."""
        if self._process is None:
            raise LookupError(f"{self.name} was never started")
        return await self._process.wait()

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the process alone, for example SIGSTOP."""
        os.kill(self.pid, number)

    async def stop(self, patience: timedelta = PATIENCE) -> None:
        """Ask it to end (SIGTERM); after `patience`, or at once for what it leaves, SIGKILL."""
        if self._process is None:
            return
        if self.running:
            self._process.terminate()
            with suppress(TimeoutError):
                async with asyncio.timeout(patience.total_seconds()):
                    await self._process.wait()
        await self.kill_group()

    async def kill(self) -> None:
        """SIGKILL the process alone, as an operating system short of memory would."""
        if self._process is not None and self.running:
            self._process.kill()
            await self._process.wait()

    async def kill_group(self) -> None:
        """SIGKILL the process and all that it started in its process group."""
        if self._process is not None:
            await kill_process_group(self._process)


async def kill_process_group(process: Process) -> None:
    """SIGKILL a process that leads a group, and all that is left of the group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def die_with_parent() -> Callable[[], None] | None:
    """What a child does before it becomes its program: ask the kernel to kill it when we die."""
    if sys.platform != "linux":
        return None
    parent = os.getpid()

    def ask() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # we died before the request took effect
            os._exit(1)

    return ask


def marked(mark: str) -> list[int]:
    """The processes of this machine that carry a stack's mark, ourselves excepted."""
    wanted = f"{MARK}={mark}".encode()
    return [pid for pid in _all_pids() if pid != os.getpid() and wanted in _environment_of(pid)]


def kill_marked(mark: str) -> list[int]:
    """SIGKILL whatever of a stack is left, orphans in sessions of their own included."""
    left = marked(mark)
    for pid in left:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return left


def _all_pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]


def _environment_of(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # gone meanwhile, or somebody else's
        return []


def tail(log: Path, lines: int = LOG_LINES) -> str:
    """The last lines of a log file."""
    return "\n".join(log.read_text("utf-8", "replace").splitlines()[-lines:])
