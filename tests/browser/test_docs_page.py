"""The pages for people work in a browser that can reach nothing but this machine."""

from urllib.parse import urlsplit

import pytest

from tests.browser.chromium import Page
from tests.eventually import eventually
from tests.journeys.service import Service

ADD = "[id$=submit_math_add]"


def asked_only_this_machine(page: Page) -> bool:
    hosts = {
        urlsplit(url).hostname for url in page.asked if not url.startswith(("data:", "about:"))
    }
    return hosts == {"127.0.0.1"}


async def test_the_docs_page_shows_every_operation_without_the_internet(
    service: Service, page: Page
) -> None:
    await page.open(f"{service.gateway.url}/docs")
    await page.until("document.querySelectorAll('.opblock').length > 10")
    shown = await page.value(
        "[...document.querySelectorAll('.opblock-summary-path')].map(each => each.dataset.path)"
    )
    document = (await service.http.get("/openapi.json")).json()
    assert set(shown) == set(document["paths"])
    assert page.complaints == []
    assert asked_only_this_machine(page)


async def test_a_task_can_be_tried_from_its_own_form(service: Service, page: Page) -> None:
    await page.open(f"{service.gateway.url}/docs")
    await page.until(f"document.querySelector('{ADD} .opblock-summary-control')")
    await page.value(f"document.querySelector('{ADD} .opblock-summary-control').click()")
    await page.until(f"document.querySelector('{ADD} textarea')?.value.includes('\"x\"')")
    await page.value(f"document.querySelector('{ADD} .execute').click()")
    await page.until(f"document.querySelector('{ADD} .live-responses-table .response')")
    status = await page.value(
        f"document.querySelector('{ADD} .live-responses-table .response > *').innerText"
    )
    assert status.startswith(("202", "200"))
    assert page.complaints == []
    assert asked_only_this_machine(page)


async def test_the_live_page_shows_a_job_to_its_end(service: Service, page: Page) -> None:
    await page.open(f"{service.gateway.url}/docs/realtime")
    await page.until("document.querySelector('#task option[value=\"math.add\"]')")
    await page.value("task.value = 'math.add'; input.value = '{\"x\": 20, \"y\": 22}'; 1")
    await page.value("form.requestSubmit()")
    await page.until("state.textContent === 'succeeded: 42'")
    await page.until("[...list.querySelectorAll('b')].some(each => each.innerText === 'complete')")
    events = await page.value("[...list.querySelectorAll('b')].map(each => each.innerText)")
    assert events[:2] == ["POST /v1/tasks/math.add/jobs", "subscribe"]
    assert events[-2:] == ["job.succeeded", "complete"]
    assert page.complaints == []
    assert asked_only_this_machine(page)


@pytest.mark.parametrize("path", ["/", "/docs", "/docs/realtime", "/problems/invalid-input"])
async def test_a_page_fits_a_telephone(service: Service, page: Page, path: str) -> None:
    await page.resize(360, 800)
    await page.open(service.gateway.url + path)
    if path == "/docs":
        await page.until("document.querySelectorAll('.opblock').length > 10")
    assert await page.value("document.documentElement.scrollWidth") <= 360
    assert page.complaints == []


async def test_a_page_that_asked_elsewhere_would_be_stopped_and_noticed(
    service: Service, page: Page
) -> None:
    await page.open(f"{service.gateway.url}/docs/realtime")
    await page.value("fetch('http://elsewhere.invalid/').catch(() => 0); 1")
    await eventually(lambda: any("Content Security Policy" in each for each in page.complaints))
