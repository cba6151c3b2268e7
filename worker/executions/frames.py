"""Frames between a worker and its child processes: a length, then JSON."""

import struct
from typing import Any, BinaryIO

import orjson

_HEADER = struct.Struct(">I")


def encode_frame(message: dict[str, Any]) -> bytes:
    """Return the bytes of one message."""
    body = orjson.dumps(message)
    return _HEADER.pack(len(body)) + body


def read_frame(stream: BinaryIO) -> dict[str, Any] | None:
    """Return the next message of a blocking stream, or None at its end."""
    header = stream.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    body = stream.read(_HEADER.unpack(header)[0])
    message: dict[str, Any] = orjson.loads(body)
    return message


def frame_size(header: bytes) -> int:
    """Return how many bytes follow a header."""
    size: int = _HEADER.unpack(header)[0]
    return size


HEADER_SIZE = _HEADER.size
