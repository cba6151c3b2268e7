"""Whether the input of a node can fit its task's schema, as far as that can be known beforehand.

An input without references is checked whole. Of one with references only the members that hold
none can be checked, and the names; a validator for that is made of the schema once a task.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import jsonschema_rs

from shared.contracts.catalogue import TaskEntry
from shared.contracts.errors import Fault
from shared.contracts.workflow.faults import MOST_FAULTS, BadReference
from shared.contracts.workflow.graph import Node
from shared.contracts.workflow.pointers import escaped
from shared.contracts.workflow.references import (
    Kind,
    literal_members,
    reference_in,
    references_in,
    unwrapped,
)
from shared.contracts.workflow.resolution import resolve

_ABOUT_MEMBERS = (
    *("$schema", "$defs", "definitions", "type", "properties", "patternProperties"),
    *("additionalProperties", "propertyNames"),
)


class _Validators(NamedTuple):
    whole: jsonschema_rs.Validator
    members: jsonschema_rs.Validator  # says nothing about absent ones


class Fitting:
    """Checks inputs of nodes against the schemas of their tasks."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[TaskEntry, _Validators]] = {}

    def faults(self, node: Node, entry: TaskEntry, at: str) -> Iterator[Fault]:
        """Yield why the input of a node, which stands at `at`, can never fit its task."""
        template = node.input
        references = references_in(template)
        if references:
            if reference_in(template) is None:  # else all of it comes from another node
                yield from self._partial(template, entry, f"{at}/input")
            if node.foreach is not None and all(r.kind is Kind.ITEM for r in references):
                yield from self._elements(node, entry, at)
            return
        yield from _found(self._of(entry).whole, unwrapped(template), f"{at}/input")

    def _partial(self, template: dict[str, Any], entry: TaskEntry, at: str) -> Iterator[Fault]:
        schema = entry.input_schema
        if not isinstance(schema.get("properties"), dict):
            return  # its members are not told by name
        literal = literal_members(template)
        yield from _found(self._of(entry).members, literal, at)
        for name in template:
            if name not in literal and not _may_have(schema, name):
                yield Fault(f"{at}/{escaped(name)}", f"{entry.name} takes no {name[:80]!r}")
        for name in schema.get("required", ()):
            if name not in template:
                yield Fault(at, f"{entry.name} needs {name!r}")

    def _elements(self, node: Node, entry: TaskEntry, at: str) -> Iterator[Fault]:
        """Check each element of a list that is known already."""
        if not isinstance(node.foreach, list) or references_in(node.foreach) != []:
            return
        whole = self._of(entry).whole
        for index, element in enumerate(unwrapped(node.foreach)):
            where = f"{at}/foreach/{index}"
            try:
                value = resolve(node.input, {}, item=element)
            except BadReference as error:
                yield Fault(where, str(error))
                continue
            for fault in _found(whole, value, "input"):
                yield Fault(where, f"{fault.pointer}: {fault.message}")

    def _of(self, entry: TaskEntry) -> _Validators:
        known = self._made.get(entry.name)
        if known is None or known[0] is not entry:
            members = {k: v for k, v in entry.input_schema.items() if k in _ABOUT_MEMBERS}
            made = _Validators(_validator(entry.input_schema), _validator(members))
            known = self._made[entry.name] = (entry, made)
        return known[1]


def _found(validator: jsonschema_rs.Validator, value: Any, at: str) -> Iterator[Fault]:
    if validator.is_valid(value):
        return
    for number, error in enumerate(validator.iter_errors(value)):
        if number == MOST_FAULTS:
            return
        path = "".join(f"/{escaped(part)}" for part in error.instance_path)
        yield Fault(at + path, error.message[:500])


def _may_have(schema: dict[str, Any], name: str) -> bool:
    if name in schema["properties"] or schema.get("additionalProperties", True) is not False:
        return True
    return any(re.search(pattern, name) for pattern in schema.get("patternProperties", ()))


def _validator(schema: dict[str, Any]) -> jsonschema_rs.Validator:
    """Compile a schema; one that cannot be compiled lets everything pass: the worker checks too."""
    try:
        return jsonschema_rs.validator_for(schema, validate_formats=True)
    except ValueError:
        return jsonschema_rs.validator_for(True)
