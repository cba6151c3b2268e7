"""Names of limits, and what a job takes from each."""

import pytest

from shared.contracts.errors import InvalidInput
from shared.contracts.limits.charging import charges_of
from shared.contracts.limits.definition import Definition, read_definition
from shared.contracts.limits.names import Asked, Charge, defaults_of, filled, has_holes


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("github", {"token": "abc"}, "github"),
        ("github:{token}", {"token": "abc"}, "github:abc"),
        ("github:{user.id}", {"user": {"id": 7}}, "github:7"),
        ("github:{token}", {}, "github:"),
        ("github:{token}", {"token": True}, "github:true"),
        ("github:{token}", {"token": "a/b\n"}, "github:a_b_"),
        ("github:{token}", {"token": {"$from": "node"}}, "github:{token}"),
    ],
)
def test_holes_are_filled_from_the_input(name: str, given: dict[str, object], told: str) -> None:
    assert filled(Charge(name=name), given).name == told
    assert has_holes(name) == ("{" in name)


def test_a_submission_replaces_what_its_task_takes() -> None:
    declared = [{"name": "github:{token}", "cost": 1}]
    text = '{"token": "x"}'
    assert charges_of(None, declared, text) == (Charge(name="github:x", cost=1.0),)
    assert charges_of([Asked(name="other", cost=2)], declared, text) == (
        Charge(name="other", cost=2.0),
    )
    assert charges_of([], declared, text) == ()


def test_costs_of_one_name_are_added_and_names_come_in_order() -> None:
    asked = [Asked(name="b"), Asked(name="a", cost=2), Asked(name="b", cost=3)]
    assert charges_of(asked, [], "{}") == (
        Charge(name="a", cost=2.0),
        Charge(name="b", cost=4.0),
    )


def test_the_nearest_default_comes_first() -> None:
    assert defaults_of("a:b:c") == ["a:b:*", "a:*"]
    assert defaults_of("github") == []


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({}, ""),
        ({"rate": 0}, "/rate"),
        ({"rate": 1, "burst": 0.5}, "/burst"),
        ({"rate": 1, "learned": {"base": 1}}, ""),
        ({"learned": {"base": 1, "floor": 2}}, "/learned"),
        ({"learned": {"base": 1}, "burst": 2}, ""),
        ({"rate": 1e9, "per_s": 1}, ""),
        ({"rate": 1, "unknown": 1}, "/unknown"),
        ({"rate": 1, "breaker": {"failure_rate": 2}}, "/breaker/Breaking/failure_rate"),
    ],
)
def test_a_definition_that_makes_no_sense_is_refused(said: object, pointer: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_definition(said)
    assert caught.value.faults[0].pointer == pointer


def test_a_definition_is_told_as_it_came() -> None:
    said = {"rate": 5000, "per_s": 3600}
    definition = read_definition(said)
    assert definition.told() == said
    assert Definition.model_validate(definition.told()) == definition
    assert definition.pace().cap == 1


def test_a_shadow_lets_everything_pass() -> None:
    shadow = read_definition({"learned": {"base": 10, "shadow": True}})
    assert shadow.pace(5).spacing == 0
