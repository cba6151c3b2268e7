"""The Taskiq broker, result backend and task that are measured, as a careful user writes them."""

from __future__ import annotations

import os

from taskiq_aio_pika import AioPikaBroker, Queue, QueueType

from bench.systems.taskiq_results import MongoResults

results = MongoResults(os.environ["BENCH_RESULTS_URL"])
broker = (
    AioPikaBroker(os.environ["BENCH_RABBIT_URL"], qos=int(os.environ["BENCH_QOS"]))
    .with_queue(Queue(name="bench.taskiq", type=QueueType(os.environ["BENCH_QUEUE_TYPE"])))
    .with_result_backend(results)
)


@broker.task(task_name="math.add")
async def add(x: int, y: int) -> int:
    return x + y
