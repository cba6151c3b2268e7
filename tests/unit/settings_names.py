"""Every environment variable of Warren, by who reads it: what the documents are held to."""

from collections.abc import Iterator
from pathlib import Path

from pydantic_settings import BaseSettings

from shared.infrastructure.settings import GatewaySettings, Settings, WorkerSettings
from worker.tasks.http import HttpSettings

ROOT = Path(__file__).resolve().parents[2]

SDK = {"WARREN_URL": "http://127.0.0.1:8000", "WARREN_API_KEY": ""}
"""Read by `warren.address` and by the examples."""


def names_of(kind: type[BaseSettings]) -> set[str]:
    """Return the variables that a class of settings reads."""
    return {f"WARREN_{field.upper()}" for field in kind.model_fields}


ALL_PROCESSES = names_of(Settings)
GATEWAY = names_of(GatewaySettings)
WORKER = names_of(WorkerSettings) | names_of(HttpSettings)
EVERY_NAME = GATEWAY | WORKER | SDK.keys()


def defaults() -> dict[str, str]:
    """Return the default of each variable as one would write it in the environment."""
    found = dict(SDK)
    for kind in (GatewaySettings, WorkerSettings, HttpSettings):
        for field, info in kind.model_fields.items():
            found[f"WARREN_{field.upper()}"] = "" if info.is_required() else _written(info.default)
    return found


def _written(value: object) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return "" if value is None else str(value)


def sources() -> Iterator[Path]:
    """Return every file of the project that may name a variable."""
    for folder in ("api", "worker", "shared", "warren", "deploy", "bench", "examples", "docs"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in {".py", ".md", ".sh", ".yaml", ".toml"}:
                yield path
    for name in ("Makefile", "Dockerfile", "compose.yaml", ".env.example", "README.md"):
        yield ROOT / name
