"""The single faults of a storm: each breaks one thing, waits, mends it, and notes who it hit."""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from deploy.local.proxy import Proxy, Way
from deploy.local.rabbitmq import ControlFailed
from deploy.local.replica_set import Member, ReplicaSet
from deploy.local.services import Gateway, Worker
from tests.faults.cluster import Cluster, children, send, up_again

MEMORY = ("set_vm_memory_high_watermark", "absolute", "2GB")
ALARM = ("set_vm_memory_high_watermark", "0.00001")


class Breaking:
    """A cluster, and the dice that say what of it breaks for how long."""

    def __init__(self, cluster: Cluster, dice: random.Random) -> None:
        self.cluster = cluster
        self._dice = dice
        self.note = cluster.ledger.fault

    async def last(self, least: float, most: float) -> None:
        """Let the fault last for a while."""
        await asyncio.sleep(self._dice.uniform(least, most))

    def one_gateway(self) -> Gateway:
        """Choose a gateway."""
        return self._dice.choice(self.cluster.gateways)

    def one_worker(self) -> Worker:
        """Choose a worker."""
        return self._dice.choice(self.cluster.workers)

    def one_process(self) -> list[int]:
        """Choose a process that runs jobs, if there is any."""
        pids = self.cluster.processes()
        return [self._dice.choice(pids)] if pids else []

    def one_wire(self, end: str) -> tuple[str, Proxy]:
        """Choose a wire that ends at the broker or at MongoDB."""
        wires = {n: w for n, w in self.cluster.wires.all().items() if n.endswith(end)}
        return self._dice.choice(list(wires.items()))

    def some_way(self) -> tuple[Way, ...]:
        """Choose a direction, or both."""
        return self._dice.choice([(Way.UP,), (Way.DOWN,), (Way.UP, Way.DOWN)])

    @property
    def members(self) -> ReplicaSet:
        """The replica set, where there is one."""
        assert self.cluster.members is not None
        return self.cluster.members


async def gateway_killed(b: Breaking) -> None:
    gateway = b.one_gateway()
    with b.note("gateway-killed"):
        await gateway.kill()
        await up_again(gateway)


async def gateway_frozen(b: Breaking) -> None:
    gateway = b.one_gateway()
    with b.note("gateway-frozen"):
        await _frozen(b, [gateway.pid], 1, 6)


async def process_killed(b: Breaking) -> None:
    pids = b.one_process()
    with b.note("process-killed", pids=pids):
        send(pids, signal.SIGKILL)


async def all_processes_killed(b: Breaking) -> None:
    pids = b.cluster.processes()
    with b.note("all-processes-killed", pids=pids):
        send(pids, signal.SIGKILL)


async def process_frozen(b: Breaking) -> None:
    pids = b.one_process()
    with b.note("process-frozen", pids=pids):
        await _frozen(b, pids, 1, 10)


async def supervisor_killed(b: Breaking) -> None:
    worker = b.one_worker()
    pids = children(worker.pid)
    with b.note("supervisor-killed", pids=pids):
        await worker.kill()
        await up_again(worker)
        await b.last(3, 4)  # what it left behind still finishes


async def supervisor_frozen(b: Breaking) -> None:
    worker = b.one_worker()
    with b.note("supervisor-frozen"):
        await _frozen(b, [worker.pid], 1, 6)


async def worker_restarted(b: Breaking) -> None:
    worker = b.one_worker()
    with b.note("worker-restarted", pids=children(worker.pid)):
        await worker.stop()
        await up_again(worker)


async def broker_restarted(b: Breaking) -> None:
    with b.note("broker-restarted"):
        await b.cluster.stack.rabbit.stop()
        await b.last(0, 3)
        await b.cluster.stack.rabbit.start()


async def broker_killed(b: Breaking) -> None:
    with b.note("broker-killed"):
        await b.cluster.stack.rabbit.kill()
        await b.cluster.stack.rabbit.start()


async def broker_wiped(b: Breaking) -> None:
    with b.note("broker-wiped"):
        await b.cluster.stack.rabbit.wipe()


async def broker_frozen(b: Breaking) -> None:
    with b.note("broker-frozen"):
        await _frozen(b, [b.cluster.stack.rabbit.pid], 1, 8)


async def broker_alarm(b: Breaking) -> None:
    with b.note("broker-alarm"):
        await b.cluster.stack.rabbit.ctl(*ALARM)
        await b.last(2, 6)
        await b.cluster.stack.rabbit.ctl(*MEMORY)


async def connections_closed(b: Breaking) -> None:
    with b.note("connections-closed"):
        await b.cluster.stack.rabbit.ctl("close_all_connections", "a storm")


async def queue_purged(b: Breaking) -> None:
    with b.note("queue-purged"), suppress(ControlFailed):
        await b.cluster.stack.rabbit.ctl("purge_queue", b.cluster.queue)


async def queue_deleted(b: Breaking) -> None:
    with b.note("queue-deleted"), suppress(ControlFailed):
        await b.cluster.stack.rabbit.ctl("delete_queue", b.cluster.queue)


async def primary_killed(b: Breaking) -> None:
    await _without_primary(b, "primary-killed", b.members.kill_primary)


async def primary_frozen(b: Breaking) -> None:
    await _without_primary(b, "primary-frozen", b.members.freeze_primary)


async def primary_steps_down(b: Breaking) -> None:
    await _without_primary(b, "primary-steps-down", b.members.step_down)


async def _without_primary(
    b: Breaking, what: str, break_it: Callable[[], Awaitable[Member]]
) -> None:
    with b.note(what, everyone=True):
        await break_it()
        await b.members.primary()
        await b.last(1, 3)
        await b.members.whole()
        await b.last(1, 2)  # leases that could not be renewed are noticed only now


async def broker_wire_cut(b: Breaking) -> None:
    await _wire(b, "broker", "cut", lambda wire: wire.cut())


async def broker_wire_half_open(b: Breaking) -> None:
    await _wire(b, "broker", "half-open", lambda wire: wire.swallow(*b.some_way()))


async def broker_wire_slow(b: Breaking) -> None:
    await _wire(b, "broker", "slow", _slow)


async def mongo_wire_cut(b: Breaking) -> None:
    await _wire(b, "mongo", "cut", lambda wire: wire.cut())


async def mongo_wire_half_open(b: Breaking) -> None:
    await _wire(b, "mongo", "half-open", lambda wire: wire.swallow(*b.some_way()))


async def mongo_wire_slow(b: Breaking) -> None:
    await _wire(b, "mongo", "slow", _slow)


def _slow(wire: Proxy) -> None:
    wire.latency, wire.rate = 0.2, 200_000


async def _wire(b: Breaking, end: str, how: str, break_it: Callable[[Proxy], object]) -> None:
    name, wire = b.one_wire(end)
    with b.note(f"{name}-{how}", everyone=name == "worker-mongo"):
        break_it(wire)
        await b.last(2, 8)
        await wire.heal()
        if name == "worker-mongo":
            await b.last(4, 5)  # calls that got lost in it time out only now


async def _frozen(b: Breaking, pids: list[int], least: float, most: float) -> None:
    send(pids, signal.SIGSTOP)
    try:
        await b.last(least, most)
    finally:
        send(pids, signal.SIGCONT)


@dataclass(frozen=True)
class Break:
    """A fault: what of the cluster it breaks, and how. No two break the same at once."""

    what: str
    do: Callable[[Breaking], Awaitable[None]]

    def possible(self, cluster: Cluster) -> bool:
        """Say whether this cluster has what is to be broken."""
        return {"primary": cluster.members is not None, "mongo-wire": cluster.members is None}.get(
            self.what, True
        )


_BY_PART: dict[str, tuple[Callable[[Breaking], Awaitable[None]], ...]] = {
    "gateway": (gateway_killed, gateway_frozen),
    "worker": (
        process_killed,
        all_processes_killed,
        process_frozen,
        supervisor_killed,
        supervisor_frozen,
        worker_restarted,
    ),
    "broker": (
        broker_restarted,
        broker_killed,
        broker_wiped,
        broker_frozen,
        broker_alarm,
        connections_closed,
        queue_purged,
        queue_deleted,
    ),
    "broker-wire": (broker_wire_cut, broker_wire_half_open, broker_wire_slow),
    "primary": (primary_killed, primary_frozen, primary_steps_down),
    "mongo-wire": (mongo_wire_cut, mongo_wire_half_open, mongo_wire_slow),
}
BREAKS = {
    do.__name__.replace("_", "-"): Break(part, do) for part, all_ in _BY_PART.items() for do in all_
}
"""Every fault of a storm by its name."""
