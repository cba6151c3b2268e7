"""The AsyncAPI document says what is really sent, on the socket and on RabbitMQ."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import jsonschema_rs
import orjson
import pytest

from api.asyncapi import CLOSE_CODES, print_asyncapi
from api.hub import Change
from api.problems import ProblemError
from api.sockets import frames
from shared.contracts.bells import encode_bell
from shared.contracts.control import Order, encode_order
from shared.contracts.events import Hint, encode_hints
from shared.contracts.ids import new_id
from shared.contracts.job import Job

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ID = new_id(NOW)
JOB = Job(id=ID, task="math.add", queue="math", created_at=NOW)
SENT = {
    "ConnectionAck": frames.ACK,
    "Next": frames.next_frame("s1", Change(JOB, "job.queued")),
    "Complete": frames.complete_frame("s1"),
    "SubscriptionError": frames.error_frame("s1", ProblemError("not-found", "no such job")),
    "Pong": frames.PONG,
    "Bell": encode_bell([ID, new_id(NOW)]),
    "Hints": encode_hints([Hint(ID, "job.running", "math.add", "math", ("acme",))]),
    "Order": encode_order(Order(cancel=(ID,))),
}


@pytest.fixture(scope="module")
def document() -> Any:
    return orjson.loads(print_asyncapi("blue", host="jobs.example:8000", secure=True))


@pytest.mark.parametrize("message", SENT)
def test_what_is_sent_fits_its_message(document: Any, message: str) -> None:
    check(document, message, SENT[message])


def test_a_bell_for_one_job_fits_too(document: Any) -> None:
    check(document, "Bell", encode_bell([ID]))


def test_an_order_to_drain_fits_too(document: Any) -> None:
    check(document, "Order", encode_order(Order(drain="worker-1")))


@pytest.mark.parametrize("message", sorted(SENT))
def test_something_else_does_not_fit(document: Any, message: str) -> None:
    with pytest.raises(jsonschema_rs.ValidationError):
        check(document, message, b'{"type":"other","ids":[]}')


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("ConnectionInit", '{"type":"connection_init","token":"wk_x"}'),
        ("Subscribe", '{"type":"subscribe","id":"s1","job":"x","after":3}'),
        ("Unsubscribe", '{"type":"unsubscribe","id":"s1"}'),
        ("Ping", '{"type":"ping"}'),
    ],
)
def test_what_a_client_says_is_read_and_fits_its_message(
    document: Any, message: str, text: str
) -> None:
    assert type(frames.read_frame(text)).__name__ == message
    check(document, message, text.encode())


def test_every_message_belongs_to_an_operation(document: Any) -> None:
    told = {
        each["$ref"].rpartition("/")[2]
        for operation in document["operations"].values()
        for each in operation["messages"]
    }
    assert told == set(document["components"]["messages"])


def test_every_close_code_is_explained(document: Any) -> None:
    codes = {value for name, value in vars(frames).items() if name.isupper() and is_code(value)}
    assert codes == set(CLOSE_CODES)
    assert all(f"`{code}`" in document["info"]["description"] for code in codes)


def test_names_on_the_broker_follow_the_namespace(document: Any) -> None:
    exchanges = [
        channel["bindings"]["amqp"]["exchange"]["name"]
        for channel in document["channels"].values()
        if "amqp" in channel["bindings"]
    ]
    assert exchanges == ["blue.jobs", "blue.events", "blue.control"]
    assert document["servers"]["gateway"] == {"host": "jobs.example:8000", "protocol": "wss"}


def test_every_reference_leads_somewhere(document: Any) -> None:
    found = list(references_in(document))
    assert found
    for reference in found:
        target = document
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]


def check(document: Any, message: str, body: bytes) -> None:
    payload = document["components"]["messages"][message]["payload"]
    validator = jsonschema_rs.Draft7Validator(
        {"allOf": [payload], "components": document["components"]}
    )
    validator.validate(orjson.loads(body))


def is_code(value: object) -> bool:
    return isinstance(value, int) and 1000 <= value < 5000


def references_in(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for each in node:
            yield from references_in(each)
    elif isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references_in(value)
