"""Fuzz the live gateway from its own OpenAPI document: it never crashes and never surprises."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from deploy.local.stack import Stack
from tests.journeys.service import Service, open_service

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_no_request_that_the_document_allows_is_answered_otherwise_than_it_says(
    stack: Stack, tmp_path: Path
) -> None:
    # Of its own: a request at random may cancel every job, or set a schedule that fires for ever.
    async with open_service(stack, "fuzzing") as service:
        await _fuzz(service, tmp_path)
        assert (await service.http.get("/healthz/ready")).status_code == 200
        assert "internal error" not in service.gateway.log.read_text()
        assert "request.failed" not in service.gateway.log.read_text()


async def _fuzz(service: Service, directory: Path) -> None:
    command = [
        *(sys.executable, "-m", "schemathesis.cli"),
        *("--config-file", str(HERE / "schemathesis.toml")),
        *("run", f"{service.gateway.url}/openapi.json"),
        *("--checks", "all", "--phases", "examples,coverage,fuzzing"),
        *("--max-examples", "5", "--seed", "7", "--generation-allow-x00", "false"),
        *("--request-timeout", "20", "--no-color"),
    ]
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "SCHEMATHESIS_HOOKS": "tests.fuzz.schemathesis_hooks",
    }
    fuzzing = await asyncio.create_subprocess_exec(
        *command,
        env=environment,
        cwd=directory,  # it keeps what failed once, and would try that again
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await fuzzing.communicate()

    assert fuzzing.returncode == 0, output.decode()[-6000:]
