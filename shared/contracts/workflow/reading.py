"""From the JSON of a submission to a checked graph; each fault names its node and its cause."""

from typing import Any

from shared.contracts.workflow.faults import Findings
from shared.contracts.workflow.graph import Graph, Node
from shared.contracts.workflow.names import MOST_NODES
from shared.contracts.workflow.node_reading import read_hooks, read_node
from shared.contracts.workflow.pointers import escaped
from shared.contracts.workflow.references import Found, Kind, found_in
from shared.contracts.workflow.run_if import Rule
from shared.contracts.workflow.shape import shape_of

_OWN = ("nodes", "result", "on_success", "on_failure")


def read_graph(value: Any) -> Graph:
    """Return the graph that a JSON value means; raise InvalidWorkflow.

    What is no business of the graph is left to the caller: that tasks exist, that inputs fit their
    schemas, and the other fields of a submission (`Node.fields`, `Graph.fields`).
    """
    findings = Findings()
    nodes = _read_nodes(value, findings)
    findings.check()
    _check_references(nodes, findings)
    findings.check()
    shape = shape_of(nodes, findings)
    findings.check()
    assert shape is not None
    names = {node.name for node in nodes}
    result = _read_result(value, [nodes[i].name for i in shape.sinks], names, findings)
    on_success = read_hooks(value, "on_success", "", "", findings)
    on_failure = read_hooks(value, "on_failure", "", "", findings)
    for hook in (*on_success, *on_failure):
        _check_known(hook, names, findings)
    findings.check()
    fields = {key: part for key, part in value.items() if key not in _OWN}
    return Graph(
        nodes=tuple(nodes),
        shape=shape,
        result=result,
        on_success=tuple(on_success),
        on_failure=tuple(on_failure),
        fields=fields or None,
    )


def _read_nodes(value: Any, findings: Findings) -> list[Node]:
    if not isinstance(value, dict):
        findings.add("", "a workflow is an object")
        return []
    declared = value.get("nodes")
    if not isinstance(declared, dict):
        findings.add("/nodes", "`nodes` must be an object: the nodes by their names")
        return []
    if not declared and "result" not in value:
        findings.add("/nodes", "a workflow without nodes needs a `result`")
    if len(declared) > MOST_NODES:
        findings.add("/nodes", f"{len(declared)} nodes are more than {MOST_NODES}")
        return []
    nodes: list[Node] = []
    for name, said in declared.items():
        nodes += read_node(name, said, findings)
        if findings.full:
            break
    if len(nodes) > MOST_NODES:
        findings.add("/nodes", f"{len(nodes)} nodes, hooks included, are more than {MOST_NODES}")
    return nodes


def _check_references(nodes: list[Node], findings: Findings) -> None:
    names = {node.name for node in nodes}
    hooks = {node.name for node in nodes if node.hook}
    for node in nodes:
        _check_known(node, names, findings)
        if node.name in node.parents:
            findings.add(_at(node), f"node {node.name!r} depends on itself")
        if node.run_if.rule is not Rule.ALL_SUCCEEDED:
            _check_least(node, findings)
        if not node.hook and not hooks.isdisjoint(node.parents):
            hook = next(name for name in node.parents if name in hooks)
            said = f"node {node.name!r} depends on {hook!r}, which is a hook: only hooks may"
            findings.add(_at(node), said)
        if findings.full:
            return


def _check_known(node: Node, known: set[str], findings: Findings) -> None:
    if known.issuperset(node.parents):
        return
    for name in node.parents:
        if name not in known:
            said = f"node {node.name!r} depends on {name[:100]!r}, and there is no such node"
            findings.add(_at(node), said)


def _check_least(node: Node, findings: Findings) -> None:
    rule, parents = node.run_if.rule, len(node.parents)
    if rule is Rule.SUCCEEDED and node.run_if.least > parents:
        said = f"node {node.name!r} wants {node.run_if.least} parents to succeed and has {parents}"
        findings.add(f"{_at(node)}/run_if", said)
    elif rule in (Rule.ANY_FAILED, Rule.ANY_SUCCEEDED) and not parents:
        said = f"node {node.name!r} depends on nothing: with run_if {rule.value} it can never run"
        findings.add(f"{_at(node)}/run_if", said)


def _read_result(value: Any, sinks: list[str], names: set[str], findings: Findings) -> Any:
    if "result" not in value:
        if len(sinks) == 1:
            return {Kind.FROM.value: sinks[0]}
        return {name: {Kind.FROM.value: name} for name in sinks}
    for found in found_in(value["result"], "/result"):
        if fault := _result_fault(found, names):
            findings.add(found.pointer, f"the workflow's result: {fault}")
    return value["result"]


def _result_fault(found: Found, names: set[str]) -> str:
    reference = found.reference
    if reference is None:
        return found.fault
    if reference.kind is Kind.ITEM:
        return "$item means something only in a node with `foreach`"
    return "" if reference.node in names else f"there is no node {reference.node[:100]!r}"


def _at(node: Node) -> str:
    name, _, hook = node.name.partition(":")
    if not name:
        return f"/{hook.partition('.')[0]}"
    return f"/nodes/{escaped(name)}" + (f"/{hook.partition('.')[0]}" if hook else "")
