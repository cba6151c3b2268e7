"""Names, paths and ids of nodes; an id follows from where the node stands, never from chance.

Whoever stores a graph a second time, because the first attempt died half-way, arrives at the same
ids and so adds nothing twice. A node is named in its own graph; its path also says which nodes the
graph grew from: `pages/3` is the fourth element of `pages`, `fetch/retry/parse` two levels down.
"""

import re
from hashlib import sha256

from shared.contracts.ids import nth_id

MOST_NODES = 100_000
"""Nodes of one graph, and elements of one foreach."""

DEEPEST = 1_000
"""Nodes on the longest way through a graph."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,99}")
_IN_A_BLOCK = 1 << 16  # ids that `nth_id` can order


def is_name(text: str) -> bool:
    """Say whether a submitted node may have this name; `/` and `:` are kept for paths and hooks."""
    return _NAME.fullmatch(text) is not None


def hook_name(owner: str, kind: str, number: int) -> str:
    """Return the name of a node's (or, with owner "", the graph's) hook: `report:on_failure`."""
    return f"{owner}:{kind}" + (f".{number}" if number else "")


def path_under(owner: str, name: str) -> str:
    """Return the path of a node in the graph that belongs to the node with path `owner`."""
    return f"{owner}/{name}" if owner else name


def node_id(seed: str, index: int) -> str:
    """Return the id of the node at `index` of the graph `seed`: in order, in its millisecond."""
    block, place = divmod(index, _IN_A_BLOCK)
    return nth_id(f"{seed}/{block}" if block else seed, place)


def seed_of(owner_id: str, *, run: int = 0, growth: str = "") -> str:
    """Return the seed of a graph from the id of what it belongs to.

    The owner is the workflow, or the job that the graph grew from. `growth` tells the graphs of one
    job apart ("spawn/0", "replace", "foreach"); `run` grows when the owner is run anew by hand, so
    that the nodes of its new run are not taken for those of the old one. A repeated attempt keeps
    both, and therefore every id.
    """
    digest = sha256(f"{run}/{growth}".encode()).hexdigest()[:16]
    return f"{owner_id}/{digest}"
