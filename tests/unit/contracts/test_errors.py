"""One tree of errors, each with a code of its own and a message that says what to do."""

from collections.abc import Iterator

from shared.contracts.errors import (
    BrokerUnavailable,
    Fault,
    InvalidInput,
    StoreUnavailable,
    Unavailable,
    UnknownTask,
    WarrenError,
)


def every_error(root: type[WarrenError] = WarrenError) -> Iterator[type[WarrenError]]:
    yield root
    for kind in root.__subclasses__():
        yield from every_error(kind)


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [kind.code for kind in every_error()]
    assert len(codes) == len(set(codes))
    assert all(code == code.lower() and " " not in code for code in codes)


def test_every_error_says_what_it_means() -> None:
    assert all(kind.__doc__ for kind in every_error())


def test_invalid_input_names_the_first_fault_and_counts_the_others() -> None:
    one = InvalidInput([Fault("/a", "is bad")])
    three = InvalidInput([Fault("", "is worse"), Fault("/b", "x"), Fault("/c", "y")])
    assert str(one) == "/a: is bad"
    assert str(three) == "the body: is worse (and 2 more)"


def test_an_unknown_task_is_named_and_the_caller_told_where_to_look() -> None:
    assert "'math.subtract'" in str(UnknownTask("math.subtract"))
    assert "/v1/tasks" in str(UnknownTask("math.subtract"))


def test_whatever_is_away_can_be_caught_as_one() -> None:
    assert issubclass(StoreUnavailable, Unavailable)
    assert issubclass(BrokerUnavailable, Unavailable)
