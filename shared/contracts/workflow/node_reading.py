"""From the JSON of one node to a Node, and to those of its hooks."""

from typing import Any

from shared.contracts.workflow.faults import Findings
from shared.contracts.workflow.graph import Node
from shared.contracts.workflow.names import MOST_NODES, hook_name, is_name
from shared.contracts.workflow.pointers import escaped
from shared.contracts.workflow.references import Kind, Reference, found_in, references_in
from shared.contracts.workflow.run_if import Rule, RunIf, read_run_if

_OWN = frozenset(
    (
        *("task", "value", "input", "foreach", "max_parallel", "after", "run_if", "tolerate"),
        *("hook", "on_success", "on_failure"),
    )
)
_PLAIN = frozenset(("task", "input", "after"))
_RULES = {"on_success": Rule.ALL_SUCCEEDED, "on_failure": Rule.ANY_FAILED}
_USUAL = RunIf()
_NOTHING: dict[str, Any] = {}


def read_node(name: str, said: Any, findings: Findings) -> list[Node]:
    """Return a node and, after it, its hooks; what is wrong goes to `findings`."""
    if not is_name(name):
        findings.add(
            f"/nodes/{escaped(name[:100])}",
            f"{name[:100]!r} cannot name a node: use 1 to 100 letters, digits, '_', '-' and '.',"
            " the first of them a letter, a digit or '_'",
        )
        return []
    if not isinstance(said, dict):
        findings.add(f"/nodes/{escaped(name)}", f"node {name!r} must be an object")
        return []
    read = [_Reader(name, said, f"/nodes/{name}", findings).node()]
    for kind in _RULES:
        if kind in said:
            read += read_hooks(said, kind, name, f"/nodes/{name}", findings)
    return read


def read_hooks(
    said: dict[str, Any], kind: str, owner: str, at: str, findings: Findings
) -> list[Node]:
    """Return the hooks under `kind`: one or a list; of a node, or with owner "" of the whole."""
    value = said.get(kind)
    if value is None:
        return []
    several = isinstance(value, list)
    hooks = []
    for number, each in enumerate(value if several else [value]):
        here = f"{at}/{kind}/{number}" if several else f"{at}/{kind}"
        if not isinstance(each, dict):
            whose = f"node {owner!r}" if owner else "the workflow"
            findings.add(here, f"{kind} of {whose} must be an object with a `task`")
            continue
        reader = _Reader(hook_name(owner, kind, number), each, here, findings)
        hooks.append(reader.hook(owner, kind))
    return hooks


class _Reader:
    """Reads one node, field by field; what is usual costs little, for there may be 100,000."""

    __slots__ = ("_at", "_findings", "_name", "_needs", "_parents", "_said")

    def __init__(self, name: str, said: dict[str, Any], at: str, findings: Findings) -> None:
        self._name, self._said, self._at, self._findings = name, said, at, findings
        self._parents: dict[str, None] = {}
        self._needs: tuple[str, ...] = ()

    def node(self) -> Node:
        said = self._said
        task = self._task()
        template = self._input(item="foreach" in said) if task else self._value()
        if "after" in said:
            self._after()
        if said.keys() <= _PLAIN:
            parents, needs = tuple(self._parents), self._needs
            return Node(name=self._name, task=task, input=template, parents=parents, needs=needs)
        foreach = self._foreach() if "foreach" in said else None
        return Node(
            name=self._name,
            task=task,
            input=template,
            parents=tuple(self._parents),
            needs=self._needs,
            run_if=self._run_if(),
            foreach=foreach,
            max_parallel=self._max_parallel(),
            tolerate=self._flag("tolerate"),
            hook=self._flag("hook"),
            fields=self._fields(),
        )

    def hook(self, owner: str, kind: str) -> Node:
        for key in _OWN & self._said.keys() - {"task", "input"}:
            self._tell(f"/{key}", f"a hook has no {key!r}")
        task = self._task()
        template = self._input(item=False)
        if owner:
            if others := [name for name in self._parents if name != owner]:
                said = f"may refer to {owner!r} only, not to {others[0][:100]!r}"
                self._tell("/input", f"{said}; a node with `hook` may refer to any")
            self._parents = {owner: None}
        return Node(
            name=self._name,
            task=task,
            input=template,
            parents=tuple(self._parents),
            needs=self._needs,
            run_if=RunIf(rule=_RULES[kind]),
            hook=True,
            subject=owner,
            fields=self._fields(),
        )

    def _task(self) -> str | None:
        task = self._said.get("task")
        if "value" in self._said:
            if odd := [k for k in ("task", "input", "foreach") if k in self._said]:
                self._tell("/value", f"has a `value` and so no {odd[0]!r}")
            return None
        if not isinstance(task, str) or not task:
            self._tell("/task", "needs a `task` (or a `value`)")
            return "-"
        return task

    def _input(self, *, item: bool) -> Any:
        template = self._said.get("input", _NOTHING)
        if not isinstance(template, dict):
            self._tell("/input", "the input must be an object")
        self._scan(template, "/input", item=item)
        return template

    def _value(self) -> Any:
        template = self._said.get("value")
        self._scan(template, "/value", item=False)
        return template

    def _foreach(self) -> Any:
        template = self._said["foreach"]
        if isinstance(template, list):
            if len(template) > MOST_NODES:
                self._tell("/foreach", f"{len(template)} elements are more than {MOST_NODES}")
        elif not (isinstance(template, dict) and ("$from" in template or "$literal" in template)):
            self._tell("/foreach", "`foreach` must be a list or a reference to one")
        self._scan(template, "/foreach", item=False)
        return template

    def _scan(self, template: Any, where: str, *, item: bool) -> None:
        references = references_in(template)
        if references is None or not all(self._fits(each, item=item) for each in references):
            self._tell_faults(template, where, item=item)
        elif references:
            named = [each.node for each in references if each.kind is not Kind.ITEM]
            self._needs = tuple(dict.fromkeys([*self._needs, *named]))
            self._parents |= {name: None for name in named if name}

    def _fits(self, reference: Reference, *, item: bool) -> bool:
        if reference.kind is Kind.ITEM:
            return item
        return bool(reference.node) or ":" in self._name or self._said.get("hook") is True

    def _tell_faults(self, template: Any, where: str, *, item: bool) -> None:
        for found in found_in(template, self._at + where):
            reference = found.reference
            if reference is None:
                why = found.fault
            elif self._fits(reference, item=item):
                continue
            elif reference.kind is Kind.ITEM:
                why = "$item means something only in the input of a node with `foreach`"
            else:
                why = f'{reference.kind} "" means something only in a hook'
            self._findings.add(found.pointer, f"node {self._name!r}: {why}")

    def _after(self) -> None:
        after = self._said["after"]
        if isinstance(after, list) and all(isinstance(name, str) for name in after):
            self._parents |= dict.fromkeys(after)
        else:
            self._tell("/after", "`after` must be a list of nodes' names")

    def _run_if(self) -> RunIf:
        if "run_if" not in self._said:
            return _USUAL
        try:
            return read_run_if(self._said["run_if"])
        except ValueError as error:
            self._tell("/run_if", f"`run_if` {error}")
            return _USUAL

    def _max_parallel(self) -> int | None:
        most = self._said.get("max_parallel")
        if most is None:
            return None
        if "foreach" not in self._said:
            self._tell("/max_parallel", "`max_parallel` goes with `foreach`")
        if type(most) is not int or most < 1:
            self._tell("/max_parallel", "`max_parallel` must be a whole number above 0")
            return None
        return most

    def _flag(self, key: str) -> bool:
        value = self._said.get(key, False)
        if not isinstance(value, bool):
            self._tell(f"/{key}", f"`{key}` must be true or false")
        return value is True

    def _fields(self) -> dict[str, Any] | None:
        return {key: value for key, value in self._said.items() if key not in _OWN} or None

    def _tell(self, where: str, message: str) -> None:
        self._findings.add(self._at + where, f"node {self._name!r}: {message}")
