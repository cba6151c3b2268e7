"""Reads the service's problems (RFC 9457), and whatever a proxy may answer in its place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from warren.errors import AlreadyFinished, Fault, Problem
from warren.talk import Answer

_KINDS: dict[str, type[Problem]] = {"already-finished": AlreadyFinished}


def problem_of(answer: Answer) -> Problem:
    """The problem that the answer tells of; any body will do."""
    try:
        told = json.loads(answer.body)
    except ValueError:
        told = {"detail": answer.body[:500].decode("utf-8", "replace")}
    return problem_from(told, status=answer.status)


def problem_from(told: Any, *, status: int = 0) -> Problem:
    """The problem in a decoded JSON body; missing parts are filled from the status."""
    members: Mapping[str, Any] = told if isinstance(told, Mapping) else {}
    status = status or _number(members.get("status"))
    type_ = str(members.get("type") or "about:blank")
    return _KINDS.get(type_.rsplit("/", 1)[-1], Problem)(
        status=status,
        type=type_,
        title=str(members.get("title") or _phrase(status)),
        detail=str(members.get("detail") or ""),
        errors=[_fault(fault) for fault in _list(members.get("errors"))],
    )


def _fault(fault: Any) -> Fault:
    members = fault if isinstance(fault, Mapping) else {"message": fault}
    return {
        "pointer": str(members.get("pointer", "")),
        "message": str(members.get("message", "")),
    }


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
