"""Idempotency-Key: scoped to who asks for what, and bound to one request."""

from datetime import UTC, datetime, timedelta

import pytest

from api.idempotency import reserve, scoped_key, still_under_way
from api.problems import ProblemError
from shared.contracts.errors import IdempotencyInProgress, IdempotencyMismatch
from shared.contracts.ids import is_id
from shared.infrastructure.idempotency import Idempotency, Reservation
from tests.unit.api.requests import a_request

KEY = {"Idempotency-Key": "order-7"}


class FakeIdempotency(Idempotency):
    """Reservations in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, Reservation] = {}

    async def reserve(self, key: str, *, fingerprint: str, seed: str) -> Reservation:
        if key in self.kept:
            first = self.kept[key]
            return Reservation(first.fingerprint, first.seed, first.at, first.answer, is_new=False)
        self.kept[key] = Reservation(fingerprint, seed, datetime.now(UTC), None, is_new=True)
        return self.kept[key]


@pytest.fixture
def store() -> FakeIdempotency:
    return FakeIdempotency()


async def test_without_a_key_nothing_is_reserved(store: FakeIdempotency) -> None:
    assert await reserve(a_request(), store, b"{}") is None
    assert store.kept == {}


async def test_the_same_request_again_gets_the_same_reservation(store: FakeIdempotency) -> None:
    first = await reserve(a_request(headers=KEY), store, b'{"a":1}')
    again = await reserve(a_request(headers=KEY), store, b'{"a":1}')
    assert first is not None
    assert again is not None
    assert (first.is_new, again.is_new, again.seed) == (True, False, first.seed)
    assert is_id(first.seed)  # becomes the id of the job


@pytest.mark.parametrize(("query", "body"), [("", b'{"a":2}'), ("priority=9", b'{"a":1}')])
async def test_another_request_under_the_same_key_is_refused(
    store: FakeIdempotency, query: str, body: bytes
) -> None:
    await reserve(a_request(headers=KEY), store, b'{"a":1}')
    with pytest.raises(IdempotencyMismatch, match="'order-7' was first used for another"):
        await reserve(a_request(headers=KEY, query=query), store, body)


def test_a_key_belongs_to_its_caller_method_and_path() -> None:
    keys = {
        scoped_key(a_request(headers=KEY)),
        scoped_key(a_request(headers=KEY, caller="ci")),
        scoped_key(a_request("PUT", headers=KEY)),
        scoped_key(a_request(path="/v1/jobs/bulk", headers=KEY)),
        scoped_key(a_request(headers={"Idempotency-Key": "order-8"})),
    }
    assert len(keys) == 5
    assert all(key is not None and "order" not in key for key in keys)


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "\u00e9", "a\n"])
def test_a_key_must_be_visible_and_not_too_long(key: str) -> None:
    with pytest.raises(ProblemError, match="malformed") as refused:
        scoped_key(a_request(headers={"Idempotency-Key": key}))
    assert refused.value.slug == "malformed-request"


def test_a_first_request_counts_as_under_way_only_for_a_while() -> None:
    now = datetime.now(UTC)
    with pytest.raises(IdempotencyInProgress, match="still under way"):
        still_under_way(Reservation("f", "s", now, None, is_new=False))
    still_under_way(Reservation("f", "s", now - timedelta(seconds=11), None, is_new=False))
