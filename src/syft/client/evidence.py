"""This module shows whoever decides about a request what there is to know of it, and tries its code on mocks for them.

All of it is strangers' text or about strangers: data here, never markup, and hidden characters are written out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from syft.client.limits import Limits
from syft.client.mockrun import MockRun
from syft.client.present import Block, Card, Shown, Text, cell, kind, rows_of, size, when
from syft.client.reviewtext import Difference, Reviewed, ReviewedCode
from syft.client.session import Session
from syft.model.limits import limits_text
from syft.model.messages.codes import CodeReply, CodeView, GetCode
from syft.model.messages.evidence import (
    AskedParameter,
    Change,
    Earlier,
    EvidenceReply,
    GetEvidence,
    Measured,
    OpenApproval,
    ReleasedBefore,
    ReviewedText,
    RunPlace,
    TouchedObject,
    WhoAsks,
)
from syft.model.uid import UID

# On a card; the attributes have all of it.
_FINDINGS_SHOWN: Final = 30


class Evidence(Shown):
    """What there is to know of a request, for whoever decides about it: as the node said when it was asked.

    Args:
        session: through which to ask for more.
        reply: what the node says.
        codes: what would run, as the request shows it.
    """

    def __init__(self, session: Session, reply: EvidenceReply, codes: Sequence[CodeView]) -> None:
        self._session = session
        self._reply = reply
        self._codes = {one.digest: one for one in codes}

    # --- what would run

    @property
    def code(self) -> ReviewedCode:
        """All texts that would run, with line numbers, and findings beside the lines."""
        return ReviewedCode([self._reviewed(one) for one in self._reply.texts])

    @property
    def findings(self) -> list[dict[str, Any]]:
        """What to look at: kind, line, text, name, and in which text ("in")."""
        return [
            {"in": one.name, "role": one.role, **msgspec.structs.asdict(finding)}
            for one in self._reply.texts
            for finding in one.findings
        ]

    def _reviewed(self, text: ReviewedText) -> Reviewed:
        return Reviewed(text, _source_of(self._code_of(text), text.role))

    def _code_of(self, text: ReviewedText) -> CodeView:
        known = self._codes.get(text.digest)
        if known is None:
            # A launched function that is another by now than when the request was shown.
            known = self._session.ask(GetCode(uid=text.code_uid), CodeReply).code
            self._codes[text.digest] = known
        return known

    # --- what has changed

    @property
    def approved_before(self) -> Earlier | None:
        """What was approved last, of the same function or else on the same data; None where nothing was."""
        return self._reply.earlier

    @property
    def diff(self) -> Difference | None:
        """The texts, line by line, against what was approved last; None where nothing was."""
        earlier = self._reply.earlier
        if earlier is None:
            return None
        pairs: list[tuple[str, str | None, str]] = []
        now = {_place(one, self._reply.texts[0].code_uid): one for one in self._reply.texts}
        for was in earlier.texts:
            current = now.get((was.role, was.name))
            title = f"{was.role} '{was.name or (current.name if current else earlier.name)}'"
            source = _source_of(self._code_of(current), current.role) if current else ""
            pairs.append((title, was.source, source))
        return Difference(pairs)

    @property
    def changes(self) -> tuple[Change, ...] | None:
        """What else is otherwise than it was approved: policies, inputs and their data, launched functions, limits,
        pool, environment; None where nothing was approved before."""
        return None if self._reply.earlier is None else self._reply.earlier.changes

    # --- on what, where, for whom

    @property
    def data(self) -> tuple[TouchedObject, ...]:
        """The objects that it would run on."""
        return self._reply.inputs

    @property
    def parameters(self) -> tuple[AskedParameter, ...]:
        """The parameters that take no object."""
        return self._reply.parameters

    @property
    def place(self) -> tuple[RunPlace, ...]:
        """Where it would run, that of the function first, then those of what it launches."""
        return self._reply.places

    @property
    def limits(self) -> Limits:
        """What each run may use."""
        return Limits.of(self._reply.limits)

    @property
    def requester(self) -> WhoAsks:
        """Who asks: their account as it is now."""
        return self._reply.requester

    # --- what came before

    @property
    def released_before(self) -> tuple[ReleasedBefore, ...]:
        """What left to this person before, made from the same data; the newest of it, see `released_total`."""
        return self._reply.released

    @property
    def released_total(self) -> int:
        """How many there are in all."""
        return self._reply.released_total

    def released_page(self, limit: int = 50, offset: int = 0) -> tuple[ReleasedBefore, ...]:
        """Others of them, newest first.

        Args:
            limit: at most so many; a page has 50.
            offset: after leaving out so many.
        """
        message = GetEvidence(uid=self._reply.request_uid, limit=limit, offset=offset)
        return self._session.ask(message, EvidenceReply).released

    @property
    def open_approvals(self) -> tuple[OpenApproval, ...]:
        """What else of theirs is approved on the same data and not used up, or waits."""
        return self._reply.open

    @property
    def mock_run(self) -> MockRun | None:
        """The latest run on mocks of this very code that you asked for; None where there was none."""
        rehearsed = self._reply.rehearsal
        return None if rehearsed is None else MockRun(self._session, rehearsed)

    @property
    def left_out(self) -> tuple[str, ...]:
        """What the node did not look at, because there is too much of it; in sentences."""
        return self._reply.left_out

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain lists, dicts, texts and numbers, for tools: it can be written as JSON."""
        fields = msgspec.structs.asdict(self._reply)
        plain: dict[str, Any] = json.loads(msgspec.json.encode(fields, enc_hook=_plain))
        plain["texts"] = [one.to_dict() for one in self.code.texts]
        diff = self.diff
        plain["diff"] = None if diff is None else diff.to_dict()
        rehearsal = plain["rehearsal"]
        if rehearsal is not None and rehearsal["job"]["result"] is not None:
            # The value itself is fetched, and not shown as bytes.
            rehearsal["job"]["result"].pop("inline", None)
        return plain

    # --- shown

    def _card(self) -> Card:
        reply = self._reply
        facts: list[tuple[str, object]] = [
            *self._who_facts(),
            ("Limits of each run", limits_text(reply.limits)),
        ]
        facts += [(f"Runs in '{one.pool}'", _place_text(one)) for one in reply.places]
        facts += [("Left out", one) for one in reply.left_out]
        facts += [("Approved before", self._earlier_text())]
        mock = self.mock_run
        facts += mock.facts() if mock else [("Mock run", "none yet: `request.mock_run(...)` makes one")]
        blocks: list[tuple[str, Block]] = []
        findings = self.findings
        if findings:
            lines = [
                cell(f"- {one['in']}, line {one['line']}, {one['kind']}: {one['text']}", 300)
                for one in findings[:_FINDINGS_SHOWN]
            ]
            if len(findings) > _FINDINGS_SHOWN:
                lines.append(f"… and {len(findings) - _FINDINGS_SHOWN} more: `evidence.findings`")
            blocks.append(("To look at", Text("\n".join(lines))))
        blocks.append(("Data", _listed([_touched_row(one) for one in reply.inputs])))
        if reply.parameters:
            blocks.append(("Other parameters", _listed([_asked_row(one) for one in reply.parameters])))
        if self.changes:
            blocks.append(("Changed since", _listed([_change_row(one) for one in self.changes])))
        diff = self.diff
        if diff is not None and diff:
            blocks.append(("Difference", diff.block()))
        blocks.append(
            (
                f"Released to this person before, from the same data ({reply.released_total})",
                _listed([_released_row(one) for one in reply.released], reply.released_total),
            )
        )
        if reply.open:
            blocks.append(("Open approvals and requests", _listed([_open_row(one) for one in reply.open])))
        blocks += mock.blocks() if mock else []
        blocks += [("Code", self.code.block())]
        return Card(f"Evidence on request {reply.request_uid.hex}", facts, blocks)

    def _who_facts(self) -> list[tuple[str, object]]:
        who = self._reply.requester
        text = f"{who.person.name} ({who.person.email})"
        facts: list[tuple[str, object]] = [("Requested by", text)]
        if who.role:
            facts.append(
                ("Account", f"{who.role} since {when(who.since)}{', a key alone' if who.is_key else ''}")
            )
        if who.made_by is not None:
            facts.append(("Account made by", f"{who.made_by.name} ({who.made_by.email})"))
        if who.person.institution:
            facts.append(("Institution, as they say", who.person.institution))
        if who.website:
            facts.append(("Website, as they say", who.website))
        return facts

    def _earlier_text(self) -> str:
        earlier = self._reply.earlier
        if earlier is None:
            return "never: nothing of theirs by this name, or on these data"
        who = f" by {earlier.decided_by.name}" if earlier.decided_by else ""
        other = "" if earlier.is_same_name else ", another function on the same data"
        return (
            f"'{earlier.name}' version {earlier.version}{other}, {when(earlier.decided_at)}{who} "
            f"(now {earlier.state.name.lower()}; request {earlier.request_uid.hex})"
        )


def evidence_of(session: Session, uid: UID, codes: Sequence[CodeView]) -> Evidence:
    """What there is to know of a request.

    Args:
        session: of whoever decides about it.
        uid: the request's.
        codes: what would run, as the request shows it.
    Raises:
        AuthorizationException: it is your own.
    """
    return Evidence(session, session.ask(GetEvidence(uid=uid), EvidenceReply), codes)


def _source_of(code: CodeView, role: str) -> str:
    submission = code.submission
    policy = {
        "input policy": submission.input_policy.custom,
        "output policy": submission.output_policy.custom,
    }.get(role, msgspec.UNSET)
    return submission.source if isinstance(policy, msgspec.UnsetType) else policy.source


def _place(text: ReviewedText, top: UID) -> tuple[str, str]:
    """A text as the node names those of before: the function and its policies by their role alone."""
    return (text.role, "" if text.code_uid == top else text.name)


def _plain(value: object) -> object:
    """What JSON has no word for.

    Raises:
        NotImplementedError: a type that no answer has; a fault of ours.
    """
    if isinstance(value, UID):
        return value.hex
    raise NotImplementedError(type(value).__name__)


def _listed(rows: Sequence[Mapping[str, object]], total: int | None = None) -> Block:
    return rows_of(rows, total=total) if rows else Text("none")


def _measured_text(value: Measured | None) -> str:
    if value is None:
        return ""
    shape = f" {value.shape}" if value.shape else ""
    return f"{kind(value.type_name, value.shape)}{shape}, {size(value.size)}, digest {value.digest}…"


def _touched_row(one: TouchedObject) -> Mapping[str, object]:
    guards = one.safeguards
    demands = ""
    if guards is not None:
        demands = ", ".join(
            part
            for part in (
                f"{guards.approvals} approvals" if guards.approvals > 1 else "",
                "approvers named besides: " + str(len(guards.approvers)) if guards.approvers else "",
                "each result is reviewed" if guards.review else "",
            )
            if part
        )
    return {
        "Parameter": one.parameter,
        "Object": one.name or f"gone: {one.object_uid.hex}",
        "Owner": one.owner.name if one.owner else "",
        "Version of": when(one.created_at),
        "Private": _measured_text(one.private),
        "Mock": _measured_text(one.mock) or "none",
        "In parts": "yes" if one.is_partitioned else "whole",
        "Demands": demands,
    }


def _asked_row(one: AskedParameter) -> Mapping[str, object]:
    return {
        "Parameter": one.name,
        "Takes": one.takes,
        "May be left out": "yes" if one.has_default else "",
        "Written as": one.annotation,
    }


def _change_row(one: Change) -> Mapping[str, object]:
    return {"What": one.what, "Before": one.before, "Now": one.after}


def _released_row(one: ReleasedBefore) -> Mapping[str, object]:
    return {
        "When": when(one.at),
        "What": one.kind,
        "Function": f"{one.name} (version {one.version})" if one.version else one.name,
        "From": ", ".join(one.parameters),
        "Value": _measured_text(one.value),
        "Decided by": one.decided_by.name if one.decided_by else "",
    }


def _open_row(one: OpenApproval) -> Mapping[str, object]:
    return {
        "Since": when(one.since),
        "Status": one.state.name.lower(),
        "Function": f"{one.name} (version {one.version})",
        "Released": f"{one.released} of {one.limit}",
    }


def _place_text(one: RunPlace) -> str:
    if not one.engine:
        return "this pool is gone"
    parts = [
        f"on {one.engine}",
        f"level {one.level or one.isolation}" if one.level or one.isolation else "level as the settings say",
        f"packages {one.environment}…" if one.environment else "packages not known",
    ]
    if one.has_image:
        parts.append("with a worker image of its own")
    if len(one.runs) > 1:
        parts.append(f"also {', '.join(one.runs[1:])}")
    return ", ".join(parts)
