"""How the API's own media type is written; schemathesis knows only the common ones."""

from typing import Any

import orjson
import schemathesis


@schemathesis.serializer("application/jsonl")
def json_lines(_: Any, value: Any) -> bytes:
    """Return a list as JSON Lines; anything else as it would stand on one line."""
    lines = value if isinstance(value, list) else [value]
    return b"\n".join(map(orjson.dumps, lines))
