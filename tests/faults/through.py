"""Starts one of our processes with something wrong in it: the product itself has no such switch.

    python -m tests.faults.through trouble=0.1:7 plant=no-token crash=/tmp/armed -- worker

`trouble=RATE:SEED` fails, delays and half-does that share of the calls to MongoDB and RabbitMQ,
`plant=BUG` puts a known bug in, `crash=FOLDER` dies at the points that are armed in that folder.
Worker processes start in the same way as their supervisor.
"""

import runpy
import sys
from importlib import import_module

# In this order: what is changed in a module must be so before others import it from there.
SWITCHES = {
    "trouble": "tests.faults.troubled",
    "plant": "tests.faults.planted",
    "crash": "tests.faults.crashes",
}


def main(words: list[str]) -> None:
    """Throw the switches, then run the module as Python would have."""
    end = words.index("--")
    switches, (module, *arguments) = words[:end], words[end + 1 :]
    thrown = dict(word.split("=", 1) for word in switches)
    for name, home in SWITCHES.items():
        if name in thrown:
            import_module(home).switch_on(thrown[name], module)
    if module == "worker":
        _start_worker_processes_alike(switches)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _start_worker_processes_alike(switches: list[str]) -> None:
    from worker.supervisor import Supervisor  # noqa: PLC0415 -- only in a worker

    defaults = Supervisor.__init__.__kwdefaults__
    assert defaults is not None
    python, dash_m, *module = defaults["command"]
    defaults["command"] = (python, dash_m, "tests.faults.through", *switches, "--", *module)


if __name__ == "__main__":
    main(sys.argv[1:])
