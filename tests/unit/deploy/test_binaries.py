"""The servers are found, or their absence is one clear line."""

from pathlib import Path

import pytest

from deploy.local.binaries import NotInstalled, missing_library, mongod, rabbitmq_bin


def test_an_absent_rabbitmq_is_named_with_its_remedy(tmp_path: Path) -> None:
    with pytest.raises(NotInstalled, match=r"RabbitMQ is not installed.*make setup.*RABBIT_URL"):
        rabbitmq_bin(tmp_path)


def test_rabbitmq_without_erlang_is_as_good_as_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rabbitmq-server").touch()
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(NotInstalled, match="erl"):
        rabbitmq_bin(tmp_path)


def test_a_mongod_on_the_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "mongod"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert mongod() == own


def test_an_absent_mongod_is_named_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(NotInstalled, match=r"no MongoDB server.*make setup.*WARREN_MONGO_URL"):
        mongod([str(tmp_path)])


def test_a_library_that_a_server_lacks_is_named(tmp_path: Path) -> None:
    server = tmp_path / "mongod"
    complaint = "mongod: error while loading shared libraries: libx.so.4: cannot open it"
    server.write_text(f"#!/bin/sh\necho '{complaint}' >&2; exit 127\n")
    server.chmod(0o755)

    assert missing_library(server) == "libx.so.4"


def test_a_server_that_starts_lacks_nothing() -> None:
    assert missing_library(Path("/bin/true")) is None
