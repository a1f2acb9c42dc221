"""Plans at a node: hostile ones, who may run them on what, and what approved ones run.

THREATS 1.4, 1.5, 2.5, 2.6, 4.1, 4.2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from support.people import Person, new_value
from support.sites import Cast, account_of, logged, own_value, refused, tampering, upload
from syft.code import parameters_of, source_of, trace
from syft.errors import SyftException
from syft.model.code import Code, CodeSubmission, Constant, InputPolicy, MustBe, OfType
from syft.model.job import ObjectArgument
from syft.model.message import Done
from syft.model.messages import objects, requests, settings
from syft.model.messages.datasets import NewValue
from syft.model.messages.plans import PlanReply, RunPlan
from syft.model.object import Face, FailedOperations, ObjectKind, ObjectRecord
from syft.model.plan import MAX_PLAN_STEPS, MAX_STATE_BYTES, Plan, place
from syft.model.protocol import Protocol, SharedProtocol
from syft.model.step import Of, Step
from syft.model.uid import UID
from syft.node.services.computing import MAX_FAILURES
from syft.wire.codec import decode, encode

SECRET = 41_273_998.5
NOT_THERE = ("not_found", "There is no such object, or it is not yours to see.")


def put(person: Person, value: Any, **options: Any) -> UID:
    return person.say(objects.PutObject(new_value(value), **options), objects.ObjectReply).object.uid


def run(plan: Plan | UID, *inputs: Any, keep: int = 0) -> RunPlan:
    """The message: inputs are UIDs of objects, or values that go along."""
    uids, brought = [], []
    for value in inputs:
        if isinstance(value, UID):
            uids.append(value)
        else:
            brought.append(objects.Brought(UID(), new_value(value)))
            uids.append(brought[-1].uid)
    return RunPlan(
        plan=plan if isinstance(plan, Plan) else None,
        plan_uid=plan if isinstance(plan, UID) else None,
        inputs=tuple(uids),
        brought=tuple(brought),
        keep=tuple(UID() for _ in range(keep)),
    )


def kept(person: Person, plan: Plan | UID, *inputs: Any, count: int = 1) -> tuple[objects.ObjectView, ...]:
    return person.say(run(plan, *inputs, keep=count), PlanReply).objects


def told(person: Person, plan: Plan | UID, *inputs: Any) -> tuple[Any, ...]:
    values = person.say(run(plan, *inputs), PlanReply).values
    return tuple(decode(one.inline or b"") for one in values)


def may_read(person: Person, uid: UID) -> bool:
    return refused(person, objects.ReadValue(uid))[0] == "ok"


def record_of(site: Cast, uid: UID) -> ObjectRecord:
    with site.store.reading() as reader:
        return reader.get(ObjectRecord, uid)


def let(owner: Person, reader: Person, uid: UID) -> None:
    request = reader.say(requests.RequestObject(uid), requests.RequestReply).request
    view = owner.say(requests.GetRequest(request.uid), requests.RequestReply).request
    assert view.object is not None
    owner.say(requests.ApproveRequest(view.uid, view.object.digest), requests.RequestReply)


def blobs(site: Cast) -> set[str]:
    return set(site.site.blobs.digests())


def plan_of(function: Callable[..., Any], name: str = "f") -> Plan:
    return trace(function, name=name)


def forced(plan: Plan, **changed: Any) -> Plan:
    """A plan as nobody could make it with our own classes."""
    made = msgspec.structs.replace(plan)
    for name, value in changed.items():
        msgspec.structs.force_setattr(made, name, value)
    return made


ADD = plan_of(lambda x: x + 1)
SHARED = SharedProtocol(protocol=Protocol(name="p"))
BOTH = plan_of(lambda x, y: (x + y, x * y))


@pytest.fixture
def private(site: Cast) -> UID:
    return put(site.owner, np.array([1.0, SECRET, 3.0]), tags=("numbers",))


# --- a plan is data


@pytest.mark.parametrize(
    "name",
    [
        "__class__",
        "add.__class__",
        "exec",
        "eval",
        "to_csv",
        "__import__",
        "os.system",
        "",
        "ADD",
        "exec('1')",
    ],
)
def test_a_step_that_is_not_in_the_table_is_not_done(site: Cast, name: str) -> None:
    assert told(site.scientist, ADD, 1) == (2,)
    step = msgspec.structs.replace(ADD.steps[0])
    msgspec.structs.force_setattr(step, "op", name)
    assert refused(site.owner, run(forced(ADD, steps=(step,)), 1))[0] in ("invalid_input", "decode")
    assert refused(site.owner, run(forced(ADD, steps=(step,)), 1, keep=1))[0] in ("invalid_input", "decode")


@pytest.mark.parametrize("name", ["__class__", "out", "func", "a.b"])
def test_options_are_a_closed_table_too(site: Cast, name: str) -> None:
    summed = plan_of(lambda x: x.sum())
    assert told(site.scientist, summed, np.ones(2)) == (2.0,)
    step = msgspec.structs.replace(summed.steps[0])
    msgspec.structs.force_setattr(step, "constants", {name: 1})
    assert refused(site.owner, run(forced(summed, steps=(step,)), np.ones(2)))[0] in (
        "invalid_input",
        "decode",
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"steps": (Step(op="add", inputs=(Of(place(1)), 1), output=place(1)),)},
        {"steps": (Step(op="add", inputs=(Of(place(7)), 1), output=place(1)),)},
        {"steps": (Step(op="add", inputs=(Of(place(0)), 1), output=place(0)),)},
        {"steps": (Step(op="add", inputs=(Of(UID()), 1), output=place(1)),)},
        {"outputs": (place(9),)},
        {"outputs": ()},
        {"outputs": (place(1), place(0))},
        {"inputs": ("x", "x")},
        {"inputs": ("x y",)},
        {"inputs": ("np",)},
        {"name": "f()"},
        {"state": tuple(bytes([1]) for _ in range(1_001))},
        {"state": (bytes(MAX_STATE_BYTES + 1),)},
        {"steps": ADD.steps * (MAX_PLAN_STEPS + 1)},
    ],
)
def test_a_plan_that_is_out_of_order_or_too_large_is_refused(site: Cast, changed: dict[str, Any]) -> None:
    code, _ = refused(site.scientist, run(forced(ADD, **changed), 1))
    assert code in ("invalid_input", "decode")
    assert told(site.scientist, ADD, 1) == (2,), "the node goes on"


def test_a_million_steps_do_not_get_in(site: Cast) -> None:
    steps = tuple(ADD.steps * 1_000_000)
    with pytest.raises(SyftException):
        site.scientist.say(run(forced(ADD, steps=steps), 1), PlanReply)
    assert told(site.scientist, ADD, 1) == (2,)


@pytest.mark.parametrize(
    "message",
    [
        run(ADD),
        run(ADD, 1, 2),
        run(ADD, 1, keep=2),
        run(BOTH, 1, 2, keep=1),
        msgspec.structs.replace(run(ADD, 1), plan=None),
        msgspec.structs.replace(run(ADD, 1), plan_uid=UID()),
        msgspec.structs.replace(run(ADD, 1), brought=run(ADD, 1).brought),
        msgspec.structs.replace(run(ADD, 1), brought=run(ADD, 1).brought * 2),
    ],
)
def test_a_message_that_does_not_add_up_is_refused(site: Cast, message: RunPlan) -> None:
    before = site.count(ObjectRecord)
    assert refused(site.scientist, message)[0] in ("invalid_input", "not_found")
    assert site.count(ObjectRecord) == before


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\xc7\x00", encode(np.ones(3)).to_bytes()[:-1]])
def test_hostile_bytes_in_a_plan_are_an_error_and_nothing_else(site: Cast, data: bytes) -> None:
    hostile = msgspec.structs.replace(plan_of(lambda x: x + np.ones(2)), state=(data,))
    assert refused(site.scientist, run(hostile, 1.0))[0] in ("invalid_input", "code_failed", "decode")
    value = NewValue(type_name="int", inline=data)
    along = RunPlan(plan=ADD, inputs=(uid := UID(),), brought=(objects.Brought(uid, value),))
    assert refused(site.scientist, along)[0] == "invalid_input"
    assert told(site.scientist, ADD, 1) == (2,)


# --- size


def _repeated(times: int, act: Callable[[Any], Any]) -> Plan:
    def f(x: Any) -> Any:
        for _ in range(times):
            x = act(x)
        return x

    return plan_of(f)


@pytest.mark.parametrize(
    ("plan", "value"),
    [
        (_repeated(60, lambda x: x * x), 3),
        (_repeated(30, lambda x: x << 100_000), 1),
        (plan_of(lambda x: (x @ x.T) @ np.ones((40_000, 2))), np.ones((40_000, 1))),
        (plan_of(lambda x: (x * x.T).sum()), np.ones((40_000, 1))),
        (_repeated(20, lambda x: (x.reshape(-1, 1) * x.reshape(1, -1)).ravel()), np.ones(40)),
        (plan_of(lambda x: x.reshape(0, 10**8).sum(axis=0)), np.ones(0)),
    ],
    ids=["squares", "shifts", "product", "outer", "outer of outer", "out of nothing"],
)
def test_growth_is_stopped_within_limits(site: Cast, plan: Plan, value: Any) -> None:
    files, before = blobs(site), site.count(ObjectRecord)
    assert refused(site.scientist, run(plan, value, keep=1))[0] == "limit_exceeded"
    assert (blobs(site), site.count(ObjectRecord)) == (files, before)
    assert told(site.scientist, ADD, 1) == (2,), "the node goes on"


def test_what_is_small_step_by_step_and_much_together_is_the_sandboxs(
    site: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner, runs = site.site.operations._runner, []
    run_there = runner.run

    def counted(execution: Any, **more: Any) -> Any:
        runs.append(execution.entry)
        return run_there(execution, **more)

    monkeypatch.setattr(runner, "run", counted)
    for plan, value, expected in (
        (_repeated(20, lambda x: x + 1), 1, []),
        (_repeated(1_100, lambda x: x + 1), 1, ["compute"]),
        (_repeated(40, lambda x: x + 1), np.ones(60_000), ["compute"]),
        (plan_of(lambda x: x.sum()), np.ones(200_000), ["compute"]),
        (plan_of(lambda x: x["a"].sum()), pd.DataFrame({"a": [1]}), ["compute"]),
    ):
        runs.clear()
        told(site.scientist, plan, value)
        assert runs == expected


def test_results_that_do_not_fit_an_answer_are_refused_and_can_be_kept(site: Cast) -> None:
    tall = plan_of(lambda x: (x + 1, x + 2))
    files = blobs(site)
    value = np.ones(400_000)
    assert refused(site.scientist, run(tall, value))[0] == "limit_exceeded"
    assert blobs(site) == files
    one, two = kept(site.scientist, tall, value, count=2)
    assert (site.scientist.read(one.uid)[0], len(blobs(site) - files)) == (2, 2)
    site.scientist.say(objects.DropLeases((one.uid, two.uid)), Done)
    assert blobs(site) == files, "what came along is not kept, and the rest goes with its lease"


def test_a_result_is_on_the_quota_of_who_made_it(site: Cast) -> None:
    site.admin.say(settings.UpdateSettings(objects_per_account=1), settings.SettingsReply)
    try:
        person = site.newcomer().register(f"{UID().hex}@site.org")
        assert refused(person, run(BOTH, 1, 2, keep=2))[0] == "quota_exceeded"
        assert refused(person, run(ADD, 1, keep=1))[0] == "ok"
        assert told(person, BOTH, 1, 2) == (3, 2), "what is only told takes no room"
    finally:
        site.admin.say(settings.UpdateSettings(objects_per_account=10_000), settings.SettingsReply)


# --- who may compute, and who may read what comes of it


def test_what_one_may_not_find_is_not_there_to_compute_with(site: Cast) -> None:
    hidden = put(site.owner, 5, findable=False)
    for keep in (0, 1):
        assert refused(site.scientist, run(ADD, hidden, keep=keep)) == NOT_THERE
        assert refused(site.scientist, run(ADD, UID(), keep=keep)) == NOT_THERE


def test_a_finder_computes_without_seeing(site: Cast, private: UID) -> None:
    one, two = kept(site.scientist, BOTH, private, 2, count=2)
    for view in (one, two):
        assert (view.readable, view.digest, view.size, view.shape, view.type_name) == (
            False,
            "",
            None,
            None,
            "",
        )
        assert not may_read(site.scientist, view.uid)
        assert not may_read(site.other_owner, view.uid)
    assert site.owner.read(two.uid)[1] == SECRET * 2
    record = record_of(site, one.uid)
    assert (record.owner_uid, record.made_by) == (account_of(site.owner), account_of(site.scientist))
    assert record.lease_until is not None
    assert (record.sources, record.tags, record.op) == ((private,), ("numbers", "__add__"), "add")


def test_results_are_told_to_nobody_who_may_not_read_every_input(site: Cast, private: UID) -> None:
    zero = plan_of(lambda x, y: x * 0 + y)
    constant = plan_of(lambda x: 5)
    before = site.count_events()
    assert refused(site.scientist, run(ADD, private))[0] == "authorization"
    assert refused(site.scientist, run(zero, private, 1))[0] == "authorization"
    assert refused(site.scientist, run(constant, private))[0] == "authorization", "also where it is not used"
    assert {one.event.verb for one in site.events(after=before)} <= {"act.refused"}
    assert told(site.owner, ADD, private)[0][1] == SECRET + 1
    let(site.owner, site.scientist, private)
    assert told(site.scientist, ADD, private)[0][1] == SECRET + 1


def test_results_that_are_told_leave_nothing_behind(site: Cast, private: UID) -> None:
    before = (site.count_events(), site.count(ObjectRecord), blobs(site))
    told(site.owner, BOTH, private, np.ones(3))
    told(site.owner, ADD, np.ones(30_000))
    assert (site.count_events(), site.count(ObjectRecord), blobs(site)) == before


def test_mixing_in_what_is_ones_own_makes_nothing_readable(site: Cast, private: UID) -> None:
    zero = put(site.scientist, np.zeros(3), findable=False)
    for view in kept(site.scientist, plan_of(lambda x, y: (x + y, y)), private, zero, count=2):
        for person in (site.scientist, site.owner, site.other_owner):
            assert not may_read(person, view.uid), "the run saw both"
        assert may_read(site.admin, view.uid)


def test_who_may_read_all_may_read_the_result(site: Cast, private: UID) -> None:
    let(site.owner, site.scientist, private)
    (view,) = kept(site.owner, ADD, private)
    assert may_read(site.scientist, view.uid)
    assert not may_read(site.other_scientist, view.uid)
    site.owner.say(objects.ReplaceObject(private, new_value(np.array([1.0]))), objects.ObjectReply)
    assert refused(site.scientist, run(ADD, private))[0] == "authorization", "the grant was to the old value"


def test_an_input_that_is_returned_as_it_is_is_no_more_readable_than_before(site: Cast, private: UID) -> None:
    (view,) = kept(site.scientist, plan_of(lambda x: x), private)
    assert not may_read(site.scientist, view.uid)
    assert site.owner.read(view.uid)[1] == SECRET
    assert record_of(site, view.uid).op == "plan"


def test_the_owner_sees_how_a_value_came_about(site: Cast, private: UID) -> None:
    plan = plan_of(lambda x: (x[0:2] + np.ones(2)).mean())
    (view,) = kept(site.scientist, plan, private)
    size = len(plan.state[0])
    said = f"mean of ('numbers' ({private.hex[:8]})[0:2] + a constant of the plan ({size} bytes))"
    asked = site.scientist.say(requests.RequestObject(view.uid, "please"), requests.RequestReply).request
    seen = site.owner.say(requests.GetRequest(asked.uid), requests.RequestReply).request
    assert seen.object is not None
    assert (seen.object.name, seen.object.op) == (said, "mean")


def test_the_uid_of_a_result_is_nobody_elses(site: Cast, private: UID) -> None:
    message = msgspec.structs.replace(run(BOTH, 1, 2), keep=(UID(), private))
    before = site.count(ObjectRecord)
    assert refused(site.scientist, message)[0] == "already_exists"
    twice = UID()
    assert (
        refused(site.scientist, msgspec.structs.replace(message, keep=(twice, twice)))[0] == "invalid_input"
    )
    assert site.count(ObjectRecord) == before, "all of the results are kept, or none"


def test_the_mock_goes_along(site: Cast) -> None:
    twin = put(site.owner, np.array([SECRET, SECRET]), mock=new_value(np.array([1.0, 2.0])))
    one, two = kept(site.scientist, BOTH, twin, 10, count=2)
    assert site.scientist.read(one.uid, Face.MOCK).tolist() == [11, 12]
    assert site.scientist.read(two.uid, Face.MOCK).tolist() == [10, 20]
    code, text = refused(site.scientist, run(plan_of(lambda x: x[5]), twin, keep=1))
    assert code == "code_failed"
    assert text.startswith("On the mock")
    assert site.count(FailedOperations, object_uid=twin) == 0


# --- what errors tell


def test_an_error_does_not_tell_at_which_step_it_was(site: Cast) -> None:
    """A thousand steps of which the secret chooses one to fail would spell it in one message."""
    table = put(site.owner, pd.Series([f"patient {SECRET}"]))
    secret = put(site.owner, 3)
    steps = np.zeros(10)
    probing = plan_of(lambda steps, secret: [steps[secret + at] for at in range(20)][-1])
    texts = set()
    for shift in (0, 2):
        code, text = refused(site.scientist, run(probing, steps[shift:], secret, keep=1))
        assert code == "code_failed"
        texts.add(text)
    assert len(texts) == 1
    assert "IndexError" in texts.pop()
    assert "in step 16 of 40" in refused(site.owner, run(probing, steps, secret))[1], (
        "its owner is told all of it"
    )
    with logged() as log:
        code, text = refused(site.scientist, run(plan_of(lambda x: x.astype("float64")), table, keep=1))
    assert (code, str(SECRET) in text, str(SECRET) in log.getvalue()) == ("code_failed", False, False)


def test_failures_are_counted_so_that_they_spell_no_value(site: Cast) -> None:
    secret = put(site.owner, 5)
    person = site.newcomer().register(f"{UID().hex}@site.org")
    picking = plan_of(lambda steps, secret: steps[secret])
    for _ in range(MAX_FAILURES):
        assert refused(person, run(picking, np.zeros(3), secret, keep=1))[0] == "code_failed"
    assert refused(person, run(ADD, secret, keep=1))[0] == "invalid_state"
    single = Step(op="add", inputs=(Of(secret), 1), output=UID())
    assert refused(person, objects.Operate(single))[0] == "invalid_state", "it is one count for both ways"


# --- a plan as an object


def test_what_a_plan_is_the_node_says_by_its_bytes(site: Cast) -> None:
    plan = put(site.owner, ADD)
    assert record_of(site, plan).kind is ObjectKind.PLAN
    assert record_of(site, put(site.owner, SHARED)).kind is ObjectKind.PROTOCOL
    lie = NewValue(type_name="syft.Plan", inline=encode(SECRET).to_bytes())
    view = site.owner.say(objects.PutObject(lie), objects.ObjectReply).object
    assert record_of(site, view.uid).kind is ObjectKind.VALUE
    assert not may_read(site.scientist, view.uid)
    hidden = msgspec.structs.replace(new_value(ADD), type_name="int")
    view = site.owner.say(objects.PutObject(hidden), objects.ObjectReply).object
    assert record_of(site, view.uid).kind is ObjectKind.PLAN
    large = plan_of(lambda x: x + np.ones(20_000))
    assert record_of(site, put(site.owner, large)).kind is ObjectKind.PLAN, "also where it is a file"


def test_who_finds_a_plan_may_read_and_run_it_and_nobody_else(site: Cast) -> None:
    found, hidden = put(site.owner, ADD), put(site.owner, ADD, findable=False)
    assert site.scientist.read(found) == ADD
    assert told(site.scientist, found, 5) == (6,)
    assert not may_read(site.scientist, hidden)
    assert refused(site.scientist, run(hidden, 5)) == NOT_THERE
    assert told(site.owner, hidden, 5) == (6,)
    assert not may_read(site.scientist, put(site.owner, 5)), "a value that is found is not read"
    for message in (objects.DeleteObject(found), objects.ReplaceObject(found, new_value(BOTH))):
        assert refused(site.scientist, message)[0] == "not_found"


def test_a_value_in_the_place_of_a_plan_is_a_value(site: Cast) -> None:
    uid = put(site.owner, ADD)
    assert may_read(site.scientist, uid)
    site.owner.say(objects.ReplaceObject(uid, new_value(SECRET)), objects.ObjectReply)
    assert record_of(site, uid).kind is ObjectKind.VALUE
    assert not may_read(site.scientist, uid)
    assert refused(site.scientist, run(uid, 5))[0] in ("not_found", "invalid_input")
    site.owner.say(objects.ReplaceObject(uid, new_value(ADD)), objects.ObjectReply)
    assert may_read(site.scientist, uid)


@pytest.mark.parametrize("tag", [97, 98])
def test_bytes_that_begin_like_a_plan_and_are_none_are_refused(site: Cast, tag: int) -> None:
    good = encode(ADD if tag == 97 else SHARED).to_bytes()
    before = site.count(ObjectRecord)
    value = NewValue(type_name="syft.Plan", inline=good[:-4] + b"\xc1\xc1\xc1\xc1")
    assert refused(site.owner, objects.PutObject(value))[0] == "invalid_input"
    step = msgspec.structs.replace(ADD.steps[0])
    msgspec.structs.force_setattr(step, "op", "exec")
    if tag == 97:
        hostile = new_value(forced(ADD, steps=(step,)))
        assert refused(site.owner, objects.PutObject(hostile))[0] == "invalid_input"
    assert site.count(ObjectRecord) == before


def test_an_object_that_is_no_plan_is_not_run(site: Cast) -> None:
    assert refused(site.owner, run(put(site.owner, 5), 1))[0] == "invalid_input"
    assert refused(site.owner, run(put(site.owner, SHARED), 1))[0] == "invalid_input"


# --- approved as code


def submission(plan: Plan, data: UID | None = None, **changed: Any) -> CodeSubmission:
    rules = {plan.inputs[0]: MustBe(data)} if data else {}
    rules |= {name: OfType("int") for name in plan.inputs[1:]}
    whole = {
        "name": plan.name,
        "source": source_of(plan),
        "parameters": parameters_of(plan),
        "plan": plan,
        "input_policy": InputPolicy(kind="mixed", rules=rules),
    }
    return CodeSubmission(**{**whole, **changed})


def test_an_approved_plan_runs_its_steps(site: Cast) -> None:
    data = upload(site.owner, np.array([1.0, SECRET]), np.array([1.0, 2.0]))

    def shifted(x: Any, plan: Any, apart: Any) -> Any:
        return x.sum() - plan * apart, x.max()

    plan = trace(shifted)
    request = site.scientist.request(submission(plan, data))
    assert request.code.submission.source == source_of(plan)
    site.owner.approve(request)
    job = site.scientist.call("shifted", x=ObjectArgument(data), plan=own_value(2), apart=own_value(3))
    assert job.result_uid is not None, job
    assert site.scientist.read(job.result_uid) == (1 + SECRET - 6, SECRET)


def test_the_text_of_a_plan_is_never_run(site: Cast) -> None:
    data = upload(site.owner)
    plan = plan_of(lambda x: x + 1, f"f{UID().hex}")
    liar = f"def {plan.name}(x):\n    return 'the text ran'\n"
    assert (
        refused(site.scientist, requests.CreateRequest(submission(plan, data, source=liar)))[0]
        == "invalid_code"
    )
    request = site.scientist.request(submission(plan, data))
    site.owner.approve(request)
    # Somebody with the disk puts another text in: what was approved binds it, so it does not run at all.
    with tampering(site.store) as tx:
        code = tx.get(Code, request.code.uid)
        tx.replace(
            msgspec.structs.replace(code, submission=msgspec.structs.replace(code.submission, source=liar))
        )
    job = site.scientist.call(plan.name, x=ObjectArgument(data))
    assert job.result_uid is None
    assert job.error_code == "not_approved"


def test_a_changed_plan_is_another_code(site: Cast) -> None:
    data = upload(site.owner)
    name = f"f{UID().hex}"
    first = site.scientist.request(submission(plan_of(lambda x: x + 1, name), data))
    other = site.scientist.submit(submission(plan_of(lambda x: x + 2, name), data))
    assert first.code.digest != other.digest
    site.owner.approve(first)
    assert (
        refused(site.scientist, requests.CreateRequest(submission(plan_of(lambda x: x - 1, name), data)))[0]
        == "ok"
    )


def test_a_plan_that_fails_privately_tells_its_class_only(site: Cast) -> None:
    data = upload(site.owner, np.array([1.0, SECRET]), np.array([1.0, 2.0]))
    plan = plan_of(lambda x: x[7], f"f{UID().hex}")
    site.owner.approve(site.scientist.request(submission(plan, data)))
    job = site.scientist.call(plan.name, x=ObjectArgument(data))
    assert job.error_code == "code_failed"
    assert "IndexError" in job.note
    assert "getitem" not in job.note


def test_a_constant_of_an_approved_plan_is_filled_in(site: Cast) -> None:
    data = upload(site.owner, 5, 1)
    plan = plan_of(lambda x, y: x * y, f"f{UID().hex}")
    rules = InputPolicy(kind="mixed", rules={"x": MustBe(data), "y": Constant(encode(7).to_bytes())})
    site.owner.approve(site.scientist.request(submission(plan, data, input_policy=rules)))
    job = site.scientist.call(plan.name, x=ObjectArgument(data))
    assert job.result_uid is not None, job
    assert site.scientist.read(job.result_uid) == 35


@pytest.mark.parametrize(
    "data",
    [
        b"x" * 20_000,
        b"SYFTVAL1" + bytes(16) + b"x" * 20_000,
        b"SYFTVAL1" + (0).to_bytes(8, "little") + (1).to_bytes(8, "little") + bytes(20_000),
        encode(np.ones(5_000)).to_bytes() + b"more",
    ],
)
def test_a_file_that_is_no_value_is_kept_as_before_and_is_no_plan(site: Cast, data: bytes) -> None:
    view = site.owner.say(
        objects.PutObject(NewValue(type_name="syft.Plan", inline=data)), objects.ObjectReply
    ).object
    assert record_of(site, view.uid).kind is ObjectKind.VALUE
    assert refused(site.owner, run(view.uid, 1))[0] == "invalid_input"
    assert not may_read(site.scientist, view.uid)
