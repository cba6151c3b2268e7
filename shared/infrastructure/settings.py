"""What an operator may set, from the environment only; docs/configuration.md lists every name."""

from datetime import timedelta
from ipaddress import ip_address
from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, SecretStr, StringConstraints, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from shared.contracts.errors import BadSetting

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
AnySettings = TypeVar("AnySettings", bound=BaseSettings)


class Settings(BaseSettings):
    """What every process needs to know."""

    model_config = SettingsConfigDict(env_prefix="WARREN_", frozen=True, extra="ignore")

    rabbit_url: SecretStr
    mongo_url: SecretStr
    mongo_db: Name = "warren"
    mongo_driver: Literal["motor", "pymongo"] = "motor"
    namespace: Name = "warren"
    queue_type: Literal["auto", "classic", "quorum"] = "auto"
    log: Literal["json", "console"] = "json"

    @property
    def rabbit_urls(self) -> tuple[str, ...]:
        """Return the URL of each broker node, tried in turn."""
        return tuple(url.strip() for url in self.rabbit_url.get_secret_value().split(","))

    @property
    def quorum_queues(self) -> bool:
        """Say whether job queues are replicated; `auto` wants three nodes in WARREN_RABBIT_URL."""
        if self.queue_type == "auto":
            return len(self.rabbit_urls) >= 3
        return self.queue_type == "quorum"

    @model_validator(mode="after")
    def _urls_name_their_service(self) -> Self:
        if not all(url.startswith(("amqp://", "amqps://")) for url in self.rabbit_urls):
            raise ValueError("WARREN_RABBIT_URL must start with amqp:// or amqps://")
        if not self.mongo_url.get_secret_value().startswith(("mongodb://", "mongodb+srv://")):
            raise ValueError("WARREN_MONGO_URL must start with mongodb:// or mongodb+srv://")
        return self


class GatewaySettings(Settings):
    """What an operator may tune on a gateway."""

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    auth: Literal["keys", "off"] | None = None  # none: off on loopback, keys elsewhere
    admin_key: SecretStr | None = None
    max_body_bytes: int = Field(default=1024 * 1024, ge=1024)
    max_bulk_bytes: int = Field(default=16 * 1024 * 1024, ge=1024)
    max_wait_s: float = Field(default=60, gt=0, le=600)
    max_subscriptions: int = Field(default=1000, ge=1)

    @property
    def keys_needed(self) -> bool:
        """Say whether a request must show an API key."""
        return self.auth == "keys" or (self.auth is None and not is_loopback(self.host))

    @model_validator(mode="after")
    def _open_only_on_loopback(self) -> Self:
        if self.auth == "off" and not is_loopback(self.host):
            raise ValueError("WARREN_AUTH=off needs a loopback WARREN_HOST such as 127.0.0.1")
        return self


class WorkerSettings(Settings):
    """What an operator may tune on a worker."""

    tasks: Annotated[tuple[str, ...], NoDecode] = ("worker.tasks",)
    queues: Annotated[tuple[Name, ...], NoDecode] = ()  # empty: every queue of the loaded tasks
    processes: int = Field(default=1, ge=1, le=256)
    slots: int = Field(default=100, ge=1, le=10_000)
    lease_s: float = Field(default=15, ge=1, le=3600)
    grace_s: float = Field(default=30, ge=0, le=86_400)
    window: int = Field(default=4096, ge=64, le=1_000_000)
    retention_s: float = Field(default=7 * 24 * 3600, ge=0)
    http_allow_private: bool = False  # read by the task itself; here so that a bad value stops us
    max_result_bytes: int = Field(default=4 * 1024 * 1024, ge=1024, le=15 * 1024 * 1024)

    @property
    def lease(self) -> timedelta:
        """How long a worker counts as alive after its last heartbeat."""
        return timedelta(seconds=self.lease_s)

    @property
    def retention(self) -> timedelta:
        """How long an ended job is remembered, unless its task says otherwise."""
        return timedelta(seconds=self.retention_s)

    @model_validator(mode="before")
    @classmethod
    def _split_lists(cls, values: dict[str, object]) -> dict[str, object]:
        for name in ("tasks", "queues"):
            if isinstance(text := values.get(name), str):
                values[name] = tuple(part.strip() for part in text.split(",") if part.strip())
        return values


def is_loopback(host: str) -> bool:
    """Say whether only this machine can reach a server bound to `host`."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def load(kind: type[AnySettings]) -> AnySettings:
    """Read settings from the environment; raise BadSetting naming the first bad variable."""
    try:
        return kind()
    except ValidationError as error:
        raise BadSetting(_one_line(error)) from None


def _one_line(error: ValidationError) -> str:
    first = error.errors()[0]
    if not first["loc"]:
        return str(first["ctx"]["error"]) if "ctx" in first else first["msg"]
    name = f"WARREN_{str(first['loc'][0]).upper()}"
    if first["type"] == "missing":
        return f"{name} is not set; set it in the environment (docs/configuration.md)"
    return f"{name} is not usable: {first['msg']} (docs/configuration.md)"
