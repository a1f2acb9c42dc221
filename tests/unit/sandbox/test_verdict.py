"""How a run ended, decided from what is known."""

from __future__ import annotations

import signal

import pytest

from syft.sandbox.channel import Failed, Hint, Result
from syft.sandbox.contract import Execution, Outcome, Status
from syft.sandbox.control import Ended
from syft.sandbox.limits import Limits
from syft.sandbox.verdict import CLOSED_CHANNEL, Evidence, outcome

SOURCE = "class Own(Exception): pass\ndef f(x):\n    raise Own\n"
ERRORS = {"ValueError", "KeyError"}


def judged(evidence: Evidence, limits: Limits | None = None) -> Outcome:
    work = Execution(
        uid="0" * 32, source=SOURCE, entry="f", limits=limits or Limits(memory_bytes=1 << 20, cpu_s=2)
    )
    return outcome(work, evidence, ERRORS, "a level")


def failed(error_type: str = "ValueError", line: int | None = 3, hint: Hint = "", text: str = "") -> Failed:
    return Failed(error_type, line, text, "trace", hint)


def ended(status: int | None, cpu_s: float = 0.0, why: str = "", out_of_memory: bool = False) -> Ended:
    return Ended("0" * 32, status, cpu_s, 0, why, out_of_memory)


@pytest.mark.parametrize(
    ("evidence", "status", "reason"),
    [
        (Evidence(complete=True), Status.FINISHED, ""),
        (Evidence(complete=True, killed="stop"), Status.KILLED, "stop"),
        (Evidence(lost="broke", killed="stop"), Status.KILLED, "stop"),
        (Evidence(lost="broke"), Status.LOST, "broke"),
        (Evidence(lost="broke", complete=True), Status.FINISHED, ""),
        (Evidence(lost="broke", failed=failed(), started=True), Status.FAILED, "ValueError on line 3"),
        (Evidence(failed=failed(), started=True), Status.FAILED, "ValueError on line 3"),
        (Evidence(failed=failed(line=None), started=True), Status.FAILED, "ValueError"),
        (Evidence(failed=failed(line=0), started=True), Status.FAILED, "ValueError"),
        (Evidence(failed=failed(line=99), started=True), Status.FAILED, "ValueError"),
        (Evidence(failed=failed("Own"), started=True), Status.FAILED, "Own on line 3"),
        (Evidence(failed=failed("class"), started=True), Status.FAILED, "Exception on line 3"),
        (Evidence(failed=failed("Alice"), started=True), Status.FAILED, "Exception on line 3"),
        (Evidence(failed=failed(hint="memory"), started=True), Status.KILLED, "memory limit 1 MiB exceeded"),
        (Evidence(failed=failed(hint="memory")), Status.KILLED, "memory limit 1 MiB exceeded"),
        (
            Evidence(failed=failed(hint="threads"), started=True),
            Status.KILLED,
            "limit of 64 threads exceeded",
        ),
        (Evidence(failed=failed(text="torn")), Status.LOST, "the run could not be set up: torn"),
        (
            Evidence(failed=failed(hint="read_only"), started=True),
            Status.FAILED,
            "ValueError on line 3: the inputs are read-only, work on a copy: data = data.copy()",
        ),
        (
            Evidence(failed=failed(hint="one_process"), started=True),
            Status.FAILED,
            "ValueError on line 3: a run starts no processes; use threads, or workers=0",
        ),
        (
            Evidence(
                failed=failed(hint="unsupported", text="a value of type m.Own cannot travel, at value"),
                started=True,
            ),
            Status.FAILED,
            "the result cannot travel: it is, or contains, a value of type Own",
        ),
        (
            Evidence(
                failed=failed(hint="unsupported", text="a value of type m.Bob cannot travel"), started=True
            ),
            Status.FAILED,
            "the result cannot travel: it is, or contains, a value of a type that is not supported",
        ),
        (
            Evidence(failed=failed(hint="unsupported", text="Bob"), started=True),
            Status.FAILED,
            "the result cannot travel: it is, or contains, a value of a type that is not supported",
        ),
        (Evidence(), Status.LOST, "the run could not be started"),
        (Evidence(ended=ended(None, why="no room")), Status.LOST, "the run could not be started: no room"),
        (Evidence(ended=ended(120)), Status.LOST, "the run could not be set up"),
        (
            Evidence(ended=ended(0), started=True),
            Status.FAILED,
            "the code ended its own process, with exit status 0",
        ),
        (Evidence(ended=ended(-signal.SIGKILL, 1.95), started=True), Status.KILLED, "CPU limit 2 s exceeded"),
        (Evidence(ended=ended(-signal.SIGKILL, 3.0), started=True), Status.KILLED, "CPU limit 2 s exceeded"),
        (
            Evidence(ended=ended(-signal.SIGKILL, 1.0), started=True),
            Status.KILLED,
            "killed by the system, most likely for want of memory",
        ),
        (
            # Its control group's limit comes before what else a SIGKILL may mean.
            Evidence(ended=ended(-signal.SIGKILL, 9.0, out_of_memory=True), started=True),
            Status.KILLED,
            "memory limit 1 MiB exceeded",
        ),
        # It closes its channel while it dies of that; who kills it on purpose is told so.
        (
            Evidence(killed=CLOSED_CHANNEL, ended=ended(-signal.SIGKILL, out_of_memory=True), started=True),
            Status.KILLED,
            "memory limit 1 MiB exceeded",
        ),
        (
            Evidence(killed=CLOSED_CHANNEL, ended=ended(-signal.SIGKILL), started=True),
            Status.KILLED,
            CLOSED_CHANNEL,
        ),
        (
            Evidence(killed="stop", ended=ended(-signal.SIGKILL, out_of_memory=True), started=True),
            Status.KILLED,
            "stop",
        ),
        # What a part of a run had to end for is not what the run ended by.
        (
            Evidence(ended=ended(3, out_of_memory=True), started=True),
            Status.FAILED,
            "the code ended its own process, with exit status 3",
        ),
        (Evidence(ended=ended(-11), started=True), Status.FAILED, "the code crashed its process (SIGSEGV)"),
        (Evidence(ended=ended(-99), started=True), Status.FAILED, "the code crashed its process (signal 99)"),
    ],
)
def test_status_and_reason(evidence: Evidence, status: Status, reason: str) -> None:
    answer = judged(evidence)
    assert (answer.status, answer.reason) == (status, reason)
    assert answer.level == "a level"


def test_what_the_result_is_said_to_be_counts_only_when_there_is_one() -> None:
    result = Result(3, "list", (1,))
    assert judged(Evidence(result=result, complete=True)).result_type == "list"
    broken_off = judged(Evidence(result=result, failed=failed(), started=True))
    assert (broken_off.result_type, broken_off.result_shape) == (None, ())


def test_the_owners_texts_are_kept_apart_from_the_reason() -> None:
    answer = judged(Evidence(failed=failed(text="Alice is 42"), started=True, stdout="out", stderr="err"))
    assert (answer.error_text, answer.traceback) == ("Alice is 42", "trace")
    assert (answer.stdout, answer.stderr) == ("out", "err")
    assert "Alice" not in answer.reason


def test_a_cpu_limit_may_be_below_a_second() -> None:
    limits = Limits(cpu_s=0.2)
    assert judged(Evidence(ended=ended(-9, 0.2), started=True), limits).reason == "CPU limit 0.2 s exceeded"
