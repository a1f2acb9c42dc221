"""What an owner does with results that are held, and what whoever waits for one is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

import syft as sy
from support.sites import tampering
from syft.client import trial
from syft.client.client import Client
from syft.client.coderequests import Request
from syft.client.datasets import AssetView
from syft.client.jobs import Job
from syft.client.results import Held
from syft.errors import Denied, InvalidInput, InvalidState, NotFound, ResultHeld
from syft.model.held import HeldState
from syft.model.job import JobState
from syft.model.object import ObjectRecord
from syft.model.terms import Safeguards
from syft.node.node import Node
from syft.sandbox.levels import PROCESS

MARKUP = "<script>alert(1)</script>"


@pytest.fixture(autouse=True)
def looked_at(node: Node, asset: AssetView) -> Iterator[None]:
    """The owner looks at each result before it leaves."""

    def review(wanted: bool) -> None:
        with tampering(node.open().store) as tx:
            record = tx.get(ObjectRecord, asset.action_id)
            tx.replace(msgspec.structs.replace(record, safeguards=Safeguards(review=wanted)))

    review(True)
    yield
    review(False)


def asked(scientist: Client, asset: AssetView, *, limit: int = 1) -> str:
    """The name of a function that was approved."""
    names.append(f"summary{len(names)}")

    @sy.syft_function(
        name=names[-1],
        input_policy=sy.ExactMatch(people=asset),
        output_policy=sy.OutputPolicyExecuteCount(limit),
    )
    def summary(people):  # type: ignore[no-untyped-def]
        print("rows", len(people))
        return {"mean": float(people["A"].mean()), "n": len(people), "<script>alert(1)</script>": people}

    scientist.code.request_code_execution(summary)
    return names[-1]


names: list[str] = []


@pytest.fixture
def request_of(admin: Client, scientist: Client, asset: AssetView) -> Request:
    name = asked(scientist, asset)
    pending = [one for one in admin.requests.get_all_pending() if isinstance(one, Request)]
    return next(one for one in pending if one.code.name == name)


@pytest.fixture
def job(scientist: Client, asset: AssetView, request_of: Request) -> Job:
    request_of.approve()
    job = getattr(scientist.code, request_of.code.name)(people=asset, blocking=False)
    with pytest.raises(ResultHeld):
        job.wait()
    return job


@pytest.fixture
def held(admin: Client, job: Job) -> Held:
    return admin.held_results[job.id]


def test_a_call_that_blocks_says_that_the_result_is_held(
    scientist: Client, asset: AssetView, request_of: Request
) -> None:
    request_of.approve()
    with pytest.raises(ResultHeld, match="looks at each result before it leaves") as caught:
        getattr(scientist.code, request_of.code.name)(people=asset)
    job = caught.value.job
    assert isinstance(job, Job)
    assert job.id.hex in caught.value.public_message
    assert job.status is JobState.HELD
    assert job.is_held
    assert not job.resolved
    assert job.result is None
    assert "not ready yet" in str(job.resolve)
    # And as somebody finds it later.
    with pytest.raises(ResultHeld):
        scientist.jobs.get(sy.UID.from_string(job.id.hex)).wait()


def test_waiting_so_long_waits_for_the_decision(job: Job, held: Held) -> None:
    decide = threading.Timer(0.3, held.release)
    decide.start()
    try:
        assert set(job.wait(timeout=30).get()) == {"mean", "n", MARKUP}
    finally:
        decide.join()
    assert job.status is JobState.RELEASED
    assert job.result is not None


def test_waiting_not_long_enough_says_that_it_is_held(job: Job) -> None:
    with pytest.raises(ResultHeld):
        job.wait(timeout=0.2)
    assert job.logs(_print=False, follow=True) is not None


def test_what_is_refused_raises_with_the_reason(job: Job, held: Held) -> None:
    held.refuse("all rows are in it")
    with pytest.raises(Denied, match="all rows are in it"):
        job.wait()
    with pytest.raises(Denied, match="all rows are in it"):
        _ = job.result


def test_an_owner_sees_all_that_there_is_to_see(admin: Client, job: Job, held: Held) -> None:
    assert held.status is HeldState.WAITING
    assert [(one.place, one.name, one.type_name) for one in held.outputs][:2] == [
        (0, "mean", "float"),
        (1, "n", "int"),
    ]
    assert held.outputs[2].shape == (3, 2)
    assert held.value["n"] == 3
    assert held.get() is held.value
    assert held.log.startswith("rows 3")
    assert held.job.id == job.id
    assert held.request.id == held._view.request_uid
    assert [one.rule for one in held.findings] == ["size"]
    assert held.obstacle == ""
    assert held.requesting_user.name == "Sheldon"
    assert job.id in [one.id for one in admin.held_results]
    assert held.name in repr(admin.held_results)
    text, html = repr(held), held._repr_html_()
    assert "size" in text
    assert "mean" in text
    assert MARKUP not in html


def test_its_requester_sees_no_more_than_that_it_is_held(scientist: Client, job: Job) -> None:
    mine = scientist.held_results[job.id]
    assert mine.status is HeldState.WAITING
    assert (len(mine.outputs), mine.findings) == (0, ())
    with pytest.raises(NotFound, match="once it is let go"):
        _ = mine.value
    assert "rows 3" not in mine.log
    assert "float" not in repr(mine)


@pytest.mark.parametrize("named", [["mean", "n"], [0, 1], ["mean", 1]])
def test_outputs_are_let_go_by_name_or_by_place(job: Job, held: Held, named: list[Any]) -> None:
    held.release(only=named, reason="rows stay here")
    assert (held.kept_back, held.reason) == ((2,), "rows stay here")
    assert held.decided_by is not None
    assert held.decided_at is not None
    assert job.wait().get() == {"mean": 2.0, "n": 3}
    assert "rows stay here" in job.note
    with pytest.raises(InvalidState):
        held.release()


def test_outputs_are_kept_back_by_name_as_well(job: Job, held: Held) -> None:
    held.refuse("rows stay here", outputs=[MARKUP])
    assert set(job.wait().get()) == {"mean", "n"}
    assert held.kept_back == (2,)
    assert "the outputs at 2, from 0" in repr(held)


@pytest.mark.parametrize("named", [["median"], [7], "mean", []])
def test_outputs_that_are_not_there_are_told_so(held: Held, named: Any) -> None:
    with pytest.raises(InvalidInput):
        held.release(only=named, reason="because")
    assert held.status is HeldState.WAITING


def test_what_is_kept_back_needs_a_reason(held: Held) -> None:
    with pytest.raises(InvalidInput, match="reason"):
        held.release(only=["n"])
    with pytest.raises(InvalidInput, match="reason"):
        held.refuse("")


def test_a_request_has_its_held_results(admin: Client, job: Job, held: Held) -> None:
    request = held.request
    assert isinstance(request, Request)
    assert request.results_held == 1
    assert "1 held" in repr(request)
    assert [one.id for one in request.held_results] == [job.id]
    held.refuse("no")
    assert [one.status for one in request.held_results] == [HeldState.REFUSED]
    assert job.id not in [one.id for one in admin.held_results]
    assert job.id in [one.id for one in admin.held_results.with_decided]


# answers by hand


def test_an_answer_is_computed_by_hand_and_handed_over(
    scientist: Client, asset: AssetView, request_of: Request, capsys: pytest.CaptureFixture[str]
) -> None:
    result = request_of.code.run()
    assert result.get()["mean"] == 2.0
    assert "rows 3" in capsys.readouterr().out
    on_mock = request_of.code.run(people=asset.mock).get()
    assert on_mock["mean"] == pytest.approx(4 / 3)

    job = request_of.deposit_result({"mean": 2.0}, log_stdout="by hand\n", reason="rounded")
    assert job.by_hand
    assert request_of.status.name == "APPROVED"
    assert request_of.deposited
    assert "by hand" in repr(request_of)
    # It is none of the results that the output policy lets out.
    assert "Results: 0 of 1 released" in repr(request_of)
    call = getattr(scientist.code, request_of.code.name)
    assert call(people=asset).get() == {"mean": 2.0}
    theirs = call(people=asset, blocking=False)
    assert theirs.id == job.id
    assert "rounded" in theirs.note
    assert theirs.logs(_print=False) == "by hand"


def test_a_pointer_is_handed_over_as_its_value(
    scientist: Client, asset: AssetView, request_of: Request
) -> None:
    request_of.deposit_result(request_of.code.run())
    assert getattr(scientist.code, request_of.code.name)(people=asset).get()["n"] == 3


def test_a_large_answer_is_brought_in_parts(scientist: Client, asset: AssetView, request_of: Request) -> None:
    request_of.deposit_result(b"x" * 2_000_000)
    assert len(getattr(scientist.code, request_of.code.name)(people=asset).get()) == 2_000_000


def test_an_answer_is_a_yes(request_of: Request) -> None:
    with pytest.raises(InvalidState, match="Cannot deposit result without approving"):
        request_of.deposit_result(1, approve=False)
    assert request_of.status.name == "PENDING"


def test_somebody_elses_code_runs_behind_a_fence_or_not_at_all(
    request_of: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A try of one's own function may do without a fence; an owner's run of a stranger's may not."""
    assert request_of.code.run().get()["n"] == 3
    assert trial.strangers.get().level != PROCESS
    asked_for: list[str] = []

    class NoFence:
        level = ""

        def __init__(self, minimum: str) -> None:
            asked_for.append(minimum)

    monkeypatch.setattr(trial, "EmbeddedRunner", NoFence)
    shared = trial.SharedRunner(trial.strangers._make)
    shared.get()
    assert asked_for == ["landlock"]
    shared._runner = None


def test_a_scientist_runs_nothing_on_what_they_may_not_read(scientist: Client, request_of: Request) -> None:
    with pytest.raises(NotFound):
        getattr(scientist.code, request_of.code.name).run()
