"""A function's parameters as a JSON object: its schema, and the way from an input to arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cached_property
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo

from warren.docstring import Docstring
from warren.errors import InvalidInput, Unserialisable
from warren.faults import faults_of, without_integral_floats
from warren.injection import is_job
from warren.outcome import to_json
from warren.schema import schema_of

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Signature:
    """What a task takes and gives, read from its function's type hints."""

    def __init__(self, fn: Callable[..., Any], *, task: str) -> None:
        self.task = task
        self._fn = fn
        self._whole = inspect.signature(fn)
        for parameter in self._whole.parameters.values():
            _refuse_nameless(task, parameter)

    @cached_property
    def job_parameter(self) -> str | None:
        """The parameter that asks for the Job, if one does."""
        asking = [name for name in self._whole.parameters if is_job(self._hint(name))]
        if len(asking) > 1:
            raise TypeError(f"task {self.task!r} asks for the Job twice: {', '.join(asking)}")
        return asking[0] if asking else None

    @cached_property
    def public(self) -> inspect.Signature:
        """The signature as callers see it: without the parameter that asks for the Job."""
        shown = [p for p in self._whole.parameters.values() if p.name != self.job_parameter]
        return self._whole.replace(parameters=shown)

    def arguments(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The arguments of a call by name, as given: defaults are left to the worker."""
        try:
            return dict(self.public.bind(*args, **kwargs).arguments)
        except TypeError as error:
            raise TypeError(f"task {self.task!r} {error}") from None

    def validate(self, value: object) -> dict[str, Any]:
        """An input, as it came out of JSON, as keyword arguments for the function."""
        if not isinstance(value, dict):
            raise InvalidInput([{"pointer": "", "message": "must be an object"}], task=self.task)
        try:
            try:
                model = self._parse(value)
            except ValidationError:
                # To JSON 1.0 is an integer, to pydantic it is not.
                model = self._parse(without_integral_floats(value))
        except ValidationError as error:
            raise InvalidInput(faults_of(error, value), task=self.task) from None
        except Unserialisable as error:
            raise InvalidInput([{"pointer": "", "message": str(error)}], task=self.task) from None
        given = model.model_fields_set
        return {name: getattr(model, field) for name, field in self._fields if field in given}

    def input_schema(self, *, title: str) -> dict[str, Any]:
        """The JSON Schema of the object that holds the parameters."""
        schema = schema_of(self._adapter, mode="validation", what=f"task {self.task!r}")
        schema |= {"title": title, "additionalProperties": False}
        schema.setdefault("properties", {})
        return schema

    def output_schema(self) -> dict[str, Any]:
        """The JSON Schema of what the function returns; `{}` (anything) if it does not say."""
        hint = self._hints.get("return", Any)
        what = f"task {self.task!r}: the return type {hint!r}"
        try:
            return schema_of(TypeAdapter(hint), mode="serialization", what=what)
        except PydanticUserError as error:
            raise TypeError(f"{what} cannot become JSON: {_first_line(error)}") from error

    def _parse(self, value: dict[str, Any]) -> BaseModel:
        # Strict, but by JSON's types: "5" is no integer, yet a date is written as text.
        return self._model.model_validate_json(to_json(value), strict=True)

    @cached_property
    def _hints(self) -> dict[str, Any]:
        return get_type_hints(self._fn, include_extras=True)

    def _hint(self, name: str) -> Any:
        return self._hints.get(name, Any)

    @cached_property
    def _fields(self) -> list[tuple[str, str]]:
        # Numbered, because a parameter may have a name that a pydantic model keeps for itself.
        return [(name, f"p{number}") for number, name in enumerate(self.public.parameters)]

    @cached_property
    def _model(self) -> type[BaseModel]:
        docs = Docstring.of(self._fn).parameters
        fields: dict[str, Any] = {
            field: (self._hint(name), self._field(name, docs.get(name)))
            for name, field in self._fields
        }
        config = ConfigDict(extra="forbid", allow_inf_nan=False)
        try:
            return create_model("Input", __config__=config, **fields)
        except PydanticUserError as error:
            said = f"has a parameter that cannot come from JSON: {_first_line(error)}"
            raise TypeError(f"task {self.task!r} {said}") from error

    @cached_property
    def _adapter(self) -> TypeAdapter[BaseModel]:
        return TypeAdapter(self._model)

    def _field(self, name: str, doc: str | None) -> Any:
        default = self.public.parameters[name].default
        if isinstance(default, FieldInfo):
            raise TypeError(
                f"task {self.task!r}: write {name}: Annotated[..., Field(...)] = default; with"
                " Field() as the default the task cannot be called as a function"
            )
        required = default is inspect.Parameter.empty
        named: dict[str, Any] = {"alias": name, "description": doc} if doc else {"alias": name}
        return Field(default=... if required else default, **named)


def _refuse_nameless(task: str, parameter: inspect.Parameter) -> None:
    if parameter.kind not in _NAMED:
        shown = str(parameter).partition(":")[0]
        raise TypeError(
            f"task {task!r} has the parameter {shown!r} ({parameter.kind.description}); an input is"
            " a JSON object, so each parameter needs a name of its own"
        )


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
