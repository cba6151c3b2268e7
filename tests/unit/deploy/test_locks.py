"""The locks agree with pyproject.toml: a fresh machine installs what the project asks for."""

import re
import tomllib
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.local.setup import ROOT

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
SERVICE = [
    *PROJECT["project"]["dependencies"],
    *PROJECT["project"]["optional-dependencies"]["service"],
]
GROUPS: dict[str, list[str]] = PROJECT["dependency-groups"]
DEVELOPMENT = [*SERVICE, *GROUPS["mongod"], *GROUPS["test"], *GROUPS["check"]]
ASKED_OF = {"service": SERVICE, "dev": DEVELOPMENT, "bench": [*DEVELOPMENT, *GROUPS["bench"]]}


def text_of(lock: str) -> str:
    return (ROOT / "requirements" / f"{lock}.txt").read_text("utf-8")


def locked(lock: str) -> dict[str, str]:
    pins = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", text_of(lock), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in pins}


@pytest.mark.parametrize("lock", ASKED_OF)
def test_a_lock_has_a_fitting_version_of_all_that_is_asked_for(lock: str) -> None:
    pins = locked(lock)
    unfit = [
        wanted
        for wanted in map(Requirement, ASKED_OF[lock])
        if not wanted.specifier.contains(pins.get(canonicalize_name(wanted.name), "0"))
        or canonicalize_name(wanted.name) not in pins
    ]

    assert not unfit, f"run `make lock`: requirements/{lock}.txt lacks {unfit}"


@pytest.mark.parametrize(("smaller", "larger"), [("service", "dev"), ("dev", "bench")])
def test_a_larger_lock_repeats_the_smaller_one(smaller: str, larger: str) -> None:
    assert locked(smaller).items() <= locked(larger).items(), "run `make lock`"


@pytest.mark.parametrize("lock", ASKED_OF)
def test_every_version_is_held_by_its_hash_and_no_place_is_named(lock: str) -> None:
    blocks = re.split(r"\n(?=[A-Za-z0-9])", text_of(lock))[1:]

    assert all("--hash=sha256:" in block for block in blocks)
    assert not re.search(r"://|^-|\bfile:|\s/", text_of(lock), re.MULTILINE)
