"""JSON Schema (2020-12) from types, without pydantic's warnings and with clear refusals."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind


class _Quiet(GenerateJsonSchema):
    def emit_warning(self, kind: JsonSchemaWarningKind, detail: str) -> None:
        # A default that is not JSON is the function's own business: it is left out of the schema.
        pass


def schema_of(
    adapter: TypeAdapter[Any], *, mode: Literal["validation", "serialization"], what: str
) -> dict[str, Any]:
    """The adapter's schema; TypeError, beginning with `what`, for a type that is not JSON."""
    try:
        return adapter.json_schema(mode=mode, schema_generator=_Quiet)
    except PydanticInvalidForJsonSchema as error:
        said = str(error).partition("\n")[0]
        raise TypeError(f"{what} cannot be described to JSON: {said}") from error
