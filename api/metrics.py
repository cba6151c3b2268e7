"""What Prometheus can read of a gateway; never a label with an id in it."""

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Histogram(
    "warren_http_request_seconds",
    "Time to answer a request",
    ["method", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
SUBMITTED = Counter("warren_jobs_submitted_total", "Jobs accepted by this gateway", ["task"])
WORKFLOWS = Counter("warren_workflows_submitted_total", "Workflows accepted by this gateway")
DUPLICATES = Counter(
    "warren_duplicates_total",
    "Submissions with a cache, unique or debounce_s, by how they were answered",
    ["task", "answer"],
)
SOCKETS = Gauge("warren_ws_connections", "Open WebSocket connections")
PUSHED = Counter("warren_ws_messages_total", "Frames pushed to WebSockets", ["event"])
CUT = Counter("warren_ws_cut_total", "WebSockets closed by us", ["reason"])
