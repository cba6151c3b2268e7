"""What is said to workers over the control exchange: look, somebody wants something of you.

An order may be lost, doubled or late. Whoever receives one looks into MongoDB, which decides.
"""

from typing import Any

import orjson

from shared.contracts.record import record


@record
class Order:
    """Jobs that are to be cancelled, a worker that is to drain, or that pauses have changed."""

    cancel: tuple[str, ...] = ()
    drain: str | None = None
    pauses: bool = False


def encode_order(order: Order) -> bytes:
    """Return the body of a control message."""
    if order.pauses:
        return orjson.dumps({"pauses": True})
    return orjson.dumps({"cancel": order.cancel} if order.cancel else {"drain": order.drain})


def decode_order(body: bytes) -> Order:
    """Return the order in a message; raise ValueError if it is none of ours."""
    try:
        said: Any = orjson.loads(body)
        cancel, drain = said.get("cancel", []), said.get("drain")
        pauses = said.get("pauses") is True
    except (AttributeError, ValueError) as error:
        raise ValueError("not a control message") from error
    if not (_are_texts(cancel) and (drain is None or isinstance(drain, str))):
        raise ValueError("not a control message")
    return Order(cancel=tuple(cancel), drain=drain, pauses=pauses)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)
