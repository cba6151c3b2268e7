"""The measured Celery application, with the settings that a careful user chooses."""

from __future__ import annotations

import os

from celery import Celery

app = Celery(
    "bench",
    broker=os.environ["BENCH_RABBIT_URL"],
    backend=os.environ["BENCH_RESULTS_URL"],
)
app.conf.update(
    # Durability as Warren's: durable queue and persistent messages are Celery's default.
    broker_transport_options={"confirm_publish": True},
    task_acks_late=True,
    # Speed: nothing sent that nobody reads, and no waiting for a connection or a socket.
    task_default_queue="bench.celery",
    broker_pool_limit=int(os.environ["BENCH_PRODUCERS"]),
    mongodb_backend_settings={"options": {"maxPoolSize": 100}},
    worker_prefetch_multiplier=int(os.environ["BENCH_PREFETCH_MULTIPLIER"]),
    worker_send_task_events=False,
    task_send_sent_event=False,
    worker_enable_remote_control=False,
    # How often a chord looks whether its members have ended; the default is every second.
    result_chord_retry_interval=0.1,
)


@app.task(name="math.add")
def add(x: int, y: int) -> int:
    return x + y


@app.task(name="bench.total")
def total(numbers: list[int]) -> int:
    return sum(numbers)
