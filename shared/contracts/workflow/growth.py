"""How a graph comes to stand in the store: submitted, or grown from a job that runs.

A job grows in two ways. It *spawns* graphs while it runs, numbered by the order of its calls; with
`wait` it ends only when they have, so that its dependents wait too. Or it is *replaced*: its
attempt ends, and the end of the graph becomes its own, so that place, order, links and dependents
stay as they are. Either way the graph belongs to the job, and ids follow from the job's, its run
and the number of the call, or the name given with it: a second attempt that does the same again
adds nothing. What grows from a job outside any workflow is a workflow of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from shared.contracts.ids import nth_id
from shared.contracts.job import Job
from shared.contracts.workflow.faults import EmptyReplacement, TooDeep
from shared.contracts.workflow.graph import Graph, Node
from shared.contracts.workflow.names import DEEPEST, node_id, path_under, seed_of
from shared.contracts.workflow.run_if import Parents

_MOST_TAGS = 20


class Plot(NamedTuple):
    """Where a graph is planted: ids of nodes follow from `seed`, their paths from `path`."""

    seed: str
    path: str = ""


class Planted(NamedTuple):
    """A node as it stands in the store when nothing has ended yet."""

    number: int  # its index in the graph
    id: str
    path: str
    node: Node
    parents: Parents


def planted(graph: Graph, plot: Plot) -> Iterator[Planted]:
    """Yield the nodes of a graph, hooks included, in declared order."""
    usual = Parents.waiting(0)
    for index, node in enumerate(graph.nodes):
        parents = Parents.waiting(len(node.parents)) if node.parents else usual
        yield Planted(
            number=index,
            id=node_id(plot.seed, index),
            path=path_under(plot.path, node.name),
            node=node,
            parents=parents,
        )


def hook_id(seed: str, kind: str, number: int, *, run: int = 0) -> str:
    """Return the id of a hook of a whole graph; in each run of the graph it runs once."""
    return node_id(seed_of(seed, run=run, growth=kind), number)


def spawn_plot(job_id: str, path: str, which: int | str, *, run: int = 0) -> Plot:
    """Return where the graph of one of a job's spawns is planted; raise TooDeep.

    `which` is the number of the call, or a name that no number is.
    """
    return _plot(job_id, path_under(path, f"+{which}"), f"spawn/{which}", run)


def replacement_plot(job_id: str, path: str, graph: Graph, *, run: int = 0) -> Plot:
    """Return where the graph that replaces a job is planted; raise EmptyReplacement, TooDeep."""
    if not graph.nodes:
        raise EmptyReplacement(job_id)
    return _plot(job_id, path, "replace", run)


def alone(plot: Plot) -> Plot:
    """Return where the same graph is planted as a workflow of its own, whose id is its seed."""
    return Plot(nth_id(f"{plot.seed}/alone", 0))


def run_of(job: Job) -> int:
    """Return what tells the run of a job apart from those before a retry by hand.

    That is how many attempts it had had when the run began: each run grants as many again.
    """
    return job.max_attempts - (job.backoff.attempts if job.backoff else 1)


def labels_under(
    tags: Sequence[str], metadata: Mapping[str, Any], own: Mapping[str, Any] | None
) -> tuple[list[str], dict[str, Any]]:
    """Return tags and metadata of a node: those above it, and its own, which win.

    Its own tags come first, and what does not fit the limit of tags falls off at the end.
    """
    given = own or {}
    all_tags = list(dict.fromkeys([*given.get("tags", ()), *tags]))
    return all_tags[:_MOST_TAGS], {**metadata, **given.get("metadata", {})}


def _plot(job_id: str, path: str, growth: str, run: int) -> Plot:
    if path.count("/") >= DEEPEST:
        raise TooDeep(job_id, DEEPEST)
    return Plot(seed_of(job_id, run=run, growth=growth), path)
