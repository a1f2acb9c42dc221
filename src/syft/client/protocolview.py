"""This module shows a deployed protocol to those who are asked to approve one of its steps.

Every name in a deployment is its author's word: it is shown in ASCII, on one line, beside the key that counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from syft.client.policies import input_text, output_text, rule_text
from syft.client.present import Block, Card, Code, Shown, Text, cell
from syft.model.code import CodeSubmission, Part
from syft.model.messages.requests import KnownSite, RequestView
from syft.model.naming import key_emoji
from syft.model.protocol import Deployment, Edge, FromStep, Site
from syft.policy.parts import deployment_of

_DIGEST_SHOWN: Final = 12
_UNKNOWN: Final = "not known here: compare the key with its owner"


def plain(text: str) -> str:
    """A name out of a deployment, for showing: look-alike letters are written out, since they are there to deceive."""
    return cell(text.encode("ascii", "backslashreplace").decode())


def quoted(name: str) -> str:
    """The same in quotes, out of which no name gets: behind them stands what this node knows."""
    return "'" + plain(name).replace("'", "\\'") + "'"


@dataclass(frozen=True)
class SiteView:
    """A site of a protocol, as a reviewer sees it.

    Args:
        role: what the protocol calls it.
        name: what the deployment calls the node.
        key: its verify key, 64 hex digits.
        known: what the node that was asked knows of that key; None where it does not.
    """

    role: str
    name: str
    key: str
    known: KnownSite | None

    @property
    def is_known(self) -> bool:
        """Whether the node that was asked knows that key."""
        return self.known is not None

    @property
    def known_text(self) -> str:
        """What it knows, in words."""
        if self.known is None:
            return _UNKNOWN
        return f"known here as {quoted(self.known.name)}, {plain(self.known.known_as)}"

    def __str__(self) -> str:
        key = f"{key_emoji(bytes.fromhex(self.key))} {self.key[:_DIGEST_SHOWN]}"
        return f"{quoted(self.name)} (key {key}; {self.known_text})"


@dataclass(frozen=True)
class StepView(Shown):
    """One step of a protocol: what runs, and where.

    Args:
        number: from 1, as people count.
        site: where it runs.
        code: what runs.
        inputs: where its parameters come from, by name.
        goes_to: where its result goes.
    """

    number: int
    site: SiteView
    code: CodeSubmission
    inputs: Mapping[str, str]
    goes_to: str

    def _card(self) -> Card:
        facts: list[tuple[str, object]] = [
            ("Runs at", str(self.site)),
            ("Inputs", "; ".join(f"{plain(name)}: {text}" for name, text in self.inputs.items()) or "none"),
            ("Result", self.goes_to),
            ("Input policy", input_text(self.code.input_policy)),
            ("Output policy", output_text(self.code.output_policy)),
        ]
        return Card(f"Step {self.number}: {plain(self.code.name)}", facts, [("Code", Code(self.code.source))])

    __repr__ = Shown.__repr__


class ProtocolView(Shown):
    """A deployed protocol, all of it: what one approval at each of its sites is for.

    Args:
        deployment: what was approved, or is asked for.
        digest: of its bytes, by which its sites know each other.
        known: of its sites, those that the node that was asked knows.
        user: who asks, by name and e-mail.
    """

    def __init__(
        self, deployment: Deployment, digest: str, known: Mapping[str, KnownSite], user: str
    ) -> None:
        self._deployment = deployment
        self._known = known
        self._user = user
        self.digest = digest

    @property
    def name(self) -> str:
        """As its author calls it."""
        return self._deployment.protocol.name

    @property
    def _title(self) -> str:
        return f"protocol {quoted(self.name)}" if self.name else "a protocol without a name"

    @property
    def deployment(self) -> Deployment:
        """The whole, as data."""
        return self._deployment

    @property
    def sites(self) -> tuple[SiteView, ...]:
        """Where it runs, in the order of its roles."""
        return tuple(self._site(role) for role in self._deployment.protocol.roles)

    @property
    def steps(self) -> tuple[StepView, ...]:
        """What runs, in order: the code of all of them, also at other sites."""
        return tuple(self._step(number) for number in range(len(self._deployment.protocol.steps)))

    @property
    def shared_sites(self) -> tuple[tuple[SiteView, ...], ...]:
        """Roles that are one site, together: what one of them is handed, the others have."""
        by_key: dict[str, list[SiteView]] = {}
        for one in self.sites:
            by_key.setdefault(one.key, []).append(one)
        return tuple(tuple(some) for some in by_key.values() if len(some) > 1)

    def _shared_text(self) -> str:
        return "; ".join(
            f"{' and '.join(quoted(one.role) for one in some)} are one site, with the key {some[0].key[:_DIGEST_SHOWN]}"
            for some in self.shared_sites
        )

    def _site(self, role: str) -> SiteView:
        site: Site = self._deployment.sites[role]
        return SiteView(role, site.name, site.key.hex(), self._known.get(site.key.hex()))

    def _site_of(self, number: int) -> SiteView:
        return self._site(self._deployment.protocol.steps[number].role)

    def _step(self, number: int) -> StepView:
        step = self._deployment.protocol.steps[number]
        inputs = {}
        for parameter in step.code.parameters:
            wire = step.wires.get(parameter.name)
            if isinstance(wire, FromStep):
                inputs[parameter.name] = self._source_text(wire)
            elif wire is not None:
                inputs[parameter.name] = f"given by whoever runs it, as {quoted(wire.name)}"
            else:
                rule = step.code.input_policy.rules.get(parameter.name)
                inputs[parameter.name] = "its default" if rule is None else plain(rule_text(rule))
        return StepView(number + 1, self._site_of(number), step.code, inputs, self._goes_to(number))

    def _source_text(self, wire: FromStep) -> str:
        what = f"result {wire.output + 1} of " if wire.output is not None else ""
        return f"{what}step {wire.step + 1} at {self._site_of(wire.step)}"

    def _goes_to(self, number: int) -> str:
        leaving = self._deployment.protocol.leaving(number)
        if not leaving:
            return "its result goes to the requester"
        return "hands its result over to " + " and to ".join(self._target_text(edge) for edge in leaving)

    def _target_text(self, edge: Edge) -> str:
        what = f" (result {edge.output + 1})" if edge.output is not None else ""
        return f"step {edge.target + 1}{what}, as {quoted(edge.parameter)}, at {self._site_of(edge.target)}"

    def numbered(self, number: int) -> str:
        """Which step of it one is, in a few words.

        Args:
            number: the step, from 0.
        """
        return f"Step {number + 1} of {len(self._deployment.protocol.steps)} of {self._title}"

    def about(self, number: int) -> str:
        """What approving one step means, in words.

        Args:
            number: the step, from 0.
        """
        takes = [
            f"takes {quoted(parameter)} from {self._source_text(wire)}"
            for parameter, wire in self._deployment.protocol.steps[number].wires.items()
            if isinstance(wire, FromStep)
        ]
        told = ", ".join([*takes, self._goes_to(number)])
        shared = f" Of its roles, {self._shared_text()}." if self.shared_sites else ""
        return (
            f"{self.numbered(number)} ({self.digest[:_DIGEST_SHOWN]}) by user "
            f"{plain(self._user)}: {told}. Approving it approves what it takes and where its result goes, besides "
            f"the code.{shared}"
        )

    def _card(self) -> Card:
        # Each on a line of its own, however many: a table leaves out what is too much.
        lines = "\n".join(f"{quoted(one.role)}: {one}: {one.key}" for one in self.sites)
        blocks: list[tuple[str, Block]] = [("Sites", Text(lines))]
        for step in self.steps:
            takes = "".join(f"; {plain(name)} is {text}" for name, text in step.inputs.items())
            site = f"{quoted(step.site.role)}, {quoted(step.site.name)}"
            blocks.append((f"Step {step.number} at {site}: {step.goes_to}{takes}", Code(step.code.source)))
        facts: list[tuple[str, object]] = [("Digest", self.digest), ("By", plain(self._user))]
        if self.shared_sites:
            facts.append(("Look at", self._shared_text()))
        protocol = self._deployment.protocol
        if protocol.tags:
            facts.append(("Tags", ", ".join(map(plain, protocol.tags))))
        if protocol.description:
            facts.append(("Description", plain(protocol.description)))
        return Card(f"Protocol {plain(self.name)}".strip(), facts, blocks)


def protocol_of(view: RequestView) -> tuple[ProtocolView, int] | None:
    """The protocol that a request is about a step of, and which step; None where it is about none.

    Raises:
        InvalidInput: it cannot be read by this version.
    """
    part = view.code.submission.part if view.code else None
    if not isinstance(part, Part):
        return None
    known = {one.key: one for one in view.known_sites}
    user = f"{view.requester.name} ({view.requester.email})"
    return ProtocolView(deployment_of(part), part.protocol, known, user), part.step
