"""Ports that no server holds and no outgoing connection can take."""

import socket
from pathlib import Path

import pytest

from deploy.local.ports import free_port, highest_port, is_free, listens


def test_a_free_port_can_be_bound_and_lies_below_the_range_of_outgoing_connections() -> None:
    port = free_port()

    assert 20_000 <= port < 32_768
    with socket.socket() as server:
        server.bind(("127.0.0.1", port))


def test_a_port_that_somebody_listens_on_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        assert not is_free(port)
        assert listens(port)

    assert is_free(port)
    assert not listens(port)


@pytest.mark.parametrize(
    ("range_of_outgoing", "highest"),
    [
        ("32768\t60999\n", 32_767),
        ("30000 60999", 29_999),
        ("1024 65535", 32_767),  # hardly anything is left below: the usual border must do
        ("nonsense", 32_767),
    ],
)
def test_the_machine_says_where_outgoing_connections_begin(
    tmp_path: Path, range_of_outgoing: str, highest: int
) -> None:
    told = tmp_path / "ip_local_port_range"
    told.write_text(range_of_outgoing)

    assert highest_port(told) == highest


def test_a_machine_that_does_not_say_gets_the_usual_border(tmp_path: Path) -> None:
    assert highest_port(tmp_path / "absent") == 32_767
