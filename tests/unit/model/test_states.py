"""The tables of states: complete, and only what they say can happen."""

from syft.model.job import ENDED, JOB_TRANSITIONS, JobState
from syft.model.request import REQUEST_TRANSITIONS, RequestState


def test_every_state_has_its_row() -> None:
    assert set(JOB_TRANSITIONS) == set(JobState)
    assert set(REQUEST_TRANSITIONS) == set(RequestState)


def test_nothing_leaves_an_end() -> None:
    assert {JobState.RELEASED, JobState.WITHHELD, JobState.FAILED, JobState.CANCELLED} == ENDED


def test_a_result_is_released_only_after_the_run_finished() -> None:
    before = {state for state, following in JOB_TRANSITIONS.items() if JobState.RELEASED in following}
    assert before == {JobState.FINISHED, JobState.HELD}
    assert {state for state, following in JOB_TRANSITIONS.items() if JobState.HELD in following} == {
        JobState.FINISHED
    }


def test_what_was_refused_never_becomes_approved() -> None:
    before = {state for state, following in REQUEST_TRANSITIONS.items() if RequestState.APPROVED in following}
    assert before == {RequestState.PENDING}
