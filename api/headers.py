"""Request headers, looked up by their bytes: every request asks for several, mostly absent ones."""

from fastapi import Request


def header(request: Request, name: bytes) -> str | None:
    """Return the last value of a header, whose name is given in lower case; None if absent."""
    found: dict[bytes, bytes] | None = request.scope.get("warren.headers")
    if found is None:
        found = request.scope["warren.headers"] = dict(request.scope["headers"])
    value = found.get(name)
    return None if value is None else value.decode("latin-1")


def list_header(request: Request, name: bytes) -> str | None:
    """The same for a header that is a list: several lines are one (RFC 9110, section 5.3)."""
    if header(request, name) is None:
        return None
    lines = [value for key, value in request.scope["headers"] if key == name]
    return b", ".join(lines).decode("latin-1")
