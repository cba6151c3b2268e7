"""The image and the composed stack have the commands and settings that all else names."""

import fnmatch
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped] # its stubs are not worth a dependency

from api.routes import health
from deploy.local.ports import free_port
from shared.infrastructure.settings import GatewaySettings, WorkerSettings, load
from tests.unit.settings_names import GATEWAY, ROOT, WORKER

DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", "")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
EXAMPLE = dict(
    line.split("=", 1)
    for line in (ROOT / ".env.example").read_text().splitlines()
    if line and not line.startswith("#")
)
SECRETS = {"WARREN_ADMIN_KEY": "k" * 20, "RABBITMQ_PASSWORD": "secret"}
OURS = {"gateway": GATEWAY, "worker": WORKER}
OWN_PACKAGES = {"api", "worker", "shared", "warren"}


def instructions(keyword: str) -> list[str]:
    """Return what follows a keyword of the Dockerfile, last stage included."""
    return re.findall(rf"^{keyword} (.*)$", DOCKERFILE, re.MULTILINE)


def last_stage() -> str:
    return DOCKERFILE.rsplit("\nFROM ", 1)[1]


def filled_in(text: str) -> str:
    """Return a value as compose would hand it over, with the example's .env and secrets."""
    given = EXAMPLE | SECRETS

    def value(match: re.Match[str]) -> str:
        return given.get(match["name"]) or match["default"] or ""

    return re.sub(r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*)|:\?[^}]*)?\}", value, text)


def seconds(duration: str) -> int:
    assert duration.endswith("s"), duration
    return int(duration[:-1])


def test_the_image_is_slim_and_has_a_python_that_the_project_supports() -> None:
    (tag,) = re.findall(r"^ARG PYTHON=(.*)$", DOCKERFILE, re.MULTILINE)
    assert re.fullmatch(r"3\.1[1-9]-slim-\w+", tag)
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) == ["python:${PYTHON}"] * 2


def test_dependencies_are_installed_by_hash_from_the_locked_file() -> None:
    (install,) = [run for run in instructions("RUN") if "pip install" in run]
    assert "--require-hashes" in install
    assert "--only-binary=:all:" in install
    locked = (ROOT / "requirements" / "service.txt").read_text()
    pinned = re.findall(r"^[\w.\[\]-]+==", locked, re.MULTILINE)
    assert len(pinned) > 20
    assert locked.count("--hash=sha256:") >= len(pinned)


def test_no_database_server_and_no_test_tool_is_in_the_image() -> None:
    locked = (ROOT / "requirements" / "service.txt").read_text()
    assert not re.search(r"^(fiftyone|pytest|hypothesis|schemathesis|mypy|ruff)", locked, re.M)


def test_the_image_holds_every_package_of_the_service_and_nothing_else() -> None:
    copied = {source for source, *_ in map(str.split, instructions("COPY"))}
    assert copied == {"requirements/service.txt", *OWN_PACKAGES, "--from=build"}
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    assert allowed[1] == "*", "everything is left out unless it is named"
    named = {line[1:] for line in allowed if line.startswith("!")}
    assert named == {"requirements/service.txt", *OWN_PACKAGES}


def test_secrets_cannot_get_into_the_image() -> None:
    patterns = (ROOT / ".dockerignore").read_text().splitlines()
    named = [line[1:] for line in patterns if line.startswith("!")]
    assert not any(fnmatch.fnmatch(".env", pattern) for pattern in named)
    assert not re.findall(r"(?i)(password|secret|_key)\s*=", DOCKERFILE)


def test_the_image_runs_as_a_number_that_is_not_root() -> None:
    user, group = re.findall(r"^USER (\d+):(\d+)$", last_stage(), re.MULTILINE)[0]
    assert int(user) >= 1000
    assert int(group) >= 1000


def test_the_image_is_a_gateway_unless_told_otherwise() -> None:
    assert json.loads(instructions("CMD")[-1]) == ["python", "-m", "api"]
    assert "ENTRYPOINT" not in DOCKERFILE, "any command can be given"


@contextmanager
def answering(status: int) -> Iterator[tuple[int, list[str]]]:
    """A server that answers everything with this status; yields its port and what was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Stay silent."""

    server = HTTPServer(("127.0.0.1", free_port()), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server.server_port, asked
    finally:
        server.shutdown()
        server.server_close()


def check_health(port: int) -> int:
    python, *rest = json.loads(re.findall(r"^HEALTHCHECK .* CMD (\[.*\])$", DOCKERFILE, re.M)[0])
    assert python == "python"
    environment = os.environ | {"WARREN_PORT": str(port)}
    command = [sys.executable, *rest]
    return subprocess.run(command, env=environment, capture_output=True, check=False).returncode


def test_the_health_check_asks_whether_the_gateway_lives() -> None:
    with answering(200) as (port, asked):
        assert check_health(port) == 0
    assert asked == ["/healthz/live"]
    assert asked[0] in {getattr(route, "path", "") for route in health.router.routes}
    with answering(503) as (port, _):
        assert check_health(port) != 0
    assert check_health(free_port()) != 0, "nobody there"


@pytest.mark.parametrize(("service", "module"), [("gateway", "api"), ("worker", "worker")])
def test_the_services_run_the_documented_commands(service: str, module: str) -> None:
    assert SERVICES[service]["command"] == ["python", "-m", module]
    assert find_spec(f"{module}.__main__") is not None


@pytest.mark.parametrize("service", OURS)
def test_the_services_set_only_variables_that_their_process_reads(service: str) -> None:
    assert SERVICES[service]["environment"].keys() <= OURS[service]


def test_the_broker_and_the_database_are_named_where_they_are() -> None:
    for service in OURS:
        environment = SERVICES[service]["environment"]
        assert "@rabbitmq:5672/" in environment["WARREN_RABBIT_URL"]
        assert environment["WARREN_MONGO_URL"] == "mongodb://mongo:27017/?replicaSet=rs0"
    assert "--replSet" in SERVICES["mongo"]["command"]
    assert "rs0" in SERVICES["mongo"]["command"]
    healthy_when = SERVICES["mongo"]["healthcheck"]["test"][-1]
    assert '_id: "rs0"' in healthy_when
    assert "isWritablePrimary" in healthy_when


def test_the_settings_of_the_composed_gateway_are_valid_and_ask_for_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in SERVICES["gateway"]["environment"].items():
        monkeypatch.setenv(name, filled_in(str(value)))
    settings = load(GatewaySettings)
    assert settings.keys_needed
    assert settings.admin_key is not None
    assert settings.admin_key.get_secret_value() == SECRETS["WARREN_ADMIN_KEY"]
    assert settings.rabbit_urls == ("amqp://warren:secret@rabbitmq:5672/",)


def test_the_settings_of_the_composed_worker_are_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SERVICES["worker"]["environment"].items():
        monkeypatch.setenv(name, filled_in(str(value)))
    settings = load(WorkerSettings)
    patience = seconds(SERVICES["worker"]["stop_grace_period"])
    assert patience > settings.grace_s + 5, "the supervisor kills after its grace and 5 s"


def test_nothing_starts_before_what_it_needs_is_healthy() -> None:
    for service in OURS:
        needs = SERVICES[service]["depends_on"]
        assert needs == {name: {"condition": "service_healthy"} for name in ("rabbitmq", "mongo")}
    for backing in ("rabbitmq", "mongo"):
        assert SERVICES[backing]["healthcheck"]["test"]


def test_only_the_gateway_can_be_reached_and_only_from_this_machine() -> None:
    ports = {name: service.get("ports", []) for name, service in SERVICES.items()}
    assert ports.pop("gateway") == ["127.0.0.1:${WARREN_PORT:-8000}:8000"]
    assert not any(ports.values())
    assert SERVICES["gateway"]["environment"]["WARREN_PORT"] == "8000"
    assert "8000" in instructions("EXPOSE")


def test_data_outlives_containers() -> None:
    mounted = {
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
    }
    assert mounted == COMPOSE["volumes"].keys()
    assert "hostname" in SERVICES["rabbitmq"], "its data directory is named after the host"


def test_images_are_pinned_to_a_release() -> None:
    pinned = {name: service["image"] for name, service in SERVICES.items() if name not in OURS}
    assert all(re.fullmatch(r"[a-z]+:\d+\.\d+", image) for image in pinned.values()), pinned


def test_the_example_names_every_variable_that_compose_asks_for() -> None:
    asked = set(re.findall(r"\$\{(\w+)", (ROOT / "compose.yaml").read_text()))
    assert asked == EXAMPLE.keys()


def test_there_is_no_default_secret() -> None:
    text = (ROOT / "compose.yaml").read_text()
    for secret in SECRETS:
        assert EXAMPLE[secret] == ""
        assert set(re.findall(rf"\$\{{{secret}(..)", text)) == {":?"}, "compose refuses without it"


def test_the_example_and_compose_agree_on_defaults() -> None:
    text = (ROOT / "compose.yaml").read_text()
    for name, default in re.findall(r"\$\{(\w+):-([^}]*)\}", text):
        assert EXAMPLE[name] == default, name
