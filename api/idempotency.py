"""`Idempotency-Key` on a POST: the same request again gets the first one's answer.

The key reserves the id of the job before anything is stored, so a repetition after a crash stores
the same job, not a second one (draft-ietf-httpapi-idempotency-key-header).
"""

import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import orjson
from fastapi import Request, Response

from api.headers import header
from api.problems import ProblemError
from shared.contracts.errors import (
    IdempotencyInProgress,
    IdempotencyMismatch,
    Unavailable,
    WarrenError,
)
from shared.contracts.ids import new_id
from shared.infrastructure.idempotency import Idempotency, Reservation

REPLAYED = {"Idempotency-Replayed": "true"}
_VISIBLE = re.compile(r"[\x21-\x7e]{1,255}")
_UNDER_WAY = timedelta(seconds=10)  # after that the first request is taken for dead


async def reserve(request: Request, store: Idempotency, body: bytes) -> Reservation | None:
    """Reserve the request's key, if it has one; raise IdempotencyMismatch for another request."""
    key = scoped_key(request)
    if key is None:
        return None
    fingerprint = hashlib.sha256(request.url.query.encode() + b"\n" + body).hexdigest()
    reservation = await store.reserve(key, fingerprint=fingerprint, seed=new_id(datetime.now(UTC)))
    if reservation.fingerprint != fingerprint:
        raise IdempotencyMismatch(
            f"Idempotency-Key {header(request, b'idempotency-key')!r} was first used for another "
            "request; use a new key"
        )
    return reservation


async def answered_once(
    request: Request,
    store: Idempotency,
    body: bytes,
    answer: Callable[[Reservation | None], Awaitable[Response]],
) -> Response:
    """Return what `answer` says, and to a repetition of the request what it said at first.

    A refusal is not kept: the cause may be gone when the request comes again.
    """
    reservation = await reserve(request, store, body)
    if reservation is None:
        return await answer(None)
    if not reservation.is_new:
        if reservation.answer is not None:
            return _replayed(reservation.answer)
        reservation = await take_over(store, reservation)
    async with holding(store, reservation):
        response = await answer(reservation)
        await store.keep_answer(reservation.key, _kept(response))
    return response


@asynccontextmanager
async def holding(store: Idempotency, reservation: Reservation) -> AsyncIterator[None]:
    """Do what a key was reserved for.

    A refusal frees the key. What MongoDB cut off may have taken effect: it is left to whoever
    repeats the request, who goes on from the same seed.
    """
    try:
        try:
            yield
        except Unavailable:
            raise
        except (WarrenError, ProblemError):
            await store.release(reservation.key)
            raise
    except Unavailable:
        store.leave(reservation)
        raise


def _kept(response: Response) -> str:
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    kept = [response.status_code, headers, bytes(response.body).decode()]
    return orjson.dumps(kept).decode()


def _replayed(kept: str) -> Response:
    status, headers, body = orjson.loads(kept)
    return Response(body, status_code=status, headers={**headers, **REPLAYED})


def scoped_key(request: Request) -> str | None:
    """Return the key as it is stored: by caller, method and path."""
    key = header(request, b"idempotency-key")
    if key is None:
        return None
    if not _VISIBLE.fullmatch(key):
        raise ProblemError(
            "malformed-request", "Idempotency-Key must be 1 to 255 visible ASCII characters"
        )
    caller = request.scope.get("warren.caller", "")
    scope = "\n".join((caller, request.method, request.url.path, key))
    return hashlib.sha256(scope.encode()).hexdigest()


async def take_over(store: Idempotency, reservation: Reservation) -> Reservation:
    """Return the reservation of a request that is over, to go on with it.

    Raises IdempotencyInProgress while another request with the key may still be at work.
    """
    over = reservation.left or datetime.now(UTC) - reservation.at >= _UNDER_WAY
    taken = await store.take_over(reservation) if over else None
    if taken is None:
        raise IdempotencyInProgress("a request with this Idempotency-Key is still under way")
    return taken
