"""A reviewer tries a request's code on mocks: plain, with constants and values of their own, nested, and failing."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from support.people import function, new_value
from support.protocols import site_of, step, submissions
from support.sites import PASSWORD, Cast, cast_on, fresh, opened, upload
from syft.client.client import Client
from syft.client.coderequests import Request
from syft.client.login import login
from syft.errors import CodeFailed, InvalidInput, InvalidState
from syft.model.code import (
    MANY,
    CodeSubmission,
    Constant,
    CustomPolicy,
    Given,
    InputPolicy,
    MustBe,
    OfType,
    OutputPolicy,
    Parameter,
)
from syft.model.identity import Identity
from syft.model.job import Job, JobState, Release
from syft.model.messages.datasets import CreateDataset, DatasetReply, NewAsset
from syft.model.object import REQUESTED_LEASE, ObjectRecord
from syft.model.policystate import PolicyState
from syft.model.protocol import FromStep
from syft.model.uid import UID
from syft.transport.memory import MemoryRoute
from syft.wire.codec import encode


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cast]:
    home = tmp_path_factory.mktemp("site")
    with opened(home) as node:
        yield cast_on(node, home)


@pytest.fixture(scope="module")
def owner(site: Cast) -> Client:
    return login("owner@site.org", PASSWORD, route=MemoryRoute(site.node))


def request_of(site: Cast, owner: Client, code: CodeSubmission) -> Request:
    found = owner.requests.get_by_uid(site.scientist.request(code).uid)
    assert isinstance(found, Request)
    return found


def test_a_run_on_mocks_is_kept_for_the_reviewer(site: Cast, owner: Client) -> None:
    data = upload(site.owner, [1, 2, 3], [4, 5])
    request = request_of(
        site, owner, fresh("import sys\nprint('hello')\nprint('oh', file=sys.stderr)\nreturn sum(data)", data)
    )
    assert request.evidence.mock_run is None
    run = request.mock_run()
    assert (run.result, run.output, run.errors, run.error) == (9, "hello\n", "oh\n", "")
    assert run.ended_well
    assert run.wall_s > 0
    assert run.memory_bytes > 0
    kept = request.evidence.mock_run
    assert kept is not None
    assert (kept.result, kept.output, kept.is_current, kept.at) == (9, "hello\n", True, run.at)
    assert "hello" in repr(kept)
    assert "hello" in repr(request.evidence)
    json.dumps(request.evidence.to_dict())
    with site.store.reading() as reader:
        job = reader.get(Job, run.job.id)
        record = reader.get(ObjectRecord, job.result_uid)
        assert record.lease_until is not None
        assert record.lease_until - record.created_at >= REQUESTED_LEASE


def test_one_that_fails_tells_the_reviewer_everything(site: Cast, owner: Client) -> None:
    data = upload(site.owner, [1], [0])
    request = request_of(site, owner, fresh("print('before')\nreturn 1 / data[0]", data))
    run = request.mock_run()
    assert run.state is JobState.FAILED
    assert not run.ended_well
    assert run.output == "before\n"
    assert "ZeroDivisionError" in run.error
    assert "line 3" in run.error
    with pytest.raises(CodeFailed):
        _ = run.result
    kept = request.evidence.mock_run
    assert kept is not None
    assert "ZeroDivisionError" in kept.error
    assert "ZeroDivisionError" in repr(request.evidence)


def test_constants_are_filled_in_and_the_reviewer_gives_the_rest(site: Cast, owner: Client) -> None:
    data = upload(site.owner, [1], [10, 20])
    name = f"mixed{UID().hex}"
    code = CodeSubmission(
        name=name,
        source=f"def {name}(data, fixed, times, offset=1):\n    return sum(data) * times + fixed + offset\n",
        parameters=(
            Parameter(name="data"),
            Parameter(name="fixed"),
            Parameter(name="times"),
            Parameter(name="offset", has_default=True),
        ),
        input_policy=InputPolicy(
            kind="mixed",
            rules={
                "data": MustBe(data),
                "fixed": Constant(encode(5).to_bytes()),
                "times": OfType("int"),
                "offset": OfType("int"),
            },
        ),
    )
    request = request_of(site, owner, code)
    with pytest.raises(InvalidInput, match=r"'times'.*takes from you: times \(int\), offset \(int\)"):
        request.mock_run()
    with pytest.raises(InvalidInput, match="int"):
        request.mock_run(times="2")
    for strange in ({"fixed": 1}, {"data": [1]}, {"other": 1}):
        with pytest.raises(InvalidInput, match="takes no value of yours"):
            request.mock_run(times=2, **strange)
    assert request.mock_run(times=2).result == 66
    assert request.mock_run(times=2, offset=10).result == 75
    takes = {one.name: (one.takes, one.has_default) for one in request.evidence.parameters}
    assert takes == {"fixed": ("a constant", False), "times": ("int", False), "offset": ("int", True)}


def test_what_it_launches_runs_on_mocks_too(site: Cast, owner: Client) -> None:
    data = upload(site.owner, [100, 200], [1, 2, 3])
    inner, outer = f"inner{UID().hex}", f"outer{UID().hex}"
    first = f"def {inner}(x):\n    print('got', x)\n    return x * 10\n"
    site.scientist.submit(function(first, inner, parameters=(Parameter(name="x"),)))
    source = (
        f"def {outer}(datasite, data):\n"
        f"    jobs = [datasite.launch_job({inner}, x=x) for x in data]\n"
        "    return [job.result for job in jobs]\n"
    )
    code = function(source, outer, {"data": data}, uses_datasite=True, nested=(inner,))
    request = request_of(site, owner, code)
    run = request.mock_run()
    assert run.result == [10, 20, 30]
    assert run.launched == 3
    seen = request.evidence
    assert [(one.role, one.name) for one in seen.code] == [("function", outer), ("launched function", inner)]
    assert any(one["kind"] == "print" and one["in"] == inner for one in seen.findings)
    assert seen.place[0].runs == (outer, inner)
    # The author sees neither it nor what it launched.
    author = login("scientist@site.org", PASSWORD, route=MemoryRoute(site.node))
    assert run.job.id not in {job.id for job in author.jobs}
    assert len(author.jobs.get_subjobs(run.job.id)) == 0
    assert len(owner.jobs.get_subjobs(run.job.id)) == 3
    # Another version of what it launches: what was tried is not what would run, and the reviewer sees both.
    site.scientist.submit(function(first.replace("* 10", "* 11"), inner, parameters=(Parameter(name="x"),)))
    kept = request.evidence.mock_run
    assert kept is not None
    assert not kept.is_current
    assert "x * 11" in request.evidence.code[inner].source


def test_what_was_approved_is_what_is_tried(site: Cast, owner: Client) -> None:
    """After an approval the launched functions are those that were approved, and no newer ones."""
    data = upload(site.owner, 100, 1)
    inner, outer = f"inner{UID().hex}", f"outer{UID().hex}"
    first = f"def {inner}(x):\n    return x + 10\n"
    site.scientist.submit(function(first, inner, parameters=(Parameter(name="x"),)))
    source = f"def {outer}(datasite, data):\n    return datasite.launch_job({inner}, x=data).result\n"
    request = request_of(
        site, owner, function(source, outer, {"data": data}, uses_datasite=True, nested=(inner,))
    )
    request.approve()
    site.scientist.submit(function(first.replace("+ 10", "+ 20"), inner, parameters=(Parameter(name="x"),)))
    assert request.mock_run().result == 11
    # A new request has the new version, and the difference to the approved one.
    newer = function(source + "# again\n", outer, {"data": data}, uses_datasite=True, nested=(inner,))
    again = request_of(site, owner, newer)
    assert again.mock_run().result == 21
    diff = again.evidence.diff
    assert diff is not None
    assert {(one.sign, one.text) for one in diff.lines} == {
        ("+", "# again"),
        ("-", "    return x + 10"),
        ("+", "    return x + 20"),
    }
    changes = again.evidence.changes
    assert changes is not None
    assert [one.what for one in changes] == [f"launched function '{inner}'"]


def test_without_a_mock_there_is_no_run(site: Cast, owner: Client) -> None:
    asset = NewAsset(name="asset", private=new_value(7))
    dataset = site.owner.say(CreateDataset(UID().hex, (asset,)), DatasetReply).dataset
    request = request_of(site, owner, fresh("return data", dataset.assets[0].object_uid))
    with pytest.raises(InvalidState, match="'data' has none"):
        request.mock_run()
    assert request.evidence.data[0].mock is None


def test_without_a_launched_function_there_is_no_run(site: Cast, owner: Client) -> None:
    name, missing = f"outer{UID().hex}", f"missing{UID().hex}"
    source = f"def {name}(datasite):\n    return datasite.launch_job({missing}, x=1).result\n"
    request = request_of(site, owner, function(source, name, uses_datasite=True, nested=(missing,)))
    with pytest.raises(InvalidState, match="submitted first"):
        request.mock_run()
    assert [one.name for one in request.evidence.code] == [name]


def test_a_step_of_a_protocol_is_tried_by_itself(site: Cast, owner: Client) -> None:
    """What another site would hand over, the reviewer gives; nothing goes over any edge."""
    data = upload(site.owner, 100, 1)
    steps = [
        step("there", "return 1"),
        step("here", "return [data, x]", objects={"data": data}, taken={"x": FromStep(0)}),
    ]
    there = site_of(site.scientist, node_uid=UID(), key=Identity.generate().verify_key)
    _, code = submissions(steps, {"here": site_of(site.scientist), "there": there})
    request = request_of(site, owner, code)
    with pytest.raises(InvalidInput, match="'x'"):
        request.mock_run()
    assert request.mock_run(x=5).result == [1, 5]
    assert {one.name: one.takes for one in request.evidence.parameters} == {"x": "handed over"}


def test_a_run_that_is_restarted_is_asked_for_anew(site: Cast, owner: Client) -> None:
    data = upload(site.owner, 1, 0)
    request = request_of(site, owner, fresh("return 1 / data", data))
    run = request.mock_run()
    with pytest.raises(InvalidState, match="mock_run"):
        run.job.restart()


def test_a_long_run_can_be_waited_for_later(site: Cast, owner: Client) -> None:
    data = upload(site.owner, 1, 0)
    request = request_of(site, owner, fresh("import time\ntime.sleep(60)\nreturn 1", data))
    with pytest.raises(InvalidState, match="look at"):
        request.mock_run(_timeout=0.2)
    kept = request.evidence.mock_run
    assert kept is not None
    assert kept.state in (JobState.QUEUED, JobState.RUNNING)
    assert "still" in kept.error or kept.error == ""
    kept.job.kill()


def test_mock_runs_leave_the_output_policy_alone(site: Cast, owner: Client) -> None:
    data = upload(site.owner, 7, 1)
    code = fresh("return data", data, limit=1)
    assert code.output_policy == OutputPolicy(limit=1)
    request = request_of(site, owner, code)
    for _ in range(3):
        assert request.mock_run().result == 1
    assert request.results_released == 0
    assert site.count(Release, request_uid=request.id) == 0


def test_policies_of_the_authors_own_are_asked_as_in_any_run(site: Cast, owner: Client) -> None:
    """On mocks, from the beginning each time: what a reviewer sees is what would leave, and nothing is remembered."""
    data = upload(site.owner, 100, 10)
    name = f"ruled{UID().hex}"
    inputs = CustomPolicy(
        name="Fills",
        source=(
            "class Fills:\n"
            "    def __init__(self, data):\n"
            "        pass\n"
            "    def is_valid(self, context, usr_input_kwargs):\n"
            "        return usr_input_kwargs.get('n', 0) < 50\n"
            "    def filter_kwargs(self, kwargs, context):\n"
            "        return {'n': 5, **kwargs}\n"
        ),
        options={"data": encode(data).to_bytes()},
    )
    output = CustomPolicy(
        name="Counts",
        source=(
            "class Counts:\n"
            "    def __init__(self):\n"
            "        self.left = 0\n"
            "    def is_valid(self, context):\n"
            "        return self.left < 1\n"
            "    def apply_to_output(self, context, outputs, update_policy=True):\n"
            "        print(context.mode, update_policy)\n"
            "        self.left += 1\n"
            "        return {'sum': outputs, 'number': self.left}\n"
        ),
    )
    code = CodeSubmission(
        name=name,
        source=f"def {name}(data, n):\n    return data + n\n",
        parameters=(Parameter(name="data"), Parameter(name="n")),
        input_policy=InputPolicy(kind="custom", rules={"data": MustBe(data), "n": Given()}, custom=inputs),
        output_policy=OutputPolicy(limit=MANY, custom=output),
    )
    request = request_of(site, owner, code)
    for given, expected in (({"n": 1}, 11), ({}, 15), ({}, 15)):
        run = request.mock_run(**given)
        assert run.result == {"sum": expected, "number": 1}, run.error
        assert "mock False" in run.output
    refused = request.mock_run(n=60)
    assert not refused.ended_well
    assert "does not allow these inputs" in refused.error
    assert request.policy_state is None
    assert site.count(PolicyState, uid=request.id) == 0
