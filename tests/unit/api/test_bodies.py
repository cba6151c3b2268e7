"""Reading a request's body: its type first, then strict JSON."""

import pytest

from api.bodies import media_type, read_json
from api.problems import ProblemError
from shared.contracts.errors import Malformed
from tests.unit.api.requests import a_request


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/x+json",
    ],
)
def test_json_is_read_under_each_of_its_names(kind: str) -> None:
    assert read_json(a_request(headers={"Content-Type": kind}), b'{"a":1}') == {"a": 1}


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "text/json", "application/x-www-form-urlencoded", "json", "x/y+json"]
)
def test_another_type_is_refused_with_what_to_send(kind: str) -> None:
    with pytest.raises(ProblemError, match="send Content-Type: application/json") as refused:
        read_json(a_request(headers={"Content-Type": kind}), b"{}")
    assert refused.value.slug == "unsupported-media-type"


def test_no_type_at_all_is_refused() -> None:
    with pytest.raises(ProblemError, match="without a Content-Type"):
        read_json(a_request(), b"{}")


@pytest.mark.parametrize("body", [b"", b"{", b'{"a":NaN}', b'{"a":1,"a":2}'])
def test_a_body_that_is_not_strict_json_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        read_json(a_request(headers={"Content-Type": "application/json"}), body)


def test_the_parameters_of_a_type_do_not_matter() -> None:
    request = a_request(headers={"Content-Type": " Application/JSONL ; charset=utf-8"})
    assert media_type(request) == "application/jsonl"
