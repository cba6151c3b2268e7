"""The shortest useful program: hand in a job, get its result.

Start the service with `make run`, then: python -m examples.client
"""

from warren import Client

with Client() as warren:  # WARREN_URL, or else http://127.0.0.1:8000
    job = warren.submit("math.add", {"x": 40, "y": 2})
    print(job.get(timeout=10))
