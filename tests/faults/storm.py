"""A storm: random faults, one after the other or two at once, from a seed that can be repeated."""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Collection

from tests.faults.breaking import BREAKS, Breaking
from tests.faults.cluster import Cluster

_PACE = 0.2  # seconds, at most, between two submissions of one client
_KINDS = {"fault.work": 15, "fault.thread": 3, "fault.process": 1, "fault.flaky": 1}
_LONGEST_FAULT = 90.0  # seconds; then the storm itself is broken


class Storm:
    """Breaks a cluster `faults` times, and says how far it is."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        seed: int,
        faults: int,
        hands: int = 1,
        calm: float = 1.0,
        without: Collection[str] = (),
    ) -> None:
        self.seed = seed
        self.faults = faults
        self.begun = 0
        self._another = asyncio.Condition()  # fault has begun
        self.counts: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._breaking = Breaking(cluster, self._random)
        self._hands = hands
        self._calm = calm  # seconds between two faults, on average
        self._busy: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._plan = self._planned(cluster, without)

    def _planned(self, cluster: Cluster, without: Collection[str]) -> list[str]:
        """Each kind comes before any comes twice."""
        possible = [
            name
            for name, break_ in BREAKS.items()
            if break_.possible(cluster) and name not in without
        ]
        plan: list[str] = []
        while len(plan) < self.faults:
            plan += self._random.sample(possible, len(possible))
        return plan[: self.faults]

    async def run(self) -> None:
        """Return once every fault was done and undone."""
        plan = iter(self._plan)

        async def hand() -> None:
            for name in plan:
                await self._count()
                await self._break(name)
                await asyncio.sleep(self._random.uniform(0, 2 * self._calm))

        async with asyncio.TaskGroup() as group:
            for _ in range(self._hands):
                group.create_task(hand())

    async def _count(self) -> None:
        async with self._another:
            self.begun += 1
            self._another.notify_all()

    async def reaches(self, share: float) -> None:
        """Return once this share of the faults has begun."""
        async with self._another:
            await self._another.wait_for(lambda: self.begun >= share * self.faults)

    async def _break(self, name: str) -> None:
        break_ = BREAKS[name]
        async with self._busy[break_.what], asyncio.timeout(_LONGEST_FAULT):
            self.counts[name] += 1
            await break_.do(self._breaking)


async def submit_through(cluster: Cluster, storm: Storm, jobs: int, *, clients: int = 16) -> None:
    """Submit jobs of all kinds while the storm lasts, a share of them with each fault."""
    dice = random.Random(storm.seed + 1)
    numbers = iter(range(jobs))

    async def submit_some() -> None:
        for number in numbers:
            await storm.reaches(number / jobs)
            await asyncio.sleep(dice.uniform(0, _PACE))  # so that load and faults last alike
            await _submit_one(cluster, dice, number)

    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(submit_some())


async def _submit_one(cluster: Cluster, dice: random.Random, number: int) -> None:
    kind = dice.choices(list(_KINDS), list(_KINDS.values()))[0]
    seconds = dice.uniform(1, 4) if dice.random() < 0.1 else dice.uniform(0.05, 0.8)
    later = {"delay_s": round(dice.uniform(0.1, 3), 3)} if dice.random() < 0.1 else None
    job_id = await cluster.clients.submit(number, kind, seconds=round(seconds, 3), fields=later)
    if dice.random() < 0.2:
        await cluster.clients.look(job_id)
    if dice.random() < 0.03:
        await cluster.clients.cancel(job_id)
