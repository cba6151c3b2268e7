"""The real RabbitMQ and MongoDB of a stack: started privately, lost and found, gone at the end."""

import os
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import aio_pika
import pytest
from aiormq.exceptions import ChannelNotFoundEntity
from pymongo import MongoClient

from deploy.local.processes import StartFailed, marked
from deploy.local.stack import NotOurs, Stack, open_stack

slow = [pytest.mark.slow, pytest.mark.timeout(300)]


async def declare(url: str, queue: str, *, passive: bool = False) -> int:
    """Declare a durable queue; return how many messages it holds."""
    async with await aio_pika.connect(url) as connection, connection.channel() as channel:
        declared = await channel.declare_queue(queue, durable=True, passive=passive)
        return declared.declaration_result.message_count or 0


def remembered(url: str) -> list[Any]:
    with closing(MongoClient[dict[str, Any]](url)) as client:
        return [row["_id"] for row in client["test"]["things"].find()]


@pytest.fixture
async def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stack]:
    """A stack of servers that somebody else runs; nothing is started for it."""
    monkeypatch.setenv("WARREN_RABBIT_URL", "amqp://theirs/")
    monkeypatch.setenv("WARREN_MONGO_URL", "mongodb://theirs/")
    async with open_stack(tmp_path / "stack") as stack:
        yield stack


async def test_servers_that_the_environment_names_are_used(named: Stack) -> None:
    assert named.environment()["WARREN_RABBIT_URL"] == "amqp://theirs/"
    assert named.environment()["WARREN_MONGO_URL"] == "mongodb://theirs/"
    assert named.servers() == []


async def test_servers_that_the_environment_names_are_never_stopped(named: Stack) -> None:
    with pytest.raises(NotOurs, match="WARREN_RABBIT_URL"):
        await named.rabbit.stop()
    with pytest.raises(NotOurs, match="WARREN_MONGO_URL"):
        await named.mongo.kill()


async def test_settings_of_the_person_do_not_reach_the_processes_of_a_stack(
    named: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WARREN_SLOTS", "1")

    assert "WARREN_SLOTS" not in named.environment()
    assert named.environment()["PATH"] == os.environ["PATH"]


class TestAStackOfItsOwn:
    pytestmark = slow

    async def test_keeps_its_data_over_a_restart_at_other_ports(self, tmp_path: Path) -> None:
        async with open_stack(tmp_path, keep_data=True) as first:
            await declare(first.rabbit_url, "kept")
            with closing(MongoClient[dict[str, Any]](first.mongo_url)) as client:
                client["test"]["things"].insert_one({"_id": 1})
        assert marked(first.mark) == []

        async with open_stack(tmp_path, keep_data=True) as second:
            assert second.mongo_url != first.mongo_url
            assert remembered(second.mongo_url) == [1]
            assert await declare(second.rabbit_url, "kept", passive=True) == 0

    async def test_can_lose_its_servers_and_leaves_nothing(self, tmp_path: Path) -> None:
        directory = tmp_path / "stack"
        async with open_stack(directory) as stack:
            await declare(stack.rabbit_url, "lost")
            with closing(MongoClient[dict[str, Any]](stack.mongo_url)) as client:
                client["test"]["things"].insert_one({"_id": 1})

            await stack.mongo.kill()
            await stack.mongo.start()
            assert remembered(stack.mongo_url) == [1]

            assert "lost" in await stack.rabbit.ctl("list_queues", "name")
            await stack.rabbit.wipe()
            with pytest.raises(ChannelNotFoundEntity):
                await declare(stack.rabbit_url, "lost", passive=True)

        assert marked(stack.mark) == []
        assert not directory.exists()

    async def test_that_cannot_start_says_why(self, tmp_path: Path) -> None:
        directory = tmp_path / "stack"
        with pytest.raises(StartFailed, match=r"(?s)MongoDB ended at once.*noSuchParameter"):
            async with open_stack(directory, mongo_parameters={"noSuchParameter": "1"}) as stack:
                pytest.fail(f"started at {stack.mongo_url}")

        assert not directory.exists()
