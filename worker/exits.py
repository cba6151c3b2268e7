"""Exit codes by which a worker process tells its supervisor what to do next."""

BAD_SETTING = 78  # EX_CONFIG: starting again would not help
LEASE_LOST = 75  # EX_TEMPFAIL: start again, with a new id
