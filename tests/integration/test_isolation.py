"""The level of the fence is in a job's record, below the minimum no job runs, and the operator is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.people import function
from support.sites import cast_on, opened
from syft.cli import tell_isolation
from syft.config import Settings
from syft.errors import InvalidInput
from syft.model.messages.jobs import JobView
from syft.node.node import Node
from syft.sandbox import selection
from syft.sandbox.launch import Launcher, LevelError


def approved_call(node: Node, home: Path) -> JobView:
    cast = cast_on(node, home)
    cast.admin.approve(cast.scientist.request(function("def f():\n    return 1\n", "f")))
    return cast.scientist.call("f")


@pytest.fixture
def nothing_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    def prove(launcher: Launcher, level: str) -> object:
        raise LevelError(f"this machine has no {level}")

    monkeypatch.setattr(selection, "_prove", prove)


def test_the_level_stands_in_the_jobs_record(tmp_path: Path) -> None:
    with opened(tmp_path, isolation="process") as node:
        job = approved_call(node, tmp_path)
        assert (job.state.value, job.isolation) == ("released", "process")
        assert node.info.isolation == "process"


@pytest.mark.usefixtures("nothing_is_allowed")
def test_below_the_minimum_a_job_fails_and_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with opened(tmp_path) as node:
        job = approved_call(node, tmp_path)
        assert (job.state.value, job.error_code) == ("failed", "invalid_state")
        assert "this machine has no landlock" in job.note
        assert "syft doctor" in job.note
        assert node.info.isolation == ""
        tell_isolation(node)
    assert "does not run code" in capsys.readouterr().err


def test_the_operator_is_told_the_level(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with opened(tmp_path, isolation="process") as node:
        tell_isolation(node)
    assert "'process': NO ISOLATION" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "value"),
    [("SYFT_ISOLATION", "perfect"), ("SYFT_ISOLATION_MIN", "auto"), ("SYFT_ISOLATION_MIN", "none")],
)
def test_a_level_that_does_not_exist_cannot_be_set(name: str, value: str) -> None:
    with pytest.raises(InvalidInput, match=f"{name} must be one of .*namespaces, landlock, process"):
        Settings.from_env({name: value})
