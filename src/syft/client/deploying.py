"""This module asks the owners of several sites for one protocol, and runs it once all of them have agreed."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, NamedTuple

import msgspec

from syft.client.coderequests import Request
from syft.client.datasets import AssetView
from syft.client.jobs import Job
from syft.client.objects import as_argument
from syft.client.pointer import Pointer
from syft.client.present import Card, Shown, Table
from syft.client.session import Session
from syft.errors import (
    AuthorizationException,
    BadReply,
    InvalidInput,
    NotApproved,
    NotFound,
    SyftException,
    WireError,
    from_code,
)
from syft.federation.run import drive, failed, last_steps
from syft.model.code import CodeSubmission, Part
from syft.model.job import Argument
from syft.model.message import Done, Refusal
from syft.model.messages.protocols import (
    Carried,
    CarryOver,
    EndRun,
    GetStanding,
    RunStep,
    Standing,
    StandingReply,
    StepReply,
)
from syft.model.messages.requests import (
    ApproveRequest,
    CreateRequest,
    GetRequest,
    RequestReply,
    RequestView,
    WithdrawRequest,
)
from syft.model.protocol import Deployment, Edge, FromRun, Protocol, Site
from syft.model.request import RequestState
from syft.model.uid import UID
from syft.transport.ask import now_ms
from syft.transport.base import Parcel
from syft.wire.envelope import inspect
from syft.wire.records import encode_record

# How long one question may wait at a site for the end of a step; shorter than any proxy's patience.
_WAIT_S: Final = 20.0
_AT_ONCE: Final = 16
# How long it is known that all have agreed: between the rounds of a computation nobody needs to be asked again.
_READY_S: Final = 2.0
_WAIT: Final = "`protocol.requests` are the requests, `protocol.wait_for_approval()` waits for the owners."
_ASK_AGAIN: Final = (
    "That stays so. To ask the owners again, put the steps into a new protocol and deploy that; `runs=...` says how "
    "often it is to be run."
)
_CANNOT_BE_GIVEN: Final = (
    "so you cannot pass it. An object at a site is part of what its owner approves: name it when the protocol is put "
    "together (`sy.Step(role, code, x=asset)`) or deployed (`bind={role: {'x': asset}}`)."
)


class Place(NamedTuple):
    """A site of a protocol, as its deployer reaches it.

    Args:
        session: whose account asks there, and runs.
        owner: who answers there at once, where the site is the caller's own; None where people have to.
    """

    session: Session
    owner: Session | None = None


def site_of(session: Session) -> Site:
    """A node as a deployment names it."""
    info = session.info
    return Site(node_uid=info.uid, name=info.name, kind=info.kind, key=bytes.fromhex(info.verify_key))


class Deployed(Shown):
    """A protocol at its sites: what was asked of whom, and running it.

    Args:
        deployment: the steps and their sites.
        places: by role.
        requests: one a step, each at its site.
    """

    def __init__(
        self, deployment: Deployment, places: Mapping[str, Place], requests: Sequence[Request]
    ) -> None:
        self.deployment = deployment
        self.places = dict(places)
        self.requests = tuple(requests)
        self.digest = Part(deployment=encode_record(deployment), step=0).protocol
        self._ready_until = 0.0
        self._runs_left = 0

    @property
    def protocol(self) -> Protocol:
        """The steps."""
        return self.deployment.protocol

    # --- what the owners say

    def standing(self) -> list[Standing]:
        """How each step stands at its site, now."""

        def ask(role: str) -> dict[int, Standing]:
            numbers = [at for at, step in enumerate(self.protocol.steps) if step.role == role]
            uids = tuple(self.requests[at].code.id for at in numbers)
            reply = self.places[role].session.ask(GetStanding(uids), StandingReply)
            return dict(zip(numbers, reply.standing, strict=True))

        found: dict[int, Standing] = {}
        for one in _each(ask, self.protocol.roles):
            found |= one
        return [found[number] for number in range(len(self.protocol.steps))]

    def check_approved(self) -> None:
        """Raise unless every owner has agreed, and lets one more run go.

        Raises:
            NotApproved: the text says which site has not.
        """
        standing = self.standing()
        waiting = [
            f"step {number + 1} at '{self.protocol.steps[number].role}' "
            f"({self.deployment.site_of(number).name}) is {_said(one)}"
            for number, one in enumerate(standing)
            if one.state != RequestState.APPROVED.name or one.runs_left < 1
        ]
        if waiting:
            raise NotApproved(
                f"A protocol runs when every site has agreed; nothing was run. As it stands {'; '.join(waiting)}. "
                + (_ASK_AGAIN if any(_is_final(one) for one in standing) else _WAIT)
            )
        self._ready_until = time.monotonic() + _READY_S
        self._runs_left = min(one.runs_left for one in standing)

    def wait_for_approval(self, timeout: float | None = None) -> None:
        """Wait until every owner has answered.

        Args:
            timeout: seconds; None for as long as it takes.
        Raises:
            NotApproved: one has denied, or has not answered in that time.
        """
        ends = math.inf if timeout is None else time.monotonic() + timeout
        for request in self.requests:
            request.wait(ends - time.monotonic())
        self.check_approved()

    def withdraw(self) -> None:
        """Take back every request that nobody has answered."""
        _withdraw(self.places, self.protocol, self.requests)

    # --- running

    def run(self, arguments: Mapping[str, Any]) -> list[Pointer]:
        """Run every step once; what the last ones return, in the order of the steps.

        Args:
            arguments: by name.
        Raises:
            NotApproved: a site has not agreed; nothing was run.
            StepFailed: one did not end well; the text says which, and where.
        """
        self._check_ready()
        run, names = UID(), [self.deployment.site_of(at).name for at in range(len(self.protocol.steps))]
        results: dict[int, Pointer] = {}
        # Sites forget what was carried away while later steps are running.
        with _pool(len(self.protocol.roles)) as pool:
            left = _Left(self.protocol, lambda role: pool.submit(self._end, run, role))

            def run_step(number: int) -> None:
                reply = self._until_ended(number, run, arguments)
                step = self.protocol.steps[number]
                edges = self.protocol.leaving(number)
                if not edges:
                    results[number] = Job(self.places[step.role].session, reply.job).wait()
                handed = (*reply.handed_over, *(False for _ in edges[len(reply.handed_over) :]))
                for at, edge in enumerate(edges):
                    if not handed[at]:
                        self._carry(run, number, at, edge)
                left.ended(number, carried=not all(handed))

            try:
                drive(self.protocol, run_step, names)
            except BaseException:
                self._ready_until = 0.0
                for role in self.protocol.roles:
                    pool.submit(self._end, run, role)
                raise
        self._runs_left -= 1
        return [results[number] for number in last_steps(self.protocol)]

    def _check_ready(self) -> None:
        """`check_approved`, unless that was a moment ago. A site that has changed its mind since refuses its step."""
        if time.monotonic() >= self._ready_until or self._runs_left < 1:
            self.check_approved()

    def _until_ended(self, number: int, run: UID, arguments: Mapping[str, Any]) -> StepReply:
        step, request = self.protocol.steps[number], self.requests[number]
        session = self.places[step.role].session
        given = {
            parameter: _argument(session, arguments[wire.name])
            for parameter, wire in step.wires.items()
            if isinstance(wire, FromRun) and wire.name in arguments
        }
        while True:
            # A step runs once a run: asked again, the site answers with how the same job stands.
            reply = session.ask(RunStep(request.code.id, run, given, _WAIT_S), StepReply)
            job = Job(session, reply.job)
            # Of a last step that is held the run is over here: what comes of it, a person decides, and the job has it.
            if job.has_ended or job.is_held:
                job.check_ended_well()
                return reply

    def _carry(self, run: UID, number: int, at: int, edge: Edge) -> None:
        """Bring what goes over an edge to the other site, sealed as it is."""
        source = self.places[self.protocol.steps[number].role].session
        target = self.places[self.protocol.steps[edge.target].role].session
        code_uid = self.requests[number].code.id
        offset: int | None = 0
        delivered: Future[None] | None = None
        # Of a large value, one part is fetched while the one before it is delivered.
        with ThreadPoolExecutor(1, thread_name_prefix="syft-carry") as pool:
            while offset is not None:
                answer = source.exchange(CarryOver(code_uid, run, at, offset))
                if not isinstance(answer.message, Carried):
                    raise BadReply(
                        f"'{source.info.name}' answered with something else than a value to carry."
                    )
                if delivered is not None:
                    delivered.result()
                envelope, offset = answer.message.envelope, answer.message.next_offset
                if offset is None:
                    _deliver(target, envelope, answer.attachment)
                else:
                    delivered = pool.submit(_deliver, target, envelope, answer.attachment)

    def _end(self, run: UID, role: str) -> None:
        """Have a site forget what a run left there; where it cannot be told, the lease ends by itself."""
        number = next(at for at, step in enumerate(self.protocol.steps) if step.role == role)
        with contextlib.suppress(SyftException):
            self.places[role].session.ask(EndRun(self.requests[number].code.id, run), Done)

    def _card(self) -> Card:
        rows = [
            (
                f"{number + 1} of {len(self.protocol.steps)}",
                step.code.name,
                step.role,
                self.deployment.site_of(number).name,
                request.status.name,
            )
            for number, (step, request) in enumerate(zip(self.protocol.steps, self.requests, strict=True))
        ]
        table = Table(("Step", "Code", "Role", "Site", "Request"), rows)
        return Card(f"Deployment {self.digest[:12]}", [], [("", table)])


def ask_owners(protocol: Protocol, places: Mapping[str, Place], reason: str = "") -> Deployed:
    """Ask every site for its steps; where one refuses, nothing is left asked at the others.

    Args:
        protocol: the steps.
        places: by role.
        reason: why, for the owners.
    Raises:
        StepFailed: a site did not take the request.
    """
    deployment = Deployment(
        protocol=protocol, sites={role: site_of(places[role].session) for role in protocol.roles}
    )
    # Once: it is as large as all its code.
    encoded = encode_record(deployment)
    requests: list[Request] = []
    for number, step in enumerate(protocol.steps):
        place = places[step.role]
        submission: CodeSubmission = msgspec.structs.replace(
            step.code, part=Part(deployment=encoded, step=number)
        )
        try:
            reply = place.session.ask(CreateRequest(submission, reason), RequestReply)
            requests.append(Request(place.session, reply.request))
        except BaseException as error:
            # All or nothing: no owner is to look at a part of what cannot be run.
            _withdraw(places, protocol, requests)
            if isinstance(error, SyftException):
                raise failed(protocol, number, place.session.info.name, error) from error
            raise
    for number, step in enumerate(protocol.steps):
        owner = places[step.role].owner
        if owner is not None:
            asked = owner.ask(GetRequest(uid=requests[number].id), RequestReply).request
            owner.ask(_approval(asked), RequestReply)
    return Deployed(deployment, places, requests)


def _withdraw(places: Mapping[str, Place], protocol: Protocol, requests: Sequence[Request]) -> None:
    for number, request in enumerate(requests):
        with contextlib.suppress(SyftException):
            places[protocol.steps[number].role].session.ask(WithdrawRequest(request.id), RequestReply)


def _approval(asked: RequestView) -> ApproveRequest:
    """The answer of an owner who has asked this of themselves."""
    assert asked.code is not None
    return ApproveRequest(
        asked.uid, asked.code.digest, tuple(view.digest for view in asked.nested), asked.limits, asked.terms
    )


class _Left:
    """Which sites have something left of a run, once they have nothing more to do in it.

    Args:
        protocol: the steps.
        done_with: told a role, once, from any thread.
    """

    def __init__(self, protocol: Protocol, done_with: Callable[[str], object]) -> None:
        self._protocol = protocol
        self._done_with = done_with
        self._open = Counter(step.role for step in protocol.steps)
        self._carried: set[str] = set()
        self._lock = threading.Lock()

    def ended(self, number: int, *, carried: bool) -> None:
        """A step has ended; `carried` where its site was not told that a value has arrived."""
        role = self._protocol.steps[number].role
        with self._lock:
            self._open[role] -= 1
            if carried:
                self._carried.add(role)
            if self._open[role] or role not in self._carried:
                return
        self._done_with(role)


def _pool(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(1, min(_AT_ONCE, count)), thread_name_prefix="syft-sites")


def _each(work: Any, items: Sequence[Any]) -> list[Any]:
    """`work` of every item, side by side where there are several."""
    if len(items) < 2:
        return [work(item) for item in items]
    with _pool(len(items)) as pool:
        return list(pool.map(work, items))


def _argument(session: Session, value: Any) -> Argument:
    """A value of the caller's own as it goes to a site.

    Raises:
        InvalidInput: an asset, or a pointer to what the caller may not read: what a step may run on is part of what
            owners approve.
    """
    if isinstance(value, AssetView):
        raise InvalidInput(f"The asset {value.label} is at its site, {_CANNOT_BE_GIVEN}")
    if isinstance(value, Pointer):
        try:
            value = value.get_copy()
        except (AuthorizationException, NotFound) as error:
            raise InvalidInput(f"You may not read what this pointer points to, {_CANNOT_BE_GIVEN}") from error
    return as_argument(session, value)


def _deliver(target: Session, envelope: bytes, attachment: bytes | memoryview) -> None:
    """Hand another site's envelope in, which nobody on the way can read or change.

    Raises:
        SyftException: the site refused it, as far as its answer can be read here.
    """
    reply = target.route.send(Parcel(envelope, attachment))
    if reply is None:
        return
    try:
        question, sealed = inspect(envelope), inspect(reply.envelope)
        opened = sealed.open(
            recipient=question.header.sender,
            now_ms=now_ms(),
            guard=None,
            attachment=reply.attachment,
            reply_to=question.header.uid,
        )
    except WireError:
        # Its answer is for the other site alone: whether the value has come is seen when the step is run.
        return
    if sealed.header.sender != bytes.fromhex(target.info.verify_key):
        raise BadReply(f"The answer from {target.route.url} is not signed by '{target.info.name}'.")
    if isinstance(opened.message, Refusal):
        raise from_code(opened.message.code, opened.message.text)


def _is_final(standing: Standing) -> bool:
    """Whether waiting does not help: an owner has said no, or all runs are used up."""
    return standing.state != RequestState.PENDING.name and not (
        standing.state == RequestState.APPROVED.name and standing.runs_left > 0
    )


def _said(standing: Standing) -> str:
    if standing.state == RequestState.APPROVED.name:
        return "approved, and was run as often as was approved"
    because = f" ({standing.reason})" if standing.reason else ""
    return f"{standing.state}{because}"
