"""Ids that sort by time: UUID version 7 (RFC 9562, section 5.7)."""

import random
import re
import secrets
from datetime import UTC, datetime
from hashlib import sha256

# Ids are not secrets: one seed from the system a process saves a system call for each id.
_RANDOM = random.Random(secrets.randbits(256))
_STEP = 32  # bits; ids of one process and millisecond lie up to 2^32 apart
_TAIL = 74  # bits behind the milliseconds
_CANONICAL = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")

_last = (0, 0)  # the milliseconds and the tail of the newest id


def new_id(at: datetime) -> str:
    """Return a UUIDv7 for the instant `at`; ids of later milliseconds sort later.

    Within a millisecond those of one process sort as they were made (section 6.2, method 2).
    """
    global _last  # noqa: PLW0603 -- ids of a process have one order
    milliseconds = _milliseconds(at)
    if milliseconds == _last[0]:
        tail = _last[1] + 1 + _RANDOM.getrandbits(_STEP)
    else:
        tail = _RANDOM.getrandbits(_TAIL - 1)  # the first bit stays free to count into
    _last = (milliseconds, tail)
    return _format(_moment(milliseconds), tail)


def nth_id(seed: str, index: int) -> str:
    """Return id number `index` of those that follow from `seed`, ordered, in its millisecond."""
    digest = sha256(f"{seed}/{index}".encode()).digest()
    return _format(seed[:13], index << 58 | int.from_bytes(digest[:7], "big"))


def first_id_at(at: datetime) -> str:
    """Return the smallest id of the millisecond `at`, to compare other ids with."""
    return _format(_moment(_milliseconds(at)), 0)


def moment_of(an_id: str) -> str:
    """Return the part of an id that says when it was made; `nth_id` keeps that of its seed."""
    return an_id[:13]


def is_id(text: str) -> bool:
    """Say whether `text` is a UUIDv7 in its canonical lower-case form."""
    return _CANONICAL.fullmatch(text) is not None


def instant_of(an_id: str) -> datetime:
    """Return the millisecond in which the id was made."""
    return datetime.fromtimestamp(int(an_id[:8] + an_id[9:13], 16) / 1000, UTC)


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _moment(milliseconds: int) -> str:
    text = f"{milliseconds:012x}"
    return f"{text[:8]}-{text[8:]}"


def _format(moment: str, tail: int) -> str:
    """Return the id that begins with a moment; behind it stand version, variant and the tail."""
    high, low = tail >> 48 & 0x3FFF, tail & (1 << 48) - 1
    return f"{moment}-7{tail >> 62:03x}-{0x8000 | high:04x}-{low:012x}"
