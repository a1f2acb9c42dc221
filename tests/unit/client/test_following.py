"""Following a job as a person does: its log as it comes, a bar, and how long it will still take."""

from __future__ import annotations

import io
from contextlib import redirect_stderr
from datetime import UTC, datetime
from typing import Any, cast

import pytest

import syft as sy
from syft.client import present
from syft.client.following import follow_log, progress_bar
from syft.client.jobs import Job
from syft.client.present import Bar, clock, settings, somebody_looks
from syft.client.session import Session
from syft.model.code import Mode
from syft.model.job import JobState
from syft.model.messages.jobs import GetJobLog, JobLogReply, JobReply, JobView
from syft.model.uid import UID
from syft.model.user import PersonView


def a_view(**options: Any) -> JobView:
    given: dict[str, Any] = {
        "uid": UID(),
        "code_uid": UID(),
        "code_name": "f",
        "requester": PersonView(uid=UID(), name="Ada", email="ada@x.org"),
        "mode": Mode.MOCK,
        "state": JobState.RELEASED,
        "created_at": datetime(2030, 1, 1, tzinfo=UTC),
    }
    return JobView(**(given | options))


class Node:
    """Answers about logs as a node does that prints these pieces one after the other."""

    def __init__(self, *replies: JobLogReply) -> None:
        self.replies = list(replies)
        self.asked: list[GetJobLog] = []

    def ask(self, message: GetJobLog, kind: type[JobLogReply]) -> JobLogReply:
        self.asked.append(message)
        return self.replies.pop(0)


def followed(node: Node, **streams: bool) -> str:
    shown: list[str] = []
    wanted = {"stdout": True, "stderr": True} | streams
    follow_log(cast(Session, node), UID(), shown.append, **wanted)
    return "".join(shown)


def so_far(stdout: str = "", stderr: str = "", attempt: int = 1) -> JobLogReply:
    return JobLogReply(stdout, stderr, "", ended=False, attempt=attempt)


def at_last(stdout: str = "", error: str = "", attempt: int = 1) -> JobLogReply:
    return JobLogReply(stdout, "", error, ended=True, attempt=attempt)


def test_each_question_is_for_what_comes_after() -> None:
    node = Node(so_far("one\n"), so_far("two", "oh"), at_last("\nthree"))
    assert followed(node) == "one\ntwooh\nthree\n"
    assert [(one.after_stdout, one.after_stderr, one.attempt) for one in node.asked] == [
        (0, 0, 0),
        (4, 0, 1),
        (7, 2, 1),
    ]
    assert node.asked[0].wait_s == 0, "what is there is shown before anything is waited for"
    assert all(one.wait_s > 0 for one in node.asked[1:])


def test_what_has_ended_is_asked_for_once() -> None:
    node = Node(at_last("all of it", "ValueError: x"))
    assert followed(node) == "all of it\nValueError: x\n"
    assert len(node.asked) == 1


def test_one_stream_alone() -> None:
    assert followed(Node(so_far("a", "b"), at_last("c", "error")), stderr=False) == "ac\n"
    assert followed(Node(so_far("a", "b"), at_last("c", "error")), stdout=False) == "b\nerror\n"


def test_an_attempt_that_was_lost_is_said() -> None:
    node = Node(so_far("begun"), so_far("begun", attempt=2), at_last(" and done", attempt=2))
    text = followed(node)
    assert text.startswith("begun\n[")
    assert "begins again]\nbegun and done" in text
    assert node.asked[-1].after_stdout == len("begun")


def test_what_is_withheld_is_said_once_and_first() -> None:
    withheld = JobLogReply("", "", "", "It stays there.", ended=False)
    node = Node(withheld, JobLogReply("", "", "It failed.", "It stays there."))
    assert followed(node) == "It stays there.\nIt failed.\n"


def test_printed_text_is_never_a_terminal_command() -> None:
    assert followed(Node(at_last("\x1b[2Jgone\u202e"))) == "\\u001b[2Jgone\\u202e\n"


def test_returns_are_new_lines_wherever_the_pieces_are_cut() -> None:
    assert followed(Node(so_far("10%\r"), so_far("20%\r"), at_last("\nend"))) == "10%\n20%\nend\n"
    assert followed(Node(at_last("30%\r"))) == "30%\n"


# The bar


class Terminal(io.StringIO):
    """Where a person looks."""

    def isatty(self) -> bool:
        return True


def test_a_bar_is_there_once_the_code_says_how_far_it_is() -> None:
    view = a_view(state=JobState.RUNNING)
    with redirect_stderr(Terminal()) as terminal, progress_bar(view) as show:
        show(view)
        assert terminal.getvalue() == ""
        show(a_view(current_iter=1, n_iters=4))
        assert "f:  25%" in terminal.getvalue()
        show(a_view(current_iter=4, n_iters=4))
    assert "f: 100%" in terminal.getvalue()
    assert "4/4" in terminal.getvalue()


@pytest.mark.parametrize(("current", "total"), [(5, 0), (5, -3), (-5, 3), (9, 3), (10**18, 10**15)])
def test_a_bar_takes_any_figures(current: int, total: int) -> None:
    view = a_view(current_iter=current, n_iters=total, running_s=1.0)
    with redirect_stderr(Terminal()), progress_bar(view) as show:
        show(view)
    job = Job(cast(Session, None), view)
    assert "%" in job.progress or total <= 0
    assert "Progress" in repr(job._facts()) or total <= 0
    assert job.eta_string is None or job.eta_string.endswith("s/it")


def test_somebody_looks_at_a_terminal_or_a_notebook_unless_we_are_quiet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with redirect_stderr(Terminal()):
        assert somebody_looks()
        settings.quiet = True
        assert not somebody_looks()
        settings.quiet = False
    with redirect_stderr(io.StringIO()):
        assert not somebody_looks()
        monkeypatch.setattr(present, "_notebook_display", lambda: print)
        assert somebody_looks()


# Texts


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "00:00"), (9.99, "00:09"), (75, "01:15"), (3600, "1:00:00"), (360_000, "100:00:00")],
)
def test_a_time_as_a_clock_shows_it(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_how_long_it_will_still_take_as_in_the_reference() -> None:
    job = Job(cast(Session, None), a_view(current_iter=1, n_iters=5, running_s=2.0))
    assert job.eta_string == "[00:02<00:08]\n00:02s/it"
    assert job.progress == " 20% |████                | 1/5"


@pytest.mark.parametrize(
    "options", [{}, {"n_iters": 5}, {"current_iter": 2}, {"n_iters": 0, "current_iter": 1}]
)
def test_nothing_is_foretold_of_code_that_does_not_say(options: dict[str, int]) -> None:
    assert Job(cast(Session, None), a_view(**options)).eta_string is None


def test_nothing_is_foretold_of_what_was_lost_and_waits_to_begin_again() -> None:
    class Line:
        def ask(self, *_: object) -> JobReply:
            return JobReply(a_view(current_iter=2, n_iters=5, state=JobState.QUEUED))

    job = Job(cast(Session, Line()), a_view(state=JobState.QUEUED))
    assert job.progress
    assert job.eta_string is None


def test_a_bar_is_drawn_in_tables_and_cards_of_both_kinds() -> None:
    job = Job(cast(Session, None), a_view(current_iter=1, n_iters=4))
    listed = present.rows_of([job.row()])
    assert " 25% |█████               | 1/4" in listed.text()
    assert "width:25%" in listed.html()
    assert "Progress:  25% |█████               | 1/4" in repr(job)
    assert "width:25%" in job._repr_html_()
    assert "<script>" not in Bar(0.5, "<script>").html()


# Names of 2024


def test_states_by_the_names_of_the_reference() -> None:
    status = sy.JobStatus
    expected = {
        JobState.QUEUED: status.CREATED,
        JobState.CLAIMED: status.PROCESSING,
        JobState.RUNNING: status.PROCESSING,
        JobState.FINISHED: status.COMPLETED,
        JobState.HELD: status.PROCESSING,
        JobState.RELEASED: status.COMPLETED,
        JobState.WITHHELD: status.ERRORED,
        JobState.FAILED: status.ERRORED,
        JobState.CANCELLED: status.INTERRUPTED,
    }
    assert set(expected) == set(JobState), "every state has a name of then"
    for state, name in expected.items():
        assert status(state) is name
        assert state == name
        assert name == state
        assert [other for other in status if other == state] == [name]
        assert state in (name,)
    assert JobState.FAILED != status.COMPLETED
    assert len(set(status)) == 6


def test_what_is_known_without_asking_again() -> None:
    ended = datetime(2030, 1, 2, tzinfo=UTC)
    view = a_view(parent_uid=UID(), ended_at=ended, worker="w1", priority=-3, repeats=UID())
    job = Job(cast(Session, None), view)
    assert job.has_parent
    assert (job.parent_job_id, job.updated_at, job.worker, job.priority) == (view.parent_uid, ended, "w1", -3)
    assert (job.repeats, job.user_code_id, job.user_code_name) == (view.repeats, view.code_uid, "f")
    assert (job.requesting_user.name, job.requested_by) == ("Ada", view.requester.uid)
    text = repr(job)
    for fact in (
        "Worker Pool: default-pool on worker w1",
        "Priority: -3",
        f"Another run of: {job.repeats.hex}",
        "Launched by: ",
    ):
        assert fact in text
    assert Job(cast(Session, None), a_view()).parent is None


def test_info_holds_the_result_only_if_asked() -> None:
    job = Job(cast(Session, None), a_view())
    assert "Result: No result included" in repr(job.info())
    assert "UserCode: f" in repr(job.info())
    assert "UserCode" not in repr(job.info(public_metadata=False))
