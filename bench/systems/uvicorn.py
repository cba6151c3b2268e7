"""How the peers' FastAPI applications are served: the fastest that uvicorn offers."""

from __future__ import annotations

import sys


def gateway_command(app: str, port: int, processes: int) -> list[str]:
    command = [sys.executable, "-m", "uvicorn", app, "--host", "127.0.0.1", "--port", str(port)]
    command += ["--loop", "uvloop", "--http", "httptools", "--no-access-log"]
    return [*command, "--log-level", "warning", "--workers", str(processes)]
