"""Jobs that wait, fail, run again and are called off: how each looks from Python.

Start the service with `make run`, then: python -m examples.recovery
"""

from datetime import timedelta

from warren import Client, JobFailed
from warren.handle import JobHandle


def later(warren: Client) -> None:
    """A job may have its time; until then it says what it waits for."""
    job = warren.submit("math.add", {"x": 40, "y": 2}, delay_s=timedelta(seconds=2))
    print(f"{job.status}, for {job.refresh().waiting_for}")
    print(f"and then {job.get(timeout=30)}")


def again(warren: Client) -> None:
    """Each attempt is too slow for its timeout, until somebody mends the input."""
    job = warren.submit(
        "demo.sleep",
        {"seconds": 5, "steps": 1},
        timeout_s=1,
        retry={"max_attempts": 3, "backoff_s": 0.2, "jitter": False},
    )
    try:
        job.get(timeout=60)
    except JobFailed as failure:
        print(failure)
    tell_attempts(job)
    job.retry({"seconds": 0.1, "steps": 1})
    print(f"with less to do it is {job.wait(timeout=30).status}")
    tell_attempts(job)


def never_mind(warren: Client) -> None:
    """A running job is asked to stop; one that waits is cancelled at once."""
    running = warren.submit("demo.sleep", {"seconds": 600, "steps": 600})
    for event in running.watch():
        if event.event == "job.progress":
            break
    print(f"{running.cancel().status}, and told to stop; then {running.wait(timeout=30).status}")
    waiting = warren.submit("math.add", {"x": 1, "y": 1}, delay_s=timedelta(days=1))
    print(f"a job of tomorrow is {waiting.cancel().status}")


def tell_attempts(job: JobHandle[object]) -> None:
    """What became of each attempt stays with the job."""
    for past in job.attempts:
        print(f"  attempt {past.attempt}: {past.outcome}, {past.error.type if past.error else '-'}")


if __name__ == "__main__":
    with Client() as warren:  # WARREN_URL, or else http://127.0.0.1:8000
        later(warren)
        again(warren)
        never_mind(warren)
