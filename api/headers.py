"""Request headers, looked up by their bytes: every request asks for several, mostly absent ones."""

from fastapi import Request


def header(request: Request, name: bytes) -> str | None:
    """Return the last value of a header, whose name is given in lower case; None if absent."""
    found: dict[bytes, bytes] | None = request.scope.get("warren.headers")
    if found is None:
        found = request.scope["warren.headers"] = dict(request.scope["headers"])
    value = found.get(name)
    return None if value is None else value.decode("latin-1")
