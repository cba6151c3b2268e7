"""All pages of somebody else's API: complete, as fast as its limit allows, and never faster.

Start the service with WARREN_TASKS=worker.tasks,examples.paginated make run
Then: python -m examples.paginated
"""

import asyncio
import sys
import time
from typing import Any

import httpx2

from examples.third_party import ThirdParty
from warren import AsyncClient, RateLimited, task

LIMIT = "catalogue-api"


@task(
    name="catalogue.page",
    queue="catalogue",
    limits=[(LIMIT, 1)],  # the job starts when the limit has room, on whatever worker
    timeout_s=2,  # an API that stalls must not hold a slot
    retry={"max_attempts": 10, "backoff_s": 0.2, "max_backoff_s": 5},  # for what goes wrong
)
async def page(url: str, number: int) -> dict[str, Any]:
    """Fetch one page. A 429 or 503 slows everybody down and costs no attempt."""
    async with httpx2.AsyncClient(trust_env=False) as http:
        answer = await http.get(f"{url}/items?page={number}")
    if answer.status_code in (429, 503):
        raise RateLimited(float(answer.headers.get("retry-after", 1)))
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


async def fetch_all(warren: AsyncClient, url: str) -> list[int]:
    """Return the items of all pages; the first page says how many there are."""
    first = await (await warren.submit(page, {"url": url, "number": 1})).aget(timeout=60)
    numbers = range(2, first["pages"] + 1)
    jobs = [await warren.submit(page, {"url": url, "number": number}) for number in numbers]
    rest = [await job.aget(timeout=300) for job in jobs]
    return [item for found in (first, *rest) for item in found["items"]]


async def main() -> int:
    """Fetch 200 pages from an API that permits 40 calls a second and is often in trouble."""
    async with (
        ThirdParty(pages=200, rate=40, burst=10).running() as api,
        AsyncClient() as warren,
    ):
        # A little below what they permit: calls travel, and not all equally long.
        await warren.limits.put(LIMIT, rate=38, per_s=1, burst=6)
        began = time.monotonic()
        items = await fetch_all(warren, api.url)
        took = time.monotonic() - began
        print(f"{len(items)} items of {api.pages} pages in {took:.1f} s")
        print(f"{api.served} calls served, {api.failed} failed, {api.refused} beyond the limit")
        return 0 if sorted(items) == list(range(10 * api.pages)) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
