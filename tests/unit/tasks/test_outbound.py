"""Where requests may go: addresses, names that change, and the certificate of the right host."""

import asyncio
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.tasks.web import Web
from worker.outbound.addresses import is_public, is_unicast
from worker.outbound.asked import Asked
from worker.outbound.errors import Refused, Unanswered
from worker.outbound.fetcher import Fetcher

PUBLIC = ["1.1.1.1", "93.184.216.34", "8.8.8.8", "2606:4700::1111", "2a00:1450:4001::1"]
NOT_PUBLIC = {
    "loopback": ["127.0.0.1", "127.255.255.254", "::1"],
    "private": ["10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.0.1", "fc00::1", "fdff::1"],
    "link-local": ["169.254.169.254", "fe80::1", "fe80::1%lo"],
    "carrier-grade NAT": ["100.64.0.1", "100.127.255.254"],
    "multicast": ["224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"],
    "reserved": ["240.0.0.1", "255.255.255.255", "0.0.0.0", "0.1.2.3", "::", "4000::1"],
    "documentation": ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"],
    "benchmarking": ["198.18.0.1", "198.19.255.255"],
    "protocol assignments": ["192.0.0.1", "2001:2::1"],
    "v4-mapped": ["::ffff:127.0.0.1", "::ffff:1.1.1.1", "::ffff:0:1.1.1.1"],
    "v4-compatible": ["::127.0.0.1", "::1.1.1.1"],
    "NAT64": ["64:ff9b::7f00:1", "64:ff9b::101:101", "64:ff9b:1::1"],
    "6to4": ["2002:7f00:1::1", "2002:101:101::1", "192.88.99.1"],
    "Teredo": ["2001::1", "2001:0:4136:e378::1"],
    "site-local": ["fec0::1"],
}


@pytest.mark.parametrize("address", PUBLIC)
def test_hosts_on_the_internet_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("kind", "address"), [(kind, a) for kind, addresses in NOT_PUBLIC.items() for a in addresses]
)
def test_no_other_address_is_public(kind: str, address: str) -> None:
    assert not is_public(address), kind


def test_an_operator_who_allows_private_addresses_allows_hosts_only() -> None:
    assert all(map(is_unicast, ["127.0.0.1", "10.0.0.1", "::1", "1.1.1.1"]))
    assert not any(map(is_unicast, ["224.0.0.1", "ff02::1", "0.0.0.0", "::"]))


class Names:
    """A resolver whose answers are written down, one for each time it is asked."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    async def resolve(self, host: str, port: int) -> list[str]:
        await asyncio.sleep(0)
        self.asked.append(host)
        return self._answers.pop(0)


def only_this_machine(address: str) -> bool:
    return address == "127.0.0.1"


async def test_the_connection_goes_to_the_address_that_was_checked(web: Web) -> None:
    names = Names(["127.0.0.1"], ["10.0.0.1"])  # what it says a second time must not matter
    fetcher = Fetcher(allow=only_this_machine, resolve=names.resolve)
    asked = Asked.of("GET", web.url("/text", "rebind.example"), {})
    fetched = await fetcher.fetch(asked, most=1000)
    assert (fetched.status, fetched.url) == (200, web.url("/text", "rebind.example"))
    assert names.asked == ["rebind.example"], "resolved once"
    assert web.seen[0].headers["host"] == f"rebind.example:{web.port}"


async def test_each_hop_of_a_redirect_is_checked_anew(web: Web) -> None:
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    fetcher = Fetcher(allow=only_this_machine, resolve=names.resolve)
    asked = Asked.of("GET", web.url("/to?url=/text", "rebind.example"), {})
    with pytest.raises(Refused, match=r"10\.0\.0\.1"):
        await fetcher.fetch(asked, most=1000)
    assert [seen.path for seen in web.seen] == ["/to?url=/text"]


async def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    names = Names(["1.1.1.1", "10.0.0.1"])
    with pytest.raises(Refused):
        await Fetcher(resolve=names.resolve).fetch(Asked.of("GET", "http://both/", {}), most=1)


async def test_the_next_address_is_tried_if_the_first_takes_no_connection(web: Web) -> None:
    names = Names(["127.0.0.2", "127.0.0.1"])  # the server listens on the second only
    fetcher = Fetcher(allow=is_unicast, resolve=names.resolve)
    asked = Asked.of("GET", web.url("/text", "two.example"), {})
    assert (await fetcher.fetch(asked, most=1000)).status == 200


async def test_a_name_without_an_address_is_no_answer() -> None:
    with pytest.raises(Unanswered, match="has no address"):
        await Fetcher(resolve=Names([]).resolve).fetch(Asked.of("GET", "http://x/", {}), most=1)


async def test_an_international_name_is_asked_for_as_dns_knows_it(web: Web) -> None:
    names = Names(["127.0.0.1"])
    fetcher = Fetcher(allow=only_this_machine, resolve=names.resolve)
    await fetcher.fetch(Asked.of("GET", web.url("/text", "bücher.example"), {}), most=1000)
    assert names.asked == ["xn--bcher-kva.example"]
    assert web.seen[0].headers["host"].startswith("xn--bcher-kva.example:")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate and its key, for shop.example."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=shop.example", "-keyout", str(path)]
    command += ["-addext", "subjectAltName=DNS:shop.example", "-out", f"{path}.crt"]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("the openssl command is missing, and nothing else here makes certificates")
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


@pytest.fixture
def shop(certificate: Path) -> Iterator[Web]:
    """A web server that can prove to be shop.example."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with Web(tls) as server:
        yield server


def trusting(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=Path(f"{certificate}.crt").read_text())


async def test_tls_is_held_with_the_name_not_with_the_address(shop: Web, certificate: Path) -> None:
    fetcher = Fetcher(
        allow=only_this_machine, resolve=Names(["127.0.0.1"]).resolve, tls=trusting(certificate)
    )
    asked = Asked.of("GET", f"https://shop.example:{shop.port}/text", {})
    assert (await fetcher.fetch(asked, most=1000)).status == 200


async def test_a_certificate_for_another_name_is_not_accepted(shop: Web, certificate: Path) -> None:
    fetcher = Fetcher(
        allow=only_this_machine, resolve=Names(["127.0.0.1"]).resolve, tls=trusting(certificate)
    )
    with pytest.raises(Unanswered, match=r"(?i)certificate"):
        await fetcher.fetch(Asked.of("GET", f"https://other.example:{shop.port}/", {}), most=1000)
    assert shop.seen == []
