"""`http.get`: what it returns, what it refuses, and what it does about a hostile web."""

import base64
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.unit.tasks.web import Web
from warren.rehearsal import Outcome
from worker.tasks.http import MOST_BYTES, get

Run = Callable[..., Awaitable[Outcome]]
allowed = pytest.mark.usefixtures("private_allowed")


def error_of(outcome: Outcome) -> tuple[str, bool]:
    assert outcome.error is not None, outcome
    return outcome.error["type"], outcome.error["retryable"]


@allowed
async def test_a_page_comes_back_as_text(arun_task: Run, web: Web) -> None:
    outcome = await arun_task(get, {"url": web.url("/text#part")})
    result = outcome.result
    assert (result["status"], result["body"], result["encoding"]) == (200, "Grüße aus Köln", "text")
    assert result["bytes"] == 17
    assert result["headers"]["content-type"] == "text/plain; charset=utf-8"
    assert (result["truncated"], result["redirects"]) == (False, [])
    assert web.seen[0].path == "/text", "the fragment stays at home"
    assert outcome.logs[-1].fields["status"] == 200


@allowed
async def test_the_charset_of_the_answer_is_honoured(arun_task: Run, web: Web) -> None:
    result = (await arun_task(get, {"url": web.url("/text?charset=latin-1")})).result
    assert (result["body"], result["bytes"]) == ("Grüße aus Köln", 14)


@allowed
async def test_a_body_that_is_no_text_comes_as_base64(arun_task: Run, web: Web) -> None:
    result = (await arun_task(get, {"url": web.url("/binary")})).result
    assert (result["encoding"], result["bytes"]) == ("base64", 256)
    assert base64.b64decode(result["body"]) == bytes(range(256))


@allowed
async def test_head_asks_for_the_headers_only(arun_task: Run, web: Web) -> None:
    result = (await arun_task(get, {"url": web.url("/text"), "method": "HEAD"})).result
    assert (result["body"], result["bytes"]) == ("", 0)
    assert result["headers"]["content-length"] == "17"
    assert web.seen[0].method == "HEAD"


@allowed
@pytest.mark.parametrize("code", [404, 429, 500])
async def test_whatever_the_server_says_is_the_result(arun_task: Run, web: Web, code: int) -> None:
    outcome = await arun_task(get, {"url": web.url(f"/status?code={code}")})
    assert (outcome.status, outcome.result["status"]) == ("succeeded", code)


@allowed
async def test_headers_are_sent_and_say_who_asks(arun_task: Run, web: Web) -> None:
    await arun_task(get, {"url": web.url("/text"), "headers": {"X-Ticket": "7", "Accept": "a/b"}})
    headers = web.seen[0].headers
    assert (headers["x-ticket"], headers["accept"]) == ("7", "a/b")
    assert (headers["user-agent"], headers["accept-encoding"]) == ("Warren", "identity")
    assert headers["host"] == f"127.0.0.1:{web.port}"


@allowed
async def test_a_body_above_the_cap_fails_for_good(arun_task: Run, web: Web) -> None:
    outcome = await arun_task(get, {"url": web.url("/binary?times=8"), "max_bytes": 2047})
    assert error_of(outcome) == ("TooLarge", False)
    fits = await arun_task(get, {"url": web.url("/binary?times=8"), "max_bytes": 2048})
    assert fits.result["bytes"] == 2048


@allowed
async def test_an_endless_body_is_cut_when_that_is_asked_for(arun_task: Run, web: Web) -> None:
    asked = {"url": web.url("/stream"), "max_bytes": 25_000, "truncate": True}
    result = (await arun_task(get, asked)).result
    assert (result["bytes"], result["truncated"]) == (25_000, True)


@allowed
async def test_the_largest_binary_body_still_fits_a_result(arun_task: Run, web: Web) -> None:
    asked = {"url": web.url("/binary?times=11719"), "max_bytes": MOST_BYTES, "truncate": True}
    result = (await arun_task(get, asked)).result
    assert (result["bytes"], result["encoding"]) == (MOST_BYTES, "base64")
    assert len(result["body"]) < 4 * 1024 * 1024 - 100_000, "with room for the headers"


@allowed
async def test_a_compressed_body_is_not_inflated(arun_task: Run, web: Web) -> None:
    result = (await arun_task(get, {"url": web.url("/gzip")})).result
    assert (result["encoding"], result["headers"]["content-encoding"]) == ("base64", "gzip")
    assert result["bytes"] < 20_000


@allowed
@pytest.mark.parametrize("path", ["/late", "/drip"])
async def test_the_deadline_holds_for_everything_together(
    arun_task: Run, web: Web, path: str
) -> None:
    began = time.monotonic()
    outcome = await arun_task(get, {"url": web.url(path), "timeout_s": 0.2})
    assert error_of(outcome) == ("TooSlow", True)
    assert time.monotonic() - began < 5


@allowed
async def test_nobody_there_or_nonsense_may_be_better_next_time(arun_task: Run, web: Web) -> None:
    with socket.socket() as idle:  # bound, but it does not listen
        idle.bind(("127.0.0.1", 0))
        outcome = await arun_task(get, {"url": f"http://127.0.0.1:{idle.getsockname()[1]}/"})
    assert error_of(outcome) == ("Unanswered", True)
    assert error_of(await arun_task(get, {"url": web.url("/nonsense")})) == ("Unanswered", True)


@allowed
async def test_a_name_that_does_not_exist_may_exist_later(arun_task: Run) -> None:
    outcome = await arun_task(get, {"url": "http://nobody.invalid/"})
    assert error_of(outcome) == ("Unanswered", True)


@allowed
async def test_redirects_are_followed_and_listed(arun_task: Run, web: Web) -> None:
    result = (await arun_task(get, {"url": web.url("/loop?left=4")})).result
    assert (result["status"], result["url"]) == (200, web.url("/text"))
    assert result["redirects"] == [web.url(f"/loop?left={left}") for left in (4, 3, 2, 1, 0)]


@allowed
async def test_a_sixth_redirect_is_one_too_many(arun_task: Run, web: Web) -> None:
    outcome = await arun_task(get, {"url": web.url("/loop?left=5")})
    assert error_of(outcome) == ("TooManyRedirects", False)


@allowed
async def test_secrets_do_not_follow_to_another_origin(arun_task: Run, web: Web) -> None:
    with Web() as other:
        url = web.url(f"/to?url={other.url('/text')}")
        secrets = {"Authorization": "Bearer x", "Cookie": "a=b", "X-Api-Key": "x"}
        outcome = await arun_task(get, {"url": url, "headers": secrets | {"Accept-Language": "de"}})
        assert outcome.status == "succeeded"
    first, second = web.seen[0].headers, other.seen[0].headers
    assert {name.lower() for name in secrets} <= first.keys()
    assert not {name.lower() for name in secrets} & second.keys()
    assert second["accept-language"] == "de"
    assert second["host"] == f"127.0.0.1:{other.port}"


@allowed
async def test_secrets_stay_within_their_origin(arun_task: Run, web: Web) -> None:
    headers = {"Authorization": "Bearer x"}
    await arun_task(get, {"url": web.url("/to?url=/text"), "headers": headers})
    assert web.seen[1].headers["authorization"] == "Bearer x"


@allowed
@pytest.mark.parametrize("target", ["ftp://a/", "file:///etc/passwd", "http://me:pw@a/"])
async def test_a_redirect_is_checked_like_the_first_url(
    arun_task: Run, web: Web, target: str
) -> None:
    outcome = await arun_task(get, {"url": web.url(f"/to?url={target}")})
    assert error_of(outcome) == ("Refused", False)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "127.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]"],
)
async def test_this_machine_is_refused_under_each_of_its_names(
    arun_task: Run, web: Web, host: str
) -> None:
    outcome = await arun_task(get, {"url": web.url("/text", host)})
    assert error_of(outcome) == ("Refused", False)
    assert web.seen == []


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "[fd00::1]", "0.0.0.0"]
)
async def test_private_networks_are_refused_with_the_way_out(arun_task: Run, address: str) -> None:
    outcome = await arun_task(get, {"url": f"http://{address}/latest/meta-data"})
    assert error_of(outcome) == ("Refused", False)
    assert outcome.error is not None
    assert "WARREN_HTTP_ALLOW_PRIVATE=1" in outcome.error["message"]


@allowed
@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"Host": "other"}, "cannot be set"),
        ({"Transfer-Encoding": "chunked"}, "cannot be set"),
        ({"Proxy-Authorization": "x"}, "cannot be set"),
        ({"Bad Name": "x"}, "not a header name"),
        ({"": "x"}, "not a header name"),
        ({"X-A": "1\r\nX-B: 2"}, "cannot carry"),
        ({"X-A": "ä"}, "cannot carry"),
    ],
)
async def test_headers_that_are_not_the_callers_are_refused(
    arun_task: Run, web: Web, headers: dict[str, str], said: str
) -> None:
    outcome = await arun_task(get, {"url": web.url("/text"), "headers": headers})
    assert error_of(outcome) == ("Refused", False)
    assert outcome.error is not None
    assert said in outcome.error["message"]
    assert web.seen == []


@allowed
async def test_a_proxy_in_the_environment_is_not_used(
    arun_task: Run, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert (await arun_task(get, {"url": web.url("/text")})).status == "succeeded"


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "ftp://example.com/"},
        {"url": "example.com"},
        {"url": "http:///path"},
        {"url": "http://a/", "method": "POST"},
        {"url": "http://a/", "max_bytes": MOST_BYTES + 1},
        {"url": "http://a/", "timeout_s": 0},
        {"url": "http://a/", "timeout_s": 301},
        {"url": "http://a/", "redirects": 3},
        {},
    ],
)
async def test_a_wrong_input_is_named_before_anything_is_asked(
    arun_task: Run, wrong: dict[str, Any]
) -> None:
    assert error_of(await arun_task(get, wrong)) == ("invalid-input", False)


def test_the_task_is_http_get_and_runs_on_the_loop() -> None:
    assert (get.name, get.queue, get.execution) == ("http.get", "http", "loop")
