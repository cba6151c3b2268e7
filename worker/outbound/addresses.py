"""Which addresses a request may go to, and what a host name resolves to."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from worker.outbound.errors import Refused, Unanswered

Resolve = Callable[[str, int], Awaitable[list[str]]]
Allow = Callable[[str], bool]

# The IANA special-purpose registries, where they say more than the `ipaddress` module does.
_NOT_PUBLIC_4 = [IPv4Network("192.88.99.0/24")]  # the old relays of 6to4
# All global unicast lies here, so NAT64, v4-mapped and site-local addresses lie outside.
_GLOBAL_UNICAST_6 = IPv6Network("2000::/3")
_NOT_PUBLIC_6 = [
    IPv6Network("2001::/23"),  # protocol assignments, Teredo among them
    IPv6Network("2002::/16"),  # 6to4: carries an IPv4 address that we would not see
    IPv6Network("3fff::/20"),  # documentation
]


def is_public(address: str) -> bool:
    """Say whether an address is global unicast: a host on the internet, and nothing else."""
    ip = ip_address(address)
    if ip.is_multicast or not ip.is_global:
        return False
    if isinstance(ip, IPv4Address):
        return not any(ip in network for network in _NOT_PUBLIC_4)
    return ip in _GLOBAL_UNICAST_6 and not any(ip in network for network in _NOT_PUBLIC_6)


def is_unicast(address: str) -> bool:
    """Say whether an address may be one host's, private or not."""
    ip: IPv4Address | IPv6Address = ip_address(address)
    return not (ip.is_multicast or ip.is_unspecified)


async def resolve(host: str, port: int) -> list[str]:
    """Return every address of a host, in the order of preference; raise Unanswered."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unanswered(f"the name {host!r} cannot be resolved: {error}") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def allowed_addresses(host: str, port: int, *, resolve: Resolve, allow: Allow) -> list[str]:
    """Return the addresses to connect to; raise Refused if any of the host's is not allowed.

    A name with one public and one private address is refused as a whole: which of them a
    connection would take is not for the name's owner to choose.
    """
    addresses = await resolve(host, port)
    if not addresses:
        raise Unanswered(f"the name {host!r} has no address")
    for address in addresses:
        if not allow(address):
            named = address if host == address else f"{host} is {address}, which"
            raise Refused(
                f"{named} is not a public address; an operator may allow private ones with "
                "WARREN_HTTP_ALLOW_PRIVATE=1"
            )
    return addresses
