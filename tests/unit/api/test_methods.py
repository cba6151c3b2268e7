"""Methods are what HTTP says they are, whatever route serves them."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from tests.unit.api.rehearsed_gateway import ADD, Declared, rehearsed_app


@pytest.fixture(scope="module")
def gateway() -> Iterator[TestClient]:
    with TestClient(rehearsed_app(Declared(ADD))) as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/jobs", "GET, HEAD, POST"),
        ("OPTIONS", "/v1/tasks/math.add/jobs", "POST"),
        ("GET", "/v1/jobs/bulk", "POST"),
        ("PUT", "/v1/tasks", "GET, HEAD"),
    ],
)
def test_a_refused_method_is_told_all_that_is_allowed(
    gateway: TestClient, method: str, path: str, allowed: str
) -> None:
    answer = gateway.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == allowed
    assert answer.json()["type"] == "/problems/method-not-allowed"


@pytest.mark.parametrize("path", ["/v1/tasks", "/docs", "/healthz/live", "/openapi.json"])
def test_head_answers_like_get_without_a_body(gateway: TestClient, path: str) -> None:
    got, head = gateway.get(path), gateway.head(path)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-type", "content-length", "etag"):
        assert head.headers.get(name) == got.headers.get(name)


def test_head_of_what_is_not_there_is_404(gateway: TestClient) -> None:
    answer = gateway.head("/v1/tasks/none")
    assert (answer.status_code, answer.content) == (404, b"")


def test_a_path_with_a_slash_too_many_is_another_path(gateway: TestClient) -> None:
    answer = gateway.get("/v1/tasks/", follow_redirects=False)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
