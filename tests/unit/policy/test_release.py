"""The one way out."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from syft.errors import InvalidInput, InvalidState, LimitExceeded, NotApproved, PolicyExhausted
from syft.jobs.steps import onward
from syft.model.code import Code, CodeSubmission, Mode, OutputPolicy, Parameter, Part
from syft.model.held import HeldOutput, HeldResult, HeldState
from syft.model.job import Job, JobState, Release
from syft.model.limits import JobLimits
from syft.model.object import ObjectKind, ObjectRecord, ValueRef
from syft.model.permission import Grant
from syft.model.protocol import Deployment, FromStep, Protocol, ProtocolStep, Site, Wire
from syft.model.request import NestedCode, Request, RequestState
from syft.model.terms import Bound, Safeguards, Terms
from syft.model.transit import InTransit
from syft.model.uid import UID
from syft.policy.approval import approval_digest
from syft.policy.counted import counted
from syft.policy.disclosure import MAX_RELEASED_BYTES, findings_about
from syft.policy.outputs import can_leave, check_can_leave
from syft.policy.parts import edges_of
from syft.policy.release import Decision, Told, decided, release
from syft.wire.records import encode_record

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OWNER, SCIENTIST = UID(), UID()
LIMITS = JobLimits(wall_s=60)
TERMS = Terms(runs=3)


class ListLedger:
    """A ledger that is a list."""

    def __init__(self, *records: Any) -> None:
        self.records = list(records)

    def get(self, kind: type[Any], uid: UID) -> Any:
        return next(one for one in self.records if isinstance(one, kind) and one.uid == uid)

    def count(self, kind: type[Any], **equals: object) -> int:
        return sum(
            isinstance(one, kind) and all(getattr(one, name) == value for name, value in equals.items())
            for one in self.records
        )

    def add(self, record: Any) -> None:
        self.records.append(record)

    def replace(self, record: Any) -> None:
        self.records.remove(self.get(type(record), record.uid))
        self.records.append(record)


CODE = Code(
    uid=UID(),
    owner_uid=SCIENTIST,
    digest="c" * 64,
    name="f",
    version=1,
    submission=CodeSubmission(name="f", source="", output_policy=OutputPolicy(limit=2)),
    created_at=NOW,
)
REQUEST = Request(
    uid=UID(),
    code_uid=CODE.uid,
    requester_uid=SCIENTIST,
    state=RequestState.APPROVED,
    approved_digest="approved",
    created_at=NOW,
)
JOB = Job(
    uid=UID(),
    code_uid=CODE.uid,
    code_name="f",
    requester_uid=SCIENTIST,
    request_uid=REQUEST.uid,
    mode=Mode.PRIVATE,
    state=JobState.FINISHED,
    inputs_key="k",
    created_at=NOW,
)


def value(size: int = 1) -> ValueRef:
    return ValueRef(digest="0" * 64, size=size, type_name="int")


def let_go(
    ledger: ListLedger, digest: str = "approved", job: Job = JOB, result: ValueRef | None = None
) -> ObjectRecord:
    return release(
        ledger, job=job, code=CODE, result=result or value(), digest=digest, owner_uid=OWNER, now=NOW
    )


def test_it_grants_counts_and_keeps_in_one_go() -> None:
    ledger = ListLedger(REQUEST)
    held = let_go(ledger)
    assert held.owner_uid == OWNER
    (grant,) = [one for one in ledger.records if isinstance(one, Grant)]
    assert (grant.object_uid, grant.user_uid) == (held.uid, SCIENTIST)
    (counted,) = [one for one in ledger.records if isinstance(one, Release)]
    assert (counted.request_uid, counted.result_uid) == (REQUEST.uid, held.uid)


def test_no_more_than_was_approved() -> None:
    ledger = ListLedger(REQUEST)
    let_go(ledger)
    let_go(ledger)
    before = len(ledger.records)
    with pytest.raises(PolicyExhausted, match="2 times, and has"):
        let_go(ledger)
    assert len(ledger.records) == before


@pytest.mark.parametrize("state", [state for state in RequestState if state is not RequestState.APPROVED])
def test_not_after_the_approval_is_gone(state: RequestState) -> None:
    with pytest.raises(NotApproved):
        let_go(ListLedger(msgspec.structs.replace(REQUEST, state=state)))


def test_not_when_something_else_was_approved() -> None:
    with pytest.raises(NotApproved):
        let_go(ListLedger(REQUEST), digest="other")


def test_not_without_an_approval() -> None:
    with pytest.raises(NotApproved):
        let_go(ListLedger(REQUEST), job=msgspec.structs.replace(JOB, request_uid=None))


def test_not_the_whole_table() -> None:
    with pytest.raises(LimitExceeded):
        let_go(ListLedger(REQUEST), result=value(MAX_RELEASED_BYTES + 1))


def test_a_policy_that_lets_nothing_out_cannot_be_made() -> None:
    with pytest.raises(InvalidInput):
        OutputPolicy(limit=0)
    assert can_leave(OutputPolicy(limit=1), 0)
    assert not can_leave(OutputPolicy(limit=1), 1)
    with pytest.raises(PolicyExhausted, match="once, and has"):
        check_can_leave(OutputPolicy(limit=1), 1, "f")


def test_the_approval_digest_binds_every_part() -> None:
    record = ObjectRecord(uid=UID(), kind="asset", owner_uid=OWNER, private=value(), created_at=NOW)  # type: ignore[arg-type]
    nested = NestedCode(name="g", code_uid=UID(), digest="n")
    base = approval_digest("code", [nested], {"data": record}, "env", LIMITS, TERMS)
    moved = msgspec.structs.replace(record, private=ValueRef(digest="1" * 64, size=1, type_name="int"))
    mocked = msgspec.structs.replace(record, mock=value())
    others = {
        approval_digest("other", [nested], {"data": record}, "env", LIMITS, TERMS),
        approval_digest("code", [], {"data": record}, "env", LIMITS, TERMS),
        approval_digest(
            "code", [msgspec.structs.replace(nested, digest="m")], {"data": record}, "env", LIMITS, TERMS
        ),
        approval_digest("code", [nested], {"data": moved}, "env", LIMITS, TERMS),
        approval_digest("code", [nested], {"data": mocked}, "env", LIMITS, TERMS),
        approval_digest("code", [nested], {"other": record}, "env", LIMITS, TERMS),
        approval_digest("code", [nested], {}, "env", LIMITS, TERMS),
        approval_digest("code", [nested], {"data": record}, "other", LIMITS, TERMS),
        approval_digest("code", [nested], {"data": record}, "env", JobLimits(wall_s=61), TERMS),
        approval_digest("code", [nested], {"data": record}, "env", JobLimits(cpu_s=60), TERMS),
        approval_digest("code", [nested], {"data": record}, "env", JobLimits(), TERMS),
        approval_digest("code", [nested], {"data": record}, "env", LIMITS, Terms()),
        approval_digest("code", [nested], {"data": record}, "env", LIMITS, Terms(runs=4)),
        approval_digest("code", [nested], {"data": record}, "env", LIMITS, Terms(runs=3, review=True)),
        approval_digest("code", [nested], {"data": record}, "env", LIMITS, Terms(runs=3, expires_at=NOW)),
        approval_digest(
            "code", [nested], {"data": record}, "env", LIMITS, Terms(runs=3, bounds={"n": Bound(most=3)})
        ),
    }
    assert base not in others
    assert len(others) == 16
    assert base == approval_digest("code", [nested], {"data": record}, "env", LIMITS, TERMS)


def of_a_step(*outputs: int | None) -> tuple[Code, Job]:
    """A step whose result, or items of it, go to as many parameters of a second one, and its run."""
    first = ProtocolStep(role="here", code=CODE.submission)
    names = [f"x{number}" for number in range(len(outputs))]
    second = CodeSubmission(name="g", source="", parameters=tuple(Parameter(name=name) for name in names))
    wires: dict[str, Wire] = {name: FromStep(0, output) for name, output in zip(names, outputs, strict=True)}
    site = Site(node_uid=UID(), name="here", kind="datasite", key=bytes(32))
    steps = (first, ProtocolStep(role="here", code=second, wires=wires))
    whole = encode_record(Deployment(protocol=Protocol(steps=steps), sites={"here": site}))
    submission = msgspec.structs.replace(CODE.submission, part=Part(deployment=whole, step=0))
    return msgspec.structs.replace(CODE, submission=submission), msgspec.structs.replace(JOB, run=UID())


def let_on(ledger: ListLedger, code: Code, job: Job, *values: ValueRef) -> ObjectRecord | None:
    """Release what goes over the edges, in their order."""
    edges = edges_of(code.submission)[: len(values)]
    return release(
        ledger,
        job=job,
        code=code,
        result=value(),
        digest="approved",
        owner_uid=OWNER,
        onward=onward(job, code, edges, values, NOW),
        now=NOW,
    )


def test_what_goes_to_other_steps_is_counted_and_granted_to_nobody() -> None:
    code, job = of_a_step(0, None)
    ledger = ListLedger(REQUEST)
    for _ in range(2):
        assert let_on(ledger, code, job, value(), value()) is None
    with pytest.raises(PolicyExhausted):
        let_on(ledger, code, job, value(), value())
    kinds = [type(one) for one in ledger.records[1:]]
    assert kinds == [InTransit, InTransit, Release] * 2


def test_what_goes_to_other_steps_is_bounded_too() -> None:
    code, job = of_a_step(None)
    with pytest.raises(LimitExceeded):
        let_on(ListLedger(REQUEST), code, job, value(MAX_RELEASED_BYTES + 1))


def test_a_step_is_never_released_to_its_requester_by_mistake() -> None:
    code, job = of_a_step(0, 1)
    ledger = ListLedger(REQUEST)
    for values in ((), (value(),)):
        with pytest.raises(AssertionError, match="where its protocol says"):
            let_on(ledger, code, job, *values)
    assert ledger.records == [REQUEST]


# a person looks first


REVIEWED = ObjectRecord(
    uid=UID(),
    kind=ObjectKind.ASSET,
    owner_uid=OWNER,
    private=ValueRef(digest="2" * 64, size=100, type_name="list"),
    created_at=NOW,
    safeguards=Safeguards(review=True),
)
PLAIN = msgspec.structs.replace(REVIEWED, uid=UID(), safeguards=Safeguards())


def hold(ledger: ListLedger, request: Request = REQUEST, **of: Any) -> Any:
    inputs: dict[str, Any] = {"inputs": [REVIEWED]} | of
    told = Told((HeldOutput(place=0),), "packages")
    return release(
        ledger,
        job=JOB,
        code=CODE,
        result=value(5),
        digest="approved",
        owner_uid=OWNER,
        told=told,
        now=NOW,
        **inputs,
    )


@pytest.mark.parametrize(
    ("terms", "inputs", "sources", "is_held"),
    [
        (Terms(), [PLAIN], [], False),
        (Terms(), [PLAIN, REVIEWED], [], True),
        (Terms(), [PLAIN], [REVIEWED], True),
        (Terms(review=True), [PLAIN], [], True),
        (Terms(review=True), [], [], True),
        (Terms(), [], [], False),
    ],
)
def test_a_result_is_held_where_the_approval_or_any_owner_says_so(
    terms: Terms, inputs: list[ObjectRecord], sources: list[ObjectRecord], is_held: bool
) -> None:
    ledger = ListLedger(msgspec.structs.replace(REQUEST, terms=terms))
    found = hold(ledger, inputs=inputs, sources=sources)
    assert isinstance(found, HeldResult) is is_held
    # Nothing that anybody could read or that counts as having left.
    kept = {type(one) for one in ledger.records} - {Request}
    assert kept == ({HeldResult} if is_held else {ObjectRecord, Grant, Release})


def test_what_is_held_says_what_it_is_and_whose() -> None:
    held = hold(ListLedger(REQUEST))
    assert (held.uid, held.request_uid, held.requester_uid) == (JOB.uid, REQUEST.uid, SCIENTIST)
    assert (held.owners, held.result_owner_uid, held.environment) == ((OWNER,), OWNER, "packages")
    assert (held.value, held.inputs_key, held.state) == (value(5), "k", HeldState.WAITING)
    assert held.findings == findings_about(value(5), [REVIEWED])


def test_a_decision_is_of_what_still_waits_and_counts_itself_once() -> None:
    once = msgspec.structs.replace(
        CODE, submission=CodeSubmission(name="f", source="", output_policy=OutputPolicy(limit=1))
    )
    held_job = msgspec.structs.replace(JOB, state=JobState.HELD)
    ledger = ListLedger(REQUEST, held_job)
    held = hold(ledger)
    with pytest.raises(PolicyExhausted):
        release(ledger, job=JOB, code=once, result=value(), digest="approved", owner_uid=OWNER, now=NOW)
    decision = Decision(held, OWNER, "fine", (0,))
    options: dict[str, Any] = {
        "job": held_job,
        "code": once,
        "result": value(),
        "owner_uid": OWNER,
        "now": NOW,
    }
    record = release(ledger, digest="approved", decision=decision, inputs=[REVIEWED], **options)
    assert isinstance(record, ObjectRecord)
    after = ledger.get(HeldResult, held.uid)
    assert (after.state, after.value, after.reason, after.kept_back) == (
        HeldState.RELEASED,
        None,
        "fine",
        (0,),
    )
    with pytest.raises(InvalidState, match="released"):
        release(ledger, digest="approved", decision=decision, **options)
    with pytest.raises(NotApproved):
        release(ledger, digest="other", decision=decision, **options)
    assert sum(isinstance(one, Release) for one in ledger.records) == 1


@pytest.mark.parametrize("state", [state for state in JobState if state is not JobState.HELD])
def test_a_decision_is_of_a_job_that_is_held(state: JobState) -> None:
    ledger = ListLedger(REQUEST, msgspec.structs.replace(JOB, state=state))
    held = hold(ledger)
    with pytest.raises(InvalidState):
        release(
            ledger,
            job=JOB,
            code=CODE,
            result=value(),
            digest="approved",
            owner_uid=OWNER,
            decision=Decision(held, OWNER),
            now=NOW,
        )


def test_nothing_leaves_of_a_request_that_was_answered_by_hand() -> None:
    with pytest.raises(NotApproved, match="by hand"):
        let_go(ListLedger(msgspec.structs.replace(REQUEST, deposited=True)))


def test_what_goes_on_to_other_steps_is_not_held_and_does_not_leave() -> None:
    code, job = of_a_step(None)
    ledger = ListLedger(msgspec.structs.replace(REQUEST, terms=Terms(review=True)))
    with pytest.raises(NotApproved, match="cannot be held"):
        let_on(ledger, code, job, value())
    assert len(ledger.records) == 1


def test_what_was_refused_counts_no_more() -> None:
    ledger = ListLedger(REQUEST)
    held = hold(ledger)
    assert counted(ledger, REQUEST.uid) == 1
    assert counted(ledger, REQUEST.uid, inputs_key="k") == 1
    assert counted(ledger, REQUEST.uid, inputs_key="other") == 0
    ledger.replace(decided(Decision(held, OWNER, "no"), HeldState.REFUSED, NOW))
    assert counted(ledger, REQUEST.uid) == 0
    let_go(ledger)
    assert counted(ledger, REQUEST.uid) == 1


def test_a_result_as_large_as_its_data_is_something_to_look_at() -> None:
    small, large = value(1), value(90)
    (about,) = findings_about(small, [REVIEWED])
    assert (about.rule, about.fix) == ("size", "")
    (about,) = findings_about(large, [REVIEWED])
    assert "a tenth" in about.fix
    (about,) = findings_about(large, [])
    assert about.fix == ""
