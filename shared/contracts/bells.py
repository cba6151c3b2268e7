"""What travels on RabbitMQ to wake a worker: the ids of runnable jobs of one queue."""

from collections.abc import Iterable, Sequence
from itertools import islice

import orjson

from shared.contracts.ids import is_id

MAX_IDS = 64
"""How many ids one bell carries at most (docs/decisions/0003)."""


def encode_bell(ids: Sequence[str]) -> bytes:
    """Return the body of a bell for these ids."""
    return orjson.dumps({"id": ids[0]} if len(ids) == 1 else {"ids": ids})


def decode_bell(body: bytes) -> list[str]:
    """Return the ids in a bell; raise ValueError with the reason if it is unreadable."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError("not an object with `id` or `ids`")
    ids = value["ids"] if "ids" in value else [value.get("id")]
    if not isinstance(ids, list) or not all(isinstance(i, str) and is_id(i) for i in ids):
        raise ValueError("`id` or `ids` must hold job ids")
    return list(dict.fromkeys(ids))


def into_bells(ids: Iterable[str]) -> Iterable[list[str]]:
    """Split ids into lists that each fit one bell."""
    rest = iter(ids)
    while chunk := list(islice(rest, MAX_IDS)):
        yield chunk
