"""Everything that a fence must prevent, by the table of acts: it works outside and fails inside, at each level."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

import syft.sandbox.report as report
from syft.cli import main
from syft.errors import InvalidState
from syft.sandbox.acts.every import ACTS
from syft.sandbox.levels import GVISOR, LANDLOCK, LEVELS, NAMESPACES, NOT_PROMISED
from syft.sandbox.report import Examined, Finding, as_text, examine
from syft.sandbox.runner import EmbeddedRunner

FENCED = (GVISOR, NAMESPACES, LANDLOCK)
SYSTEM_PYTHON = "/usr/bin/python3.11"
NOBODY = 65534


def as_we_are(level: str) -> Examined:
    runner = EmbeddedRunner(level=level)
    try:
        runner.wait()
        return examine(runner)
    except InvalidState as error:
        pytest.skip(str(error))
    finally:
        runner.close()


def as_an_ordinary_user(level: str) -> Examined:
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    return in_another_process(level, NOBODY)


def as_root_whose_runs_have_users(level: str) -> Examined:
    if os.geteuid() != 0:
        pytest.skip("only root can give runs users of their own")
    return in_another_process(level, 0)


def in_another_process(level: str, user: int) -> Examined:
    """The same with an interpreter that everybody can read."""
    if not os.path.exists(SYSTEM_PYTHON) or sys.version_info[:2] != (3, 11):
        pytest.skip("there is no second interpreter of this version, readable by others")
    # Not in /tmp, which every run has of its own.
    folder = Path(tempfile.mkdtemp(prefix="syft-user-", dir="/var/tmp"))
    try:
        folder.chmod(0o755)
        subprocess.run([SYSTEM_PYTHON, "-m", "venv", "--without-pip", folder / "venv"], check=True)
        (packages,) = (folder / "venv").glob("lib/python*/site-packages")
        paths = [path for path in sys.path if path.endswith(("site-packages", "/src"))]
        (packages / "others.pth").write_text("\n".join(paths) + "\n")
        command = [folder / "venv/bin/python", "-m", "syft.cli", "doctor", "--level", level, "--json"]
        environment = {"SYFT_HOME": str(folder / "home"), "PATH": "/usr/bin:/bin"}
        done = subprocess.run(
            command, user=user, group=user, extra_groups=[], env=environment, capture_output=True, cwd="/"
        )
        if b"is required and not available" in done.stderr or b"Permission denied" in done.stderr:
            pytest.skip(done.stderr.decode())
        assert done.stdout, done.stderr.decode()
        return msgspec.json.decode(done.stdout, type=Examined)
    finally:
        shutil.rmtree(folder)


WAYS: dict[str, Callable[[str], Examined]] = {
    "as we are": as_we_are,
    "ordinary user": as_an_ordinary_user,
    "root, runs have users": as_root_whose_runs_have_users,
}


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((way, level), id=f"{way}-{level}", marks=[pytest.mark.gvisor] if level == GVISOR else [])
        for way in WAYS
        for level in FENCED
    ],
)
def examined(request: pytest.FixtureRequest) -> Examined:
    way, level = request.param
    return WAYS[way](level)


def finding(examined: Examined, name: str) -> Finding:
    (one,) = (one for one in examined.findings if one.name == name)
    return one


@pytest.mark.parametrize("name", ACTS)
def test_the_act_fails_inside(examined: Examined, name: str) -> None:
    one = finding(examined, name)
    if one.outside and one.inside:
        pytest.skip(f"it fails outside, too: {one.outside}")
    assert one.inside or name in NOT_PROMISED[examined.level], one


def test_most_acts_can_be_tested(examined: Examined) -> None:
    tested = [one for one in examined.findings if not one.outside]
    assert len(tested) >= 60
    assert examined.breaches == []


def test_runs_with_users_of_their_own_cannot_look_at_paths(examined: Examined) -> None:
    if examined.level != LANDLOCK or any("server's user" in one for one in examined.weaknesses):
        pytest.skip("it is about runs at level landlock that have users of their own")
    for name in ("ask whether a file of the server's exists", "start very many threads"):
        assert finding(examined, name).verdict == "held"


def test_the_strongest_levels_leave_nothing_out() -> None:
    assert NOT_PROMISED[NAMESPACES] == NOT_PROMISED[GVISOR] == {}
    assert all(name in ACTS for names in NOT_PROMISED.values() for name in names)
    assert "process" in LEVELS


def test_the_report_shows_each_act_and_counts_them(examined: Examined) -> None:
    text = as_text(examined)
    assert all(name in text for name in ACTS)
    assert f"{len(ACTS)} acts" in text
    assert "0 BREACHES" in text


def test_a_fence_that_lets_something_through_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    some = (
        "read a file of the server's",
        "end the server",
        "connect by TCP",
        "keep memory in a file without a name",
    )
    monkeypatch.setattr(report, "ACTS", {name: ACTS[name] for name in some})
    # Promises are changed and not the fence: `process` is a fence with holes.
    monkeypatch.setitem(NOT_PROMISED, "process", {})
    done = CliRunner().invoke(main, ["doctor", "--level", "process"])
    assert done.exit_code == 1
    assert done.output.count("BREACH") == len(some) + 1
    assert f"{len(some)} BREACHES" in done.output


def test_a_level_that_does_not_exist_is_an_error() -> None:
    done = CliRunner().invoke(main, ["doctor", "--level", "perfect"])
    assert done.exit_code == 1
    assert "not a level of isolation" in done.output
