"""How a process is asked to stop: by a signal, or by the end of its supervisor."""

import asyncio
import os
import signal
import sys
from threading import Timer

from worker.exits import LEASE_LOST

_LEFT_OVER = 15.0  # seconds beyond the grace period, for what is to be written


class Stop:
    """Finish what fits the grace period, or hand back at once when there is a hurry."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.hurried = asyncio.Event()


def stop_of_this_process(*, grace_s: float, left_over_s: float = _LEFT_OVER) -> Stop:
    """Return what SIGTERM asks, or the end of the pipe from our supervisor; SIGINT means hurry.

    Without a supervisor nobody kills a process that cannot finish, because MongoDB is gone for
    good, say: then it ends by itself, and the keeper of another supervisor rescues its jobs.
    A second SIGTERM says nothing new: a service manager sends one to each process of a group.
    """
    stop = Stop()
    loop = asyncio.get_running_loop()
    pipe = sys.stdin.fileno()

    def orphaned() -> None:
        loop.remove_reader(pipe)  # at its end a pipe is readable for ever
        last = Timer(grace_s + left_over_s, os._exit, [LEASE_LOST])
        last.daemon = True
        last.start()
        stop.asked.set()

    def hurry() -> None:
        if stop.asked.is_set():  # else it is not our supervisor that sends it
            stop.hurried.set()

    loop.add_signal_handler(signal.SIGTERM, stop.asked.set)
    loop.add_signal_handler(signal.SIGINT, hurry)
    loop.add_reader(pipe, orphaned)
    return stop
