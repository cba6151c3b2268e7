"""What is said to workers travels as JSON, and anything else is refused."""

import pytest

from shared.contracts.control import Order, decode_order, encode_order


@pytest.mark.parametrize("order", [Order(cancel=("a", "b")), Order(drain="us"), Order(pauses=True)])
def test_orders_travel_as_messages(order: Order) -> None:
    assert decode_order(encode_order(order)) == order


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"7", b'{"cancel":"a"}', b'{"cancel":[1]}', b'{"drain":1}', b"\xff"]
)
def test_what_is_no_order_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="not a control message"):
        decode_order(body)
