"""Orders are scored, each for up to a minute; many customers at once, never two of one customer.

A worker loads the task with `WARREN_TASKS=worker.tasks,examples.order_scoring`. Hand in orders with
`python -m examples.order_scoring`; docs/lanes.md tells how it works.
"""

import random
import sys
import time
from collections import Counter
from collections.abc import Sequence

from warren import Client, Job, Problem, SoftTimeout, task


@task(
    name="orders.score",
    queue="orders",
    key="customer:{customer_id}",  # one at a time for each customer
    key_max_waiting=1000,  # a customer who sends more is told to slow down
    soft_timeout_s=60,
    retry={"max_attempts": 3, "backoff_s": 2},
    examples=[{"customer_id": 42, "order_id": 7, "seconds": 0.1}],
)
def score(job: Job, customer_id: int, order_id: int, seconds: float = 30) -> dict[str, float]:
    """Score an order with what is known of the customer, which changes with each order.

    Args:
        customer_id: whose order it is
        order_id: which of them
        seconds: how long the model takes
    """
    steps = 10
    for step in range(steps):
        if job.cancelled:
            raise SoftTimeout(60)
        time.sleep(seconds / steps)
        job.progress(step + 1, steps)
    chance = random.Random(customer_id * 1_000_003 + order_id)
    return {"order_id": order_id, "score": round(chance.random(), 4)}


def hand_in(warren: Client, orders: Sequence[tuple[int, int]], *, seconds: float) -> list[str]:
    """Hand in (customer, order) pairs, in this order; return the ids of the jobs."""
    inputs = [{"customer_id": c, "order_id": o, "seconds": seconds} for c, o in orders]
    jobs = warren.submit_many({"task": score.name, "input": each} for each in inputs)
    return [job.id for job in jobs if not isinstance(job, Problem)]


def tell(warren: Client, ids: Sequence[str]) -> None:
    """Follow the jobs until all have ended, and tell what stands where."""
    left = set(ids)
    while left:
        left -= {job_id for job_id in left if warren.get(job_id).done}
        lanes = Counter({lane.key: lane.waiting for lane in warren.lanes.list()})
        print(f"{len(left):4} orders left; in line: {dict(lanes.most_common(3))}")
        time.sleep(1)


def main(arguments: Sequence[str]) -> None:
    """Let one customer send many orders, and others a few: the others are not kept waiting."""
    seconds = float(arguments[0]) if arguments else 1.0
    orders = [(1, n) for n in range(30)] + [(c, n) for n in range(3) for c in range(2, 12)]
    with Client() as warren:  # WARREN_URL, or else http://127.0.0.1:8000
        tell(warren, hand_in(warren, orders, seconds=seconds))


if __name__ == "__main__":
    main(sys.argv[1:])
