"""Why nothing can grow from a job, on its way to a child process and back into an exception."""

from typing import Any

from warren.errors import CannotGrow, InvalidWorkflow


def refusal(error: Exception) -> dict[str, Any]:
    """Return what is sent of an error."""
    if isinstance(error, InvalidWorkflow):
        return {"errors": error.errors}
    return {"message": str(error)}


def refusal_of(told: dict[str, Any]) -> CannotGrow:
    """Return the error that was sent."""
    return InvalidWorkflow(told["errors"]) if "errors" in told else CannotGrow(told["message"])
