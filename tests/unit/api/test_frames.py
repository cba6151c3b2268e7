"""The frames of `warren.v1`: what a client may say, and nothing else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.problems import ProblemError
from api.sockets import frames
from api.sockets.frames import BadFrame, read_frame
from api.sockets.session import Closing


def test_every_frame_that_a_client_may_send_is_read() -> None:
    assert read_frame('{"type":"ping"}') == frames.Ping(type="ping")
    assert read_frame('{"type":"unsubscribe","id":"s"}') == frames.Unsubscribe(
        type="unsubscribe", id="s"
    )
    init = read_frame('{"type":"connection_init","token":"k"}')
    assert init == frames.ConnectionInit(type="connection_init", token="k")
    subscribe = read_frame('{"type":"subscribe","id":"s","job":"j","after":3}')
    assert subscribe == frames.Subscribe(type="subscribe", id="s", job="j", after=3)


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "[]", "1", "null", "{}", '{"type":"odd"}', '{"type":1}', '{"type":["ping"]}'),
        *('{"type":"ping","x":1}', '{"type":"ping","type":"ping"}', '{"type":"ping"}{}'),
        *('{"type":"subscribe"}', '{"type":"subscribe","id":""}', '{"type":"subscribe","id":1}'),
        *('{"type":"subscribe","id":"s","after":-1}', '{"type":"subscribe","id":"s","after":"1"}'),
        *('{"type":"subscribe","id":"s","after":NaN}', '{"type":"unsubscribe","id":null}'),
        *('{"type":"subscribe","id":"\\ud800"}', '{"type":"subscribe","id":"a\\u0000"}'),
        '{"type":"subscribe","id":"' + "x" * 101 + '"}',
        '{"type":"subscribe","id":"s","filter":' + "[" * 1000 + "]" * 1000 + "}",
        "\ud800",
    ],
)
def test_anything_else_is_a_bad_frame_with_a_reason(text: str) -> None:
    with pytest.raises(BadFrame) as refused:
        read_frame(text)
    assert str(refused.value)


@given(st.text(max_size=50) | st.text('{}[]":,typeping', max_size=50))
def test_junk_raises_nothing_but_bad_frame(text: str) -> None:
    with pytest.raises(BadFrame):
        read_frame(text)


@given(st.text(max_size=200))
def test_any_reason_for_closing_fits_a_close_frame(text: str) -> None:
    closing = Closing(frames.BAD_MESSAGE, text)
    assert len(closing.reason.encode()) <= 123
    if text.isascii():
        assert closing.reason == text[:123]


def test_an_error_frame_carries_the_problem() -> None:
    frame = json.loads(frames.error_frame("s", ProblemError("not-found", "there is no job x")))
    assert (frame["type"], frame["id"]) == ("error", "s")
    assert frame["problem"]["type"] == "/problems/not-found"
    assert frame["problem"]["status"] == 404
