"""The half of a signature that hands it in, through the default client of this process or loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from warren.submission import EXTRAS, FIELDS

if TYPE_CHECKING:
    from warren.canvas.handle import AsyncWorkflowHandle, WorkflowHandle
    from warren.canvas.signature import Signature
    from warren.canvas.workflows import AsyncWorkflows, Workflows


class Sendable:
    """`.delay`, `.submit` and their async twins."""

    def delay(self, *args: Any, **kwargs: Any) -> WorkflowHandle:
        """Hand in this workflow, with these arguments for what comes first in it."""
        return _workflows().submit(self._signature.document(*args, **kwargs))

    async def adelay(self, *args: Any, **kwargs: Any) -> AsyncWorkflowHandle:
        """`delay` for async code."""
        workflows = await _async_workflows()
        return await workflows.submit(self._signature.document(*args, **kwargs))

    def submit(self, *args: Any, **kwargs: Any) -> WorkflowHandle:
        """`delay`, with submission fields among the keywords: `.submit(1, tags=["acme"])`.

        They are set as by `.set`. Also `idempotency_key` and `wait` (seconds to wait for the end).
        """
        document, extras = self._split(args, kwargs)
        return _workflows().submit(document, **extras)

    async def asubmit(self, *args: Any, **kwargs: Any) -> AsyncWorkflowHandle:
        """`submit` for async code."""
        document, extras = self._split(args, kwargs)
        workflows = await _async_workflows()
        return await workflows.submit(document, **extras)

    def _split(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        fields = {name: value for name, value in kwargs.items() if name in FIELDS}
        extras = {name: value for name, value in kwargs.items() if name in EXTRAS}
        rest = {name: kwargs[name] for name in kwargs.keys() - fields.keys() - extras.keys()}
        return self._signature.set(**fields).document(*args, **rest), extras

    @property
    def _signature(self) -> Signature:
        return cast("Signature", self)


def _workflows() -> Workflows:
    # Composing, as tasks that grow do, should not import HTTP.
    from warren.default import default_client  # noqa: PLC0415

    return default_client().workflows


async def _async_workflows() -> AsyncWorkflows:
    from warren.default import default_async_client  # noqa: PLC0415 - as above

    return (await default_async_client()).workflows
