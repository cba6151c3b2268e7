"""From a signature to the document that the service reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from warren.canvas.draft import Draft, Flow
from warren.canvas.signature import Signature
from warren.canvas.steps import Mapped, Step
from warren.canvas.templates import literal
from warren.submission import sendable

_OF_THE_WHOLE = ("run_at", "delay_s", "tags", "metadata")


def document_of(
    signature: Signature, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """The document of a workflow that is this signature, with these arguments for its head."""
    whole = {key: signature.fields[key] for key in _OF_THE_WHOLE if key in signature.fields}
    rest = {key: value for key, value in signature.fields.items() if key not in whole}
    start = Flow(
        tuple(literal(value) for value in args),
        keywords={name: literal(value) for name, value in kwargs.items()},
    )
    draft = Draft()
    given = replace(signature, fields=rest).nodes_into(draft, start)
    hooks = {
        "on_success": [_hook(hook, {"$from": ""}) for hook in signature.successes],
        "on_failure": [_hook(hook, {"$error": ""}) for hook in signature.failures],
    }
    return {
        "nodes": draft.nodes,
        "result": given.values[0],
        **{kind: each[0] if len(each) == 1 else each for kind, each in hooks.items() if each},
        **sendable(whole),
    }


def _hook(hook: Signature, value: Any) -> dict[str, Any]:
    """A hook of the whole workflow, which is one job."""
    draft = Draft()
    if type(hook) is Step and not (hook.successes or hook.failures):
        hook.nodes_into(draft, Flow((value,)))
    if isinstance(hook, Mapped) or len(draft.nodes) != 1:
        raise TypeError(
            f"a hook of a whole workflow is one call of a task, and {hook!r} is not; let a task"
            " spawn what is more"
        )
    return next(iter(draft.nodes.values()))
