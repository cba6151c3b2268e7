"""How a command meets the person at the terminal: Ctrl-C, exit codes, no tracebacks for errors."""

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_until_signal(work: Coroutine[Any, Any, None], expected: tuple[type[Exception], ...]) -> int:
    """Run until done or told to stop (0), or an expected error (1, its message on stderr)."""
    try:
        with foreground():
            asyncio.run(_cancelled_by_signal(work))
    except expected as error:
        print(f"warren: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


async def _cancelled_by_signal(work: Coroutine[Any, Any, None]) -> None:
    """The first signal unwinds the work; later ones change nothing, the unwinding is under way."""
    task = asyncio.ensure_future(work)
    asked: list[bool] = []

    def ask() -> None:
        if not asked:
            asked.append(True)
            task.cancel()

    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, ask)
    try:
        await task
    except asyncio.CancelledError:
        if not asked:
            raise


@contextmanager
def foreground() -> Iterator[None]:
    """Take Ctrl-C for ourselves, so that a clean stop is not an error of the `make` around us."""
    if not _shares_terminal():
        yield
        return
    others = os.getpgrp()
    # Ours alone now: nobody outside this group would notice a Ctrl-Z, so it does nothing.
    ignored = {s: signal.signal(s, signal.SIG_IGN) for s in (signal.SIGTTOU, signal.SIGTSTP)}
    os.setpgid(0, 0)
    os.tcsetpgrp(sys.stdin.fileno(), os.getpgrp())
    try:
        yield
    finally:
        os.tcsetpgrp(sys.stdin.fileno(), others)
        for number, before in ignored.items():
            signal.signal(number, before)


def _shares_terminal() -> bool:
    """Say whether we run at a terminal in the same group as the program that started us."""
    if not sys.stdin.isatty() or os.getpgrp() == os.getpid():
        return False
    return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
