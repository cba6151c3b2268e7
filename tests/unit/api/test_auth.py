"""API keys: who may do what, and who may not even come in."""

from typing import Any

import pytest

from api.auth import Keys
from api.problems import ProblemError
from shared.contracts.errors import BadSetting
from shared.infrastructure.api_keys import ROLES
from shared.infrastructure.settings import GatewaySettings
from tests.fakes.store import FakeApiKeys

SECRETS = {role: f"wk_{role}" for role in ROLES}


@pytest.fixture
async def keys() -> Keys:
    store = FakeApiKeys()
    for role, secret in SECRETS.items():
        await store.add(f"the {role} key", role, secret)
    keys = Keys(store, needed=True)
    await keys.refresh()
    return keys


def refusal(keys: Keys, method: str, path: str, authorization: bytes | None) -> str:
    with pytest.raises(ProblemError) as refused:
        keys.check_request(method, path, authorization)
    return refused.value.slug


def bearer(role: str) -> bytes:
    return f"Bearer {SECRETS[role]}".encode()


@pytest.mark.parametrize("role", ROLES)
async def test_every_role_may_read(keys: Keys, role: str) -> None:
    for method in ("GET", "HEAD"):
        assert keys.check_request(method, "/v1/jobs", bearer(role)) == f"the {role} key"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_changing_something_needs_more_than_reading(keys: Keys, method: str) -> None:
    assert refusal(keys, method, "/v1/jobs", bearer("read")) == "forbidden"
    for role in ROLES[1:]:
        assert keys.check_request(method, "/v1/jobs", bearer(role)) == f"the {role} key"


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_may_do_what_those_before_it_may_and_nothing_more(
    keys: Keys, role: str
) -> None:
    may = ROLES[: ROLES.index(role) + 1]
    for wanted in ROLES:
        if wanted in may:
            assert keys.check(SECRETS[role], wanted)
        else:
            with pytest.raises(ProblemError, match="forbidden"):
                keys.check(SECRETS[role], wanted)


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        b"",
        b"Bearer",
        b"Bearer ",
        b"Basic d2s6",
        b"wk_admin",
        b"Bearer wk_other",
        b"Bearer \xff",
    ],
)
async def test_without_a_known_key_nobody_comes_in(keys: Keys, authorization: bytes | None) -> None:
    assert refusal(keys, "GET", "/v1/jobs", authorization) == "unauthenticated"


async def test_the_scheme_is_read_without_regard_to_case(keys: Keys) -> None:
    assert keys.check_request("GET", "/v1/jobs", b"bearer  wk_read ")


@pytest.mark.parametrize("path", ["/v1/actions", "/v1/workers/w/drain", "/v1/queues/q/pause"])
async def test_what_concerns_the_jobs_of_others_needs_an_operator(keys: Keys, path: str) -> None:
    assert refusal(keys, "POST", path, bearer("submit")) == "forbidden"
    assert keys.check_request("POST", path, bearer("operate"))
    if path != "/v1/actions":
        assert keys.check_request("GET", path, bearer("read"))


@pytest.mark.parametrize("path", ["/", "/healthz/live", "/healthz/ready", "/docs", "/openapi.json"])
async def test_probes_and_documents_are_open(keys: Keys, path: str) -> None:
    assert keys.check_request("GET", path, None) == ""


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/tasks", "/metrics", "/v1/ws", "//", "/v1/docs"])
async def test_everything_else_is_closed(keys: Keys, path: str) -> None:
    assert refusal(keys, "GET", path, None) == "unauthenticated"


async def test_a_revoked_key_stops_working_once_the_keys_are_read_again(keys: Keys) -> None:
    store = keys._store
    assert isinstance(store, FakeApiKeys)
    del store.keys["the admin key"]
    await keys.refresh()
    assert refusal(keys, "GET", "/v1/jobs", bearer("admin")) == "unauthenticated"


@pytest.mark.parametrize(("secret", "role"), [("wk_guess", "read"), ("wk_read", "admin")])
async def test_no_refusal_shows_the_secret(keys: Keys, secret: str, role: str) -> None:
    with pytest.raises(ProblemError) as refused:
        keys.check(secret, role)
    assert "wk_" not in refused.value.detail


def settings(**given: Any) -> GatewaySettings:
    urls = {"rabbit_url": "amqp://x", "mongo_url": "mongodb://x"}
    return GatewaySettings.model_validate(urls | given)


async def test_with_keys_off_everybody_may_do_everything() -> None:
    keys = Keys(FakeApiKeys(), needed=False)
    await keys.open(settings())
    assert keys.check_request("POST", "/v1/jobs", None) == keys.check(None, "admin") == ""


async def test_a_gateway_that_needs_keys_and_has_none_refuses_to_start() -> None:
    with pytest.raises(BadSetting, match="WARREN_ADMIN_KEY"):
        await Keys(FakeApiKeys(), needed=True).open(settings(host="0.0.0.0"))


async def test_the_admin_key_of_the_settings_is_a_key() -> None:
    keys = Keys(FakeApiKeys(), needed=True)
    await keys.open(settings(host="0.0.0.0", admin_key="x" * 20))
    assert keys.check("x" * 20, "admin") == "admin"


async def test_an_admin_key_that_can_be_guessed_is_refused() -> None:
    with pytest.raises(BadSetting, match="at least 20 characters"):
        await Keys(FakeApiKeys(), needed=True).open(settings(admin_key="short"))


@pytest.mark.parametrize(
    ("given", "needed"),
    [
        ({}, False),
        ({"host": "::1"}, False),
        ({"host": "localhost"}, False),
        ({"host": "0.0.0.0"}, True),
        ({"host": "gateway.internal"}, True),
        ({"auth": "keys"}, True),
    ],
)
def test_keys_are_needed_as_soon_as_others_can_reach_the_gateway(
    given: dict[str, str], needed: bool
) -> None:
    assert settings(**given).keys_needed is needed


def test_keys_cannot_be_off_where_others_can_reach_the_gateway() -> None:
    with pytest.raises(ValueError, match="WARREN_AUTH=off needs a loopback"):
        settings(host="0.0.0.0", auth="off")
