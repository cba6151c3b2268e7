"""A running service, and a browser to look at its pages with."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.local.stack import Stack
from tests.browser.chromium import Page, installed, open_page
from tests.journeys.service import Service, open_service


@pytest.fixture(scope="session")
def browser() -> str:
    """The path of a browser; without one these tests say so and are skipped."""
    program = installed()
    if program is None:
        pytest.skip("no Chromium on this machine: install Debian's package `chromium`")
    return program


@pytest.fixture(scope="session")
async def service(browser: str, stack: Stack) -> AsyncIterator[Service]:
    """One gateway and one worker for all pages."""
    async with open_service(stack, "browser") as running:
        yield running


@pytest.fixture
async def page(browser: str, tmp_path: Path) -> AsyncIterator[Page]:
    """A fresh browser, so that no test sees what another has cached."""
    async with open_page(browser, tmp_path / "profile") as opened:
        yield opened
