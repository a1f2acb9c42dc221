"""The one way out."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from syft.errors import InvalidInput, LimitExceeded, NotApproved, PolicyExhausted
from syft.jobs.steps import onward
from syft.model.code import Code, CodeSubmission, Mode, OutputPolicy, Parameter, Part
from syft.model.job import Job, JobState, Release
from syft.model.limits import JobLimits
from syft.model.object import ObjectRecord, ValueRef
from syft.model.permission import Grant
from syft.model.protocol import Deployment, FromStep, Protocol, ProtocolStep, Site, Wire
from syft.model.request import NestedCode, Request, RequestState
from syft.model.transit import InTransit
from syft.model.uid import UID
from syft.policy.approval import approval_digest
from syft.policy.disclosure import MAX_RELEASED_BYTES
from syft.policy.outputs import can_leave, check_can_leave
from syft.policy.parts import edges_of
from syft.policy.release import release
from syft.wire.records import encode_record

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OWNER, SCIENTIST = UID(), UID()
LIMITS = JobLimits(wall_s=60)


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
    base = approval_digest("code", [nested], {"data": record}, "env", LIMITS)
    moved = msgspec.structs.replace(record, private=ValueRef(digest="1" * 64, size=1, type_name="int"))
    mocked = msgspec.structs.replace(record, mock=value())
    others = {
        approval_digest("other", [nested], {"data": record}, "env", LIMITS),
        approval_digest("code", [], {"data": record}, "env", LIMITS),
        approval_digest(
            "code", [msgspec.structs.replace(nested, digest="m")], {"data": record}, "env", LIMITS
        ),
        approval_digest("code", [nested], {"data": moved}, "env", LIMITS),
        approval_digest("code", [nested], {"data": mocked}, "env", LIMITS),
        approval_digest("code", [nested], {"other": record}, "env", LIMITS),
        approval_digest("code", [nested], {}, "env", LIMITS),
        approval_digest("code", [nested], {"data": record}, "other", LIMITS),
        approval_digest("code", [nested], {"data": record}, "env", JobLimits(wall_s=61)),
        approval_digest("code", [nested], {"data": record}, "env", JobLimits(cpu_s=60)),
        approval_digest("code", [nested], {"data": record}, "env", JobLimits()),
    }
    assert base not in others
    assert len(others) == 11
    assert base == approval_digest("code", [nested], {"data": record}, "env", LIMITS)


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
