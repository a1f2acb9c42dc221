"""What the sites of a protocol let go of, to whom, and how often; tried by its caller, other sites and strangers.

Three real nodes, alpha, beta and gamma; the same scientist has an account at each. Each test shows the honest act
beside the one that must fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from blake3 import blake3

from support.envelopes import now_ms
from support.held import have_reviewed, let_go
from support.people import Person, on
from support.protocols import Deployed, deploy, site_of, step, submissions
from support.sites import Cast, at_once, cast_on, fresh, opened, own_value, refused, tampering, upload
from syft.config import Settings
from syft.errors import SyftException
from syft.model.code import (
    CodeSubmission,
    Constant,
    Given,
    Handed,
    InputPolicy,
    OutputPolicy,
    Parameter,
    Part,
)
from syft.model.identity import Identity
from syft.model.job import Job, JobState, ObjectArgument, Release
from syft.model.message import Done
from syft.model.messages import codes, events, jobs, objects, requests
from syft.model.messages.objects import PART_BYTES
from syft.model.messages.protocols import (
    CarryOver,
    EndRun,
    GetStanding,
    HandOver,
    RunStep,
    StandingReply,
    StepReply,
)
from syft.model.object import INLINE_BYTES, LEASE, Face, ObjectRecord
from syft.model.protocol import FromStep, ProtocolStep, Site
from syft.model.request import Request
from syft.model.terms import Terms
from syft.model.transit import Direction, InTransit
from syft.model.uid import UID
from syft.model.user import User
from syft.node.in_process import InProcessNode
from syft.transport.ask import ask, exchange
from syft.transport.base import Parcel
from syft.transport.memory import MemoryRoute
from syft.wire.codec import encode
from syft.wire.envelope import hide, inspect, seal

SECRET = 987_654_321


@dataclass
class Sites:
    """Three nodes that do not know each other."""

    alpha: Cast
    beta: Cast
    gamma: Cast

    @property
    def people(self) -> dict[str, Person]:
        return {"a": self.alpha.scientist, "b": self.beta.scientist, "c": self.gamma.scientist}

    @property
    def owners(self) -> dict[str, Person]:
        return {"a": self.alpha.owner, "b": self.beta.owner, "c": self.gamma.owner}

    def of(self, *roles: str) -> tuple[dict[str, Person], dict[str, Person]]:
        """Who runs and who approves there."""
        return {one: self.people[one] for one in roles}, {one: self.owners[one] for one in roles}


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    with ExitStack() as stack:

        def one(name: str) -> Cast:
            home = tmp_path_factory.mktemp(name)
            return cast_on(stack.enter_context(opened(home)), home)

        yield Sites(one("alpha"), one("beta"), one("gamma"))


@pytest.fixture
def joined(sites: Sites) -> Iterator[Sites]:
    """The same, with ways from each to each."""
    casts = (sites.alpha, sites.beta, sites.gamma)
    for here in casts:
        for there in casts:
            if here is not there:
                here.node.attach(there.node.uid, MemoryRoute(there.node))
    yield sites
    for here in casts:
        for there in casts:
            here.node.attach(there.node.uid, None)


def summing(
    sites: Sites, data: Any = (SECRET, 1), *, limit: int = 1, body: str = "return sum(data) * k"
) -> list[ProtocolStep]:
    """Alpha computes something of its data, beta adds one."""
    there = upload(sites.alpha.owner, list(data), [0])
    return [
        step("a", body, objects={"data": there}, given=["k"] if "k" in body else [], limit=limit),
        step("b", "return x + 1 if isinstance(x, int) else len(x)", taken={"x": FromStep(0)}, limit=limit),
    ]


def two(sites: Sites, **options: Any) -> Deployed:
    return deploy(summing(sites, **options), *sites.of("a", "b"))


def value_of(person: Person, reply: StepReply) -> Any:
    assert reply.job.state is JobState.RELEASED, reply.job.note
    assert reply.job.result_uid is not None
    return person.read(reply.job.result_uid)


def left(cast: Cast, **equals: Any) -> int:
    return cast.count(InTransit, **equals)


# --- the honest way


def test_a_value_goes_by_way_of_its_caller(sites: Sites) -> None:
    deployed = two(sites)
    first = deployed.do(0, k=2)
    assert (first.job.state, first.handed_over) == (JobState.RELEASED, (False,))
    deployed.carry(0)
    assert value_of(deployed.at(1), deployed.do(1)) == 2 * (SECRET + 1) + 1


def test_a_value_goes_straight_where_there_is_a_way(joined: Sites) -> None:
    deployed = two(joined)
    assert deployed.do(0, k=2).handed_over == (True,)
    assert value_of(deployed.at(1), deployed.do(1)) == 2 * (SECRET + 1) + 1


def test_large_values_and_single_results(joined: Sites) -> None:
    """Values of several parts, and a step whose results go to different places, one of them its own site."""
    data = upload(joined.alpha.owner, [3], [0])
    steps = [
        step("a", "return bytes(9 << 20), data[0], 'x' * 20_000", objects={"data": data}),
        step("b", "return len(big)", taken={"big": FromStep(0, 0)}, name="first"),
        step("a", "return len(text) + n", taken={"n": FromStep(0, 1), "text": FromStep(0, 2)}, name="second"),
        step("c", "return [p, q]", taken={"p": FromStep(1), "q": FromStep(2)}, name="third"),
    ]
    deployed = deploy(steps, *joined.of("a", "b", "c"))
    assert deployed.do(0).handed_over == (True, True, True)
    assert deployed.do(1).handed_over == (True,)
    assert deployed.do(2).handed_over == (True,)
    assert value_of(deployed.at(3), deployed.do(3)) == [9 << 20, 20_003]


def test_large_values_are_carried_in_parts(sites: Sites) -> None:
    deployed = two(sites, body="return bytes(data[1] * (9 << 20))")
    deployed.do(0)
    sizes = []
    offset: int | None = 0
    while offset is not None:
        parcel, offset = deployed.sealed(0, offset=offset)
        sizes.append(len(parcel.attachment))
        deployed.at(1).route.send(parcel)
    # 9 MiB travel as 16: who carries them learns that it is more than 8.
    assert len(sizes) == 4
    assert len(set(sizes)) == 1
    assert value_of(deployed.at(1), deployed.do(1)) == 9 << 20


def test_nothing_of_a_run_stays(sites: Sites) -> None:
    """After success, failure, and a run that was given up: no record, no file, and no value in a job's record."""
    casts = (sites.alpha, sites.beta)
    files = [set(cast.site.blobs.digests()) for cast in casts]
    for ends in ("well", "badly", "early"):
        body = "return bytes(data[1] * 100_000)"
        deployed = two(sites, body=body)
        if ends == "badly":
            steps = summing(sites, body=body)
            broken = step("b", "raise ValueError(x)", taken={"x": FromStep(0)})
            deployed = deploy([steps[0], broken], *sites.of("a", "b"))
        deployed.do(0)
        deployed.carry(0)
        assert left(sites.alpha, run=deployed.run) == left(sites.beta, run=deployed.run) == 1
        assert [set(cast.site.blobs.digests()) for cast in casts] != files
        if ends != "early":
            deployed.do(1)
            assert left(sites.beta, run=deployed.run) == 0
        deployed.end()
        deployed.end()
        for cast, there in zip(casts, files, strict=True):
            assert left(cast, run=deployed.run) == 0
            assert set(cast.site.blobs.digests()) == there
            with cast.store.reading() as reader:
                for job in reader.select(Job, run=deployed.run):
                    assert all(isinstance(one, ObjectArgument) for one in job.arguments.values())


def test_what_nobody_fetches_is_forgotten(tmp_path_factory: pytest.TempPathFactory, sites: Sites) -> None:
    """After its lease a value is gone, whether or not anybody ends the run."""
    deployed = two(sites)
    deployed.do(0, k=1)
    deployed.carry(0)
    for cast in (sites.alpha, sites.beta):
        with cast.store.reading() as reader:
            (one,) = reader.select(InTransit, run=deployed.run)
        assert one.lease_until - one.created_at == LEASE
        with tampering(cast.store) as tx:
            tx.replace(msgspec.structs.replace(one, lease_until=one.created_at - timedelta(seconds=1)))
    assert refused(deployed.at(1), RunStep(deployed.code(1), deployed.run))[0] == "invalid_state"
    assert refused(deployed.at(0), CarryOver(deployed.code(0), deployed.run, 0))[0] == "not_found"
    assert left(sites.alpha, run=deployed.run) == left(sites.beta, run=deployed.run) == 0


def test_what_has_arrived_is_there_after_a_restart(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A site that is opened anew still has what was handed over, and forgets what was not whole."""
    alpha_home, beta_home = tmp_path_factory.mktemp("a"), tmp_path_factory.mktemp("b")
    with opened(alpha_home) as alpha_node:
        with opened(beta_home) as beta_node:
            alpha, beta = cast_on(alpha_node, alpha_home), cast_on(beta_node, beta_home)
            there = Sites(alpha, beta, beta)
            deployed = two(there, body="return bytes(data[1] * 100_000)")
            deployed.do(0)
            deployed.carry(0)
        with opened(beta_home) as beta_node:
            beta.scientist.route = MemoryRoute(beta_node)
            assert value_of(deployed.at(1), deployed.do(1)) == 100_000


# --- what its caller may not


def every_answer_about(person: Person, deployed: Deployed, reply: StepReply) -> list[Any]:
    """All that a node says to the caller about a step whose result went on."""
    uid = reply.job.uid
    asks = [
        RunStep(deployed.code(0), deployed.run),
        jobs.GetJob(uid),
        jobs.ListJobs(code_uid=deployed.code(0)),
        jobs.GetJobLog(uid),
        codes.GetCode(uid=deployed.code(0)),
        requests.GetRequest(uid=deployed.requests[0].uid),
        GetStanding((deployed.code(0),)),
        objects.FindObjects(),
    ]
    return [ask(person.route, person.identity, person.node, one) for one in asks]


def test_an_intermediate_is_nobodys_to_read(sites: Sites) -> None:
    """Neither value, type, size nor digest of it; while the result of the last step is the caller's as usual."""
    deployed = two(sites, body="print(data)\nreturn [k, sum(data)]")
    caller = deployed.at(0)
    reply = deployed.do(0, k="here is my own word")
    with sites.alpha.store.reading() as reader:
        (one,) = reader.select(InTransit, run=deployed.run)
        (counted,) = reader.select(Release, job_uid=reply.job.uid)
    said = repr(every_answer_about(caller, deployed, reply))
    for hidden in (str(SECRET), str(SECRET + 1), one.value.digest, one.uid.hex, f"size={one.value.size}"):
        assert hidden not in said
    assert (reply.job.result_uid, reply.job.result) == (None, None)
    for uid in (one.uid, counted.result_uid, reply.job.uid, deployed.run):
        for face in Face:
            assert refused(caller, objects.ReadValue(uid, face))[0] == "not_found"
        assert refused(caller, objects.GetObject(uid))[0] == "not_found"
    assert refused(caller, events.ListEvents())[0] == "authorization"
    assert sites.alpha.count(ObjectRecord, name="step") == 0
    # The owner of the data reads what was printed, as of any run.
    log = sites.alpha.owner.say(jobs.GetJobLog(reply.job.uid), jobs.JobLogReply)
    assert str(SECRET) in log.stdout
    deployed.carry(0)
    last = deployed.do(1)
    assert value_of(deployed.at(1), last) == 2


def test_what_the_caller_carries_tells_it_nothing(sites: Sites) -> None:
    """The envelope and what is beside it can be read by neither the caller nor another site; a change shows."""
    deployed = two(sites, body="return 'a tell-tale word ' * data[1]")
    deployed.do(0)
    parcel, _ = deployed.sealed(0)
    assert b"tell-tale" not in parcel.envelope + bytes(parcel.attachment)
    header = inspect(parcel.envelope).header
    assert header.hidden
    assert header.recipient == bytes.fromhex(deployed.at(1).node.verify_key)
    for person in (deployed.at(0), deployed.at(1)):
        assert person.identity.unseal(bytes(parcel.attachment)) is None
    # The same number of bytes whatever its size, as far as 4 KiB.
    other = two(sites, body="return data[1]")
    other.do(0)
    assert len(other.sealed(0)[0].attachment) == len(parcel.attachment)
    changed = bytearray(parcel.attachment)
    changed[100] ^= 1
    deployed.at(1).route.send(Parcel(parcel.envelope, bytes(changed)))
    envelope = bytearray(parcel.envelope)
    envelope[-100] ^= 1
    deployed.at(1).route.send(Parcel(bytes(envelope), parcel.attachment))
    deployed.at(1).route.send(Parcel(parcel.envelope, bytes(parcel.attachment)[:-1]))
    sites.gamma.scientist.route.send(parcel)
    assert left(sites.beta, run=deployed.run) == left(sites.gamma, run=deployed.run) == 0
    deployed.carry(0)
    assert left(sites.beta, run=deployed.run) == 1
    # Once more, and a recorded one after that: the same value, once.
    deployed.carry(0)
    deployed.at(1).route.send(deployed.sealed(0)[0])
    assert left(sites.beta, run=deployed.run) == 1


def test_a_value_is_good_for_its_own_run(sites: Sites) -> None:
    deployed = two(sites, limit=3)
    deployed.do(0, k=5)
    deployed.carry(0)
    other = UID()
    assert refused(deployed.at(1), RunStep(deployed.code(1), other))[0] == "invalid_state"
    assert refused(deployed.at(0), CarryOver(deployed.code(0), other, 0))[0] == "not_found"
    assert refused(deployed.at(0), CarryOver(deployed.code(0), deployed.run, 1))[0] == "not_found"
    assert value_of(deployed.at(1), deployed.do(1)) == 5 * (SECRET + 1) + 1


def test_a_step_runs_once_a_run(sites: Sites) -> None:
    """Whatever the arguments of the second time, and however many come at once."""
    deployed = two(sites, limit=20)
    first = deployed.do(0, k=1)
    assert deployed.do(0, k=2).job.uid == first.job.uid
    run = UID()
    answers = at_once(*(lambda k=k: deployed.do(0, run=run, k=k) for k in range(8)))
    assert len({one.job.uid for one in answers}) == 1
    assert sites.alpha.count(Job, run=run) == left(sites.alpha, run=run) == 1


def test_no_more_runs_than_were_approved(sites: Sites) -> None:
    """Raced: as many results go over the edge as the output policy says."""
    deployed = two(sites, limit=2)
    runs = [UID() for _ in range(6)]
    answers = at_once(*(lambda run=run: deployed.do(0, run=run, k=1) for run in runs))
    gone = [one for one in answers if isinstance(one, StepReply) and one.job.state is JobState.RELEASED]
    assert len(gone) == 2
    for one in answers:
        if isinstance(one, SyftException):
            assert one.code == "policy_exhausted"
        elif one not in gone:
            assert one.job.error_code == "policy_exhausted"
    with sites.alpha.store.reading() as reader:
        kept = reader.select(InTransit, protocol=deployed.digest, direction=Direction.OUT)
    assert len(kept) == 2
    assert sites.alpha.count(Release, request_uid=deployed.requests[0].uid) == 2
    standing = deployed.at(0).say(GetStanding((deployed.code(0),)), StandingReply).standing
    assert (standing[0].state, standing[0].runs_left) == ("APPROVED", 0)


def test_an_approval_is_withdrawn_between_two_steps(sites: Sites) -> None:
    """At the first site: what it made stays there and goes. At the second: what has arrived goes, nothing runs."""
    deployed = two(sites, limit=2)
    deployed.do(0, k=1)
    assert deployed.sealed(0)[0].attachment
    sites.alpha.owner.say(requests.DenyRequest(deployed.requests[0].uid, "no more"), requests.RequestReply)
    assert refused(deployed.at(0), CarryOver(deployed.code(0), deployed.run, 0))[0] == "not_found"
    assert refused(deployed.at(0), RunStep(deployed.code(0), UID(), {"k": own_value(1)}))[0] == "denied"
    assert left(sites.alpha, run=deployed.run) == 0

    deployed = two(sites, limit=2)
    deployed.do(0, k=1)
    deployed.carry(0)
    kept, _ = deployed.sealed(0)
    sites.beta.owner.say(requests.DenyRequest(deployed.requests[1].uid, "no more"), requests.RequestReply)
    assert left(sites.beta, run=deployed.run) == 0
    deployed.at(1).route.send(kept)
    assert left(sites.beta, run=deployed.run) == 0
    assert refused(deployed.at(1), RunStep(deployed.code(1), deployed.run))[0] == "denied"
    assert left(sites.beta, protocol=deployed.digest) == 0


def test_an_approval_ends_between_two_steps(sites: Sites) -> None:
    """What was made under it and is still here stays here: from its end on nothing leaves."""
    deployed = two(sites, limit=2)
    deployed.do(0, k=1)
    carry = CarryOver(deployed.code(0), deployed.run, 0)
    for ahead, expected in ((timedelta(hours=1), "ok"), (timedelta(hours=-1), "not_found")):
        with tampering(sites.alpha.store) as tx:
            request = tx.get(Request, deployed.requests[0].uid)
            terms = Terms(expires_at=datetime.now(UTC) + ahead)
            tx.replace(msgspec.structs.replace(request, terms=terms))
        assert refused(deployed.at(0), carry)[0] == expected


def test_what_is_handed_over_cannot_be_passed(sites: Sites) -> None:
    """The caller gives what is the caller's to give, and nothing in the place of what a site hands over."""
    deployed = two(sites, limit=5)
    deployed.do(0, k=1)
    deployed.carry(0)
    for passed in (own_value(5), on(UID())):
        message = RunStep(deployed.code(1), deployed.run, {"x": passed})
        assert refused(deployed.at(1), message)[0] == "invalid_input"
    assert refused(deployed.at(0), RunStep(deployed.code(0), UID(), {"k": on(UID())}))[0] == "invalid_input"
    assert (
        refused(deployed.at(0), RunStep(deployed.code(0), UID(), {"data": own_value([1])}))[0]
        == "invalid_input"
    )
    assert value_of(deployed.at(1), deployed.do(1)) == SECRET + 2


def test_only_its_author_runs_a_step(sites: Sites) -> None:
    deployed = two(sites)
    for other in (sites.alpha.other_scientist, sites.alpha.owner, sites.alpha.admin):
        for message in (
            RunStep(deployed.code(0), deployed.run, {"k": own_value(1)}),
            CarryOver(deployed.code(0), deployed.run, 0),
            EndRun(deployed.code(0), deployed.run),
            GetStanding((deployed.code(0),)),
        ):
            assert refused(other, message)[0] == "not_found"
    assert deployed.do(0, k=1).job.state is JobState.RELEASED


def test_a_step_is_run_in_no_other_way(sites: Sites) -> None:
    """Neither called, nor launched by another function: its result would go to whoever does."""
    deployed = two(sites)
    name = deployed.requests[0].code.submission.name
    data = deployed.steps[0].code.input_policy.objects["data"].object_uid
    call = jobs.CallCode({"data": on(data), "k": own_value(1)}, deployed.code(0))
    assert refused(deployed.at(0), call)[0] == "invalid_state"
    launching = fresh(
        f"return datasite.launch_job({name}, data=data, k=1).result", data, uses_datasite=True, nested=(name,)
    )
    request = deployed.at(0).request(launching)
    assert request.nested == ()
    approve = requests.ApproveRequest(request.uid, request.code.digest)
    assert refused(sites.alpha.owner, approve)[0] == "invalid_state"
    # The same function, by itself: it is launched.
    deployed.at(0).submit(msgspec.structs.replace(deployed.steps[0].code, input_policy=InputPolicy()))
    again = requests.GetRequest(uid=request.uid)
    assert len(deployed.at(0).say(again, requests.RequestReply).request.nested) == 1


# --- what is deployed


def test_a_submission_is_the_step_that_was_deployed(sites: Sites) -> None:
    """One byte of its code, its policy, its place, its site: another thing than the whole says is refused."""
    people, _ = sites.of("a", "b")
    steps = summing(sites)
    good = submissions(steps, {role: site_of(one) for role, one in people.items()})
    site_a, site_b = site_of(people["a"]), site_of(people["b"])

    def code(**changes: Any) -> CodeSubmission:
        return msgspec.structs.replace(good[0], **changes)

    part = good[0].part
    assert isinstance(part, Part)
    rogue = bytes(Identity.generate().verify_key)
    bad = {
        "a byte of code": code(source=good[0].source.replace("* k", "+ k")),
        "its limit": code(output_policy=OutputPolicy(limit=2)),
        "another step": code(part=Part(deployment=part.deployment, step=1)),
        "no step": code(part=Part(deployment=part.deployment, step=2)),
        "before the first": code(part=Part(deployment=part.deployment, step=-1)),
        "not a deployment": code(part=Part(deployment=b"\x80", step=0)),
        "a byte more": code(part=Part(deployment=part.deployment + b"\x00", step=0)),
        "by itself": code(
            part=msgspec.UNSET,
            input_policy=good[1].input_policy,
            parameters=good[1].parameters,
            source=good[1].source,
        ),
        "another node": submissions(steps, {"a": site_b, "b": site_a})[0],
        "another key": submissions(steps, {"a": msgspec.structs.replace(site_a, key=rogue), "b": site_b})[0],
        "another UID": submissions(
            steps, {"a": msgspec.structs.replace(site_a, node_uid=UID()), "b": site_b}
        )[0],
        "no kind": submissions(steps, {"a": site_a, "b": msgspec.structs.replace(site_b, kind="x")})[0],
        "no key": submissions(steps, {"a": site_a, "b": msgspec.structs.replace(site_b, key=bytes(32))})[0],
    }
    for what, submission in bad.items():
        for message in (requests.CreateRequest(submission), codes.SubmitCode(submission)):
            assert refused(people["a"], message)[0] == "invalid_input", what
    assert refused(people["a"], requests.CreateRequest(good[0]))[0] == "ok"
    assert refused(people["b"], requests.CreateRequest(good[1]))[0] == "ok"


def test_wires_and_policies_say_the_same(sites: Sites) -> None:
    """What the protocol says comes from a site must not be what the caller may pass, or the other way round."""
    people, _ = sites.of("a", "b")
    first, second = summing(sites)

    def with_rule(one: ProtocolStep, name: str, rule: Any) -> ProtocolStep:
        rules = {**one.code.input_policy.rules}
        rules.pop(name)
        if rule is not None:
            rules[name] = rule
        policy = msgspec.structs.replace(one.code.input_policy, rules=rules)
        return msgspec.structs.replace(one, code=msgspec.structs.replace(one.code, input_policy=policy))

    inner = msgspec.structs.replace(first.code, part=Part(deployment=b"", step=0))
    wrong = {
        "passed, not handed": [first, with_rule(second, "x", Given())],
        "a constant": [first, with_rule(second, "x", Constant(encode(1).to_bytes()))],
        "no rule": [first, with_rule(second, "x", None)],
        "handed, not passed": [with_rule(first, "k", Handed()), second],
        "nobody passes the data": [with_rule(first, "data", Given()), second],
        "a place before the first": [first, step("b", "return x", taken={"x": FromStep(0, -1)})],
        "a protocol in a protocol": [msgspec.structs.replace(first, code=inner), second],
        "code that nobody sees": [
            first,
            msgspec.structs.replace(second, code=msgspec.structs.replace(second.code, nested=("other",))),
        ],
    }
    named = {role: site_of(one) for role, one in people.items()}
    for what, steps in wrong.items():
        (submission, *_) = submissions(steps, named)
        assert refused(people["a"], requests.CreateRequest(submission))[0] == "invalid_input", what
    assert refused(people["a"], requests.CreateRequest(submissions([first, second], named)[0]))[0] == "ok"


# --- what other sites may not


def handing(
    sender: Identity, beta: Person, message: HandOver, data: bytes, *, uid: UID | None = None
) -> tuple[str, str]:
    """What beta answers to whoever holds that key."""
    uid = uid or UID()
    key = bytes.fromhex(beta.node.verify_key)
    attachment = hide(data, recipient=key, sender=sender.verify_key, uid=uid)
    envelope, _ = seal(
        message,
        identity=sender,
        recipient=key,
        address=beta.address,
        now_ms=now_ms(),
        attachment=attachment,
        uid=uid,
        hidden=True,
    )
    try:
        exchange(
            beta.route, Parcel(envelope, attachment), sender.verify_key, uid, beta.node, unhide=sender.unseal
        )
    except SyftException as error:
        return error.code, error.public_message
    return "ok", ""


def a_value(deployed: Deployed, data: bytes, **changes: Any) -> HandOver:
    made = HandOver(
        protocol=deployed.digest,
        run=deployed.run,
        source=0,
        target=1,
        parameter="x",
        digest=blake3(data).hexdigest(),
        size=len(data),
    )
    return msgspec.structs.replace(made, **changes)


def key_of(cast: Cast) -> Identity:
    return cast.node._identity


def test_a_site_takes_what_it_waits_for(sites: Sites) -> None:
    """From the key that the deployment names, for an approved step, by an edge that there is: else one answer."""
    deployed = two(sites, limit=5)
    unapproved = deploy(summing(sites), sites.of("a", "b")[0])
    beta, alpha = sites.beta.scientist, key_of(sites.alpha)
    data = encode(41).to_bytes()
    good = a_value(deployed, data)
    tries = {
        "a stranger's key": (Identity.generate(), good),
        "the caller's key": (beta.identity, good),
        "another site's key": (key_of(sites.gamma), good),
        "beta's own key": (key_of(sites.beta), good),
        "another step": (alpha, msgspec.structs.replace(good, target=0)),
        "no step": (alpha, msgspec.structs.replace(good, target=7)),
        "another source": (alpha, msgspec.structs.replace(good, source=1)),
        "another parameter": (alpha, msgspec.structs.replace(good, parameter="y")),
        "another protocol": (alpha, msgspec.structs.replace(good, protocol="0" * 64)),
        "no protocol": (alpha, msgspec.structs.replace(good, protocol="")),
        "not approved": (alpha, a_value(unapproved, data)),
    }
    answers = {what: handing(key, beta, message, data) for what, (key, message) in tries.items()}
    assert {code for code, _ in answers.values()} == {"not_found"}, answers
    assert len({text for _, text in answers.values()}) == 1
    assert left(sites.beta, protocol=deployed.digest) == 0
    assert handing(alpha, beta, good, data) == ("ok", "")
    assert value_of(deployed.at(1), deployed.do(1)) == 42


def test_a_value_is_what_was_said_of_it(sites: Sites) -> None:
    """Changed, cut short, of another size, out of place: not taken. What is there is not replaced."""
    deployed = two(sites, limit=5)
    beta, alpha = sites.beta.scientist, key_of(sites.alpha)
    data = encode("x" * 1000).to_bytes()
    good = a_value(deployed, data)
    wrong = [
        (good, data[:-1]),
        (good, data[:-1] + b"?"),
        (msgspec.structs.replace(good, size=0), data),
        (msgspec.structs.replace(good, size=-1), data),
        (msgspec.structs.replace(good, size=2 << 30), data),
        (msgspec.structs.replace(good, size=len(data) - 1), data),
        (msgspec.structs.replace(good, offset=1), data),
        (msgspec.structs.replace(good, offset=-PART_BYTES), data),
        (msgspec.structs.replace(good, digest="x"), data),
    ]
    for message, sent in wrong:
        assert handing(alpha, beta, message, sent)[0] == "invalid_input", message
    assert left(sites.beta, run=deployed.run) == 0
    uid = UID()
    assert handing(alpha, beta, good, data + bytes(50), uid=uid)[0] == "ok"
    assert handing(alpha, beta, good, data, uid=uid)[0] == "stale_message"
    assert handing(alpha, beta, good, data)[0] == "ok"
    other = encode("y").to_bytes()
    assert handing(alpha, beta, a_value(deployed, other), other)[0] == "invalid_state"
    assert value_of(deployed.at(1), deployed.do(1)) == 1000
    # It has run: nothing more for that run, neither the same nor another.
    assert handing(alpha, beta, good, data)[0] == "invalid_state"
    assert handing(alpha, beta, a_value(deployed, other), other)[0] == "invalid_state"
    assert left(sites.beta, run=deployed.run) == 0


def test_parts_come_in_any_order_and_are_checked_together(sites: Sites) -> None:
    deployed = two(sites, limit=5)
    beta, alpha = sites.beta.scientist, key_of(sites.alpha)
    data = encode(bytes(PART_BYTES + 5)).to_bytes()
    other = data[:-1] + b"\x01"

    def part(whole: bytes, offset: int, **changes: Any) -> str:
        message = a_value(deployed, data, offset=offset, **changes)
        return handing(alpha, beta, message, whole[offset : offset + PART_BYTES])[0]

    assert part(data, PART_BYTES) == "ok"
    assert part(data, PART_BYTES) == "ok"
    assert left(sites.beta, run=deployed.run) == 0
    # While it comes, no other takes its place.
    assert handing(alpha, beta, a_value(deployed, other), other[:PART_BYTES])[0] == "invalid_state"
    assert part(data, 0) == "ok"
    assert left(sites.beta, run=deployed.run) == 1
    assert part(data, 0) == "ok"
    deployed.end()
    # A last part that is not the one that was said: nothing is kept, and all can be sent anew.
    assert part(data, 0) == "ok"
    assert part(other, PART_BYTES) == "invalid_input"
    assert left(sites.beta, run=deployed.run) == 0
    assert part(data, PART_BYTES) == part(data, 0) == "ok"
    assert value_of(deployed.at(1), deployed.do(1)) == PART_BYTES + 5


def test_an_approved_site_cannot_fill_another(sites: Sites, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many runs as are approved, and as many bytes as one account may have; beyond, it is told so."""
    deployed = two(sites, limit=2)
    beta, alpha = sites.beta.scientist, key_of(sites.alpha)
    data = encode("x" * 2 * INLINE_BYTES).to_bytes()
    answers = [handing(alpha, beta, a_value(deployed, data, run=UID()), data)[0] for _ in range(5)]
    assert answers == ["ok", "ok", "quota_exceeded", "quota_exceeded", "quota_exceeded"]
    raced = two(sites, limit=2)
    at_once(*(lambda: handing(alpha, beta, a_value(raced, data, run=UID()), data) for _ in range(8)))
    assert left(sites.beta, protocol=raced.digest) == 2
    # Parts of values that are never finished count as well.
    slow = two(sites, limit=2)
    begun = [
        handing(alpha, beta, a_value(slow, data, run=UID(), size=PART_BYTES * 2), bytes(PART_BYTES))[0]
        for _ in range(4)
    ]
    assert begun == ["ok", "ok", "quota_exceeded", "quota_exceeded"]
    # Bytes: as many as an account may keep.
    many = two(sites, limit=100)
    monkeypatch.setattr(
        sites.beta.node,
        "_settings",
        msgspec.structs.replace(sites.beta.node.settings, bytes_per_account=8 * PART_BYTES),
    )
    room = [
        handing(alpha, beta, a_value(many, data, run=UID(), size=2 * PART_BYTES), bytes(PART_BYTES))[0]
        for _ in range(5)
    ]
    assert room == ["ok", "ok", "ok", "ok", "quota_exceeded"]
    for one in (deployed, raced, slow, many):
        with sites.beta.store.reading() as reader:
            runs = {kept.run for kept in reader.select(InTransit, protocol=one.digest)}
        runs |= {place.run for place in sites.beta.site.arrivals._arriving if place.protocol == one.digest}
        for run in runs:
            beta.say(EndRun(one.code(1), run), Done)
    assert not any(left(sites.beta, protocol=one.digest) for one in (deployed, raced, slow, many))
    assert not list(sites.beta.site.blobs._unfinished.iterdir())


def test_protocols_fill_no_disk(sites: Sites, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step brings all of its protocol along, and code stays: so much as an account may keep, and no more."""
    people = {"a": sites.alpha.other_scientist}
    node_at = {"a": site_of(people["a"])}

    def ask(number: int) -> str:
        (submission,) = submissions([step("a", f"return {number}  # {'x' * 100_000}")], node_at)
        return refused(people["a"], requests.CreateRequest(submission))[0]

    monkeypatch.setattr(
        sites.alpha.node,
        "_settings",
        msgspec.structs.replace(sites.alpha.node.settings, bytes_per_account=500_000),
    )
    # The text of the step, and the same again within its protocol: 200 kB each.
    assert [ask(number) for number in range(4)] == ["ok", "ok", "quota_exceeded", "quota_exceeded"]
    # What is there already takes no more room.
    assert ask(0) == "already_exists"


def test_no_way_leads_to_where_a_stranger_says(sites: Sites) -> None:
    """A deployment has no addresses, and one of a node's peers is not another by saying so: the caller carries."""
    people, owners = sites.of("a")
    steps = summing(sites)
    taken: list[Parcel] = []

    class Trap(MemoryRoute):
        """Stands where a site that is known here stands."""

        def send(self, parcel: Parcel) -> Parcel | None:
            taken.append(parcel)
            return super().send(parcel)

    sites.alpha.node.attach(sites.gamma.node.uid, Trap(sites.gamma.node))
    try:
        # Gamma's UID with another key: what arrives there cannot be read there, and does not count.
        rogue = Identity.generate()
        named = {"a": site_of(people["a"]), "b": site_of(sites.gamma.scientist, key=rogue.verify_key)}
        request = people["a"].request(submissions(steps, named)[0])
        owners["a"].approve(request)
        message = RunStep(request.code.uid, UID(), {"k": own_value(1)}, 20)
        assert people["a"].say(message, StepReply).handed_over == (False,)
        assert len(taken) == 1
        assert key_of(sites.gamma).unseal(bytes(taken[0].attachment)) is None
        # A site that nobody here knows: nothing is sent at all.
        named["b"] = Site(
            node_uid=UID(), name="http://169.254.169.254/", kind="datasite", key=rogue.verify_key
        )
        request = people["a"].request(submissions(steps, named)[0])
        owners["a"].approve(request)
        message = RunStep(request.code.uid, UID(), {"k": own_value(1)}, 20)
        assert people["a"].say(message, StepReply).handed_over == (False,)
        assert len(taken) == 1
    finally:
        sites.alpha.node.attach(sites.gamma.node.uid, None)


def test_results_that_are_not_there_fail_the_step(sites: Sites) -> None:
    """A step that returns too few, or one thing where several are taken: it fails, and nothing leaves."""
    data = upload(sites.alpha.owner, [SECRET], [0])
    for body in ("return data[0]", "return [1]", "return {1: 2}", "return 'text'"):
        steps = [
            step("a", body, objects={"data": data}),
            step("b", "return x", taken={"x": FromStep(0, 1)}),
        ]
        deployed = deploy(steps, *sites.of("a", "b"))
        reply = deployed.do(0)
        assert (reply.job.state, reply.job.error_code) == (JobState.FAILED, "code_failed")
        assert "tuple or a list" in reply.job.note
        assert str(SECRET) not in reply.job.note
        assert left(sites.alpha, run=deployed.run) == 0
        assert sites.alpha.count(Release, job_uid=reply.job.uid) == 0


def test_two_callers_of_one_protocol_do_not_mix(sites: Sites) -> None:
    """The same deployment, submitted by two people: what is handed over for one's run is not the other's."""
    steps = summing(sites, limit=2)
    people, owners = sites.of("a", "b")
    mine = deploy(steps, people, owners)
    theirs = deploy(steps, {"a": sites.alpha.other_scientist, "b": sites.beta.other_scientist}, owners)
    assert mine.digest == theirs.digest
    mine.do(0, k=1)
    mine.carry(0)
    assert refused(theirs.at(1), RunStep(theirs.code(1), theirs.run))[0] == "invalid_state"
    assert refused(theirs.at(0), CarryOver(theirs.code(0), mine.run, 0))[0] == "not_found"
    theirs.at(0).say(EndRun(theirs.code(0), mine.run), Done)
    assert left(sites.alpha, run=mine.run) == 1
    assert value_of(mine.at(1), mine.do(1)) == SECRET + 2


def test_ending_a_run_stops_it(sites: Sites) -> None:
    """What still runs is stopped, and leaves nothing."""
    deployed = two(sites, body="import time\ntime.sleep(60)\nreturn data")
    reply = deployed.do(0, wait_s=0)
    while sites.alpha.count(Job, uid=reply.job.uid, state=JobState.QUEUED):
        pass
    deployed.at(0).say(EndRun(deployed.code(0), deployed.run), Done)
    job = deployed.at(0).say(jobs.GetJob(reply.job.uid, wait_s=20), jobs.JobReply).job
    assert job.state is JobState.CANCELLED
    assert left(sites.alpha, run=deployed.run) == 0


def test_a_plain_function_takes_nothing_from_sites(sites: Sites) -> None:
    """`Handed` outside of a protocol would be a parameter that nobody can fill, or anybody."""
    code = CodeSubmission(
        name="plain",
        source="def plain(x):\n    return x\n",
        parameters=(Parameter(name="x"),),
        input_policy=InputPolicy(kind="mixed", rules={"x": Handed()}),
    )
    assert refused(sites.alpha.scientist, requests.CreateRequest(code))[0] == "invalid_input"
    given = msgspec.structs.replace(code, input_policy=InputPolicy(kind="mixed", rules={"x": Given()}))
    request = sites.alpha.scientist.request(given)
    sites.alpha.owner.approve(request)
    job = sites.alpha.scientist.call("plain", x=own_value({"any": [1, 2.0]}))
    assert sites.alpha.scientist.read(job.result_uid) == {"any": [1, 2.0]}


def test_nodes_of_one_process_take_steps_from_keys_alone() -> None:
    """Where keys have accounts by asking, asking for a step is enough; what a site hands over makes no account."""
    with ExitStack() as stack:
        nodes = [
            InProcessNode(name, "vm", settings=Settings(home=Path(), isolation="process")) for name in "ab"
        ]
        roots = []
        for node in nodes:
            stack.callback(node.close)
            root = Person(MemoryRoute(node))
            root.identity = node.identity
            roots.append(root)
        first, second = nodes
        first.attach(second.uid, MemoryRoute(second))
        people = {name: Person(MemoryRoute(node)) for name, node in zip("ab", nodes, strict=True)}
        people["b"].identity = people["a"].identity
        steps = [step("a", "return k", given=["k"]), step("b", "return x + 1", taken={"x": FromStep(0)})]
        deployed = deploy(steps, people, dict(zip("ab", roots, strict=True)))
        with second.open().store.reading() as reader:
            accounts = reader.count(User)
        assert deployed.do(0, k=4).handed_over == (True,)
        assert value_of(people["b"], deployed.do(1)) == 5
        stranger = Identity.generate()
        assert handing(stranger, people["b"], a_value(deployed, b"x"), b"x")[0] == "not_found"
        with second.open().store.reading() as reader:
            assert reader.count(User) == accounts


# --- a person looks first


def test_a_last_step_is_held_and_what_goes_on_is_not(sites: Sites) -> None:
    """Where an owner looks at each result, nothing goes to another site unseen; what its own requester gets is held."""
    data = upload(sites.alpha.owner, [SECRET, 1], [0])
    mine = upload(sites.beta.owner, [5], [0])
    steps = [
        step("a", "return sum(data)", objects={"data": data}),
        step("b", "return [x, own[0]]", objects={"own": mine}, taken={"x": FromStep(0)}, name="last"),
    ]
    deployed = deploy(steps, *sites.of("a", "b"))
    have_reviewed(sites.beta, mine)
    assert deployed.do(0).job.state is JobState.RELEASED
    deployed.carry(0)
    job = deployed.do(1).job
    assert (job.state, job.result_uid) == (JobState.HELD, None)
    # The intermediate of the other site does not wait with it.
    with sites.beta.store.reading() as reader:
        assert set(reader.get(Job, job.uid).arguments) == {"own"}
    # Asked again, the site answers at once: nobody waits for a person unknowingly.
    assert deployed.do(1).job.state is JobState.HELD
    let_go(sites.beta.owner, job.uid)
    assert value_of(deployed.at(1), deployed.do(1)) == [SECRET + 1, 5]

    have_reviewed(sites.alpha, data)
    again = deploy(steps, *sites.of("a", "b"))
    before = left(sites.alpha)
    refused_job = again.do(0).job
    assert (refused_job.state, refused_job.error_code) == (JobState.FAILED, "not_approved")
    assert "cannot be held" in refused_job.note
    assert left(sites.alpha) == before
