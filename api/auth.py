"""Who may do what: API keys with roles, checked against a copy that is read every few seconds."""

import asyncio

from api.problems import ProblemError
from shared.contracts.errors import BadSetting, StoreUnavailable
from shared.infrastructure.api_keys import ROLES, ApiKey, ApiKeys, digest_of
from shared.infrastructure.logs import get_logger
from shared.infrastructure.settings import GatewaySettings

log = get_logger(__name__)

_EVERY = 5.0  # seconds until a revoked key stops working
_OPERATING = ("/v1/actions", "/v1/workers", "/v1/queues", "/v1/lanes", "/v1/limits")
"""What concerns other people's jobs needs the role of an operator to be changed."""

_OPEN = (
    *("/healthz/", "/problems", "/docs", "/static/"),
    *("/openapi.json", "/asyncapi.json", "/favicon.ico"),
)


class Keys:
    """Knows all keys by digest, or lets everybody in if keys are off."""

    def __init__(self, store: ApiKeys, *, needed: bool) -> None:
        self._store = store
        self.needed = needed  # whether callers must show a key
        self._by_digest: dict[str, ApiKey] = {}

    async def open(self, settings: GatewaySettings) -> None:
        """Read the keys; raise BadSetting if they are needed and there are none."""
        if settings.admin_key is not None:
            secret = settings.admin_key.get_secret_value()
            if len(secret) < 20:
                raise BadSetting("WARREN_ADMIN_KEY must have at least 20 characters")
            await self._store.add("admin", "admin", secret)
        await self.refresh()
        if self.needed and not self._by_digest:
            raise BadSetting(
                f"WARREN_HOST={settings.host} is reachable from elsewhere, so keys are needed and "
                "there are none: set WARREN_ADMIN_KEY, or run `python -m api.keys add NAME ROLE`"
            )

    async def refresh(self) -> None:
        """Read the keys again."""
        self._by_digest = {key.digest: key for key in await self._store.read()}

    async def keep_fresh(self) -> None:
        """Read the keys every few seconds, for ever."""
        while self.needed:
            await asyncio.sleep(_EVERY)
            try:
                await self.refresh()
            except StoreUnavailable as error:
                log.warning("keys.stale", reason=str(error)[:200])

    def check_request(self, method: str, path: str, authorization: bytes | None) -> str:
        """Return the caller's name; raise a 401 or 403 problem."""
        if not self.needed or path == "/" or path.startswith(_OPEN):
            return ""
        scheme, _, secret = (authorization or b"").decode("latin-1").partition(" ")
        if scheme.lower() != "bearer" or not secret:
            raise ProblemError("unauthenticated", "no API key was sent")
        return self.check(secret.strip(), _role_for(method, path))

    def check(self, secret: str | None, role: str) -> str:
        """Return the name of a key that has at least this role; raise a 401 or 403 problem."""
        if not self.needed:
            return ""
        # A look-up by digest: comparing secrets byte by byte would tell how much of one is right.
        key = self._by_digest.get(digest_of(secret)) if secret else None
        if key is None:
            raise ProblemError("unauthenticated", "this API key is not known")
        if ROLES.index(key.role) < ROLES.index(role):
            raise ProblemError("forbidden", f"the key {key.name} is {key.role}; this needs {role}")
        return key.name


def _role_for(method: str, path: str) -> str:
    if method in ("GET", "HEAD"):
        return "read"
    pauses = path.startswith("/v1/tasks/") and path.endswith(("/pause", "/resume"))
    return "operate" if pauses or path.startswith(_OPERATING) else "submit"
