"""Idempotency-Key: scoped to who asks for what, and bound to one request."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import Response

from api.idempotency import answered_once, reserve, scoped_key, take_over
from api.problems import ProblemError
from shared.contracts.errors import (
    IdempotencyInProgress,
    IdempotencyMismatch,
    NotFound,
    StoreUnavailable,
)
from shared.contracts.ids import is_id
from shared.infrastructure.idempotency import Idempotency, Reservation
from tests.unit.api.requests import a_request

KEY = {"Idempotency-Key": "order-7"}


class FakeIdempotency(Idempotency):
    """Reservations in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, Reservation] = {}
        self.away = False

    async def reserve(self, key: str, *, fingerprint: str, seed: str) -> Reservation:
        if key in self.kept:
            return replace(self.kept[key], is_new=False)
        self.kept[key] = Reservation(key, fingerprint, seed, datetime.now(UTC), None, is_new=True)
        return self.kept[key]

    async def keep_answer(self, key: str, answer: str) -> None:
        self.kept[key] = replace(self.kept[key], answer=answer)

    async def release(self, key: str) -> None:
        if self.away:
            raise StoreUnavailable("away")
        del self.kept[key]

    def leave(self, reservation: Reservation) -> None:
        self.kept[reservation.key] = replace(reservation, left=True)

    async def take_over(self, reservation: Reservation) -> Reservation | None:
        if self.kept[reservation.key].hold != reservation.hold:
            return None
        taken = replace(reservation, at=datetime.now(UTC), left=False)
        self.kept[reservation.key] = taken
        return taken


class Desk:
    """Something that answers differently each time."""

    def __init__(self) -> None:
        self.asked = 0
        self.seeds: list[str] = []
        self.fails: Exception | None = None

    async def answer(self, reservation: Reservation | None) -> Response:
        self.asked += 1
        self.seeds += [reservation.seed] if reservation else []
        if self.fails:
            raise self.fails
        headers = {"Location": "/here"}
        return Response(f'{{"n":{self.asked}}}', 202, headers, media_type="application/json")


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


async def test_a_first_request_counts_as_under_way_only_for_a_while(
    store: FakeIdempotency,
) -> None:
    first = await store.reserve("k", fingerprint="f", seed="s")
    with pytest.raises(IdempotencyInProgress, match="still under way"):
        await take_over(store, first)
    store.kept["k"] = old = replace(first, at=first.at - timedelta(seconds=11))
    taken = await take_over(store, old)
    assert (taken.seed, taken.at >= first.at) == ("s", True)
    with pytest.raises(IdempotencyInProgress):  # another one was quicker
        await take_over(store, old)


async def test_a_repeated_request_gets_the_first_answer_whole(store: FakeIdempotency) -> None:
    desk = Desk()
    first = await answered_once(a_request(headers=KEY), store, b"{}", desk.answer)
    again = await answered_once(a_request(headers=KEY), store, b"{}", desk.answer)
    assert (again.status_code, again.body) == (first.status_code, first.body) == (202, b'{"n":1}')
    assert again.headers["location"] == "/here"
    assert again.headers["content-type"] == "application/json"
    assert (again.headers["idempotency-replayed"], desk.asked) == ("true", 1)


async def test_without_a_key_each_request_is_answered_anew(store: FakeIdempotency) -> None:
    desk = Desk()
    for _ in range(2):
        answer = await answered_once(a_request(), store, b"{}", desk.answer)
    assert (answer.body, store.kept) == (b'{"n":2}', {})


async def test_a_refusal_is_not_kept(store: FakeIdempotency) -> None:
    desk = Desk()
    desk.fails = NotFound("not yet")
    with pytest.raises(NotFound):
        await answered_once(a_request(headers=KEY), store, b"{}", desk.answer)
    desk.fails = None
    answer = await answered_once(a_request(headers=KEY), store, b"{}", desk.answer)
    assert answer.body == b'{"n":2}'


async def test_after_an_unknown_outcome_the_next_goes_on_from_the_same_seed(
    store: FakeIdempotency,
) -> None:
    desk = Desk()
    desk.fails = StoreUnavailable("away")
    with pytest.raises(StoreUnavailable):
        await answered_once(a_request(headers=KEY), store, b"{}", desk.answer)
    desk.fails = None
    await answered_once(a_request(headers=KEY), store, b"{}", desk.answer)
    [first, second] = desk.seeds
    assert first == second


async def test_a_key_that_cannot_be_freed_is_left_to_the_next(store: FakeIdempotency) -> None:
    desk, store.away = Desk(), True
    desk.fails = NotFound("not yet")
    with pytest.raises(StoreUnavailable):
        await answered_once(a_request(headers=KEY), store, b"{}", desk.answer)
    desk.fails = None
    answer = await answered_once(a_request(headers=KEY), store, b"{}", desk.answer)
    assert answer.body == b'{"n":2}'
