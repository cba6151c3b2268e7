"""One long step of the set-up: progress on the terminal, output in a file, one clear end."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

REPORT_EVERY_S = 5.0


class SetUpFailed(Exception):
    """The set-up cannot go on; the message is one line that ends with the remedy."""


def say(line: str) -> None:
    """Tell the person at the terminal now, even when it is a pipe."""
    print(line, flush=True)


def run_step(
    title: str,
    command: Sequence[str],
    *,
    log: Path,
    remedy: str,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run a command to its end, telling every few seconds how far it is.

    Raises SetUpFailed with the last line that explains the failure.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    say(f"setup: {title} ...")
    with log.open("wb") as output:
        try:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if environment is None else dict(environment),
            )
        except OSError as error:
            raise SetUpFailed(f"{title} failed: {error}; {remedy}") from error
        code = _wait(child, began, log)
    if code != 0:
        raise SetUpFailed(f"{title} failed: {reason_in(log)}; {remedy} (all output: {log})")
    say(f"setup: {title}: done in {time.monotonic() - began:.0f} s")


def _wait(child: subprocess.Popen[bytes], began: float, log: Path) -> int:
    try:
        while True:
            try:
                return child.wait(REPORT_EVERY_S)
            except subprocess.TimeoutExpired:
                say(f"setup:   {time.monotonic() - began:3.0f} s  {last_line(log)[:90]}")
    except BaseException:
        child.terminate()
        child.wait()
        raise


def last_line(log: Path) -> str:
    """The last line with news in it, or nothing: pip repeats its warnings by the hundred."""
    lines = [line.strip() for line in log.read_text("utf-8", "replace").splitlines()]
    return next((ln for ln in reversed(lines) if ln and not ln.startswith("WARNING")), "")


def reason_in(log: Path) -> str:
    """The first line that names an error (pip and apt go on talking), else the last line."""
    for line in log.read_text("utf-8", "replace").splitlines():
        if line.lower().startswith(("error", "e: ")):
            return line.strip()[:300]
    return last_line(log)[:300] or "it said nothing"
