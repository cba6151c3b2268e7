"""API keys in MongoDB: only their SHA-256 is stored, so a copy of the database opens nothing."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.infrastructure.collections import KEYS
from shared.infrastructure.mongo import Database, translated

ROLES = ("read", "submit", "operate", "admin")
"""Each role may do what those before it may."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key that is known: its name, its role, and the digest of its secret."""

    name: str
    role: str
    digest: str


def digest_of(secret: str) -> str:
    """Return what is stored of a secret. It has 256 random bits, so a fast hash is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


def new_secret() -> str:
    """Return a fresh secret, to be shown once."""
    return f"wk_{secrets.token_urlsafe(32)}"


class ApiKeys:
    """Reads and writes keys."""

    def __init__(self, database: Database) -> None:
        self._keys = database[KEYS]

    async def add(self, name: str, role: str, secret: str) -> None:
        """Store a key, or give an existing name this secret and role."""
        with translated():
            await self._keys.update_one(
                {"_id": name},
                {
                    "$set": {"role": role, "digest": digest_of(secret)},
                    "$setOnInsert": {"created_at": datetime.now(UTC)},
                },
                upsert=True,
            )

    async def remove(self, name: str) -> bool:
        """Forget a key; say whether there was one."""
        with translated():
            return bool((await self._keys.delete_one({"_id": name})).deleted_count)

    async def read(self) -> list[ApiKey]:
        """Return all keys."""
        with translated():
            found = await self._keys.find({}).to_list(None)
        return [ApiKey(each["_id"], each["role"], each["digest"]) for each in found]
