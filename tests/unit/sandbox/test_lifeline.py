"""One run's process as several threads see it: what is told when it, or the zygote, or both are gone."""

from __future__ import annotations

import os
import socket
import subprocess

import psutil
import pytest

from syft.sandbox import accounting, launch
from syft.sandbox.cgroups import Delegation
from syft.sandbox.control import Ended, Fork, receive, send, to_server
from syft.sandbox.launch import Launcher, ZygoteError
from syft.sandbox.lifeline import Lifeline
from syft.sandbox.limits import Limits


def test_a_zygote_that_is_lost_before_it_has_forked_is_told() -> None:
    lifeline = Lifeline()
    lifeline.lose("it has died")
    assert (lifeline.lost, lifeline.cpu_s(), lifeline.used()) == ("it has died", 0.0, (0.0, 0))
    assert lifeline.answer() is None


def test_the_zygotes_death_is_the_runs() -> None:
    lifeline = Lifeline()
    with subprocess.Popen(["sleep", "60"]) as process:
        lifeline.forked(os.pidfd_open(process.pid))
        lifeline.lose("it has died")
        assert process.wait(10) == -9
    lifeline.answer()


def test_who_is_too_late_is_told_so() -> None:
    lifeline = Lifeline()
    lifeline.end(Ended("0", 0, cpu_s=1.5, max_rss_bytes=7))
    assert lifeline.used() == (1.5, 7)
    lifeline.answer()
    assert not lifeline.kill("too late")
    lifeline.wake()


def test_a_process_that_has_gone_has_used_nothing_any_more() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        pidfd = os.pidfd_open(process.pid)
        assert accounting.pid_of(pidfd) == process.pid
        assert accounting.cpu_s_of(pidfd) is not None
        process.kill()
    assert accounting.pid_of(pidfd) is None
    assert accounting.cpu_s_of(pidfd) is None
    assert accounting.used_by(pidfd) is None
    os.close(pidfd)


def test_what_goes_between_two_looks_has_used_nothing_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounting, "pid_of", lambda _: 1 << 22)  # no process has so high a number
    assert accounting.cpu_s_of(0) is None
    monkeypatch.setattr(accounting, "cpu_s_of", lambda _: 1.0)
    assert accounting.used_by(0) is None


def test_a_descriptor_that_is_no_process_has_no_number() -> None:
    with open(os.devnull) as file:
        assert accounting.pid_of(file.fileno()) is None


def test_whoever_goes_without_reading_has_gone() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        send(ours, Ended("0", 0))
        theirs.close()
        assert receive(ours, to_server) == (None, [])


def test_a_zygote_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "_STOP_S", 0.2)
    launcher = Launcher("process", [], {}, [], Delegation())
    launcher.wait()
    ours = (one for one in psutil.Process().children() if "syft.sandbox.zygote" in one.cmdline())
    zygote = max(ours, key=lambda one: one.create_time())
    zygote.suspend()
    launcher.close()
    assert not zygote.is_running()
    assert launcher.gone


def test_a_zygote_that_does_not_answer_has_died(monkeypatch: pytest.MonkeyPatch) -> None:
    launcher = Launcher("process", [], {}, [], Delegation())
    launcher.wait()

    def refuse(*_: object) -> None:
        raise BrokenPipeError("nobody there")

    with monkeypatch.context() as patch:
        patch.setattr(launch, "send", refuse)
        lifeline = Lifeline()
        with pytest.raises(ZygoteError, match="does not answer: nobody there"):
            launcher.fork(Fork("0", Limits()), (), lifeline)
        lifeline.answer()
    launcher.close()
    with pytest.raises(ZygoteError, match="has died"):
        launcher.fork(Fork("0", Limits()), (), Lifeline())
