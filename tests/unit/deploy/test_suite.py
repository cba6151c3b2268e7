"""The suite runs in parts side by side, and none of it is left out."""

import asyncio
import textwrap
from pathlib import Path

import pytest

from deploy.local.stack import ROOT
from deploy.local.suite import INTERRUPTED, PARTS, Part, run
from tests.eventually import eventually

pytestmark = pytest.mark.slow


def a_file(folder: Path, name: str, text: str) -> Path:
    path = folder / f"test_{name}.py"
    path.write_text(textwrap.dedent(text))
    return path


def test_every_ring_is_in_one_part_except_what_takes_long() -> None:
    rings = {f"tests/{path.parent.name}" for path in (ROOT / "tests").glob("*/test_*.py")}
    rings |= {f"tests/{path.parent.parent.name}" for path in (ROOT / "tests").glob("*/*/test_*.py")}
    assert sorted(path for paths in PARTS.values() for path in paths) == sorted(
        rings - {"tests/long"}
    )


async def test_a_part_that_fails_stops_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = a_file(tmp_path, "good", "def test_it() -> None: ...")
    bad = a_file(tmp_path, "bad", "def test_it() -> None:\n    assert 'x' * 100_000 == ''")
    parts = [Part("good", [str(good)]), Part("bad", [str(bad)])]
    await run(parts)
    assert [part.code for part in parts] == [0, 1]
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("    good | ") and "1 passed" in line for line in lines)
    assert any(line.startswith("     bad | ") and "1 failed" in line for line in lines)
    assert not parts[0].summary
    assert any("test_bad.py::test_it" in line for line in parts[1].summary)


async def test_a_part_that_is_told_to_stop_tidies_up_first(tmp_path: Path) -> None:
    begun, tidied = tmp_path / "begun", tmp_path / "tidied"
    text = f"""
        import time
        from pathlib import Path

        def test_it() -> None:
            Path({str(begun)!r}).touch()
            try:
                time.sleep(50)
            finally:
                Path({str(tidied)!r}).touch()
    """
    part = Part("slow", [str(a_file(tmp_path, "slow", text))])
    running = asyncio.create_task(run([part]))
    await eventually(begun.exists, within=30)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert tidied.exists()
    assert part.code == INTERRUPTED
