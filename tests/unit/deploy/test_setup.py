"""The set-up does what is missing, nothing twice, and fails in one line that has the remedy."""

import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.debian import install, services_kept_still
from deploy.local.setup import ROOT, check_python, ensure_dependencies, ensure_venv, main
from deploy.local.steps import SetUpFailed, run_step


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """An environment whose Python writes down what it was asked for."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    python = tmp_path / "bin" / "python"
    python.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n')
    python.chmod(0o755)
    return tmp_path


def asked(venv: Path) -> list[str]:
    return (venv / "asked").read_text().splitlines()


def test_an_old_python_is_refused_with_the_way_to_name_another() -> None:
    with pytest.raises(SetUpFailed, match=r"Python 3\.10\.4 is too old.*PYTHON=python3\.11"):
        check_python((3, 10, 4))


def test_a_lock_is_installed_by_hash_and_only_once(venv: Path) -> None:
    lock = venv / "dev.txt"
    lock.write_text("something==1")

    ensure_dependencies(venv, lock)
    ensure_dependencies(venv, lock)

    assert len(asked(venv)) == 1
    assert "install --require-hashes" in asked(venv)[0]


def test_a_changed_lock_is_installed_again(venv: Path) -> None:
    lock = venv / "dev.txt"
    for text in ("something==1", "something==2"):
        lock.write_text(text)
        ensure_dependencies(venv, lock)

    assert len(asked(venv)) == 2


def test_the_checkout_can_be_imported_from_anywhere(venv: Path) -> None:
    lock = venv / "dev.txt"
    lock.write_text("something==1")

    ensure_dependencies(venv, lock)

    (pointer,) = venv.glob("lib/*/site-packages/*.pth")
    assert pointer.read_text().strip() == str(ROOT)


def test_a_whole_environment_is_left_alone() -> None:
    ensure_venv(Path(sys.prefix))  # would otherwise clear the very one that runs this test

    assert Path(sys.executable).exists()


def test_an_unknown_lock_ends_the_set_up_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nonsense"]) == 1

    said = capsys.readouterr().err.strip()
    assert said.startswith("setup: ")
    assert "nonsense.txt does not exist" in said
    assert "\n" not in said


def test_a_step_that_fails_gives_its_reason_and_the_remedy(tmp_path: Path) -> None:
    talk = "echo fetching; echo 'ERROR: no such host'; echo see the manual; exit 3"

    with pytest.raises(SetUpFailed, match=r"^fetching failed: ERROR: no such host; plug it in"):
        run_step("fetching", ["sh", "-c", talk], log=tmp_path / "log", remedy="plug it in")


def test_a_step_whose_program_is_missing_gives_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(SetUpFailed, match="bring it along"):
        run_step("going", [str(tmp_path / "no")], log=tmp_path / "log", remedy="bring it along")


def test_without_apt_get_the_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(SetUpFailed, match=r"RabbitMQ is not installed.*install rabbitmq-server"):
        install(["rabbitmq-server"], why="RabbitMQ is not installed", log=tmp_path / "log")


def test_a_package_that_is_being_installed_may_not_start_its_service(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"

    with services_kept_still([], policy):
        broker = subprocess.run([policy, "rabbitmq-server", "start"], check=False)
        other = subprocess.run([policy, "cron", "restart"], check=False)

    assert broker.returncode == 101
    assert other.returncode == 0
    assert not policy.exists()


def test_a_policy_of_the_machine_itself_stays(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("theirs")

    with services_kept_still([], policy):
        assert policy.read_text() == "theirs"

    assert policy.read_text() == "theirs"
