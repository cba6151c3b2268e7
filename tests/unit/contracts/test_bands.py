"""Bands: one name for each queue and priority, and no two queues can share one."""

import pytest

from shared.contracts.bands import PRIORITIES, band_of, bands_of, first_served, parts_of, queue_of
from shared.contracts.submission import is_queue_name


@pytest.mark.parametrize("queue", ["default", "a.p9", "b-1", "p9"])
@pytest.mark.parametrize("priority", PRIORITIES)
def test_a_band_tells_its_queue_and_its_priority(queue: str, priority: int) -> None:
    band = band_of(queue, priority)
    assert parts_of(band) == (queue, priority)
    assert queue_of(band) == queue
    assert is_queue_name(band) is (priority == 5)


def test_the_usual_priority_has_the_stream_that_queues_always_had() -> None:
    assert (band_of("mail", 5), band_of("mail", 9)) == ("mail", "mail:p9")


def test_bands_come_in_the_order_in_which_they_are_served() -> None:
    bands = bands_of(["b", "a"])
    assert (bands[:2], bands[-2:], len(bands)) == (["b:p9", "a:p9"], ["b:p0", "a:p0"], 20)
    assert sorted(bands, key=first_served) == bands_of(["a", "b"])
