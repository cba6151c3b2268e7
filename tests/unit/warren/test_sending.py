"""`.delay`, `.submit` and their async twins, through the default clients."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.unit.warren.sample_tasks import add, count
from warren import InvalidInput, task
from warren.default import close_default_client, default_async_client, default_client


class Handler(BaseHTTPRequestHandler):
    """Runs every job at once, in its head."""

    protocol_version = "HTTP/1.1"
    submissions: list[dict[str, Any]]

    def do_POST(self) -> None:
        submission = json.loads(self.rfile.read(int(self.headers["content-length"])))
        key, prefer = self.headers["idempotency-key"], self.headers["prefer"]
        self.submissions.append(submission | {"key": key, "prefer": prefer})
        self._answer(202, {"status": "queued", **submission})

    def do_GET(self) -> None:
        self._answer(200, {"status": "succeeded", "done": True, "task": "t.f", "result": 5})

    def _answer(self, status: int, job: dict[str, Any]) -> None:
        body = json.dumps({"id": "7"} | job).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def submissions(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """What a service at WARREN_URL was handed."""
    handler: type[Handler] = type("Handler", (Handler,), {"submissions": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("WARREN_URL", f"http://127.0.0.1:{server.server_port}/")
        close_default_client()
        yield handler.submissions
        close_default_client()
        server.shutdown()


def test_a_call_can_be_sent_instead_of_made(submissions: list[dict[str, Any]]) -> None:
    job = add.delay(1, y=4)
    assert job.get(timeout=5) == 5
    assert submissions[0]["task"] == "sample_tasks.add"
    assert submissions[0]["input"] == {"x": 1, "y": 4}


def test_the_job_is_no_argument_of_what_is_sent(submissions: list[dict[str, Any]]) -> None:
    count.delay(3)
    assert submissions[0]["input"] == {"to": 3}


def test_a_wrong_call_is_not_sent(submissions: list[dict[str, Any]]) -> None:
    wrong: Any = "1"
    with pytest.raises(InvalidInput):
        add.delay(wrong)
    with pytest.raises(TypeError, match="missing"):
        add.submit()
    assert submissions == []


def test_submit_takes_submission_fields_beside_the_arguments(
    submissions: list[dict[str, Any]],
) -> None:
    add.submit(1, 4, queue="bulk", delay_s=60, idempotency_key="order-7", wait=2)
    assert submissions == [
        {
            "task": "sample_tasks.add",
            "input": {"x": 1, "y": 4},
            "queue": "bulk",
            "delay_s": 60,
            "key": "order-7",
            "prefer": "wait=2",
        }
    ]


def test_a_parameter_of_the_function_wins_over_a_field(submissions: list[dict[str, Any]]) -> None:
    @task(name="t.enqueue")
    def enqueue(queue: str, wait: int) -> None: ...

    enqueue.submit(queue="at the door", wait=1, priority=3)
    assert submissions[0]["input"] == {"queue": "at the door", "wait": 1}
    assert submissions[0]["priority"] == 3
    assert submissions[0]["prefer"] is None


def test_a_keyword_that_is_neither_is_refused(submissions: list[dict[str, Any]]) -> None:
    with pytest.raises(TypeError, match="no parameter 'queeu', and it is no submission field"):
        add.submit(1, 4, queeu="bulk")


async def test_async_code_has_twins(submissions: list[dict[str, Any]]) -> None:
    job = await add.adelay(1, 4)
    assert await job.aget(timeout=5) == 5
    assert await (await count.asubmit(3, queue="bulk")).status() == "succeeded"
    assert submissions[1]["queue"] == "bulk"
    client = await default_async_client()
    assert client is await default_async_client()


async def test_a_sync_handle_can_be_awaited(submissions: list[dict[str, Any]]) -> None:
    job = await asyncio.to_thread(add.delay, 1)
    assert await job.aget(timeout=5) == 5
    assert submissions[0]["input"] == {"x": 1}


def test_each_loop_has_a_client_that_ends_with_it(submissions: list[dict[str, Any]]) -> None:
    clients = [asyncio.run(default_async_client()) for _ in range(2)]
    assert clients[0] is not clients[1]
    assert all(client._http.is_closed for client in clients)


def test_a_process_has_one_client(submissions: list[dict[str, Any]]) -> None:
    client = default_client()
    assert client is default_client()
    close_default_client()
    assert default_client() is not client


def test_a_script_ends_cleanly_without_closing_anything(
    submissions: list[dict[str, Any]], tmp_path: Path
) -> None:
    script = tmp_path / "jobs.py"
    script.write_text(
        "import asyncio\n"
        "from warren import task\n"
        "@task\n"
        "def double(x: int) -> int: return 2 * x\n"
        "if __name__ == '__main__':\n"
        "    print(double.delay(1).get(5))\n"
        "    async def main():\n"
        "        print(await (await double.adelay(2)).aget(5))\n"
        "    asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script)],
        env={"PYTHONPATH": str(Path.cwd()), "WARREN_URL": str(default_client().address.url)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("5\n5\n", "")
    assert [submission["task"] for submission in submissions] == ["jobs.double"] * 2
