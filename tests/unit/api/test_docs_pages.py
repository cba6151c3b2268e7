"""Our pages ask nobody outside, and their files are served as browsers like it."""

import re
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from tests.unit.api.rehearsed_gateway import ADD, Declared, rehearsed_app

PAGES = ("/", "/docs", "/docs/realtime", "/problems", "/problems/internal")
BUNDLE = "/static/swagger-ui/swagger-ui-bundle.js"


@pytest.fixture(scope="module")
def gateway() -> Iterator[TestClient]:
    with TestClient(rehearsed_app(Declared(ADD))) as client:
        yield client


@pytest.mark.parametrize("path", PAGES)
def test_a_page_loads_only_files_of_ours_that_exist(gateway: TestClient, path: str) -> None:
    page = gateway.get(path)
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert "/static/warren.css" in loaded
    for target in loaded:
        assert target.startswith("/"), target
    for target in {each for each in loaded if each.startswith("/static/")}:
        assert gateway.get(target).status_code == 200, target


@pytest.mark.parametrize("path", PAGES)
def test_a_page_lets_the_browser_run_nothing_from_elsewhere(gateway: TestClient, path: str) -> None:
    headers = gateway.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_no_script_or_style_inside(gateway: TestClient, path: str) -> None:
    text = gateway.get(path).text
    assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]*\ssrc=)", text)


def test_the_first_page_has_a_command_for_this_gateway(gateway: TestClient) -> None:
    text = gateway.get("/", headers={"Host": "jobs.example"}).text
    assert "curl http://jobs.example/v1/jobs" in text


def test_the_host_that_a_caller_names_is_not_trusted_as_html(gateway: TestClient) -> None:
    assert "<script>alert" not in gateway.get("/", headers={"Host": "<script>alert(1)"}).text


def test_swagger_ui_comes_whole_packed_and_with_its_licence(gateway: TestClient) -> None:
    packed = gateway.get(BUNDLE, headers={"Accept-Encoding": "gzip"})
    plain = gateway.get(BUNDLE, headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content  # the client unpacks
    assert b"SwaggerUIBundle" in plain.content
    assert "Apache License" in gateway.get("/static/swagger-ui/LICENSE").text


def test_a_file_that_the_browser_has_is_not_sent_again(gateway: TestClient) -> None:
    tag = gateway.get(BUNDLE).headers["etag"]
    again = gateway.get(BUNDLE, headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert "max-age" in again.headers["cache-control"]


@pytest.mark.parametrize(
    "path", ["/static/none.js", "/static/../pages.py", "/static/page.html", "/static/swagger-ui/x"]
)
def test_nothing_else_is_served_as_a_file(gateway: TestClient, path: str) -> None:
    answer = gateway.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
