"""Each problem's `type` is a page that a person can read."""

from collections.abc import Iterator
from html import unescape

import pytest
from starlette.testclient import TestClient

from api.problem_examples import EXAMPLES
from api.problems import KINDS
from tests.unit.api.rehearsed_gateway import Declared, rehearsed_app


@pytest.fixture(scope="module")
def gateway() -> Iterator[TestClient]:
    with TestClient(rehearsed_app(Declared())) as client:
        yield client


def test_every_problem_has_an_example_of_its_own() -> None:
    assert set(EXAMPLES) == set(KINDS), "add the example to api/problem_examples.py"


@pytest.mark.parametrize("slug", KINDS)
def test_a_problem_has_a_page_with_its_status_remedy_and_example(
    gateway: TestClient, slug: str
) -> None:
    answer = gateway.get(f"/problems/{slug}", headers={"Accept": "text/html"})
    text = unescape(answer.text)
    assert answer.headers["content-type"].startswith("text/html")
    assert KINDS[slug].title in text
    assert f"<b>{KINDS[slug].status}</b>" in text
    assert KINDS[slug].remedy.split("`")[0] in text
    assert f'"type": "/problems/{slug}"' in text


def test_a_problem_is_json_for_who_asks_for_it(gateway: TestClient) -> None:
    answer = gateway.get("/problems/invalid-input", headers={"Accept": "application/json"}).json()
    assert answer["status"] == 422
    assert answer["example"]["errors"][0]["pointer"] == "/input/x"


def test_all_problems_are_listed(gateway: TestClient) -> None:
    text = gateway.get("/problems").text
    assert all(f'href="/problems/{slug}"' in text for slug in KINDS)
    listed = gateway.get("/problems", headers={"Accept": "application/json"}).json()["problems"]
    assert {each["type"] for each in listed} == {f"/problems/{slug}" for slug in KINDS}


def test_an_unknown_problem_is_a_problem(gateway: TestClient) -> None:
    answer = gateway.get("/problems/no-such-thing")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "/problems/not-found"
