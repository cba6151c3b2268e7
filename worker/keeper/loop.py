"""One small loop: do a step, note how it went, sleep, for ever."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from shared.contracts.errors import Unavailable
from shared.infrastructure.logs import get_logger

log = get_logger(__name__)


@dataclass(slots=True)
class Tally:
    """How a loop fares, for the metrics."""

    handled: int = 0
    failures: int = 0


async def keep(name: str, step: Callable[[], Awaitable[int]], *, every: float) -> None:
    """Run `step` every few seconds; it returns how much it did. No failure ends the loop."""
    tally = Tally()
    while True:
        try:
            handled = await step()
            tally.handled += handled
            if handled:
                log.info("keeper.acted", loop=name, handled=handled, total=tally.handled)
        except Unavailable as error:
            tally.failures += 1
            log.warning("keeper.waits", loop=name, reason=str(error)[:200])
        except Exception:
            tally.failures += 1
            log.exception("keeper.failed", loop=name)
        await asyncio.sleep(every * random.uniform(0.8, 1.2))
