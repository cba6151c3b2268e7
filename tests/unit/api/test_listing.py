"""Lists: filters as the store wants them, and page tokens that belong to one query."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.listing import ListQuery, next_token, page_query
from shared.contracts.errors import BadPageToken
from shared.contracts.ids import first_id_at
from shared.contracts.moves import Status
from tests.builders import LATER, NOON, a_job

LAST = a_job().id


def test_a_list_of_everything_has_no_filter_and_starts_with_the_newest() -> None:
    page = page_query(ListQuery())
    assert (page.filters, page.newest_first, page.after) == ({}, True, None)


def test_all_filters_go_to_the_store_as_plain_values() -> None:
    query = ListQuery(
        status=[Status.FAILED],
        task="$t",
        queue="q",
        tag="a",
        error="OSError",
        schedule_id="s",
        workflow_id="w",
        order="created_at",
    )
    page = page_query(query)
    assert page.filters == {
        "status": {"$in": ["failed"]},
        "task": "$t",
        "queue": "q",
        "tags": "a",
        "error.type": "OSError",
        "schedule_id": "s",
        "workflow_id": "w",
    }
    assert page.newest_first is False


def test_a_time_of_creation_is_a_range_of_ids() -> None:
    page = page_query(ListQuery(created_after=NOON, created_before=LATER))
    assert page.filters == {"_id": {"$gte": first_id_at(NOON), "$lt": first_id_at(LATER)}}


def test_a_search_is_for_text_and_never_a_pattern() -> None:
    places = page_query(ListQuery(q="a.*(b")).filters["$or"]
    patterns = {str(place) for each in places for place in each.values()}
    assert patterns == {str({"$regex": r"a\.\*\(b", "$options": "i"})}


@pytest.mark.parametrize("order", ["-created_at", "created_at"])
def test_a_token_leads_to_the_page_behind_the_last_job(order: Any) -> None:
    query = ListQuery(status=[Status.QUEUED], order=order)
    token = next_token(query, LAST)
    assert page_query(query.model_copy(update={"page_token": token})).after == LAST


def test_another_page_size_keeps_the_token_good() -> None:
    token = next_token(ListQuery(page_size=10), LAST)
    assert page_query(ListQuery(page_size=20, page_token=token)).after == LAST


@pytest.mark.parametrize(
    "other",
    [
        {"status": Status.FAILED},
        {"task": "t"},
        {"tag": "t"},
        {"q": "t"},
        {"order": "created_at"},
        {"created_after": NOON},
    ],
)
def test_a_token_of_another_query_is_refused(other: dict[str, Any]) -> None:
    token = next_token(ListQuery(), LAST)
    with pytest.raises(BadPageToken, match="does not belong"):
        page_query(ListQuery(page_token=token, **other))


def test_a_token_with_another_id_in_it_is_refused_unless_it_is_an_id() -> None:
    token = next_token(ListQuery(), LAST)
    text = base64.urlsafe_b64decode(token + "==").decode()
    forged = base64.urlsafe_b64encode((text[:16] + "$gt").encode()).decode()
    with pytest.raises(BadPageToken):
        page_query(ListQuery(page_token=forged))


@given(st.text(max_size=80))
def test_any_other_text_is_a_bad_token_and_no_other_error(text: str) -> None:
    with pytest.raises(BadPageToken):
        page_query(ListQuery(page_token=text))


def test_a_token_can_stand_in_a_url_as_it_is() -> None:
    token = next_token(ListQuery(), LAST)
    assert token.replace("-", "").replace("_", "").isalnum()
