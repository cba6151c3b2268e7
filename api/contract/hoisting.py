"""Lifting a task's JSON Schema into the components of a document, references included."""

import re
from typing import Any

from api.contract.components import REF, Json

_DATA = frozenset({"const", "default", "enum", "example", "examples"})
_BY_NAME = frozenset(
    {"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"}
)
_DEFINITION = re.compile(r"#/(?:\$defs|definitions)/([^/]+)(.*)")
_UNFIT = re.compile(r"[^A-Za-z0-9_.-]")


def hoist(schema: Json, name: str) -> Json:
    """Return `schema` as the component `name`, and each of its definitions as one beside it."""
    rest = {
        key: value
        for key, value in schema.items()
        if key not in ("$defs", "definitions", "$schema")
    }
    definitions = {**schema.get("definitions", {}), **schema.get("$defs", {})}
    return {name: _moved(rest, name)} | {
        _component(name, each): _moved(definition, name) for each, definition in definitions.items()
    }


def _component(name: str, definition: str) -> str:
    return f"{name}.{_UNFIT.sub('_', definition)}"


def _moved(node: Any, name: str) -> Any:
    """Return a schema with its references pointing to components."""
    if isinstance(node, list):
        return [_moved(each, name) for each in node]
    if not isinstance(node, dict):
        return node
    moved = {key: _member(key, value, name) for key, value in node.items()}
    if moved.get("type") == "integer":
        moved.setdefault("format", "int64")  # the JSON edge refuses what does not fit
    return moved


def _member(key: str, value: Any, name: str) -> Any:
    """Names of members and data look like keywords, so where we are decides what a key means."""
    if key in _DATA:
        return value
    if key in _BY_NAME and isinstance(value, dict):
        return {each: _moved(inner, name) for each, inner in value.items()}
    if key == "$ref" and isinstance(value, str):
        return _reference(value, name)
    if key == "discriminator" and isinstance(value, dict):
        mapping = value.get("mapping", {})
        return {**value, "mapping": {each: _reference(to, name) for each, to in mapping.items()}}
    return _moved(value, name)


def _reference(target: str, name: str) -> str:
    if found := _DEFINITION.fullmatch(target):
        return f"{REF}{_component(name, found[1])}{found[2]}"
    return f"{REF}{name}{target[1:]}" if target.startswith("#") else target
