"""What runs say while they run: bounded, of this attempt only, and heard by those who may hear it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import msgspec
import pytest

from syft.jobs.live import Live, Said, Subject
from syft.model.code import Mode
from syft.model.job import Job
from syft.model.uid import UID


def a_job(mode: Mode = Mode.MOCK, attempt: int = 1) -> Job:
    return Job(
        uid=UID(),
        code_uid=UID(),
        code_name="f",
        requester_uid=UID(),
        mode=mode,
        attempt=attempt,
        created_at=datetime.now(UTC),
    )


def test_what_is_printed_is_there_until_the_run_has_ended() -> None:
    live, job = Live(), a_job()
    assert live.said(job.uid) is None
    live.printed(job.uid, "stdout", "too early")
    live.begin(job)
    live.printed(job.uid, "stdout", "one ")
    live.printed(job.uid, "stderr", "oh")
    live.printed(job.uid, "stdout", "two")
    assert live.said(job.uid) == Said(1, "one two", "oh")
    live.end(job.uid)
    assert live.said(job.uid) is None


def test_another_attempt_begins_anew() -> None:
    live, job = Live(), a_job()
    live.begin(job)
    live.printed(job.uid, "stdout", "lost")
    live.begin(msgspec.structs.replace(job, attempt=2))
    live.printed(job.uid, "stdout", "again")
    assert live.said(job.uid) == Said(2, "again", "")


def test_each_stream_of_a_run_is_bounded_and_has_no_gap() -> None:
    live, job = Live(run_most=10), a_job()
    live.begin(job)
    for text in ("12345", "6789abc", "d"):
        live.printed(job.uid, "stdout", text)
    live.printed(job.uid, "stderr", "xyz")
    assert live.said(job.uid) == Said(1, "123456789a", "xyz")


def test_all_runs_together_are_bounded_and_give_back_what_they_held() -> None:
    live, first, second = Live(all_most=10), a_job(), a_job()
    live.begin(first)
    live.begin(second)
    live.printed(first.uid, "stdout", "x" * 8)
    live.printed(second.uid, "stdout", "y" * 8)
    assert live.said(second.uid) == Said(1, "yy", "")
    live.end(first.uid)
    live.end(second.uid)
    live.begin(second)
    live.printed(second.uid, "stdout", "y" * 10)
    assert live.said(second.uid) == Said(1, "y" * 10, "")


def test_nothing_is_left_of_many_runs() -> None:
    live = Live()
    for _ in range(3000):
        job = a_job()
        live.begin(job)
        live.note_progress(job, 1, 2)
        live.printed(job.uid, "stdout", "x")
        live.end(job.uid)
    assert (len(live._runs), live._held, len(live._listeners)) == (0, 0, 0)
    assert len(live._progress) <= 1000


@pytest.mark.parametrize("subject", ["nothing more", "progress", "printed"])
def test_who_listens_hears_of_its_subject_and_no_other(subject: Subject) -> None:
    live, job, event = Live(), a_job(), threading.Event()

    def heard() -> bool:
        was_set = event.is_set()
        event.clear()
        return was_set

    with live.heard(job.uid, event, subject):
        live.begin(job)
        assert heard()
        live.printed(job.uid, "stdout", "x")
        assert heard() is (subject == "printed")
        live.note_progress(job, 1, 2)
        assert heard() is (subject == "progress")
        live.begin(a_job())
        assert not heard()
        live.end(job.uid)
        assert heard()
    live.begin(job)
    assert not heard()
    assert not live._listeners


def test_progress_of_a_private_run_only_grows_under_its_first_total() -> None:
    for mode, expected in ((Mode.PRIVATE, (7, 10)), (Mode.MOCK, (3, 1000))):
        live, job = Live(), a_job(mode)
        for current, total in ((0, 10), (7, 10), (3, 1000)):
            live.note_progress(job, current, total)
        shown = live.progress(job)
        assert (shown.current_iter, shown.n_iters) == expected


def test_a_job_that_says_nothing_is_as_it_is_stored() -> None:
    job = a_job()
    assert Live().progress(job) is job
