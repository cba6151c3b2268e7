"""The proxy that fault tests put between two parts: a plain wire until it is told otherwise."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from deploy.local.proxy import Proxy, Way
from tests.eventually import eventually

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    """A proxy before a server that says everything back."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(1024):
                writer.write(data)
            writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, Proxy(server.sockets[0].getsockname()[1]).running() as running:
        yield running


@asynccontextmanager
async def connected(proxy: Proxy) -> AsyncIterator[Connection]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def said_back(connection: Connection, what: bytes, *, within: float = 2) -> bytes:
    reader, writer = connection
    writer.write(what)
    async with asyncio.timeout(within):
        return await reader.readexactly(len(what))


async def test_it_carries_bytes_and_goodbyes(proxy: Proxy) -> None:
    async with connected(proxy) as wire:
        assert await said_back(wire, b"hello" * 50_000) == b"hello" * 50_000
        wire[1].write_eof()
        assert await asyncio.wait_for(wire[0].read(), 2) == b""


async def test_latency_makes_every_byte_late_and_still_carries_many_at_once(proxy: Proxy) -> None:
    proxy.latency = 0.2
    async with connected(proxy) as wire:
        began = time.monotonic()
        for _ in range(20):
            wire[1].write(b"x")
            await wire[1].drain()
            await asyncio.sleep(0.005)
        await asyncio.wait_for(wire[0].readexactly(20), 5)

    assert 0.4 <= time.monotonic() - began < 1.5


async def test_a_rate_bounds_the_bytes_a_second(proxy: Proxy) -> None:
    proxy.rate = 100_000
    async with connected(proxy) as wire:
        began = time.monotonic()
        await said_back(wire, b"x" * 50_000, within=10)

    assert time.monotonic() - began >= 0.5


@pytest.mark.parametrize("way", list(Way))
async def test_a_swallowed_way_says_nothing_and_stays_open(proxy: Proxy, way: Way) -> None:
    async with connected(proxy) as wire:
        await said_back(wire, b"before")
        proxy.swallow(way)
        with pytest.raises(TimeoutError):
            await said_back(wire, b"lost", within=0.3)
        await proxy.heal()
        with pytest.raises(TimeoutError):
            await said_back(wire, b"also lost", within=0.3)
    async with connected(proxy) as another:
        assert await said_back(another, b"after") == b"after"


async def test_a_paused_wire_delivers_later(proxy: Proxy) -> None:
    async with connected(proxy) as wire:
        proxy.pause()
        with pytest.raises(TimeoutError):
            await said_back(wire, b"later", within=0.3)
        await proxy.heal()
        assert await asyncio.wait_for(wire[0].readexactly(5), 2) == b"later"


async def test_a_reset_cuts_what_is_open_and_nothing_else(proxy: Proxy) -> None:
    async with connected(proxy) as wire:
        await said_back(wire, b"before")
        assert proxy.reset() == 1
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(wire[0].readexactly(1), 2)
    async with connected(proxy) as another:
        assert await said_back(another, b"after") == b"after"


async def test_a_cut_wire_refuses_until_it_is_healed(proxy: Proxy) -> None:
    proxy.cut()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", proxy.port)

    await proxy.heal()

    async with connected(proxy) as wire:
        assert await said_back(wire, b"again") == b"again"


async def test_nothing_of_a_closed_connection_stays_behind(proxy: Proxy) -> None:
    before = len(asyncio.all_tasks())
    async with connected(proxy) as wire:
        proxy.swallow()
        with pytest.raises(TimeoutError):
            await said_back(wire, b"lost", within=0.2)

    proxy.reset()

    await eventually(lambda: len(asyncio.all_tasks()) <= before)
