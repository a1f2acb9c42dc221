"""The child's file, run in a thread of this process instead of behind a fence."""

from __future__ import annotations

import os
import random
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from syft.sandbox import child, datasite
from syft.sandbox.channel import (
    TEXT_BYTES_MAX,
    Collect,
    Failed,
    Launch,
    Place,
    Progress,
    Reply,
    Result,
    RunEnd,
    Start,
    Started,
    bulk_header,
    message_frame,
)
from syft.sandbox.contract import OfLaunched
from syft.sandbox.incoming import Complete, Incoming, Launched
from syft.wire import codec


@pytest.fixture(autouse=True)
def unchanged() -> Iterator[None]:
    """What a run changes for good is put back."""
    streams, state = (sys.stdout, sys.stderr), random.getstate()
    yield
    sys.stdout, sys.stderr = streams
    random.setstate(state)


class Talk:
    """The node's side of one run, step by step."""

    def __init__(
        self,
        source: str,
        fence: Any = lambda: None,
        files: dict[str, Path] | None = None,
        inline: dict[str, bytes] | None = None,
        **start: Any,
    ):
        self.ours, self.theirs = socket.socketpair()
        self.ours.settimeout(10)
        self.incoming = Incoming(result_bytes=1 << 20)
        self.events: list[Any] = []
        files = files or {}
        descriptors = [os.open(path, os.O_RDONLY) for path in files.values()]
        inputs = {name: Place(number, 0, None) for number, name in enumerate(files)} | (inline or {})
        fields = {
            "references": [],
            "links": ["part"],
            "datasite_parameter": None,
            "result_bytes": 1 << 20,
        } | start
        self.ours.sendall(message_frame(Start(source, "f", inputs=inputs, **fields)))
        self.thread = threading.Thread(target=child.main, args=(self.theirs, descriptors, fence))
        self.thread.start()

    def hear(self, *kinds: type) -> Any:
        """The next event of these kinds."""
        while True:
            for at, event in enumerate(self.events):
                if isinstance(event, kinds):
                    del self.events[: at + 1]
                    return event
            for event in self.incoming.feed(self.ours.recv(1 << 16)):
                self.events.append(bytes(event) if isinstance(event, memoryview) else event)

    def say(self, message: Reply, data: bytes = b"") -> None:
        bulk = bulk_header(len(data)) + data if data else b""
        self.ours.sendall(message_frame(message) + bulk)

    def answer(self) -> Any:
        """The value, or the failure, and the end."""
        event = self.hear(Failed, bytes)
        self.end()
        return codec.decode(event) if isinstance(event, bytes) else event

    def end(self) -> None:
        self.ours.close()
        self.thread.join(10)
        assert not self.thread.is_alive()
        self.theirs.close()


def encoded(value: object) -> bytes:
    return codec.encode(value).to_bytes()


def test_inputs_come_from_files_and_along(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(encoded(bytes(10_000)))
    entered: list[bool] = []
    talk = Talk(
        "def f(x, y): return len(x) + y",
        lambda: entered.append(True),
        files={"x": path},
        inline={"y": encoded(1)},
    )
    assert talk.hear(Started) == Started()
    assert entered == [True]
    assert talk.hear(Result).type_name == "int"
    assert talk.answer() == 10_001


def test_a_fence_that_does_not_close_stops_the_run(tmp_path: Path) -> None:
    def broken() -> None:
        raise OSError("no fence")

    talk = Talk("def f(): return 1", broken)
    first = talk.hear(Started, Failed)
    assert isinstance(first, Failed)
    assert (first.hint, first.error_text) == ("input", "OSError: no fence")
    talk.end()


@pytest.mark.parametrize("content", [b"", b"no value"])
def test_an_input_that_is_no_value_stops_the_run(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    talk = Talk("def f(x): return 1", files={"x": path})
    assert talk.hear(Started, Failed).hint == "input"
    talk.end()


def raised_in(module: str, number: int) -> str:
    return f"exec('raise PermissionError({number}, 0)', {{'__name__': '{module}'}})"


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        ("raise MemoryError", "memory"),
        ("raise OSError(12, 'no memory')", "memory"),
        ("raise OSError(27, 'too large')", "scratch"),
        ("raise OSError(28, 'no space')", "scratch"),
        ("raise OSError(122, 'quota')", "scratch"),
        ("raise OSError(24, 'files')", "descriptors"),
        ("raise OSError(11, 'again')", "threads"),
        ('raise RuntimeError("can\'t start new thread")', "threads"),
        ("raise RuntimeError('other')", ""),
        ("raise ValueError('assignment destination is read-only')", "read_only"),
        ("raise ValueError('other')", ""),
        ("raise PermissionError(1, 'no')", ""),
        (raised_in("subprocess", 1), "one_process"),
        (raised_in("subprocess", 13), ""),
        (raised_in("multiprocessing.popen_fork", 1), "one_process"),
        (raised_in("multiprocessing.synchronize", 13), "one_process"),
        (raised_in("pathlib", 1), ""),
        ("return bytes(2 << 20)", "result_bytes"),
        ("return object()", "unsupported"),
        ("x = []; x.append(x); return x", ""),
    ],
)
def test_each_error_has_its_hint(body: str, hint: str) -> None:
    answer = Talk(f"def f():\n    {body}").answer()
    assert isinstance(answer, Failed)
    assert answer.hint == hint


def test_a_failure_is_told_without_our_frames() -> None:
    answer = Talk("def g():\n    raise ValueError('why')\ndef f():\n    g()\n").answer()
    assert (answer.error_type, answer.error_line, answer.error_text) == ("ValueError", 2, "ValueError: why")
    assert "line 4, in f\n    g()\n" in answer.traceback
    assert "child.py" not in answer.traceback


def test_long_texts_are_cut() -> None:
    answer = Talk("def f():\n    raise ValueError('é' * 100_000 + '\\ud800')").answer()
    assert len(answer.error_text.encode()) <= TEXT_BYTES_MAX
    assert len(answer.traceback.encode()) <= TEXT_BYTES_MAX


def test_a_syntax_error_has_its_line() -> None:
    assert Talk("x = 1\ndef f(:").answer().error_line == 2


def test_an_input_that_was_read_is_not_inherited_by_annotations() -> None:
    assert Talk("def f(x: unknown.Type = 1) -> not_defined: return x").answer() == 1


def test_closed_streams_do_not_stop_the_answer() -> None:
    assert Talk("import sys\ndef f():\n    sys.stdout.close()\n    return 1").answer() == 1


def test_a_launch_is_answered_in_any_order() -> None:
    source = """
from concurrent.futures import ThreadPoolExecutor
def f(datasite):
    one, two = datasite.launch_job(part, x=1), datasite.launch_job("part", x=bytes(5000))
    with ThreadPoolExecutor(2) as pool:
        values = list(pool.map(lambda job: job.result, [two, one]))
    return [*values, one.wait().wait().get(), repr(part)]
"""
    talk = Talk(source, datasite_parameter="datasite")
    first, second = talk.hear(Launched), talk.hear(Launched)
    assert (first.name, codec.decode(first.inputs["x"])) == ("part", 1)
    assert {talk.hear(Collect), talk.hear(Collect)} == {Collect(1, True), Collect(2, True)}
    talk.say(Reply(first.call, len(encoded("one"))), encoded("one"))
    talk.say(Reply(second.call, len(encoded("two"))), encoded("two"))
    assert talk.answer() == ["two", "one", "one", "<submitted function part>"]


def test_a_launch_is_asked_for_only_when_its_result_is() -> None:
    source = """
def f(datasite):
    one = datasite.launch_job(part, x=1)
    two = datasite.launch_job(part, x=[one, (one, {"deep": one})], y=datasite.launch_job(part))
    two.wait()
    return two.result
"""
    talk = Talk(source, datasite_parameter="datasite")
    launches = [talk.hear(Launched) for _ in range(3)]
    assert [one.references for one in launches] == [(), (), (OfLaunched(1), OfLaunched(2))]
    assert codec.placeholder_in(launches[2].inputs["y"]) == 1
    assert codec.placeholder_in(launches[2].inputs["x"]) is None
    assert codec.decode(launches[2].inputs["x"], placed=["a", "b"]) == ["a", ("a", {"deep": "a"})]
    assert talk.hear(Collect) == Collect(3, False)
    talk.say(Reply(3, 0))
    assert talk.hear(Collect) == Collect(3, True)
    talk.say(Reply(3, len(encoded(7))), encoded(7))
    assert talk.answer() == 7


def test_a_run_cannot_return_a_job_or_a_placeholder() -> None:
    source = "def f(datasite): return [datasite.launch_job(part)]"
    answer = Talk(source, datasite_parameter="datasite").answer()
    assert answer.hint == "unsupported"
    source = "def f():\n    from syft.wire.codec import Placeholder\n    return [Placeholder(0)]"
    assert Talk(source).answer().hint == "unsupported"


def test_a_refused_launch_raises() -> None:
    talk = Talk("def f(datasite): return datasite.launch_job(part).result", datasite_parameter="datasite")
    talk.say(Reply(talk.hear(Collect).call, 0, "not approved"))
    answer = talk.answer()
    assert (answer.error_type, answer.error_text.rpartition(".")[2]) == (
        "JobFailed",
        "JobFailed: part: not approved",
    )


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("return part(1)", "use datasite.launch_job(part, ...)"),
        ("return datasite.launch_job(print)", "takes a submitted function"),
        ("return datasite.launch_job(part, x=bytes(65 << 20))", "64 MiB"),
    ],
)
def test_misuse_is_explained(body: str, error: str) -> None:
    talk = Talk(f"def f(datasite):\n    {body}", datasite_parameter="datasite")
    assert error in talk.answer().error_text


def test_progress_is_told_at_the_beginning_and_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasite, "PROGRESS_EVERY_S", 1000)
    monkeypatch.setattr(datasite, "PROGRESS_BURST", 0)
    source = """
def f(datasite):
    datasite.init_progress(3)
    for _ in range(3): datasite.increment_progress()
"""
    talk = Talk(source, datasite_parameter="datasite")
    assert talk.hear(Progress) == Progress(0, 3)
    assert talk.hear(Progress) == Progress(3, 3)
    assert talk.answer() is None


def test_generators_are_seeded_anew() -> None:
    random.seed(1)
    expected = random.random()
    random.seed(1)
    assert Talk("import random\ndef f(): return random.random()").answer() != expected


@pytest.mark.parametrize("words", [b"", message_frame(Reply(1, 0)), bulk_header(1) + b"x"])
def test_a_node_that_says_something_else_first_gets_nothing(words: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(words)
        ours.shutdown(socket.SHUT_WR)
        with pytest.raises(EOFError):
            child.main(theirs, [], lambda: None)


def test_a_node_that_speaks_out_of_turn_is_not_listened_to() -> None:
    talk = Talk("def f(datasite): return datasite.launch_job(part).result", datasite_parameter="datasite")
    talk.hear(Collect)
    start = Start("", "f", {}, [], [], None, 1)
    talk.ours.sendall(message_frame(start))
    assert talk.answer().error_type == "EOFError"


def test_a_complete_result_is_complete() -> None:
    talk = Talk("def f(): return bytes(500_000)")
    result = talk.hear(Result)
    assert result.size > 500_000
    assert talk.hear(Complete) == Complete()
    talk.end()


def test_a_message_of_the_node_is_no_message_of_the_run() -> None:
    assert not issubclass(Launch, Start)


def test_what_the_node_still_says_to_a_run_that_is_over_is_not_listened_to() -> None:
    ours, theirs = socket.socketpair()
    with theirs, ours:
        ours.sendall(b"anything")
        ours.shutdown(socket.SHUT_WR)
        RunEnd(theirs).wait_for_end()
        assert theirs.recv(1) == b""
