"""Both clients look at lanes and steer them."""

import json
from typing import Any

import httpx2
import pytest

from tests.unit.warren.service import Service
from warren import LaneView

LANE = {"key": "customer:42", "running": 1, "waiting": 2, "holders": [{"id": "j1"}], "held": None}
PATH = "/v1/lanes/customer%3A42"


def test_a_lane_tells_who_has_the_key(client: Any, service: Service) -> None:
    service.canned["GET /v1/lanes/customer:42"] = httpx2.Response(200, json=LANE)
    lane = client.lanes.get("customer:42")
    assert isinstance(lane, LaneView)
    assert (lane.running, lane.waiting, lane.holders) == (1, 2, [{"id": "j1"}])
    assert service.last.url.raw_path.decode() == PATH


def test_lanes_are_listed_page_after_page(client: Any, service: Service) -> None:
    pages = [
        {"lanes": [LANE], "next_page_token": "more"},
        {"lanes": [LANE | {"key": "other"}], "next_page_token": None},
    ]
    service.trouble.extend(httpx2.Response(200, json=page) for page in pages)
    assert [lane.key for lane in client.lanes.list(held=True)] == ["customer:42", "other"]
    assert service.last.url.params.multi_items() == [("held", "true"), ("page_token", "more")]


@pytest.mark.parametrize("step", ["hold", "resume", "drain"])
def test_a_lane_is_steered(client: Any, service: Service, step: str) -> None:
    told = LANE | {"held": {"note": "why"}}
    service.canned[f"POST /v1/lanes/customer:42/{step}"] = httpx2.Response(200, json=told)
    given = () if step == "resume" else ("why",)
    assert getattr(client.lanes, step)("customer:42", *given).held == {"note": "why"}
    assert json.loads(service.last.content) == ({"note": "why"} if given else {})
    assert service.last.headers["idempotency-key"]
