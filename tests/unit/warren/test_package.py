"""The package as its users meet it: what it exports, and what it does not drag in."""

import subprocess
import sys

import pytest

import warren
from warren.address import Address


def test_everything_it_promises_is_there() -> None:
    assert all(getattr(warren, name) is not None for name in warren.__all__)
    assert {"task", "Job", "Client", "AsyncClient", "Retry", "GiveUp"} <= set(warren.__all__)


def test_what_it_does_not_have_it_says() -> None:
    with pytest.raises(AttributeError, match="no attribute 'chian'"):
        warren.chian  # noqa: B018


def test_declaring_a_task_imports_no_http_no_tests_and_no_service() -> None:
    code = (
        "import sys; from warren import task, Job\n"
        "task(name='t.f')(lambda: None)\n"
        "print({m.partition('.')[0] for m in sys.modules}"
        " & {'httpx2', 'websockets', 'pytest', 'api', 'worker', 'shared'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_the_address_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WARREN_URL", raising=False)
    monkeypatch.delenv("WARREN_API_KEY", raising=False)
    assert Address.of() == Address("http://127.0.0.1:8000", None)
    monkeypatch.setenv("WARREN_URL", "https://jobs.example/base/")
    monkeypatch.setenv("WARREN_API_KEY", "secret")
    address = Address.of()
    assert address.headers == {"Authorization": "Bearer secret"}
    assert address.websocket == "wss://jobs.example/base/v1/ws"
    assert "secret" not in repr(address)
    assert Address.of("http://other", "mine") == Address("http://other", "mine")


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://x", "http://"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must look like http"):
        Address.of(url)
