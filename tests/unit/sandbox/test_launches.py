"""Asking the host for what a run asks for: not too much at once, and an answer in any case."""

from __future__ import annotations

import io
import threading
from collections.abc import Mapping, Sequence
from typing import BinaryIO

import pytest

from syft.errors import NotFound, SyftException
from syft.sandbox.channel import BULK_BYTES_MAX, Collect
from syft.sandbox.contract import OfLaunched, Reference, Stream
from syft.sandbox.incoming import Launched
from syft.sandbox.launches import AT_ONCE, LAUNCHES_MAX, UNANSWERED_MAX, Launches

LINKS = frozenset({"part"})


class Host:
    """Answers with its own value, when it is let."""

    def __init__(
        self, answer: bytes | BinaryIO | Exception = b"value", refusal: Exception | None = None
    ) -> None:
        self.answer = answer
        self.refusal = refusal
        self.let = threading.Semaphore(0)
        self.launched: list[int] = []
        self.waiting = 0

    def launch_job(
        self, call: int, name: str, inputs: Mapping[str, bytes], references: Sequence[Reference] = ()
    ) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.launched.append(call)

    def collect(self, call: int) -> bytes | BinaryIO:
        self.waiting += 1
        assert self.let.acquire(timeout=10)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def progress(self, current: int, total: int | None) -> None:
        raise AssertionError("not asked for here")

    def printed(self, stream: Stream, text: str) -> None:
        raise AssertionError("not asked for here")


def answers(launches: Launches) -> list[bytes]:
    found = []
    while (answer := launches.take_answer()) is not None:
        found.append(b"".join(answer))
    return found


def ask(host: Host | None, name: str = "part", *, wanted: bool = True) -> bytes:
    woken = threading.Event()
    launches = Launches(host, LINKS, woken.set)
    if host is not None:
        host.let.release()
    assert launches.launch(Launched(1, name, {}))
    assert launches.take_answer() is None, "nothing is said of a launch until it is asked for"
    assert launches.collect(Collect(1, wanted))
    if host is not None and host.launched:
        assert woken.wait(10)
    (answer,) = answers(launches)
    return answer


def test_bytes_and_files_are_answers() -> None:
    file = io.BytesIO(b"value" * BULK_BYTES_MAX)
    file.read(7)
    assert ask(Host(b"value")).endswith(b"value")
    answer = ask(Host(file))
    assert answer.count(b"value") in range(BULK_BYTES_MAX - 10, BULK_BYTES_MAX + 1)
    assert file.closed


def test_a_value_that_is_not_wanted_is_not_sent() -> None:
    file = io.BytesIO(b"value")
    assert b"value" not in ask(Host(b"value"), wanted=False)
    assert b"value" not in ask(Host(file), wanted=False)
    assert file.closed


@pytest.mark.parametrize("at", ["launch", "collect"])
@pytest.mark.parametrize(
    ("error", "told"),
    [
        (NotFound("no such function"), b"no such function"),
        (SyftException(), b"SyftException"),
        (RuntimeError("private"), b"the node could not run it"),
    ],
)
def test_whatever_the_host_raises_is_an_answer(error: Exception, told: bytes, at: str) -> None:
    answer = ask(Host(error) if at == "collect" else Host(refusal=error))
    assert told in answer
    assert b"private" not in answer


def test_without_a_host_or_by_another_name_nothing_is_asked() -> None:
    assert b"cannot be launched here" in ask(None)
    host = Host()
    assert b"not submitted with it" in ask(host, "other")
    assert not host.launched


def test_what_was_refused_cannot_be_handed_on() -> None:
    host = Host()
    launches = Launches(host, LINKS, lambda: None)
    assert launches.launch(Launched(1, "other", {}))
    assert launches.launch(Launched(2, "part", {}, (OfLaunched(1),)))
    assert not host.launched
    assert launches.collect(Collect(2, True))
    assert b"not submitted with it" in answers(launches)[0]


@pytest.mark.parametrize("call", [0, 1, 3, LAUNCHES_MAX + 1])
def test_calls_are_numbered_and_none_is_another(call: int) -> None:
    launches = Launches(Host(), LINKS, lambda: None)
    assert launches.launch(Launched(1, "part", {}))
    assert not launches.launch(Launched(call, "part", {}))


@pytest.mark.parametrize("call", [0, 2, 1 << 60])
def test_only_what_was_launched_can_be_asked_for(call: int) -> None:
    launches = Launches(Host(), LINKS, lambda: None)
    assert launches.launch(Launched(1, "part", {}))
    assert not launches.collect(Collect(call, True))


def test_launches_are_not_endless() -> None:
    host = Host()
    launches = Launches(host, LINKS, lambda: None)
    assert all(launches.launch(Launched(call, "part", {})) for call in range(1, LAUNCHES_MAX + 1))
    assert not launches.launch(Launched(LAUNCHES_MAX + 1, "part", {}))


def test_a_run_that_asks_without_reading_is_not_listened_to_until_it_does() -> None:
    host = Host()
    woken = threading.Semaphore(0)
    launches = Launches(host, LINKS, woken.release)
    assert launches.launch(Launched(1, "part", {}))
    for _ in range(UNANSWERED_MAX):
        assert not launches.busy
        launches.collect(Collect(1, True))
    assert launches.busy
    assert host.waiting <= AT_ONCE
    for _ in range(UNANSWERED_MAX):
        host.let.release()
        assert woken.acquire(timeout=10)
    assert launches.busy
    assert len(answers(launches)) == UNANSWERED_MAX
    assert not launches.busy
