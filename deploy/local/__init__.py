"""The local stack: real RabbitMQ and MongoDB, private to one directory, for run, tests and bench.

`setup.py` and what it imports use the standard library only, because they run before anything is
installed; nothing is imported here for the same reason.
"""
