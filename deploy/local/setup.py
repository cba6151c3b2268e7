"""Make this checkout ready: virtual environment, locked dependencies, the servers.

Run by the system's Python before anything is installed: `python3 -m deploy.local.setup dev`
(or `bench`, which adds the peers that the benchmark compares with).
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from deploy.local.binaries import NotInstalled, missing_library, mongod, rabbitmq_bin
from deploy.local.debian import install
from deploy.local.steps import SetUpFailed, run_step, say

ROOT = Path(__file__).resolve().parents[2]
OLDEST_PYTHON = (3, 11)
PACKAGE_OF_LIBRARY = {"libcurl.so.4": "libcurl4"}


def main(arguments: list[str]) -> int:
    """Set up what is missing; 0 when all is there, 1 after one line that says what to do."""
    lock = arguments[0] if arguments else "dev"
    try:
        check_python()
        ensure_venv(ROOT / ".venv")
        ensure_dependencies(ROOT / ".venv", ROOT / "requirements" / f"{lock}.txt")
        ensure_servers(ROOT / ".venv")
    except (SetUpFailed, OSError, subprocess.CalledProcessError) as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("setup: interrupted; run it again to go on", file=sys.stderr)
        return 130
    return 0


def check_python(version: tuple[int, ...] = sys.version_info[:3]) -> None:
    """Refuse a Python that cannot run Warren."""
    if version[:2] < OLDEST_PYTHON:
        raise SetUpFailed(
            f"Python {'.'.join(map(str, version))} is too old, Warren needs 3.11 or newer: install "
            "one and name it, for example `make run PYTHON=python3.11`"
        )


def ensure_venv(venv: Path) -> None:
    """Create the virtual environment unless a whole one is there."""
    if _is_whole(venv):
        return
    ensure_venv_module()
    run_step(
        f"creating the virtual environment {venv.name}",
        [sys.executable, "-m", "venv", "--clear", str(venv)],
        log=_log("venv"),
        remedy=f"remove {venv} and try again",
    )


def _is_whole(venv: Path) -> bool:
    packages = venv / "lib" / "python*" / "site-packages" / "pip" / "__main__.py"
    return (venv / "bin" / "python").exists() and any(venv.glob(str(packages.relative_to(venv))))


def ensure_venv_module() -> None:
    """Debian ships Python without the part that makes virtual environments; bring it."""
    if importlib.util.find_spec("ensurepip") is not None:
        return
    package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    why = f"{sys.executable} cannot make virtual environments (the package {package} is missing)"
    install([package], why=why, log=_log("apt"))
    importlib.invalidate_caches()
    if importlib.util.find_spec("ensurepip") is None:
        raise SetUpFailed(f"{why}; name a Python that can, for example `make run PYTHON=python3`")


def ensure_dependencies(venv: Path, lock: Path) -> None:
    """Install what the lock names, by hash, unless exactly this lock was installed before."""
    if not lock.exists():
        raise SetUpFailed(f"{lock} does not exist; choose dev or bench, or make it: `make lock`")
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    stamp = venv / f"installed-{lock.stem}.sha256"
    if stamp.exists() and stamp.read_text() == digest:
        return
    pip = [str(venv / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input"]
    run_step(
        f"installing the dependencies of {lock.name} (a few minutes the first time)",
        [*pip, "install", "--require-hashes", "--no-deps", "--progress-bar=off", "-r", str(lock)],
        log=_log("pip"),
        remedy="check the network and the package index of pip, then try again",
        environment={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    _make_importable(venv)
    stamp.write_text(digest)


def _make_importable(venv: Path) -> None:
    """Let the environment's Python find the checkout, whatever folder it is started from."""
    for packages in venv.glob("lib/python*/site-packages"):
        (packages / "warren-checkout.pth").write_text(f"{ROOT}\n", "utf-8")


def ensure_servers(venv: Path) -> None:
    """Install what RabbitMQ and MongoDB lack here, unless servers elsewhere are named."""
    lacks = [*_rabbitmq_lacks(), *_mongod_lacks(venv)]
    if not lacks:
        return
    why = f"the local servers need {' and '.join(lacks)}"
    install(lacks, why=why, log=_log("apt"))
    if still := [*_rabbitmq_lacks(), *_mongod_lacks(venv)]:
        raise SetUpFailed(
            f"{' and '.join(still)} was installed but is not where it was expected; set "
            "WARREN_RABBIT_URL and WARREN_MONGO_URL to servers of yours"
        )


def _rabbitmq_lacks() -> list[str]:
    if os.environ.get("WARREN_RABBIT_URL"):
        return []
    try:
        rabbitmq_bin()
    except NotInstalled:
        return ["rabbitmq-server"]
    return []


def _mongod_lacks(venv: Path) -> list[str]:
    """The Debian packages of the shared libraries that the server of the wheel links to."""
    if os.environ.get("WARREN_MONGO_URL"):
        return []
    try:
        server = mongod([str(folder) for folder in venv.glob("lib/python*/site-packages")])
    except NotInstalled as error:
        raise SetUpFailed(str(error)) from error
    library = missing_library(server)
    if library is None:
        return []
    if library not in PACKAGE_OF_LIBRARY:
        raise SetUpFailed(
            f"{server} does not start here ({library} is missing): put a `mongod` of your own on "
            "PATH, or set WARREN_MONGO_URL to a replica set of yours"
        )
    return [PACKAGE_OF_LIBRARY[library]]


def _log(name: str) -> Path:
    return ROOT / ".warren" / "setup" / f"{name}.log"


if __name__ == "__main__":
    code = main(sys.argv[1:])
    if code == 0:
        say("setup: ready")
    sys.exit(code)
