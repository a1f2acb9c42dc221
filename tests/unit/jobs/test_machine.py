"""A job's steps: any sequence of them keeps to the table."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syft.jobs.machine import MAX_ATTEMPTS, after_crash, has_ended, move
from syft.model.code import Mode
from syft.model.job import ENDED, JOB_TRANSITIONS, Job, JobState
from syft.model.uid import UID

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def job(**changes: object) -> Job:
    fields = {
        "uid": UID(),
        "code_uid": UID(),
        "code_name": "f",
        "requester_uid": UID(),
        "mode": Mode.PRIVATE,
        "created_at": NOW,
    }
    return Job(**{**fields, **changes})


@given(st.lists(st.sampled_from(list(JobState)), max_size=12))
def test_only_what_the_table_says(steps: list[JobState]) -> None:
    now = job()
    for state in steps:
        if state in JOB_TRANSITIONS[now.state]:
            now = move(now, state)
            assert now.state is state
        else:
            with pytest.raises(AssertionError):
                move(now, state)
        if now.state in ENDED:
            assert has_ended(now)


def test_a_lost_job_is_begun_again_a_few_times_only() -> None:
    lost = job(state=JobState.RUNNING, attempt=1)
    assert after_crash(lost, NOW).state is JobState.QUEUED
    ended = after_crash(job(state=JobState.RUNNING, attempt=MAX_ATTEMPTS), NOW)
    assert ended.state is JobState.FAILED
    assert "3 times" in ended.note


def test_a_launched_job_that_is_lost_ends_with_its_parent() -> None:
    child = job(state=JobState.RUNNING, attempt=1, parent_uid=UID())
    assert after_crash(child, NOW).state is JobState.FAILED


def test_a_launched_job_ends_when_it_is_finished() -> None:
    assert has_ended(job(state=JobState.FINISHED, parent_uid=UID()))
    assert not has_ended(job(state=JobState.FINISHED))
