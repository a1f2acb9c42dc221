"""Functions at a node: handed in, asked for, answered, called; and their runs."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from syft.client import trial
from syft.client.client import Client
from syft.client.code import Codes
from syft.client.datasets import AssetView
from syft.client.function import SyftFunction, syft_function, syft_function_single_use
from syft.client.jobs import Job
from syft.client.pointer import Pointer
from syft.client.policies import Constant, MixedInputPolicy, OutputPolicyExecuteCount
from syft.code.capture import RESERVED_NAMES
from syft.errors import (
    AlreadyExists,
    AuthorizationException,
    CodeFailed,
    Denied,
    InvalidCode,
    InvalidInput,
    InvalidState,
    NotApproved,
    NotFound,
    PolicyExhausted,
)
from syft.model.code import Mode
from syft.model.job import JobState
from syft.model.request import RequestState
from syft.model.uid import UID

numbers = itertools.count(1)


@pytest.fixture(scope="module", autouse=True)
def runner() -> Iterator[None]:
    """The shared runner, closed when these tests are over."""
    yield
    trial.shared.close()


def total_of(asset: AssetView, **options: Any) -> SyftFunction:
    """A function of its own name each time: sums one column."""
    options.setdefault("input_policy", MixedInputPolicy(data=asset, column=str))

    @syft_function(name=f"total_{next(numbers)}", **options)
    def total(data: Any, column: str = "A") -> int:
        return int(data[column].sum())

    assert isinstance(total, SyftFunction)
    return total


def test_the_guides_request(admin: Client, scientist: Client, asset: AssetView) -> None:
    function = total_of(asset)
    request = scientist.code.request_code_execution(function, reason="weekly")
    assert repr(request).splitlines()[:8] == [
        "Request",
        f"Id: {request.id.hex}",
        f"Request time: {request.request_time:%Y-%m-%d %H:%M:%S}",
        "Status: RequestStatus.PENDING",
        "Requested on: Test site of type Datasite",
        "Requested by: Sheldon (sheldon@test.org)",
        "Reason: weekly",
        f"Changes: Request to change {function.name} (Pool Id: default-pool) to permission RequestStatus.APPROVED. "
        "No nested requests.",
    ]
    # What somebody who approves needs to see stands where they look.
    for shown in ("Inputs: data = 'people' of 'People'", "Results: 0 of 1 released", "request.codes"):
        assert shown in repr(request)
    # Who decides is told where to look before that; who asks would be refused there.
    assert "`request.evidence`" in repr(admin.requests.get_by_uid(request.id))
    assert "`request.evidence`" not in repr(request)
    assert "RequestStatus.PENDING" in request._repr_html_()
    assert request.status is RequestState.PENDING
    assert request.requesting_user_email == "sheldon@test.org"


def test_from_request_to_result(
    admin: Client, scientist: Client, asset: AssetView, capsys: pytest.CaptureFixture[str]
) -> None:
    function = total_of(asset)
    scientist.code.request_code_execution(function)
    call = getattr(scientist.code, function.name)
    with pytest.raises(NotApproved, match="waiting for approval"):
        call(data=asset)
    request = admin.requests[-1]
    assert request.code.raw_code == function.code
    done = request.approve()
    assert f"Approving request on change {function.name} for datasite test site" in capsys.readouterr().out
    assert done.message == f"Request {request.id.hex} changes applied"
    assert request.status is RequestState.APPROVED
    pointer = call(asset, column="B")
    assert isinstance(pointer, Pointer)
    assert pointer.get() == 60
    assert pointer.get_from(scientist) == 60
    assert repr(pointer) == "Pointer\n60"
    # Used up: the same inputs give the earlier result, and that is said; others give none.
    capsys.readouterr()
    assert call(data=asset, column="B").get() == 60
    assert "SyftWarning: This is the earlier result" in capsys.readouterr().out
    with pytest.raises(PolicyExhausted):
        call(data=asset)
    assert admin.requests[request.id].results_released == 1


def test_who_asks_for_what_cannot_be_called_is_told(
    scientist: Client, asset: AssetView, capsys: pytest.CaptureFixture[str]
) -> None:
    @syft_function(input_policy=MixedInputPolicy(data=asset))
    def forgotten(data: Any, more: Any, column: str = "A") -> Any:
        return data[column]

    scientist.code.request_code_execution(forgotten).withdraw()
    assert "gives its parameter 'more' nothing" in (said := capsys.readouterr().out)
    assert "'column'" not in said
    scientist.code.request_code_execution(total_of(asset)).withdraw()
    assert "nothing" not in capsys.readouterr().out


def test_denied_and_revoked(admin: Client, scientist: Client, asset: AssetView) -> None:
    denied, revoked = total_of(asset), total_of(asset)
    scientist.code.request_code_execution(denied)
    done = admin.requests[-1].deny("Too close.")
    assert "successfully denied!" in done.message
    with pytest.raises(Denied, match="Reason: Too close"):
        getattr(scientist.code, denied.name)(data=asset)
    assert "Answer: Too close." in repr(scientist.requests[-1])
    scientist.code.request_code_execution(revoked)
    request = admin.requests[-1]
    request.approve()
    request.deny("On second thought.")
    assert request.status is RequestState.REVOKED
    with pytest.raises(Denied, match="On second thought"):
        getattr(scientist.code, revoked.name)(data=asset)
    with pytest.raises(InvalidState):
        request.approve()
    assert {one.id for one in admin.requests.get_all_rejected()} >= {scientist.requests[-2].id}


def test_withdrawn(scientist: Client, asset: AssetView) -> None:
    request = scientist.code.request_code_execution(total_of(asset))
    assert request.withdraw().is_ok()
    assert request.status is RequestState.WITHDRAWN


def test_asked_twice(scientist: Client, asset: AssetView) -> None:
    function = total_of(asset)
    scientist.code.request_code_execution(function)
    with pytest.raises(AlreadyExists):
        scientist.code.request_code_execution(function)


def test_requests_are_listed(admin: Client, scientist: Client, asset: AssetView) -> None:
    request = scientist.code.request_code_execution(total_of(asset))
    assert admin.requests[-1].id == request.id
    assert admin.requests.get_by_uid(request.id).id == request.id
    assert request.id in {one.id for one in admin.requests.get_all_pending()}
    assert [one.id for one in admin.requests.get_by_usercode_id(request.code.id)] == [request.id]
    assert all(one.status is RequestState.APPROVED for one in admin.requests.get_all_approved())
    assert repr(admin.requests).startswith("Request List\nTotal: ")
    assert "Sheldon (sheldon@test.org)" in admin.requests._repr_html_()
    with pytest.raises(NotFound):
        admin.requests[10_000]


def test_outside_names_are_refused_when_handed_in(scientist: Client) -> None:
    @syft_function()
    def outside() -> Any:
        return numbers

    for hand_in in (scientist.code.submit, scientist.code.request_code_execution):
        with pytest.raises(InvalidCode, match="line 2: 'numbers'"):
            hand_in(outside)


def test_a_plain_function_is_refused_with_what_to_do(scientist: Client) -> None:
    def plain() -> None: ...

    with pytest.raises(InvalidInput, match=r"Put `@sy\.syft_function"):
        scientist.code.submit(plain)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="this is int"):
        scientist.code.submit(3)  # type: ignore[arg-type]


def test_submitted_listed_and_shown(admin: Client, scientist: Client, asset: AssetView) -> None:
    function = total_of(asset)
    done = scientist.code.submit(function)
    assert done.message == "User Code Submitted"
    code = getattr(scientist.code, function.name)
    assert code.id == done.value.id
    assert code.status is None
    assert code.version == 1
    assert repr(code.show_code) == f"{function.name}\n{function.code.rstrip()}"
    assert "<pre" in code.show_code._repr_html_()
    assert "Status: not requested" in repr(code)
    assert "Input policy: data = 'people' of 'People', column = any str of the caller's" in repr(code)
    assert scientist.code[-1].name == function.name
    assert scientist.code.get_by_id(code.id).name == function.name
    assert [one.id for one in scientist.code.get_by_service_func_name(function.name)] == [code.id]
    assert function.name in {one.name for one in admin.code.search("total")}
    assert repr(scientist.code).startswith("UserCode List\nTotal: ")
    assert function.name in dir(scientist.code)
    with pytest.raises(AttributeError, match="There is no function 'nothing'"):
        _ = scientist.code.nothing
    with pytest.raises(AttributeError):
        _ = scientist.code._ipython_display_
    assert scientist.code.submit(code).value.id == code.id


def test_names_that_functions_cannot_have_are_those_that_are_taken() -> None:
    taken = {name for name in vars(Codes) | vars(Codes.__mro__[1]) if not name.startswith("_")}
    assert taken == RESERVED_NAMES


def test_a_mock_run_needs_leave(admin: Client, scientist: Client, asset: AssetView) -> None:
    function = total_of(asset)
    scientist.code.submit(function)
    call = getattr(scientist.code, function.name)
    with pytest.raises(AuthorizationException, match="mock execution"):
        call(data=asset.mock)
    user = admin.users["sheldon@test.org"]
    assert user.allow_mock_execution().message == "User details successfully updated."
    try:
        assert repr(call(data=asset.mock)) == "Pointer\n4"
        large = pd.DataFrame({"A": np.ones(1_000_000, dtype=np.int64)})
        assert call(data=large).get() == 1_000_000
        with pytest.raises(CodeFailed, match="KeyError: 'C'"):
            call(data=asset.mock, column="C")
        assert scientist.jobs[-1].mode is Mode.MOCK
    finally:
        user.allow_mock_execution(False)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"z": 1}, "Invalid parameter: `z`\nValid parameter: \\['data', 'column'\\]"),
        ({"data": "dataset"}, "takes one asset, not a whole dataset"),
    ],
)
def test_arguments_that_it_does_not_take(
    given: dict[str, Any], said: str, scientist: Client, asset: AssetView
) -> None:
    function = total_of(asset)
    scientist.code.submit(function)
    given = {
        name: scientist.datasets["People"] if value == "dataset" else value for name, value in given.items()
    }
    with pytest.raises(InvalidInput, match=said):
        getattr(scientist.code, function.name)(**given)


def test_constants_counts_and_types(admin: Client, scientist: Client, asset: AssetView) -> None:
    policy = MixedInputPolicy(data=asset, column=Constant(val="B"))
    function = total_of(asset, input_policy=policy, output_policy=OutputPolicyExecuteCount(limit=2))
    scientist.code.request_code_execution(function)
    request = admin.requests[-1]
    assert "column = constant 'B'" in repr(request.code)
    assert "at most 2 results" in repr(request.code)
    request.approve()
    assert getattr(scientist.code, function.name)(data=asset).get() == 60


def test_an_input_by_the_policys_name(admin: Client, scientist: Client, asset: AssetView) -> None:
    @syft_function_single_use(people=asset)
    def renamed_input(private_dataset: Any) -> int:
        return int(private_dataset["A"].sum())

    request = scientist.code.request_code_execution(renamed_input)
    assert "the policy's input 'people' is the function's parameter 'private_dataset'" in repr(request)
    assert "'private_dataset': they are the same" in repr(admin.requests[-1].code)
    admin.requests[-1].approve()
    assert scientist.code.renamed_input(people=asset).get() == 6


# Runs


def test_not_waiting_gives_a_job(admin: Client, scientist: Client, asset: AssetView) -> None:
    @syft_function_single_use(data=asset)
    def stepwise(datasite: Any, data: Any) -> int:
        datasite.init_progress(2)
        datasite.set_progress(2)
        print("hello", len(data))
        return len(data)

    scientist.code.request_code_execution(stepwise)
    admin.requests[-1].approve()
    job = scientist.code.stepwise(data=asset, blocking=False)
    assert isinstance(job, Job)
    assert job.wait(timeout=30).get() == 3
    assert job.result is not None
    assert job.status is JobState.RELEASED
    assert job.resolved
    assert job.has_ended
    assert job.progress.startswith("100% |████████████████████| ")
    assert "Status: released" in repr(job)
    assert "Result:\n3" in repr(job.info(result=True))
    assert "Result:\n3" in repr(job)
    assert scientist.jobs[-1].id == job.id
    assert scientist.jobs[job.id].name == "stepwise"
    assert [one.id for one in scientist.code.stepwise.jobs] == [job.id]
    assert job.id in {one.id for one in scientist.jobs.get_by_user_code_id(scientist.code.stepwise.id)}
    assert "stepwise" in repr(scientist.jobs)
    # Printed text of a private run is the owner's to see.
    assert "stays with the data owner" in str(job.logs(_print=False))
    assert "hello 3" in str(admin.jobs.get(job.id).logs(_print=False))
    with pytest.raises(InvalidState, match="released already"):
        job.kill()


def test_logs_are_printed(admin: Client, scientist: Client, capsys: pytest.CaptureFixture[str]) -> None:
    job = admin.jobs[0]
    assert job.logs() is None
    capsys.readouterr()


def test_a_failed_run_says_why_and_no_more(admin: Client, scientist: Client, asset: AssetView) -> None:
    @syft_function_single_use(data=asset)
    def fails(data: Any) -> int:
        raise KeyError(str(data["A"].tolist()))

    scientist.code.request_code_execution(fails)
    admin.requests[-1].approve()
    with pytest.raises(CodeFailed, match=r"KeyError (at|on) line 2") as failed:
        scientist.code.fails(data=asset)
    assert "1, 2, 3" not in str(failed.value)
    job = scientist.jobs[-1]
    assert job.status is JobState.FAILED
    assert job.note
    with pytest.raises(CodeFailed):
        _ = job.result
    assert "1, 2, 3" in str(admin.jobs[job.id].logs(_print=False))


def test_waiting_ends_and_a_run_can_be_stopped(admin: Client, scientist: Client, asset: AssetView) -> None:
    @syft_function_single_use(data=asset)
    def slow(data: Any) -> int:
        import time

        time.sleep(120)
        return len(data)

    scientist.code.request_code_execution(slow)
    admin.requests[-1].approve()
    job = scientist.code.slow(data=asset, blocking=False)
    with pytest.raises(InvalidState, match=re.escape("Reached Timeout! 'slow' is still")):
        job.wait(timeout=0.2)
    assert job.id in {one.id for one in scientist.jobs.get_active()}
    assert job.result is None
    assert scientist.jobs.kill(job.id).message == "Job killed successfully!"
    with pytest.raises(InvalidState, match="cancelled"):
        job.wait(timeout=30)


def test_nested_runs(
    admin: Client, scientist: Client, asset: AssetView, capsys: pytest.CaptureFixture[str]
) -> None:
    @syft_function()
    def nested_part(batch: Any) -> int:
        return int(batch["A"].sum())

    @syft_function_single_use(data=asset)
    def nested_whole(datasite: Any, data: Any) -> int:
        jobs = [datasite.launch_job(nested_part, batch=data.iloc[at : at + 1]) for at in range(3)]
        return sum(job.result for job in jobs)

    request = scientist.code.request_code_execution(nested_whole)
    assert "until then the request cannot be approved" in capsys.readouterr().out
    assert request.missing_nested == ("nested_part",)
    assert "Nested Requests not resolved: " in repr(request)
    owners = admin.requests[request.id]
    scientist.code.submit(nested_part)
    # What is approved is what was read: a function that came since has to be looked at.
    assert owners.status is RequestState.PENDING
    with pytest.raises(InvalidState, match="not the one you looked at"):
        owners.approve()
    owners = admin.requests[request.id]
    assert [code.name for code in owners.codes] == ["nested_whole", "nested_part"]
    owners.approve()
    assert "With the functions it launches: nested_part (version 1)" in capsys.readouterr().out
    assert "Nested requests: nested_part." in repr(owners)
    assert scientist.code.nested_whole(data=asset).get() == 6
    job = scientist.code.nested_whole.jobs[0]
    # What a private run launches, and in what order, could spell a value.
    assert len(job.subjobs) == 0
    owners_job = admin.jobs[job.id]
    assert len(owners_job.subjobs) == 3
    subjob = owners_job.subjobs[0]
    assert subjob.has_ended
    with pytest.raises(InvalidState, match="went to the job that launched it"):
        subjob.wait()


def test_a_pointer_without_a_client() -> None:
    pointer = Pointer(UID())
    with pytest.raises(InvalidInput, match="get_from"):
        pointer.get()
    assert "fetches it" in repr(pointer)


def test_a_large_result_is_fetched_when_asked_for(admin: Client, scientist: Client, asset: AssetView) -> None:
    @syft_function_single_use(data=asset)
    def large(data: Any) -> Any:
        import numpy as np

        return np.arange(1_000_000) + len(data)

    scientist.code.request_code_execution(large)
    admin.requests[-1].approve()
    pointer = scientist.code.large(data=asset)
    assert repr(pointer) == "Pointer\nnumpy.ndarray, 7.6 MiB; `.get()` fetches it"
    assert pointer.get()[-1] == 1_000_002
    assert "1000002" in repr(pointer)
