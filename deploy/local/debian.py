"""Debian packages the local stack needs, installed without starting a service."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from deploy.local.steps import SetUpFailed, run_step, say

POLICY = Path("/usr/sbin/policy-rc.d")
# Debian asks this program before a package starts its service; 101 means no. A private broker is
# all we want: one on the standard ports could meet one that already listens there.
POLICY_TEXT = """#!/bin/sh
# Put here by `make setup` of Warren while it installs RabbitMQ; removed again at once.
case "$1" in rabbitmq-server*|epmd*) exit 101 ;; esac
exit 0
"""


def install(packages: Sequence[str], *, why: str, log: Path) -> None:
    """Install packages as root or with sudo that asks no password; raises SetUpFailed."""
    wanted = " ".join(packages)
    by_hand = f"install it by hand: sudo apt-get install --no-install-recommends {wanted}"
    if shutil.which("apt-get") is None:
        raise SetUpFailed(f"{why}, and there is no apt-get here; install {wanted} by other means")
    root = as_root()
    if root is None:
        raise SetUpFailed(f"{why}, and this user is neither root nor has sudo; {by_hand}")
    apt = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]
    run_step("reading the list of Debian packages", [*apt, "update"], log=log, remedy=by_hand)
    with services_kept_still(root):
        run_step(
            f"installing {wanted}",
            [*apt, "install", "-y", "--no-install-recommends", *packages],
            log=log,
            remedy=by_hand,
        )
    if "rabbitmq-server" in packages:
        _keep_off_at_boot(root)


def as_root() -> list[str] | None:
    """The words to put before a command so that root runs it, or None if nobody may."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    asked = subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False)
    return ["sudo", "-n"] if asked.returncode == 0 else None


@contextmanager
def services_kept_still(root: Sequence[str], policy: Path = POLICY) -> Iterator[None]:
    """While this lasts, a newly installed broker is not started. A policy already there stays."""
    if policy.exists():
        yield
        return
    with tempfile.NamedTemporaryFile("w") as draft:
        draft.write(POLICY_TEXT)
        draft.flush()
        subprocess.run([*root, "install", "-m", "755", draft.name, str(policy)], check=True)
    try:
        yield
    finally:
        subprocess.run([*root, "rm", "-f", str(policy)], check=True)


def _keep_off_at_boot(root: Sequence[str]) -> None:
    """The package arranges a broker on the standard port at every boot; nobody asked for that."""
    off = [*root, "update-rc.d", "rabbitmq-server", "disable"]
    if subprocess.run(off, capture_output=True, check=False).returncode == 0:
        say("setup: the system's own RabbitMQ service stays off; Warren starts a private one")
