"""What the acts are aimed at: harm is what a run did, not what anybody else on the machine does meanwhile."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from syft.sandbox.acts.stage import Stage
from syft.sandbox.limits import Limits


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with Stage(tmp_path / "stage", Limits()) as stage:
        yield stage


def send(port: int, text: bytes) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as one:
        one.sendto(text, ("127.0.0.1", port))


def test_another_user_cannot_fake_a_breach(stage: Stage) -> None:
    """A breach stops the server until its next start: any local user could have stopped it with a file in /tmp."""
    fakes = [Path("/tmp", f"syft-act-{stage.props.victim}"), Path("/tmp", f"syft-act-{stage.props.victim}-0")]
    try:
        for path in fakes:
            path.touch()
        send(stage.props.port, b"leaked")
        assert stage.harm() == ""
    finally:
        for path in fakes:
            path.unlink()


@pytest.mark.parametrize("place", ["/tmp", "/dev/shm"])
def test_what_a_run_leaves_is_harm(stage: Stage, place: str) -> None:
    Path(place, stage.props.mark).touch()
    assert stage.harm() == f"something was left in {place}"
    stage.restore()
    assert stage.harm() == ""


def test_what_a_run_sends_is_harm_also_behind_what_others_send(stage: Stage) -> None:
    send(stage.props.port, b"leaked")
    send(stage.props.port, stage.props.mark.encode())
    assert "received" in stage.harm()


def test_no_two_stages_have_the_same_mark(stage: Stage, tmp_path: Path) -> None:
    with Stage(tmp_path / "other", Limits()) as other:
        assert other.props.mark != stage.props.mark
