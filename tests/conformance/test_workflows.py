"""Workflows on a real database: nodes run when they should, once, and the whole comes to an end."""

from typing import Any

import pytest

from shared.infrastructure.mongo import Database
from shared.infrastructure.workflow.advance import Advance
from tests.conformance.play import Play, succeeded


def fails(_: Any) -> None:
    raise ValueError("no")


TASKS = {
    "one": lambda _: 1,
    "inc": lambda given: given["x"] + 1,
    "sum": lambda given: sum(given["xs"]),
    "same": lambda given: given.get("x"),
    "list": lambda given: list(range(given["n"])),
    "fail": fails,
}


@pytest.fixture
def play(database: Database) -> Play:
    return Play(database, TASKS)


async def test_a_chain_hands_each_result_to_the_next(play: Play) -> None:
    await play.submit(
        nodes={
            "a": {"task": "one"},
            "b": {"task": "inc", "input": {"x": {"$from": "a"}}},
            "c": {"task": "inc", "input": {"x": {"$from": "b"}}},
        }
    )
    await play.run()
    assert succeeded(await play.statuses())
    assert (await play.graph())["status"] == "succeeded"
    assert await play.result() == 3
    assert [path for path, _ in play.ran] == ["a", "b", "c"]


async def test_a_join_waits_for_all_and_gets_their_results_in_declared_order(play: Play) -> None:
    await play.submit(
        nodes={
            "a": {"task": "one"},
            "b": {"task": "inc", "input": {"x": {"$literal": 10}}},
            "c": {"task": "inc", "input": {"x": 20}},
            "j": {"task": "same", "input": {"x": [{"$from": "c"}, {"$from": "a"}, {"$from": "b"}]}},
        }
    )
    await play.run(twice=True)
    assert await play.result() == [21, 1, 11]
    assert [path for path, _ in play.ran].count("j") == 1


async def test_a_failure_skips_what_needed_it_and_runs_who_handles_it(play: Play) -> None:
    await play.submit(
        nodes={
            "bad": {"task": "fail"},
            "next": {"task": "same", "input": {"x": {"$from": "bad"}}},
            "last": {"task": "same", "after": ["next"]},
            "alarm": {
                "task": "same",
                "after": ["last"],
                "run_if": "any_failed",
                "input": {"x": {"$error": "last"}},
            },
        }
    )
    await play.run(twice=True)
    assert await play.statuses() == {
        "bad": "failed",
        "next": "skipped",
        "last": "skipped",
        "alarm": "succeeded",
    }
    assert (await play.graph())["status"] == "succeeded"  # somebody handled it
    [(_, _), (_, told)] = play.ran
    assert (told["x"]["node"], told["x"]["type"], told["x"]["message"]) == (
        "bad",
        "ValueError",
        "no",
    )


async def test_whoever_dies_behind_a_skipped_node_leaves_nothing_undecided(
    play: Play, database: Database
) -> None:
    await play.submit(
        nodes={
            "bad": {"task": "fail"},
            "next": {"task": "same", "after": ["bad"]},
            "last": {"task": "same", "after": ["next"]},
            "alarm": {"task": "same", "after": ["next"], "run_if": "any_failed"},
        }
    )
    bad = await play.step(and_then_die=True)

    async def dies(_: object) -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):  # `next` has been skipped, and has told the others
        await Advance(database, dies).advance([bad])
    play.note(await play.advance.advance([bad], again=True))
    await play.run()
    assert await play.statuses() == {
        "bad": "failed",
        "next": "skipped",
        "last": "skipped",
        "alarm": "succeeded",
    }
    assert (await play.graph())["status"] == "succeeded"


async def test_a_failure_that_nobody_handles_fails_the_workflow_and_names_the_node(
    play: Play,
) -> None:
    await play.submit(
        nodes={"bad": {"task": "fail"}, "next": {"task": "same", "after": ["bad"]}},
        on_failure={"task": "same", "input": {"x": {"$error": ""}}},
        on_success={"task": "same"},
    )
    await play.run(twice=True)
    graph = await play.graph()
    assert (graph["status"], graph["cause"]["node"]) == ("failed", "bad")
    hooks = [given for path, given in play.ran if path == ":on_failure"]
    assert [given["x"]["type"] for given in hooks] == ["ValueError"]
    assert not [path for path, _ in play.ran if path == ":on_success"]


async def test_foreach_makes_a_job_of_each_element_and_gives_the_list_in_order(play: Play) -> None:
    await play.submit(
        nodes={
            "pages": {"task": "list", "input": {"n": 5}},
            "fetch": {
                "task": "inc",
                "foreach": {"$from": "pages"},
                "input": {"x": {"$item": ""}},
                "max_parallel": 2,
            },
            "report": {"task": "sum", "input": {"xs": {"$from": "fetch"}}},
        }
    )
    await play.step(twice=True)
    assert len(set(play.runnable)) == 2  # no more than max_parallel
    await play.run(twice=True)
    assert await play.result() == 15
    assert [path for path, _ in play.ran].count("report") == 1
    assert len(play.ran) == 7


async def test_foreach_over_nothing_gives_an_empty_list(play: Play) -> None:
    await play.submit(
        nodes={
            "fetch": {"task": "inc", "foreach": [], "input": {"x": {"$item": ""}}},
            "report": {"task": "sum", "input": {"xs": {"$from": "fetch"}}},
        }
    )
    await play.run()
    assert await play.result() == 0


async def test_an_element_that_fails_fails_the_node_and_tolerated_it_leaves_null(
    play: Play,
) -> None:
    play.does["odd"] = lambda given: fails(0) if given["x"] % 2 else given["x"]
    for tolerate, whole in ((True, "succeeded"), (False, "failed")):
        await play.submit(
            nodes={
                "each": {
                    "task": "odd",
                    "foreach": [0, 1, 2],
                    "input": {"x": {"$item": ""}},
                    "tolerate": tolerate,
                }
            }
        )
        await play.run()
        assert (await play.graph())["status"] == whole
        if tolerate:
            assert await play.result() == [0, None, 2]
        else:
            assert (await play.graph())["cause"]["node"] == "each/1"


async def test_a_wide_join_costs_no_more_than_a_few_words(play: Play) -> None:
    nodes: dict[str, Any] = {f"n{i}": {"task": "inc", "input": {"x": i}} for i in range(300)}
    nodes["sum"] = {"task": "sum", "input": {"xs": [{"$from": f"n{i}"} for i in range(300)]}}
    await play.submit(nodes=nodes)
    await play.run()
    assert await play.result() == sum(range(1, 301))


async def test_a_reference_to_what_is_not_there_fails_the_workflow(play: Play) -> None:
    await play.submit(nodes={"a": {"task": "one"}}, result={"$from": "a", "path": "/nothing"})
    await play.run()
    graph = await play.graph()
    assert (graph["status"], graph["cause"]["type"]) == ("failed", "bad-reference")
