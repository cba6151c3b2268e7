"""What can be composed: anything from one call of a task to a whole workflow; immutable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from warren.canvas.draft import Draft, Flow
from warren.canvas.sending import Sendable

if TYPE_CHECKING:
    from warren.canvas.shapes import Chain
    from warren.task import Task

S = TypeVar("S", bound="Signature")

Part: TypeAlias = "Signature | Task[..., Any]"
"""What may stand in a workflow; a task as it is stands for `task.s()`."""


@dataclass(frozen=True, eq=False)
class Signature(Sendable):
    """A part of a workflow, or all of one. What changes it gives a new one."""

    successes: tuple[Signature, ...] = field(default=(), kw_only=True, repr=False)
    failures: tuple[Signature, ...] = field(default=(), kw_only=True, repr=False)
    fields: Mapping[str, Any] = field(default_factory=dict, kw_only=True, repr=False)

    def __or__(self, other: Part) -> Chain:
        """First this, then the other, which is given the value of this."""
        from warren.canvas.shapes import chain  # noqa: PLC0415 - shapes are signatures

        return chain(self, other)

    def on_success(self: S, *hooks: Part) -> S:
        """With jobs that run, each once, when this has succeeded; they are given its value.

        Nobody waits for a hook, and its failure is nobody else's. `link` is the same.
        """
        return replace(self, successes=(*self.successes, *map(signature_of, hooks)))

    def on_failure(self: S, *hooks: Part) -> S:
        """With jobs that run, each once, when something in this has failed.

        They are given the error of the node that failed first: `{"node", "job_id", "type",
        "message", "attempts"}`. A hook handles nothing: the workflow fails all the same.
        `link_error` is the same.
        """
        return replace(self, failures=(*self.failures, *map(signature_of, hooks)))

    link = on_success
    link_error = on_failure

    def set(self: S, **fields: Any) -> S:
        """With fields of a submission (`queue`, `priority`, `retry`, `tags`, ...).

        Of a chain or a group they are those of each step that has none of its own. A step takes
        `run_if` and `tolerate` too, and a mapped one `max_parallel`.
        """
        return replace(self, fields={**self.fields, **fields})

    def document(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The workflow as the service reads it: the body of `POST /v1/workflows`.

        Positional arguments stand where the value of a step before would, keywords go to the first
        step. TypeError if the arguments do not fit, InvalidInput if a task cannot take them.
        """
        from warren.canvas.document import document_of  # noqa: PLC0415 - it knows all shapes

        return document_of(self, args, kwargs)

    def compile_into(self, draft: Draft, flow: Flow) -> Flow:
        """Add the nodes of this and of its hooks to a draft; what it gives."""
        before = len(draft.nodes)
        given = self.nodes_into(draft, flow)
        if not (self.successes or self.failures):
            return given
        added = list(draft.nodes)[before:]
        own = tuple(name for name in added if not draft.nodes[name].get("hook"))
        with draft.hooks():
            for hook in self.successes:
                hook.compile_into(draft, Flow(given.values, given.tails))
            for hook in self.failures if own else ():
                hook.compile_into(draft, Flow(({"$error": ""},), own, run_if="any_failed"))
        return given

    def nodes_into(self, draft: Draft, flow: Flow) -> Flow:
        """Add the nodes of this, without its own hooks, to a draft; what it gives."""
        raise NotImplementedError


def signature_of(part: Part) -> Signature:
    """The signature itself, or that of a task that is given as it is."""
    if isinstance(part, Signature):
        return part
    if not hasattr(part, "signature"):
        raise TypeError(f"a workflow is made of signatures, as in add.s(1), not of {part!r}")
    from warren.canvas.steps import step  # noqa: PLC0415 - steps are signatures

    return step(part)
