"""What every long-lived process of ours does once its parts are open."""

import gc

_YOUNG = 20_000  # objects; the default of 700 looks through everything for each dozen of jobs


def settle_memory() -> None:
    """Take what was loaded at start out of the collector's way: it lives as long as we do."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 20, 50)
