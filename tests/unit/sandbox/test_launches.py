"""Asking the host for a run: at once, but not too much, and an answer in any case."""

from __future__ import annotations

import io
import threading
from collections.abc import Mapping
from typing import BinaryIO

import pytest

from syft.errors import NotFound, SyftException
from syft.sandbox.channel import BULK_BYTES_MAX
from syft.sandbox.incoming import Launched
from syft.sandbox.launches import AT_ONCE, Launches

LINKS = frozenset({"part"})


class Host:
    """Answers with its own value, when it is let."""

    def __init__(self, answer: bytes | BinaryIO | Exception = b"value") -> None:
        self.answer = answer
        self.let = threading.Semaphore(0)
        self.asked = 0

    def launch_job(self, name: str, inputs: Mapping[str, bytes]) -> bytes | BinaryIO:
        self.asked += 1
        assert self.let.acquire(timeout=10)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def progress(self, current: int, total: int | None) -> None:
        raise AssertionError("not asked for here")


def answers(launches: Launches) -> list[bytes]:
    found = []
    while (answer := launches.take_answer()) is not None:
        found.append(b"".join(answer))
    return found


def ask(host: Host | None, name: str = "part") -> bytes:
    woken = threading.Event()
    launches = Launches(host, LINKS, woken.set)
    if host is not None:
        host.let.release()
    launches.ask(Launched(1, name, {}))
    if host is not None and name in LINKS:
        assert woken.wait(10)
    assert launches.unread == 1
    (answer,) = answers(launches)
    return answer


def test_bytes_and_files_are_answers() -> None:
    file = io.BytesIO(b"value" * BULK_BYTES_MAX)
    file.read(7)
    assert ask(Host(b"value")).endswith(b"value")
    answer = ask(Host(file))
    assert answer.count(b"value") in range(BULK_BYTES_MAX - 10, BULK_BYTES_MAX + 1)
    assert file.closed


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (NotFound("no such function"), b"no such function"),
        (SyftException(), b"SyftException"),
        (RuntimeError("private"), b"the node could not run it"),
    ],
)
def test_whatever_the_host_raises_is_an_answer(error: Exception, told: bytes) -> None:
    answer = ask(Host(error))
    assert told in answer
    assert b"private" not in answer


def test_without_a_host_or_by_another_name_nothing_is_asked() -> None:
    assert b"cannot be launched here" in ask(None)
    host = Host()
    assert b"not submitted with it" in ask(host, "other")
    assert host.asked == 0


def test_only_so_many_are_asked_at_once_and_all_in_the_end() -> None:
    host = Host()
    woken = threading.Semaphore(0)
    launches = Launches(host, LINKS, woken.release)
    for call in range(AT_ONCE + 5):
        launches.ask(Launched(call, "part", {}))
    assert launches.busy
    assert host.asked <= AT_ONCE
    for _ in range(AT_ONCE + 5):
        host.let.release()
        assert woken.acquire(timeout=10)
    assert not launches.busy
    assert len(answers(launches)) == AT_ONCE + 5
