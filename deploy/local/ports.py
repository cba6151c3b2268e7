"""Free ports for private servers, outside the range that outgoing connections use.

A client that keeps retrying a closed loopback port inside that range can connect to itself and
then keep the server from binding; so every port here lies below it.
"""

import random
import socket
from pathlib import Path

LOWEST = 20_000
EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
TRIES = 200


class NoFreePort(Exception):
    """No port could be found; the message says where was looked."""


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on now, chosen at random so that parallel runs rarely meet."""
    highest = highest_port()
    for _ in range(TRIES):
        port = random.randint(LOWEST, highest)
        if is_free(port, host):
            return port
    raise NoFreePort(f"{TRIES} ports between {LOWEST} and {highest} were all taken on {host}")


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Say whether a server could bind this port now."""
    with socket.socket() as probe:
        # As servers do: a port whose last connections are still fading away counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Say whether somebody accepts connections on a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0


def highest_port(ephemeral: Path = EPHEMERAL_RANGE) -> int:
    """The last port below this machine's range for outgoing connections, at most 32767."""
    try:
        first_outgoing = int(ephemeral.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 32_767
    # A machine that gives nearly everything to outgoing connections leaves no better choice.
    return min(32_767, first_outgoing - 1) if first_outgoing > LOWEST + 1_000 else 32_767
