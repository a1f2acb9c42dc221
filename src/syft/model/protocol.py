"""This module holds protocols: code at several sites, and how values go from one to the next, as data."""

from __future__ import annotations

from typing import Final

import msgspec

from syft.errors import InvalidInput
from syft.model.code import CodeSubmission
from syft.model.identity import KEY_BYTES
from syft.model.object import check_description, check_tags
from syft.model.uid import UID
from syft.model.user import check_name

MAX_PROTOCOL_STEPS: Final = 1_000


class FromRun(msgspec.Struct, frozen=True, tag="run"):
    """Whoever runs the protocol passes this value, by that name; several steps may take the same one."""

    name: str


class FromStep(msgspec.Struct, frozen=True, tag="step"):
    """An earlier step's result comes here.

    Args:
        step: its number, from 0.
        output: which of the results, where it returns several; None: all that it returns.
    """

    step: int
    output: int | None = None


Wire = FromRun | FromStep


class ProtocolStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step: what runs, at which role, and where its parameters come from.

    Args:
        role: a name for a site; steps with the same name run at the same one.
        code: what runs there. Parameters that are fixed, such as an asset of that site, are its input policy's.
        wires: by parameter, for all others.
    Raises:
        InvalidInput: the role has no name that can be shown on one line.
    """

    role: str
    code: CodeSubmission
    wires: dict[str, Wire] = {}

    def __post_init__(self) -> None:
        check_name(self.role, "A role of a protocol")


class Protocol(msgspec.Struct, frozen=True, kw_only=True):
    """Steps in order. Where each role is, is no part of it.

    Args:
        name: for people.
        steps: each takes values from those before it.
        tags: to find it by.
        description: for people.
    Raises:
        InvalidInput: a wire to a parameter that is not there or from a step that comes later, or too much of something.
    """

    name: str = ""
    steps: tuple[ProtocolStep, ...] = ()
    tags: tuple[str, ...] = ()
    description: str = ""

    def __post_init__(self) -> None:
        if self.name:
            check_name(self.name, "A protocol's name")
        check_tags(self.tags)
        check_description(self.description)
        if len(self.steps) > MAX_PROTOCOL_STEPS:
            raise InvalidInput(f"A protocol has at most {MAX_PROTOCOL_STEPS:,} steps.")
        for number, step in enumerate(self.steps):
            known = {parameter.name for parameter in step.code.parameters}
            for parameter, wire in step.wires.items():
                if parameter not in known:
                    raise InvalidInput(f"'{step.code.name}' has no parameter '{parameter[:50]}'.")
                if isinstance(wire, FromStep) and not 0 <= wire.step < number:
                    raise InvalidInput(f"Step {number + 1} can take values from the steps before it only.")

    @property
    def roles(self) -> tuple[str, ...]:
        """Each once, in the order in which they first appear."""
        return tuple(dict.fromkeys(step.role for step in self.steps))

    def leaving(self, number: int) -> tuple[Edge, ...]:
        """Where the results of a step go; empty: to whoever runs the protocol."""
        return tuple(
            Edge(source=number, output=wire.output, target=later, parameter=parameter)
            for later, step in enumerate(self.steps)
            for parameter, wire in sorted(step.wires.items())
            if isinstance(wire, FromStep) and wire.step == number
        )

    def arriving(self, number: int) -> tuple[Edge, ...]:
        """What a step takes from earlier ones."""
        return tuple(
            Edge(source=wire.step, output=wire.output, target=number, parameter=parameter)
            for parameter, wire in sorted(self.steps[number].wires.items())
            if isinstance(wire, FromStep)
        )


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """One way of one value, from a step to a parameter of a later one; numbers from 0.

    Args:
        source: the step whose result it is.
        output: which of the results; None: all that it returns.
        target: the step that takes it.
        parameter: as what.
    """

    source: int
    output: int | None = None
    target: int
    parameter: str


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """Where a role is: a node, by the key that its owner can compare.

    Args:
        node_uid: the node's.
        name: what the node calls itself.
        kind: of node.
        key: its verify key, 32 bytes: what goes there is hidden for this key, what comes from there is signed by it.
    """

    node_uid: UID
    name: str
    kind: str
    key: bytes

    def __post_init__(self) -> None:
        check_name(self.name, "A node's name")
        if len(self.key) != KEY_BYTES:
            raise InvalidInput("A node's key is 32 bytes.")


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """A protocol, and the site of each of its roles: what owners approve, each at their own site, as a whole.

    Every owner reads all the steps and approves exactly this; values go only between sites where it was approved.

    Args:
        protocol: the steps.
        sites: by role.
    Raises:
        InvalidInput: a role without a site, or a site without a role.
    """

    protocol: Protocol
    sites: dict[str, Site]

    def __post_init__(self) -> None:
        if set(self.sites) != set(self.protocol.roles):
            raise InvalidInput("Each role of a protocol has one site, and there are no others.")

    def site_of(self, number: int) -> Site:
        """Where a step runs."""
        return self.sites[self.protocol.steps[number].role]


class SharedProtocol(msgspec.Struct, frozen=True, kw_only=True):
    """A protocol as it is kept at a node, for others to find and fetch.

    Args:
        protocol: the steps, with the names of their roles.
        sites: by role, where it was deployed at sites that were all of one owner's; empty where it was not.
        plans: the objects that hold its plans there, one a step; empty likewise.
    """

    protocol: Protocol
    sites: dict[str, Site] = {}
    plans: tuple[UID, ...] = ()

    def __post_init__(self) -> None:
        steps = len(self.protocol.steps)
        if len(self.plans) not in (0, steps) or (self.plans and set(self.sites) != set(self.protocol.roles)):
            raise InvalidInput(
                "A protocol that is kept with its sites has one for each role, and a plan for each step."
            )
