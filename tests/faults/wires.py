"""The network between each pair of parts, in the hands of the tests."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from deploy.local.proxy import Proxy
from deploy.local.stack import Stack


@dataclass(frozen=True)
class Wires:
    """One proxy for each pair; those to MongoDB only if it has a single member."""

    gateway_broker: Proxy
    worker_broker: Proxy
    gateway_mongo: Proxy | None = None
    worker_mongo: Proxy | None = None

    def of(self, side: str) -> dict[str, str]:
        """Return the settings that lead a gateway or a worker over its own wires."""
        broker = self.gateway_broker if side == "gateway" else self.worker_broker
        mongo = self.gateway_mongo if side == "gateway" else self.worker_mongo
        settings = {"WARREN_RABBIT_URL": f"amqp://guest:guest@127.0.0.1:{broker.port}/"}
        if mongo is not None:
            # Without `directConnection` a driver goes to the address that the member tells.
            settings["WARREN_MONGO_URL"] = (
                f"mongodb://127.0.0.1:{mongo.port}/?directConnection=true"
            )
        return settings

    def all(self) -> dict[str, Proxy]:
        """Return the wires that there are, by name."""
        named = {
            "gateway-broker": self.gateway_broker,
            "worker-broker": self.worker_broker,
            "gateway-mongo": self.gateway_mongo,
            "worker-mongo": self.worker_mongo,
        }
        return {name: wire for name, wire in named.items() if wire is not None}


@asynccontextmanager
async def open_wires(stack: Stack, *, to_mongo: bool) -> AsyncIterator[Wires]:
    """Open all wires, as plain ones."""
    async with AsyncExitStack() as exits:

        async def wire(url: str) -> Proxy:
            port = urlsplit(url).port
            assert port is not None
            return await exits.enter_async_context(Proxy(port).running())

        yield Wires(
            await wire(stack.rabbit_url),
            await wire(stack.rabbit_url),
            await wire(stack.mongo_url) if to_mongo else None,
            await wire(stack.mongo_url) if to_mongo else None,
        )
