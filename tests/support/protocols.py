"""A protocol over several sites, spoken in plain messages: deployed, approved, run and carried by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from support.people import Person
from support.sites import own_value
from syft.model.code import CodeSubmission, Given, Handed, InputPolicy, MustBe, OutputPolicy, Parameter, Part
from syft.model.message import Done
from syft.model.messages import jobs, requests
from syft.model.messages.protocols import Carried, CarryOver, EndRun, RunStep, StepReply
from syft.model.protocol import Deployment, FromRun, FromStep, Protocol, ProtocolStep, Site, Wire
from syft.model.uid import UID
from syft.transport.ask import ask
from syft.transport.base import Parcel
from syft.wire.records import encode_record


def step(
    role: str,
    body: str,
    *,
    objects: Mapping[str, UID] | None = None,
    given: Sequence[str] = (),
    taken: Mapping[str, FromStep] | None = None,
    name: str = "step",
    limit: int = 1,
) -> ProtocolStep:
    """A step whose parameters are what it is told of them, in that order."""
    objects, taken = objects or {}, taken or {}
    names = [*objects, *given, *taken]
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    wires: dict[str, Wire] = {one: FromRun(one) for one in given}
    code = CodeSubmission(
        name=name,
        source=f"def {name}({', '.join(names)}):\n{lines}",
        parameters=tuple(Parameter(name=one) for one in names),
        input_policy=InputPolicy(
            kind="mixed",
            rules={
                **{one: MustBe(uid) for one, uid in objects.items()},
                **{one: Given() for one in given},
                **{one: Handed() for one in taken},
            },
        ),
        output_policy=OutputPolicy(limit=limit),
    )
    return ProtocolStep(role=role, code=code, wires={**wires, **taken})


def site_of(person: Person, **changes: Any) -> Site:
    """The node that somebody talks to, as a deployment names it."""
    node = person.node
    made = Site(node_uid=node.uid, name=node.name, kind=node.kind, key=bytes.fromhex(node.verify_key))
    return msgspec.structs.replace(made, **changes)


def submissions(
    steps: Sequence[ProtocolStep], sites: Mapping[str, Site], name: str = "a protocol"
) -> list[CodeSubmission]:
    """What is handed in at each step's site."""
    data = encode_record(Deployment(protocol=Protocol(name=name, steps=tuple(steps)), sites=dict(sites)))
    return [
        msgspec.structs.replace(one.code, part=Part(deployment=data, step=number))
        for number, one in enumerate(steps)
    ]


@dataclass
class Deployed:
    """A protocol that has been submitted at every site.

    Args:
        steps: as written.
        people: who runs it, at the site of each role.
        requests: by step.
        run: which run is meant where nothing else is said.
    """

    steps: Sequence[ProtocolStep]
    people: Mapping[str, Person]
    requests: list[requests.RequestView]
    run: UID = field(default_factory=UID)

    @property
    def digest(self) -> str:
        return self.requests[0].code.submission.part.protocol

    def at(self, number: int) -> Person:
        return self.people[self.steps[number].role]

    def code(self, number: int) -> UID:
        return self.requests[number].code.uid

    def do(self, number: int, *, run: UID | None = None, wait_s: float = 20, **values: Any) -> StepReply:
        """Run a step."""
        arguments = {name: own_value(value) for name, value in values.items()}
        message = RunStep(self.code(number), run or self.run, arguments, wait_s)
        return self.at(number).say(message, StepReply)

    def sealed(
        self, number: int, edge: int = 0, *, run: UID | None = None, offset: int = 0
    ) -> tuple[Parcel, int | None]:
        """A part of what goes over an edge, as the caller is given it."""
        person = self.at(number)
        message = CarryOver(self.code(number), run or self.run, edge, offset)
        answer = ask(person.route, person.identity, person.node, message)
        assert isinstance(answer.message, Carried)
        return Parcel(answer.message.envelope, bytes(answer.attachment)), answer.message.next_offset

    def carry(self, number: int, edge: int = 0, *, run: UID | None = None) -> None:
        """Bring what goes over an edge to its site, all of it."""
        target = self._target(number, edge)
        offset: int | None = 0
        while offset is not None:
            parcel, offset = self.sealed(number, edge, run=run, offset=offset)
            self.at(target).route.send(parcel)

    def _target(self, number: int, edge: int) -> int:
        protocol = Protocol(steps=tuple(self.steps))
        return protocol.leaving(number)[edge].target

    def end(self, *, run: UID | None = None) -> None:
        for number in range(len(self.steps)):
            self.at(number).say(EndRun(self.code(number), run or self.run), Done)


def deploy(
    steps: Sequence[ProtocolStep],
    people: Mapping[str, Person],
    owners: Mapping[str, Person] | None = None,
    **options: Any,
) -> Deployed:
    """Submit every step at its site; where there are owners, have them approve.

    Args:
        steps: in order.
        people: by role, who asks, at that role's site.
        owners: by role, who approves there.
    """
    sites = {one.role: site_of(people[one.role]) for one in steps}
    asked = [
        people[one.role].request(submission)
        for one, submission in zip(steps, submissions(steps, sites, **options), strict=True)
    ]
    if owners is not None:
        for one, request in zip(steps, asked, strict=True):
            owners[one.role].approve(request)
    return Deployed(steps, people, asked)


def job_of(person: Person, uid: UID) -> jobs.JobView:
    return person.say(jobs.GetJob(uid), jobs.JobReply).job
